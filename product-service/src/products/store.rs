//! Every query of products.

use std::collections::BTreeMap;

use common::{money::Money, sku::Sku};
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc},
    options::{FindOptions, Hint},
};
use serde::{Deserialize, Serialize};

use super::domain::{AttributeValue, Barcode, Product, ProductKey, ProductOption, Status, TaxClass, Variant};
use crate::{
    categories::domain::Tree,
    collections,
    error::Error,
    ids::{CategoryId, ProductId},
    images::domain::Image,
    mongo::{Mongo, date, timestamp},
    mongo_error::violates,
    search::domain::{FacetValue, facet_values, lowest_prices, terms, title_key},
    slug::Slug,
};

/// How many products are reindexed at a time.
const REINDEX_BATCH: i64 = 200;

/// A product as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: ProductId,
    /// Slug of a product that is not archived; unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slug: Option<Slug>,
    /// Slug of an archived product, kept for when it is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived_slug: Option<Slug>,
    title: String,
    description: String,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    /// As pairs, because names that staff choose can hold characters that field names cannot (dots, dollars).
    #[serde(default)]
    attributes: Vec<(String, AttributeValue)>,
    status: Status,
    category_ids: Vec<CategoryId>,
    options: Vec<ProductOption>,
    variants: Vec<VariantRecord>,
    /// Missing on products that were saved without.
    #[serde(default)]
    images: Vec<Image>,
    version: i64,
    created_at: DateTime,
    updated_at: DateTime,
    #[serde(flatten)]
    index: IndexRecord,
}

/// The fields that lists filter and sort by: they follow from the other fields and from the tree of categories.
#[derive(Debug, Default, Serialize, Deserialize)]
struct IndexRecord {
    #[serde(default)]
    terms: Vec<String>,
    #[serde(default)]
    facets: Vec<FacetValue>,
    #[serde(default)]
    title_key: String,
    /// Its lowest price by currency.
    #[serde(default)]
    lowest: BTreeMap<String, i64>,
    /// The version of the tree of categories that the terms were made with.
    #[serde(default)]
    tree_version: i64,
}

impl IndexRecord {
    fn new(product: &Product, tree: &Tree) -> Self {
        let lowest = lowest_prices(product).into_iter();
        Self {
            terms: terms(product, tree),
            facets: facet_values(product, tree),
            title_key: title_key(&product.title),
            lowest: lowest.map(|(currency, amount)| (currency.to_string(), amount)).collect(),
            tree_version: tree.version,
        }
    }
}

/// A variant as a document: its options as pairs, too.
#[derive(Debug, Serialize, Deserialize)]
struct VariantRecord {
    sku: Sku,
    options: Vec<(String, String)>,
    prices: Vec<Money>,
    #[serde(default)]
    compare_at_prices: Vec<Money>,
    #[serde(default)]
    weight_grams: Option<i64>,
    #[serde(default)]
    barcode: Option<Barcode>,
    #[serde(default)]
    tax_class: TaxClass,
}

/// Saves a new product.
pub async fn insert(db: &Mongo, product: &Product, tree: &Tree) -> Result<(), Error> {
    let record = Record::new(product.clone(), tree);
    products(db).await?.insert_one(record).await.map(|_| ()).map_err(taken)
}

/// Saves many new products in one command.
pub async fn insert_all(db: &Mongo, new: &[Product], tree: &Tree) -> Result<(), Error> {
    let records = new.iter().map(|product| Record::new(product.clone(), tree));
    products(db).await?.insert_many(records).await.map(|_| ()).map_err(Error::from)
}

/// Saves a changed product if it still has `version`; `false` when another request has changed it. Its images stay as they are:
/// they have writes of their own.
pub async fn replace(db: &Mongo, version: i64, product: &Product, tree: &Tree) -> Result<bool, Error> {
    let filter = doc! { "_id": product.id.to_string(), "version": version };
    let mut set = mongodb::bson::serialize_to_document(&Record::new(product.clone(), tree))?;
    set.remove("_id");
    set.remove("images");
    let without = if set.contains_key("slug") { "archived_slug" } else { "slug" };
    let update = doc! { "$set": set, "$unset": { without: "" } };
    let updated = products(db).await?.update_one(filter, update).await.map_err(taken)?;
    Ok(updated.matched_count == 1)
}

/// Deletes a product that was just created, if nothing has changed it since.
pub(crate) async fn delete_new(db: &Mongo, product: &Product) -> Result<bool, Error> {
    let filter = doc! {
        "_id": product.id.to_string(), "version": product.version, "image_slots.0": { "$exists": false },
    };
    Ok(products(db).await?.delete_one(filter).await?.deleted_count == 1)
}

