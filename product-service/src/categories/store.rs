//! Every query of categories.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use serde::{Deserialize, Serialize};

use super::domain::{Category, CategoryId};
use crate::{
    error::Error,
    products::domain::Slug,
    schema,
    store::{Store, violates},
};

/// A category as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: CategoryId,
    slug: Slug,
    name: String,
}

/// Saves a new category.
pub async fn insert(store: &Store, category: &Category) -> Result<(), Error> {
    let Category { id, slug, name } = category.clone();
    let inserted = categories(store).await?.insert_one(Record { id, slug, name }).await;
    inserted
        .map(|_| ())
        .map_err(|error| if violates(&error, schema::CATEGORY_SLUG) { Error::CategorySlugTaken } else { error.into() })
}

/// Up to `limit` categories by slug, after a place.
pub async fn by_slug(store: &Store, after: Option<Slug>, limit: usize) -> Result<Vec<Category>, Error> {
    let filter = after.map_or_else(Document::new, |slug| doc! { "slug": { "$gt": slug.to_string() } });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = categories(store).await?.find(filter).sort(doc! { "slug": 1 }).limit(limit).await?;
    Ok(found.map_ok(|record| Category { id: record.id, slug: record.slug, name: record.name }).try_collect().await?)
}

/// Which of these ids are categories; no query when none is asked about.
pub async fn known(store: &Store, ids: &[CategoryId]) -> Result<HashSet<CategoryId>, Error> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let found = categories(store).await?.find(doc! { "_id": { "$in": ids } }).await?;
    Ok(found.map_ok(|record| record.id).try_collect().await?)
}

async fn categories(store: &Store) -> Result<Collection<Record>, Error> {
    store.collection(schema::CATEGORIES).await
}
