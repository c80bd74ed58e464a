//! Saves products whose categories may be deleted at the same moment: the product is saved first, and then its categories are
//! read again. [`crate::categories::store`] shows why this leaves no product in a deleted category.

use super::{
    domain::{Product, ProductKey},
    store,
};
use crate::{
    categories::{
        domain::{Refused, Tree},
        flow,
    },
    error::Error,
    ids::{CategoryId, ProductId},
    mongo::{Backoff, Mongo},
};

/// Saves a new product, unless one of its categories is deleted meanwhile.
pub async fn insert(db: &Mongo, product: &Product, tree: &Tree) -> Result<(), Error> {
    store::insert(db, product, tree).await?;
    let refused = match keep_added(db, &[], &product.category_ids).await {
        Err(error) if is_refusal(&error) => error,
        other => return other,
    };
    if !store::delete_new(db, product).await? {
        remove_deleted(db, product.id, &product.category_ids).await?;
    }
    Err(refused)
}

/// Saves a changed product; `false` when another request has changed it since. Refused when a category that the change adds is
/// deleted meanwhile.
pub async fn replace(db: &Mongo, before: &Product, next: &Product, tree: &Tree) -> Result<bool, Error> {
    if !store::replace(db, before.version, next, tree).await? {
        return Ok(false);
    }
    let refused = match keep_added(db, &before.category_ids, &next.category_ids).await {
        Err(error) if is_refusal(&error) => error,
        other => return other.map(|()| true),
    };
    // A new version: clients may have read the one that is reverted.
    let back = Product { version: next.version + 1, ..before.clone() };
    match store::replace(db, next.version, &back, tree).await {
        Ok(_) | Err(Error::ProductSlugTaken | Error::SkuTaken) => {}
        Err(error) => return Err(error),
    }
    // The added categories, in case the product could not be reverted, and those that it is in again.
    let either: Vec<CategoryId> = before.category_ids.iter().chain(&next.category_ids).copied().collect();
    remove_deleted(db, before.id, &either).await?;
    Err(refused)
}

/// Removes deleted categories from one batch of products that still name one. Answers the number of products.
pub(crate) async fn remove_deleted_categories(db: &Mongo, deleted: &[CategoryId]) -> Result<usize, Error> {
    if deleted.is_empty() {
        return Ok(0);
    }
    let left = store::in_categories(db, deleted).await?;
    for product in &left {
        remove_deleted(db, product.id, &product.category_ids).await?;
    }
    Ok(left.len())
}

/// Cancels deletions in progress of the categories that a change adds to a product. The other ones are kept by the product
/// itself.
async fn keep_added(db: &Mongo, before: &[CategoryId], now: &[CategoryId]) -> Result<(), Error> {
    if now.iter().all(|id| before.contains(id)) { Ok(()) } else { flow::keep(db, now).await }
}

/// Whether a category is deleted, or the time was too short to find out; the saved product is reverted then.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Category(Refused::UnknownCategories(_)) | Error::CategoriesContended)
}

/// Removes from a product those of these categories that are deleted.
async fn remove_deleted(db: &Mongo, id: ProductId, categories: &[CategoryId]) -> Result<(), Error> {
    let mut backoff = Backoff::default();
    loop {
        let (deleted, tree) = flow::deleted_of(db, categories).await?;
        let Some(product) = store::find(db, &ProductKey::Id(id)).await? else { return Ok(()) };
        if !product.category_ids.iter().any(|id| deleted.contains(id)) {
            return Ok(());
        }
        let mut next = Product { version: product.version + 1, ..product.clone() };
        next.category_ids.retain(|id| !deleted.contains(id));
        if store::replace(db, product.version, &next, &tree).await? {
            return Ok(());
        }
        if !backoff.wait().await {
            return Err(Error::ProductContended);
        }
    }
}