/// Up to [`REINDEX_BATCH`] products, on sale or not, in any of these categories.
pub(crate) async fn in_categories(db: &Mongo, categories: &[CategoryId]) -> Result<Vec<Product>, Error> {
    let ids: Vec<String> = categories.iter().map(ToString::to_string).collect();
    let found = products(db).await?.find(doc! { "category_ids": { "$in": ids } }).limit(REINDEX_BATCH).await?;
    let records: Vec<Record> = found.try_collect().await?;
    records.into_iter().map(Product::try_from).collect()
}

/// Whether any product, on sale or not, is in a category.
pub async fn is_any_in_category(db: &Mongo, id: CategoryId) -> Result<bool, Error> {
    let products = db.collection::<Document>(collections::PRODUCTS).await?;
    let found = products.find_one(doc! { "category_ids": id.to_string() }).projection(doc! { "_id": 1 }).await?;
    Ok(found.is_some())
}

/// The refusal for a slug or SKU that another product has.
fn taken(error: mongodb::error::Error) -> Error {
    if violates(&error, collections::PRODUCT_SLUG) {
        Error::ProductSlugTaken
    } else if violates(&error, collections::PRODUCT_SKU) {
        Error::SkuTaken
    } else {
        error.into()
    }
}

/// A product, on sale or not. An archived product is found by its id only.
pub async fn find(db: &Mongo, key: &ProductKey) -> Result<Option<Product>, Error> {
    let filter = match key {
        ProductKey::Id(id) => doc! { "_id": id.to_string() },
        ProductKey::Slug(slug) => doc! { "slug": slug },
    };
    products(db).await?.find_one(filter).await?.map(Product::try_from).transpose()
}

/// Up to `limit` products in a state, or in any, newest first, after an id.
pub async fn all(
    db: &Mongo,
    status: Option<Status>,
    after: Option<ProductId>,
    limit: usize,
) -> Result<Vec<Product>, Error> {
    let mut filter = Document::new();
    if let Some(status) = status {
        filter.insert("status", status.as_str());
    }
    if let Some(after) = after {
        filter.insert("_id", doc! { "$lt": after.to_string() });
    }
    // Ids sort by the time they were made.
    select(db, filter, doc! { "_id": -1 }, None, limit).await
}

/// Up to `limit` products of a filter, in an order, by an index where one is named.
pub(crate) async fn select(
    db: &Mongo,
    filter: Document,
    order: Document,
    index: Option<String>,
    limit: usize,
) -> Result<Vec<Product>, Error> {
    // All in one answer: by default the first batch has 101 documents.
    let (batch, limit) = (u32::try_from(limit).ok(), i64::try_from(limit).unwrap_or(i64::MAX));
    let options = FindOptions::builder().sort(order).limit(limit).batch_size(batch).hint(index.map(Hint::Name)).build();
    let found = products(db).await?.find(filter).with_options(options).await?;
    let records: Vec<Record> = found.try_collect().await?;
    records.into_iter().map(Product::try_from).collect()
}

/// Reindexes up to [`REINDEX_BATCH`] products in these categories that were indexed with an older tree. Answers their number.
pub(crate) async fn reindex(db: &Mongo, tree: &Tree, categories: &[CategoryId]) -> Result<usize, Error> {
    let ids: Vec<String> = categories.iter().map(ToString::to_string).collect();
    let behind = doc! { "category_ids": { "$in": ids }, "tree_version": { "$lt": tree.version } };
    reindex_matching(products(db).await?, behind, tree).await
}

/// Reindexes up to [`REINDEX_BATCH`] products of a filter. A product that another request is changing is left to that request,
/// which indexes it, too.
async fn reindex_matching(products: Collection<Record>, behind: Document, tree: &Tree) -> Result<usize, Error> {
    let found: Vec<Record> = products.find(behind).limit(REINDEX_BATCH).await?.try_collect().await?;
    let count = found.len();
    for record in found {
        let filter = doc! { "_id": record.id.to_string(), "version": record.version };
        let index = IndexRecord::new(&Product::try_from(record)?, tree);
        let index = mongodb::bson::serialize_to_document(&index)?;
        products.update_one(filter, doc! { "$set": index }).await?;
    }
    Ok(count)
}

/// Indexes all products that were saved without an index.
pub(crate) async fn index_all(db: &Mongo, tree: &Tree) -> Result<(), Error> {
    while reindex_matching(products(db).await?, doc! { "facets": { "$exists": false } }, tree).await? > 0 {}
    Ok(())
}

/// The products, on sale or not, that have any of these SKUs, in one query.
pub async fn with_skus(db: &Mongo, skus: &[&Sku]) -> Result<Vec<Product>, Error> {
    let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let found = products(db).await?.find(doc! { "variants.sku": { "$in": skus } }).await?;
    let records: Vec<Record> = found.try_collect().await?;
    records.into_iter().map(Product::try_from).collect()
}

