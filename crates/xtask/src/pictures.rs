//! Pictures of the demo catalogue: PNG files in `data/pictures/`, one for each colour of a product. `data/pictures.json` lists
//! them by slug, in the order in which a product shows them.

pub(crate) mod upload;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::catalogue::Product;

const LIST: &str = include_str!("../data/pictures.json");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/pictures");

/// Pictures by the slug of their product.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pictures(HashMap<String, Vec<Picture>>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Picture {
    file: String,
    /// What the picture shows, in words; no two pictures of a product have the same.
    pub(crate) alt: String,
}

impl Picture {
    /// The PNG file.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        let path = Path::new(FOLDER).join(&self.file);
        fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }
}

pub(crate) fn read() -> Result<Pictures> {
    serde_json::from_str(LIST).context("crates/xtask/data/pictures.json")
}

impl Pictures {
    pub(crate) fn of(&self, product: &Product) -> Result<&[Picture]> {
        let pictures = self.0.get(&product.slug).map(Vec::as_slice);
        pictures.with_context(|| format!("crates/xtask/data/pictures.json lists no picture of {}", product.slug))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue;

    #[test]
    fn every_product_has_pictures_with_texts_of_their_own_and_no_more_than_it_may_have() {
        let pictures = read().unwrap();
        for product in catalogue::read().unwrap().products {
            let alts: Vec<&str> = pictures.of(&product).unwrap().iter().map(|picture| picture.alt.as_str()).collect();
            assert!((1..=10).contains(&alts.len()), "{}", product.slug);
            assert!(alts.iter().all(|alt| alt.chars().count() <= 250), "{alts:?}");
            assert_eq!(alts.iter().collect::<BTreeSet<_>>().len(), alts.len(), "{alts:?}");
            if product.slug == "organic-cotton-t-shirt" {
                let colours = ["White", "Navy", "Sage"];
                assert_eq!(alts, colours.map(|colour| format!("{colour} T-shirt: Organic Cotton T-Shirt")));
            }
        }
    }

    #[test]
    fn every_listed_product_is_in_the_catalogue() {
        let products = catalogue::read().unwrap().products;
        let known: BTreeSet<&str> = products.iter().map(|product| product.slug.as_str()).collect();
        let pictures = read().unwrap();
        assert_eq!(pictures.0.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn the_files_in_the_folder_are_those_in_the_list() {
        let pictures = read().unwrap();
        let listed: Vec<String> = pictures.0.into_values().flatten().map(|picture| picture.file).collect();
        let there = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<String> = there.collect();
        assert_eq!(listed.len(), there.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), there);
    }

    #[test]
    fn every_picture_is_a_small_png_of_800_pixels_that_no_other_equals() {
        let pictures = read().unwrap();
        let mut seen = BTreeSet::new();
        for picture in pictures.0.values().flatten() {
            let png = picture.png().unwrap();
            assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", picture.file);
            assert_eq!(png[16..24], [0, 0, 3, 32, 0, 0, 3, 32], "{}", picture.file);
            assert!(png.len() < 64 * 1024, "{}: {} bytes", picture.file, png.len());
            assert!(seen.insert(png), "{}", picture.file);
        }
    }

    #[test]
    fn a_product_without_pictures_is_named() {
        let product = &catalogue::read().unwrap().products[0];
        let error = Pictures(HashMap::new()).of(product).unwrap_err().to_string();
        assert_eq!(error, "crates/xtask/data/pictures.json lists no picture of ethiopia-guji-natural");
    }
}
