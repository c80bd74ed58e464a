//! The demo catalogue, as `data/catalogue.json` holds it: products as the API takes them, with stock beside each SKU.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

const TEXT: &str = include_str!("../data/catalogue.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    pub(crate) categories: Vec<Category>,
    pub(crate) products: Vec<Product>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Category {
    pub(crate) slug: String,
    pub(crate) name: String,
    /// The slug of one above it in the list.
    pub(crate) parent: Option<String>,
}

/// A product; `rest` holds the members that go to the API unchanged.
#[derive(Debug, Deserialize)]
pub(crate) struct Product {
    pub(crate) slug: String,
    pub(crate) categories: Vec<String>,
    pub(crate) variants: Vec<Variant>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Variant {
    pub(crate) sku: String,
    pub(crate) on_hand: u32,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

pub(crate) fn read() -> Result<Catalogue> {
    serde_json::from_str(TEXT).context("crates/xtask/data/catalogue.json")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn assert_unique<'a>(what: &str, all: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for one in all {
            assert!(seen.insert(one), "{what} {one} is there twice");
        }
    }

    fn products() -> Vec<Product> {
        read().unwrap().products
    }

    #[test]
    fn there_are_at_least_sixty_products() {
        assert!(products().len() >= 60);
    }

    #[test]
    fn slugs_and_skus_are_unique() {
        let products = products();
        assert_unique("slug", products.iter().map(|product| product.slug.as_str()));
        let variants = products.iter().flat_map(|product| &product.variants);
        assert_unique("SKU", variants.map(|variant| variant.sku.as_str()));
        let categories = read().unwrap().categories;
        assert_unique("category", categories.iter().map(|category| category.slug.as_str()));
    }

    #[test]
    fn every_category_stands_after_its_parent() {
        let mut seen = BTreeSet::new();
        for category in read().unwrap().categories {
            assert!(category.parent.iter().all(|parent| seen.contains(parent)), "{}", category.slug);
            seen.insert(category.slug);
        }
    }

    #[test]
    fn every_product_is_in_categories_that_exist() {
        let catalogue = read().unwrap();
        let known: BTreeSet<_> = catalogue.categories.iter().map(|category| &category.slug).collect();
        for product in &catalogue.products {
            assert!(!product.categories.is_empty(), "{}", product.slug);
            assert!(product.categories.iter().all(|category| known.contains(category)), "{}", product.slug);
        }
    }

    #[test]
    fn every_variant_names_each_option_with_a_listed_value() {
        for product in products() {
            assert!(!product.variants.is_empty(), "{}", product.slug);
            let options = product.rest["options"].as_array().unwrap();
            for variant in &product.variants {
                let chosen = variant.rest["options"].as_object().unwrap();
                assert_eq!(chosen.len(), options.len(), "{}", variant.sku);
                for option in options {
                    let value = &chosen[option["name"].as_str().unwrap()];
                    assert!(option["values"].as_array().unwrap().contains(value), "{}: {value}", variant.sku);
                }
            }
            let choices = product.variants.iter().map(|variant| variant.rest["options"].to_string());
            let choices: Vec<_> = choices.collect();
            assert_unique(&format!("choice of {}", product.slug), choices.iter().map(String::as_str));
        }
    }

    #[test]
    fn every_variant_has_a_price_above_zero() {
        for variant in products().iter().flat_map(|product| &product.variants) {
            let prices = variant.rest["prices"].as_array().unwrap();
            assert!(!prices.is_empty(), "{}", variant.sku);
            assert!(prices.iter().all(|price| price["amount"].as_i64().unwrap() > 0), "{}", variant.sku);
        }
    }

    /// Names of colours are many, "Oat" and "Bone"; a shopper looks for something beige.
    #[test]
    fn all_but_food_can_be_filtered_by_a_dozen_colours_and_what_is_worn_by_material() {
        const FAMILIES: [&str; 13] = [
            "beige", "black", "blue", "brown", "gold", "green", "grey", "orange", "purple", "red", "silver", "white",
            "yellow",
        ];
        const FOOD: [&str; 3] = ["coffee", "tea", "pantry"];
        let mut seen = BTreeSet::new();
        for product in products().iter().filter(|product| !FOOD.contains(&product.categories[0].as_str())) {
            let attributes = product.rest["attributes"].as_object().unwrap();
            let families = &attributes["Colour family"];
            let families = families.as_array().map_or(vec![families], |families| families.iter().collect());
            assert!(!families.is_empty(), "{}", product.slug);
            seen.extend(families.into_iter().map(|family| family.as_str().unwrap().to_owned()));
            let worn = ["clothing", "accessories"].contains(&product.categories[0].as_str());
            assert!(!worn || attributes.contains_key("Material"), "{}", product.slug);
        }
        assert!(seen.iter().eq(FAMILIES), "{seen:?}");
    }
}