/// The number of times that a product's `in_stock` was written: the condition of [`set_in_stock`].
pub(crate) async fn stock_round(db: &Mongo, id: ProductId) -> Result<i64, Error> {
    #[derive(Deserialize)]
    struct Round {
        #[serde(default, rename = "listing_round")]
        stock_round: i64,
    }
    let products = db.collection::<Round>(collections::PRODUCTS).await?;
    let found = products.find_one(doc! { "_id": id.to_string() }).projection(doc! { "listing_round": 1 }).await?;
    Ok(found.map_or(0, |found| found.stock_round))
}

/// Writes whether a product is in stock; `false` when another request has written it since `round` was read. The product's
/// version stays: clients do not see this field.
pub(crate) async fn set_in_stock(db: &Mongo, id: ProductId, round: i64, is_in_stock: bool) -> Result<bool, Error> {
    let seen = if round == 0 { doc! { "$in": [0_i64, null] }.into() } else { mongodb::bson::Bson::from(round) };
    let filter = doc! { "_id": id.to_string(), "listing_round": seen };
    let update = doc! { "$set": { "in_stock": is_in_stock, "listing_round": round + 1 } };
    Ok(products(db).await?.update_one(filter, update).await?.matched_count == 1)
}

/// Products that are not archived and have one of these slugs, in one query.
pub async fn with_slugs(db: &Mongo, slugs: &[&Slug]) -> Result<Vec<Product>, Error> {
    let slugs: Vec<String> = slugs.iter().map(ToString::to_string).collect();
    let found = products(db).await?.find(doc! { "slug": { "$in": slugs } }).await?;
    let records: Vec<Record> = found.try_collect().await?;
    records.into_iter().map(Product::try_from).collect()
}

/// Up to `limit` products that are not archived, oldest first, after an id.
pub async fn unarchived(db: &Mongo, after: Option<ProductId>, limit: usize) -> Result<Vec<Product>, Error> {
    let mut filter = doc! { "status": { "$ne": Status::Archived.as_str() } };
    if let Some(after) = after {
        filter.insert("_id", doc! { "$gt": after.to_string() });
    }
    select(db, filter, doc! { "_id": 1 }, Some("_id_".to_owned()), limit).await
}

/// Whether any product, draft or not, has this SKU.
pub async fn has_sku(db: &Mongo, sku: &Sku) -> Result<bool, Error> {
    let products = db.collection::<Document>(collections::PRODUCTS).await?;
    let found = products.find_one(doc! { "variants.sku": sku.as_str() }).projection(doc! { "_id": 1 }).await?;
    Ok(found.is_some())
}

async fn products(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::PRODUCTS).await
}

impl Record {
    fn new(product: Product, tree: &Tree) -> Self {
        let index = IndexRecord::new(&product, tree);
        let (slug, archived_slug) = match product.status {
            Status::Archived => (None, Some(product.slug)),
            Status::Draft | Status::Active => (Some(product.slug), None),
        };
        Self {
            id: product.id,
            slug,
            archived_slug,
            title: product.title,
            description: product.description,
            brand: product.brand,
            tags: product.tags,
            attributes: product.attributes.into_iter().collect(),
            status: product.status,
            category_ids: product.category_ids,
            options: product.options,
            variants: product.variants.into_iter().map(VariantRecord::from).collect(),
            images: product.images,
            version: product.version,
            created_at: date(product.created_at),
            updated_at: date(product.updated_at),
            index,
        }
    }
}

impl TryFrom<Record> for Product {
    type Error = Error;

    fn try_from(record: Record) -> Result<Self, Error> {
        let Some(slug) = record.slug.or(record.archived_slug) else { return Err(Error::MissingSlug(record.id)) };
        Ok(Self {
            id: record.id,
            title: record.title,
            slug,
            description: record.description,
            brand: record.brand,
            tags: record.tags,
            attributes: record.attributes.into_iter().collect(),
            status: record.status,
            category_ids: record.category_ids,
            options: record.options,
            variants: record.variants.into_iter().map(Variant::from).collect(),
            images: record.images,
            version: record.version,
            created_at: timestamp(record.created_at),
            updated_at: timestamp(record.updated_at),
        })
    }
}

impl From<Variant> for VariantRecord {
    fn from(variant: Variant) -> Self {
        let Variant { sku, options, prices, compare_at_prices, weight_grams, barcode, tax_class } = variant;
        let options = options.into_iter().collect();
        Self { sku, options, prices, compare_at_prices, weight_grams, barcode, tax_class }
    }
}

impl From<VariantRecord> for Variant {
    fn from(record: VariantRecord) -> Self {
        let VariantRecord { sku, options, prices, compare_at_prices, weight_grams, barcode, tax_class } = record;
        let options: BTreeMap<String, String> = options.into_iter().collect();
        Self { sku, options, prices, compare_at_prices, weight_grams, barcode, tax_class }
    }
}
