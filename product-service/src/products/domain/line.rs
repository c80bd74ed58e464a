//! A product as a line of a file: what `POST /admin/products` takes, with its categories by slug. Ids mean nothing in
//! another shop, or to people who write such a file.

use common::{
    input::{Fields, FromFields},
    problem::FieldError,
};
use serde::Serialize;

use super::{
    NewProduct, Product, ProductOption, Status, attributes::Attributes, distinct, limits::MAX_CATEGORIES,
    variant::Variant,
};
use crate::{categories::domain::Tree, ids::CategoryId, slug::Slug};

/// A product as a line of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductLine {
    slug: Slug,
    title: String,
    description: String,
    brand: Option<String>,
    tags: Vec<String>,
    attributes: Attributes,
    status: Status,
    categories: Vec<Slug>,
    options: Vec<ProductOption>,
    variants: Vec<Variant>,
}

impl ProductLine {
    /// The line for a product. Categories that were deleted are left out.
    pub fn new(product: Product, tree: &Tree) -> Self {
        let Product { title, slug, description, brand, tags, attributes, status, .. } = product;
        let Product { category_ids, options, variants, .. } = product;
        let slug_of = |id: &CategoryId| tree.get(*id).map(|category| category.slug.clone());
        let categories = category_ids.iter().filter_map(slug_of).collect();
        Self { slug, title, description, brand, tags, attributes, status, categories, options, variants }
    }

    /// Slug of the product.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    /// The product that it describes, in the categories of this shop.
    pub fn resolved(self, tree: &Tree) -> Result<NewProduct, Vec<FieldError>> {
        let (mut category_ids, mut unknown) = (Vec::new(), Vec::new());
        for (at, slug) in self.categories.iter().enumerate() {
            match tree.categories().iter().find(|category| category.slug == *slug) {
                Some(category) => category_ids.push(category.id),
                None => unknown.push(FieldError {
                    pointer: format!("/categories/{at}"),
                    code: "unknown_category".into(),
                    message: "is not the slug of a category of this shop".into(),
                    sku: None,
                }),
            }
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let category_ids = distinct(category_ids.into_iter());
        let Self { title, slug, description, brand, tags, attributes, status, options, variants, .. } = self;
        Ok(NewProduct { title, slug, description, brand, tags, attributes, status, category_ids, options, variants })
    }
}

impl FromFields for ProductLine {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let categories = fields.texts::<Slug>("categories", MAX_CATEGORIES);
        let rest = NewProduct::with_categories(fields, |_| Some(Vec::new()));
        let (categories, rest) = (categories?, rest?);
        let NewProduct { title, slug, description, brand, tags, attributes, status, options, variants, .. } = rest;
        Some(Self { slug, title, description, brand, tags, attributes, status, categories, options, variants })
    }
}
