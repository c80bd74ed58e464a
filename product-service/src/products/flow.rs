//! The steps of changing a product. Handlers and imports share them; each can be repeated, so that a change that a crash
//! interrupted is finished by sending it again. This file may use the stores of products, categories and stock.

use common::{etag::IfMatch, sku::Sku, timestamp::Timestamp};

use super::{
    domain::{Change, Product, ProductKey},
    shelving, store,
};
use crate::{
    categories::{domain::Tree, store as category_store},
    error::Error,
    ids::ProductId,
    inventory::{flow::update_in_stock_after_removal, store as inventory_store},
    mongo::{Backoff, Mongo},
};

/// Reads, changes and saves a product. Starts over when another request has changed it meanwhile, unless the client asks for a
/// version.
pub(super) async fn change(db: &Mongo, id: ProductId, if_match: &IfMatch, change: &Change) -> Result<Product, Error> {
    let mut backoff = Backoff::default();
    loop {
        let product = store::find(db, &ProductKey::Id(id)).await?.ok_or(Error::NotFound)?;
        if_match.check(product.tag())?;
        let next = product.after(change.clone(), Timestamp::now())?;
        let tree = category_store::tree(db).await?;
        if next.version == product.version || save(db, &product, &next, &tree).await? {
            return Ok(next);
        }
        if !backoff.wait().await {
            return Err(Error::ProductContended);
        }
    }
}

/// Saves a changed product, and deletes the stock of variants that it loses; `false` when another request has changed it since
/// it was read. After a crash in between, those variants are sold out until the change is saved again.
pub(crate) async fn save(db: &Mongo, product: &Product, next: &Product, tree: &Tree) -> Result<bool, Error> {
    let loses_variants = withdraw_variants(db, product, next).await?;
    let is_saved = shelving::replace(db, product, next, tree).await?;
    if is_saved && loses_variants {
        update_in_stock_after_removal(db, next).await;
    }
    Ok(is_saved)
}

/// Deletes the stock of the variants that a product loses, so that no order can reserve them; refused while orders hold units
/// of one. A change that would be refused for another SKU deletes no stock. Answers whether the product loses variants.
async fn withdraw_variants(db: &Mongo, product: &Product, next: &Product) -> Result<bool, Error> {
    let skus = |product: &Product| product.variants.iter().map(|variant| variant.sku.clone()).collect::<Vec<_>>();
    let lost: Vec<Sku> = skus(product).into_iter().filter(|sku| !next.has_sku(sku)).collect();
    if lost.is_empty() {
        return Ok(false);
    }
    let gained: Vec<Sku> = skus(next).into_iter().filter(|sku| !product.has_sku(sku)).collect();
    if !gained.is_empty() && !store::with_skus(db, &gained.iter().collect::<Vec<_>>()).await?.is_empty() {
        return Err(Error::SkuTaken);
    }
    let stock = inventory_store::find_many(db, &lost.iter().collect::<Vec<_>>()).await?;
    if stock.iter().any(|stock| stock.reserved > 0) {
        return Err(Error::VariantReserved);
    }
    for sku in &lost {
        if !inventory_store::close(db, sku).await? {
            return Err(Error::VariantReserved);
        }
    }
    Ok(true)
}
