//! A product as clients see it, with the public URLs of its images.

use common::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::domain::{Attributes, Product, ProductOption, Status, Variant};
use crate::{
    bucket::Bucket,
    ids::{CategoryId, ProductId},
    images::view::ImageView,
    slug::Slug,
};

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product, example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "title": "Organic cotton tee", "slug": "organic-cotton-tee",
    "description": "Midweight, pre-shrunk.", "brand": "Bodega", "tags": ["organic"], "attributes": {"Material": "cotton"},
    "status": "active", "category_ids": [], "options": [{"name": "Size", "values": ["S", "M"]}],
    "variants": [{
        "sku": "TEE-ORG-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}],
        "compare_at_prices": [], "weight_grams": 180, "barcode": "4006381333931", "tax_class": "standard"
    }],
    "images": [{
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "url": "https://images.shop.example/products/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.jpg",
        "alt": "The tee from the front", "content_type": "image/jpeg"
    }],
    "version": 1, "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub(crate) struct ProductView {
    /// Id of the product; never changes.
    id: ProductId,
    /// Title that shoppers read.
    title: String,
    /// Name of the product in URLs; unique among products that are not archived.
    slug: Slug,
    /// Description that shoppers read; plain text.
    description: String,
    /// Brand.
    #[schema(required)]
    brand: Option<String>,
    /// Tags, by which products are found together.
    tags: Vec<String>,
    /// Attributes by name, such as `Material`.
    #[schema(schema_with = super::domain::attributes_schema)]
    attributes: Attributes,
    /// Whether the product is on sale.
    status: Status,
    /// Ids of the categories that the product is in.
    category_ids: Vec<CategoryId>,
    /// Options in which the variants differ.
    options: Vec<ProductOption>,
    /// The variants, which are what is bought.
    variants: Vec<Variant>,
    /// The images, in the order to show them.
    images: Vec<ImageView>,
    /// Grows by one with every change.
    version: i64,
    /// When the product was created.
    created_at: Timestamp,
    /// When the product was last changed.
    updated_at: Timestamp,
}

impl ProductView {
    /// The product, with the public URLs of its images.
    pub(crate) fn new(product: Product, bucket: &Bucket) -> Self {
        let Product { id, title, slug, description, brand, tags, attributes, status, category_ids, .. } = product;
        let Product { options, variants, images, version, created_at, updated_at, .. } = product;
        let images = images.into_iter().map(|image| ImageView::new(image, bucket)).collect();
        Self {
            id,
            title,
            slug,
            description,
            brand,
            tags,
            attributes,
            status,
            category_ids,
            options,
            variants,
            images,
            version,
            created_at,
            updated_at,
        }
    }
}
