//! Pictures of the demo catalogue, drawn here: each shows its product's kind, in one colour that the product has.
//! `data/pictures.json` says which kind a product is of, which colour it has where its variants have none, and what colours
//! look like.

mod canvas;
mod shapes;

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use self::canvas::{Canvas, Rgb};
use self::shapes::Shape;
use crate::catalogue::Product;

const TEXT: &str = include_str!("../data/pictures.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pictures {
    /// By kind and slug; of what colour, unless variants say it.
    kinds: HashMap<String, HashMap<String, Option<String>>>,
    colours: HashMap<String, String>,
}

/// One picture, not drawn yet.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// What it shows, in words; tells the pictures of a product apart.
    pub(crate) alt: String,
    shape: Shape,
    body: Rgb,
    second: Option<Rgb>,
}

impl Picture {
    /// Draws it, as a PNG file; the same bytes each time.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        self.draw()?.png()
    }

    fn draw(&self) -> Result<Canvas> {
        let mut canvas = Canvas::new(self.body, self.second)?;
        (self.shape)(&mut canvas);
        Ok(canvas)
    }
}

pub(crate) fn read() -> Result<Pictures> {
    serde_json::from_str(TEXT).context("crates/xtask/data/pictures.json")
}

impl Pictures {
    /// A picture for each colour of a product, in the order of its options.
    pub(crate) fn of(&self, product: &Product) -> Result<Vec<Picture>> {
        let slug = &product.slug;
        let mut kinds = self.kinds.iter().filter_map(|(kind, products)| Some((kind, products.get(slug)?)));
        let (kind, colour) = kinds.next().with_context(|| format!("of what kind is {slug}?"))?;
        let shape = shapes::of(kind).with_context(|| format!("nobody has drawn a {kind}, which {slug} is"))?;
        let colours = match colour {
            Some(colour) => vec![colour.as_str()],
            None => self.colours_of(product).with_context(|| format!("of what colour is {slug}?"))?,
        };
        let title = product.rest["title"].as_str().unwrap_or(slug);
        let pictures = colours.into_iter().map(|colour| {
            let alt = format!("{colour} {kind}: {title}");
            let (body, second) =
                self.look(colour).with_context(|| format!("how does {colour} look, which {slug} is?"))?;
            Ok(Picture { alt, shape, body, second })
        });
        pictures.collect()
    }

    /// The values of the option whose values are all colours, whatever it is called: Colour, Finish, Cover.
    fn colours_of<'a>(&self, product: &'a Product) -> Option<Vec<&'a str>> {
        let options = product.rest.get("options")?.as_array()?;
        let mut values = options.iter().filter_map(|option| {
            option["values"]
                .as_array()?
                .iter()
                .map(|value| value.as_str().filter(|name| self.look(name).is_some()))
                .collect()
        });
        values.next()
    }

    /// `Navy`, and of `Ecru and navy` both.
    fn look(&self, name: &str) -> Option<(Rgb, Option<Rgb>)> {
        let name = name.to_lowercase();
        let one = |name: &str| self.colours.get(name).and_then(|colour| rgb(colour));
        match name.split_once(" and ") {
            Some((body, second)) => Some((one(body)?, Some(one(second)?))),
            None => Some((one(&name)?, None)),
        }
    }
}

/// `#27365c`
fn rgb(colour: &str) -> Option<Rgb> {
    let [_, red, green, blue] = u32::from_str_radix(colour.strip_prefix('#')?, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue;

    fn all() -> Vec<Picture> {
        let pictures = read().unwrap();
        let products = catalogue::read().unwrap().products;
        products.iter().flat_map(|product| pictures.of(product).unwrap()).collect()
    }

    #[test]
    fn every_product_has_a_picture_for_each_of_its_colours_and_no_more_than_it_may_have() {
        let pictures = read().unwrap();
        for product in catalogue::read().unwrap().products {
            let alts: Vec<String> = pictures.of(&product).unwrap().into_iter().map(|picture| picture.alt).collect();
            assert!((1..=10).contains(&alts.len()), "{}", product.slug);
            assert!(alts.iter().all(|alt| alt.chars().count() <= 250), "{alts:?}");
            if product.slug == "organic-cotton-t-shirt" {
                let colours = ["White", "Navy", "Sage"];
                assert_eq!(alts, colours.map(|colour| format!("{colour} T-shirt: Organic Cotton T-Shirt")));
            }
        }
    }

    #[test]
    fn no_picture_is_of_a_product_that_is_not_there_or_of_two_kinds() {
        let pictures = read().unwrap();
        let products = catalogue::read().unwrap().products;
        let known: BTreeSet<&str> = products.iter().map(|product| product.slug.as_str()).collect();
        let named: Vec<&str> = pictures.kinds.values().flatten().map(|(slug, _)| slug.as_str()).collect();
        assert_eq!(named.len(), known.len());
        assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn the_middle_of_a_picture_has_the_colour_that_was_asked_for() {
        for picture in all() {
            assert_eq!(picture.draw().unwrap().middle(), Some(picture.body), "{}", picture.alt);
        }
    }

    #[test]
    fn a_picture_is_a_small_png_of_800_pixels_and_the_same_each_time() {
        let all = all();
        for picture in [&all[0], &all[all.len() - 1]] {
            let png = picture.png().unwrap();
            assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
            assert_eq!(png[16..24], [0, 0, 3, 32, 0, 0, 3, 32]);
            assert!(png.len() < 64 * 1024, "{} bytes", png.len());
            assert_eq!(png, picture.png().unwrap());
        }
    }

    #[test]
    fn no_two_kinds_and_no_two_colours_of_a_product_look_the_same() {
        let pictures = read().unwrap();
        let mut seen = BTreeSet::new();
        for kind in pictures.kinds.keys() {
            let picture =
                Picture { alt: kind.clone(), shape: shapes::of(kind).unwrap(), body: [1, 2, 3], second: None };
            assert!(seen.insert(picture.png().unwrap()), "{kind}");
        }
        for product in catalogue::read().unwrap().products {
            let of_it = pictures.of(&product).unwrap();
            let looks: BTreeSet<_> = of_it.iter().map(|picture| (picture.body, picture.second)).collect();
            assert_eq!(looks.len(), of_it.len(), "{}", product.slug);
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_product() {
        let product = &catalogue::read().unwrap().products[0];
        let mut pictures = read().unwrap();
        pictures.colours.clear();
        let said = |pictures: &Pictures| pictures.of(product).unwrap_err().to_string();
        assert_eq!(said(&pictures), "how does Plum look, which ethiopia-guji-natural is?");
        let kind = pictures.kinds.remove("coffee bag").unwrap();
        assert_eq!(said(&pictures), "of what kind is ethiopia-guji-natural?");
        pictures.kinds.insert("xylophone".to_owned(), kind);
        assert_eq!(said(&pictures), "nobody has drawn a xylophone, which ethiopia-guji-natural is");
    }
}
