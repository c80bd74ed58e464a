//! Changes of the tree, which start over when another request has changed it meanwhile. Handlers of categories call these, and
//! so does everything that adds a product to a category. This file may use the store of categories; it knows nothing of
//! products.

use super::{
    domain::{Tree, must_exist},
    store,
};
use crate::{
    error::Error,
    ids::CategoryId,
    mongo::{Backoff, Mongo},
};

/// Reads, changes and saves the tree; starts over when another request has changed it meanwhile.
pub(super) async fn change<T>(
    db: &Mongo,
    mut change: impl FnMut(&mut Tree) -> Result<T, Error>,
) -> Result<(T, Tree), Error> {
    let mut backoff = Backoff::default();
    loop {
        let mut tree = store::tree(db).await?;
        let before = tree.clone();
        let changed = change(&mut tree)?;
        if tree == before || store::save(db, &mut tree).await? {
            return Ok((changed, tree));
        }
        if !backoff.wait().await {
            return Err(Error::CategoriesContended);
        }
    }
}

/// Keeps categories that a product was just added to: cancels their deletions in progress, and refuses deleted ones. Call it
/// after the product was saved; [`store`] says why in this order.
pub(crate) async fn keep(db: &Mongo, ids: &[CategoryId]) -> Result<(), Error> {
    change(db, |tree| {
        must_exist(tree, ids)?;
        tree.keep(ids);
        Ok(())
    })
    .await
    .map(|_| ())
}

/// Those of these categories that are deleted. Deletions in progress of the other ones are cancelled.
pub(crate) async fn deleted_of(db: &Mongo, ids: &[CategoryId]) -> Result<(Vec<CategoryId>, Tree), Error> {
    change(db, |tree| {
        tree.keep(ids);
        Ok(ids.iter().copied().filter(|id| tree.get(*id).is_none()).collect())
    })
    .await
}
