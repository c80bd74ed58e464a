//! Changes of the tree that start over where others changed it meanwhile. Handlers of categories call these, and so does
//! whatever puts a product into a category. This file may use the store of categories; it knows nothing of products.

use super::{
    domain::{Tree, must_exist},
    store,
};
use crate::{
    error::Error,
    ids::CategoryId,
    mongo::{Backoff, Mongo},
};

/// Reads, changes and saves the tree, again where somebody else was quicker.
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

/// Has categories stay that a product was just put into, though they may be being deleted; refuses those that are gone. To be
/// called after the product was saved; why in this order, says [`store`].
pub(crate) async fn keep(db: &Mongo, ids: &[CategoryId]) -> Result<(), Error> {
    change(db, |tree| {
        must_exist(tree, ids)?;
        tree.keep(ids);
        Ok(())
    })
    .await
    .map(|_| ())
}

/// Of these categories those that are gone; the others stay, though they may be being deleted.
pub(crate) async fn deleted_of(db: &Mongo, ids: &[CategoryId]) -> Result<(Vec<CategoryId>, Tree), Error> {
    change(db, |tree| {
        tree.keep(ids);
        Ok(ids.iter().copied().filter(|id| tree.get(*id).is_none()).collect())
    })
    .await
}
