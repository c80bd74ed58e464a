//! Every query of products.

use std::collections::BTreeMap;

use common::money::Money;
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc},
};
use serde::{Deserialize, Serialize};

use super::domain::{Product, ProductId, ProductKey, ProductOption, Sku, Slug, Status, Variant};
use crate::{
    categories::domain::CategoryId,
    error::Error,
    images::domain::Image,
    schema,
    store::{Store, date, timestamp, violates},
};

/// A product as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: ProductId,
    slug: Slug,
    title: String,
    description: String,
    status: Status,
    category_ids: Vec<CategoryId>,
    options: Vec<ProductOption>,
    variants: Vec<VariantRecord>,
    /// Products that were made before there were images have none.
    #[serde(default)]
    images: Vec<Image>,
    version: i64,
    created_at: DateTime,
    updated_at: DateTime,
}

/// A variant as a document: its options as pairs, because people's words make bad field names (dots, dollars).
#[derive(Debug, Serialize, Deserialize)]
struct VariantRecord {
    sku: Sku,
    options: Vec<(String, String)>,
    prices: Vec<Money>,
}

/// Saves a new product.
pub async fn insert(store: &Store, product: &Product) -> Result<(), Error> {
    let inserted = products(store).await?.insert_one(Record::from(product.clone())).await;
    inserted.map(|_| ()).map_err(|error| {
        if violates(&error, schema::PRODUCT_SLUG) {
            Error::ProductSlugTaken
        } else if violates(&error, schema::PRODUCT_SKU) {
            Error::SkuTaken
        } else {
            error.into()
        }
    })
}

/// A product, on sale or not.
pub async fn find(store: &Store, key: &ProductKey) -> Result<Option<Product>, Error> {
    let filter = match key {
        ProductKey::Id(id) => doc! { "_id": id.to_string() },
        ProductKey::Slug(slug) => doc! { "slug": slug },
    };
    Ok(products(store).await?.find_one(filter).await?.map(Product::from))
}

/// Up to `limit` products on sale, newest first, after a place. Ids sort by the time they were made.
pub async fn newest(store: &Store, after: Option<ProductId>, limit: usize) -> Result<Vec<Product>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = products(store).await?.find(newest_filter(after)).sort(doc! { "_id": -1 }).limit(limit).await?;
    Ok(found.map_ok(Product::from).try_collect().await?)
}

/// The filter of [`newest`]; the test that asks the server to explain it uses the same.
pub fn newest_filter(after: Option<ProductId>) -> Document {
    match after {
        None => doc! { "status": "active" },
        Some(id) => doc! { "status": "active", "_id": { "$lt": id.to_string() } },
    }
}

/// The products, on sale or not, that have any of these SKUs, in one query.
pub async fn with_skus(store: &Store, skus: &[&Sku]) -> Result<Vec<Product>, Error> {
    let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let found = products(store).await?.find(doc! { "variants.sku": { "$in": skus } }).await?;
    Ok(found.map_ok(Product::from).try_collect().await?)
}

/// Whether any product, draft or not, has this SKU.
pub async fn has_sku(store: &Store, sku: &Sku) -> Result<bool, Error> {
    let products = store.collection::<Document>(schema::PRODUCTS).await?;
    let found = products.find_one(doc! { "variants.sku": sku.as_str() }).projection(doc! { "_id": 1 }).await?;
    Ok(found.is_some())
}

async fn products(store: &Store) -> Result<Collection<Record>, Error> {
    store.collection(schema::PRODUCTS).await
}

impl From<Product> for Record {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            slug: product.slug,
            title: product.title,
            description: product.description,
            status: product.status,
            category_ids: product.category_ids,
            options: product.options,
            variants: product.variants.into_iter().map(VariantRecord::from).collect(),
            images: product.images,
            version: product.version,
            created_at: date(product.created_at),
            updated_at: date(product.updated_at),
        }
    }
}

impl From<Record> for Product {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            title: record.title,
            slug: record.slug,
            description: record.description,
            status: record.status,
            category_ids: record.category_ids,
            options: record.options,
            variants: record.variants.into_iter().map(Variant::from).collect(),
            images: record.images,
            version: record.version,
            created_at: timestamp(record.created_at),
            updated_at: timestamp(record.updated_at),
        }
    }
}

impl From<Variant> for VariantRecord {
    fn from(variant: Variant) -> Self {
        Self { sku: variant.sku, options: variant.options.into_iter().collect(), prices: variant.prices }
    }
}

impl From<VariantRecord> for Variant {
    fn from(record: VariantRecord) -> Self {
        let options: BTreeMap<String, String> = record.options.into_iter().collect();
        Self { sku: record.sku, options, prices: record.prices }
    }
}
