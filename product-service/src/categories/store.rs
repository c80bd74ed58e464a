//! Every query of categories. They are one document, so that one conditional update changes the tree, and one read gives
//! any part of it.
//!
//! # A category is deleted while a product is put into it
//!
//! The tree and a product are two documents, and no transaction spans them. So each side writes first and looks at the other
//! side's document after its own write is durable:
//!
//! - *Deleting* marks the category as going (a new version of the tree), then looks for products in it, then saves the tree
//!   without the category on the condition that the tree still has exactly the version with the mark. Where a product was found,
//!   the mark is taken off and it is `category_in_use`; where the tree has another version, all of it starts over.
//! - *Whatever adds a category to a product* (a new product, a change, a line of an import) saves the product, then reads the
//!   tree again (`keep` in `flow`). Where the category is there without a mark, the product stands. Where it has the mark,
//!   the mark is taken off, which makes a new version of the tree; once that is saved, the product stands. Where the category is
//!   gone, the product is set back, and it is `unknown_category`.
//!
//! Why no product is left in a category that is gone: writes are acknowledged by a majority, and reads are those of a majority
//! from the primary, so that a read that begins after a write was acknowledged sees it. Let a deletion have made the mark M, the
//! look L and the removal R, in this order, and a writer the product's write W and the second reading of the tree C.
//!
//! - W was acknowledged before L began: L finds the product, and there is no R.
//! - Otherwise W was acknowledged after L began, so C began after M was acknowledged. C then sees one of three things. The mark:
//!   the writer takes it off. Of that save and R only one can happen, since both ask for the same version of the tree; if it is
//!   R, the writer reads the tree again and finds the category gone. The category gone: the writer sets the product back. The
//!   category without the mark: another took it off, so the tree has moved on from the version that R asks for, and R does not
//!   happen. A later deletion makes its own mark after C, and looks after that: it finds the product.
//! - A write that only keeps a category that the product names already is conditional on the product's version, so that the
//!   product named it all the time; the writer that added it is the one that has looked, or still will. Setting back is
//!   conditional in the same way. Where others changed the product meanwhile, only the category is taken out of it. Where setting
//!   back names a category again that the change had taken out, that one is looked at again, too.
//! - Two deletions at once share the mark; each has its own L between the version that it saw the mark in and its R.
//! - A child: the removal is refused where one stands in the category, and one that comes later changes the tree's version.
//! - A process that dies after M leaves a mark that hinders nothing: the next writer takes it off, the next deletion uses it.
//! - A process that dies between W and C leaves a product that may name a category that is gone. R notes the category in `deleted`
//!   for longer than any request or import lasts, and the sweep takes it out of the products that name it.

use futures_util::TryStreamExt;
use mongodb::{
    Collection, Database,
    bson::{DateTime, doc},
};
use platform::TriggerError;
use serde::{Deserialize, Serialize};

use super::domain::{Category, Deleted, Reparented, Tree};
use crate::{
    collections,
    error::Error,
    ids::CategoryId,
    mongo::{Mongo, date, timestamp},
    mongo_error::violates,
    slug::Slug,
};

/// The one document's id.
const TREE: &str = "tree";

/// The tree as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
    #[serde(default, rename = "moved")]
    reparented: Vec<ChangeRecord>,
    #[serde(default, rename = "going")]
    being_deleted: Vec<CategoryId>,
    #[serde(default, rename = "gone")]
    deleted: Vec<ChangeRecord>,
    categories: Vec<CategoryRecord>,
}

/// A category that was moved or deleted, and when.
#[derive(Debug, Serialize, Deserialize)]
struct ChangeRecord {
    id: CategoryId,
    at: DateTime,
}

/// A category in the tree's document; its index gives its position.
#[derive(Debug, Serialize, Deserialize)]
struct CategoryRecord {
    id: CategoryId,
    slug: Slug,
    name: String,
    parent_id: Option<CategoryId>,
    version: i64,
}

/// All categories.
pub async fn tree(db: &Mongo) -> Result<Tree, Error> {
    let found = categories(db).await?.find_one(doc! { "_id": TREE }).await?;
    Ok(found.map_or_else(Tree::default, Tree::from))
}

/// Saves a changed tree as its next version; `false` when another request has changed it since it was read.
pub async fn save(db: &Mongo, tree: &mut Tree) -> Result<bool, Error> {
    let record = Record::next(tree);
    let next = record.version;
    let categories = categories(db).await?;
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

/// Makes the tree of categories that were saved one by one, as they were in an earlier version. Safe to repeat, and to run
/// twice at once; refuses to delete what is not in the tree.
pub(crate) async fn gather(database: &Database) -> Result<(), TriggerError> {
    let single = || doc! { "_id": { "$ne": TREE } };
    let found = database.collection::<Single>(collections::CATEGORIES).find(single()).sort(doc! { "_id": 1 }).await?;
    let found: Vec<Single> = found.try_collect().await?;
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<CategoryId> = found.iter().map(|single| single.id).collect();
    let record = |Single { id, slug, name }| CategoryRecord { id, slug, name, parent_id: None, version: 1 };
    let tree = Record {
        id: TREE.to_owned(),
        version: 1,
        reparented: Vec::new(),
        being_deleted: Vec::new(),
        deleted: Vec::new(),
        categories: found.into_iter().map(record).collect(),
    };
    let trees = database.collection::<Record>(collections::CATEGORIES);
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

async fn categories(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::CATEGORIES).await
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
            reparented: tree.reparented.iter().map(|moved| ChangeRecord { id: moved.id, at: date(moved.at) }).collect(),
            being_deleted: tree.being_deleted.clone(),
            deleted: tree.deleted.iter().map(|gone| ChangeRecord { id: gone.id, at: date(gone.at) }).collect(),
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
        let reparented = |moved: ChangeRecord| Reparented { id: moved.id, at: timestamp(moved.at) };
        let reparented = record.reparented.into_iter().map(reparented).collect();
        let deleted = |gone: ChangeRecord| Deleted { id: gone.id, at: timestamp(gone.at) };
        let deleted = record.deleted.into_iter().map(deleted).collect();
        let categories = record.categories.into_iter().map(category).collect();
        let mut tree = Self::new(record.version, reparented, categories);
        (tree.being_deleted, tree.deleted) = (record.being_deleted, deleted);
        tree
    }
}
