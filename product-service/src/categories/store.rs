//! Every query of categories. They are one document, so that one conditional update changes the tree, and one read gives
//! any part of it.

use futures_util::TryStreamExt;
use mongodb::{
    Collection, Database,
    bson::{DateTime, Document, doc},
};
use platform::TriggerError;
use serde::{Deserialize, Serialize};

use super::domain::{Category, CategoryId, Moved, Tree};
use crate::{
    error::Error,
    products::domain::Slug,
    schema,
    store::{Store, date, timestamp, violates},
};

/// The one document's id.
const TREE: &str = "tree";

/// The tree as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
    #[serde(default)]
    moved: Vec<MovedRecord>,
    categories: Vec<CategoryRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct MovedRecord {
    id: CategoryId,
    at: DateTime,
}

/// A category as a part of it; its place is its position.
#[derive(Debug, Serialize, Deserialize)]
struct CategoryRecord {
    id: CategoryId,
    slug: Slug,
    name: String,
    parent_id: Option<CategoryId>,
    version: i64,
}

/// All categories.
pub async fn tree(store: &Store) -> Result<Tree, Error> {
    let found = categories(store).await?.find_one(doc! { "_id": TREE }).await?;
    Ok(found.map_or_else(Tree::default, Tree::from))
}

/// Saves a tree that was changed, as its next version, unless another request changed it since it was read; false then.
pub async fn save(store: &Store, tree: &mut Tree) -> Result<bool, Error> {
    let record = Record::next(tree);
    let next = record.version;
    let categories = categories(store).await?;
    let is_saved = if tree.version > 0 {
        let replaced = categories.replace_one(doc! { "_id": TREE, "version": tree.version }, record).await?;
        replaced.matched_count == 1
    } else {
        match categories.insert_one(record).await {
            Ok(_) => true,
            Err(error) if violates(&error, "_id_") => false,
            Err(error) => return Err(error.into()),
        }
    };
    if is_saved {
        tree.version = next;
    }
    Ok(is_saved)
}

/// Whether any product, on sale or not, is in a category.
pub async fn is_used(store: &Store, id: CategoryId) -> Result<bool, Error> {
    let products = store.collection::<Document>(schema::PRODUCTS).await?;
    let found = products.find_one(doc! { "category_ids": id.to_string() }).projection(doc! { "_id": 1 }).await?;
    Ok(found.is_some())
}

/// Makes the tree of categories that were saved one by one, as they were in an earlier version. Safe to repeat, and to run
/// twice at once; refuses to delete what is not in the tree.
pub(crate) async fn gather(database: &Database) -> Result<(), TriggerError> {
    let single = || doc! { "_id": { "$ne": TREE } };
    let found = database.collection::<Single>(schema::CATEGORIES).find(single()).sort(doc! { "_id": 1 }).await?;
    let found: Vec<Single> = found.try_collect().await?;
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<CategoryId> = found.iter().map(|single| single.id).collect();
    let record = |Single { id, slug, name }| CategoryRecord { id, slug, name, parent_id: None, version: 1 };
    let tree = Record {
        id: TREE.to_owned(),
        version: 1,
        moved: Vec::new(),
        categories: found.into_iter().map(record).collect(),
    };
    let trees = database.collection::<Record>(schema::CATEGORIES);
    match trees.insert_one(tree).await {
        Err(error) if !violates(&error, "_id_") => return Err(error.into()),
        _ => {}
    }
    let tree = trees.find_one(doc! { "_id": TREE }).await?;
    let is_in = |id: &CategoryId| tree.iter().flat_map(|tree| &tree.categories).any(|category| category.id == *id);
    if !ids.iter().all(is_in) {
        return Err("categories that were saved one by one are not in the tree, and would be lost".into());
    }
    trees.delete_many(single()).await?;
    Ok(())
}

/// A category as it was saved in an earlier version.
#[derive(Debug, Serialize, Deserialize)]
struct Single {
    #[serde(rename = "_id")]
    id: CategoryId,
    slug: Slug,
    name: String,
}

async fn categories(store: &Store) -> Result<Collection<Record>, Error> {
    store.collection(schema::CATEGORIES).await
}

impl Record {
    /// The tree as its next version.
    fn next(tree: &Tree) -> Self {
        let record = |category: &Category| {
            let Category { id, slug, name, parent_id, version, position: _ } = category.clone();
            CategoryRecord { id, slug, name, parent_id, version }
        };
        Self {
            id: TREE.to_owned(),
            version: tree.version + 1,
            moved: tree.moved.iter().map(|moved| MovedRecord { id: moved.id, at: date(moved.at) }).collect(),
            categories: tree.categories().iter().map(record).collect(),
        }
    }
}

impl From<Record> for Tree {
    fn from(record: Record) -> Self {
        let category = |record: CategoryRecord| {
            let CategoryRecord { id, slug, name, parent_id, version } = record;
            Category { id, slug, name, parent_id, position: 0, version }
        };
        let moved = record.moved.into_iter().map(|moved| Moved { id: moved.id, at: timestamp(moved.at) });
        Self::new(record.version, moved.collect(), record.categories.into_iter().map(category).collect())
    }
}
