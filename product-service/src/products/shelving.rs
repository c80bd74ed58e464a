//! Products put into categories that may be deleted at the same moment. Why this is right is said in
//! [`crate::categories::store`]: the product is saved first, and then its categories are looked at again.

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

/// Saves a product that was changed, unless another request changed it since (false then), or a category that it comes into is
/// deleted meanwhile.
pub async fn replace(db: &Mongo, before: &Product, next: &Product, tree: &Tree) -> Result<bool, Error> {
    if !store::replace(db, before.version, next, tree).await? {
        return Ok(false);
    }
    let refused = match keep_added(db, &before.category_ids, &next.category_ids).await {
        Err(error) if is_refusal(&error) => error,
        other => return other.map(|()| true),
    };
    // A version of its own: the one that is taken back may have been read.
    let back = Product { version: next.version + 1, ..before.clone() };
    match store::replace(db, next.version, &back, tree).await {
        Ok(_) | Err(Error::ProductSlugTaken | Error::SkuTaken) => {}
        Err(error) => return Err(error),
    }
    // Those that it came into, where it could not be set back, and those that it is in again.
    let either: Vec<CategoryId> = before.category_ids.iter().chain(&next.category_ids).copied().collect();
    remove_deleted(db, before.id, &either).await?;
    Err(refused)
}

/// Takes categories that are gone out of the products that still name one, of up to as many as are followed at once. Answers
/// how many.
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

/// Has the categories stay that a product was put into. Those it was in before are held by that it names them.
async fn keep_added(db: &Mongo, before: &[CategoryId], now: &[CategoryId]) -> Result<(), Error> {
    if now.iter().all(|id| before.contains(id)) { Ok(()) } else { flow::keep(db, now).await }
}

/// Whether a category is gone, or it could not be found out in time; a product that was saved is set back then.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Category(Refused::UnknownCategories(_)) | Error::CategoriesContended)
}

/// Takes those of these categories that are gone out of a product, as it is now.
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
