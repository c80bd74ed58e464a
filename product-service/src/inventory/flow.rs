//! What the sweep makes of stock: the catalogue shows what is in stock, and staff hear of what runs low. Neither is on a
//! shopper's path: both follow what reservations did, a sweep later.

use common::{sku::Sku, timestamp::Timestamp};
use platform::client::{Call, CallError};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    domain::{Listing, Stock},
    store::{
        self,
        notices::{self, Listed, Low},
    },
};
use crate::{
    app::Staff,
    error::Error,
    mongo::Mongo,
    products::{domain::Product, store as product_store},
};

/// How many SKUs of each kind one sweep looks at.
const SWEEP_LIMIT: i64 = 50;
/// Under which ids of notices are derived.
const NAMESPACE: Uuid = Uuid::from_u128(0x0193_8f6e_9d02_7f4b_b1c6_0e35_6a7d_2c11);

/// What one sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// SKUs that came into stock, or went out of it, and are listed so now.
    pub listed: usize,
    /// SKUs that ran low, and that staff were told of.
    pub told: usize,
    /// What could not be done now; each is logged, and found again by the next sweep.
    pub failed: usize,
}

/// Lists what came into stock or went out of it, and tells staff what runs low. Bounded; may run many at once.
pub(super) async fn sweep(db: &Mongo, staff: Option<&Staff>, now: Timestamp) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    list_all(db, &mut swept).await?;
    notices::watch_again(db).await?;
    tell_all(db, staff, now, &mut swept).await?;
    Ok(swept)
}

async fn list_all(db: &Mongo, swept: &mut Swept) -> Result<(), Error> {
    let wrong = notices::listed_wrongly(db, SWEEP_LIMIT).await?;
    let products = products_of(db, wrong.iter().map(|seen| &seen.stock.sku)).await?;
    for product in &products {
        let seen: Vec<_> = wrong.iter().filter(|seen| product.has_sku(&seen.stock.sku)).collect();
        match list(db, product, &seen).await {
            Ok(true) => swept.listed += seen.len(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, product_id = %product.id, "not listed");
                swept.failed += seen.len();
            }
        }
    }
    Ok(())
}

async fn products_of(db: &Mongo, skus: impl Iterator<Item = &Sku>) -> Result<Vec<Product>, Error> {
    let skus: Vec<&Sku> = skus.collect();
    if skus.is_empty() { Ok(Vec::new()) } else { product_store::with_skus(db, &skus).await }
}

/// Has a product be listed as its stock is now, for these of its SKUs; `false` when somebody else is at it.
async fn list(db: &Mongo, product: &Product, seen: &[&Listed]) -> Result<bool, Error> {
    if !list_product(db, product).await? {
        return Ok(false);
    }
    for seen in seen {
        notices::list_as(db, seen, Listing::of(&seen.stock)).await?;
    }
    Ok(true)
}

/// Has a product be listed as in stock if any of its variants is; `false` when somebody else just did.
async fn list_product(db: &Mongo, product: &Product) -> Result<bool, Error> {
    let round = product_store::listing_round(db, product.id).await?;
    let skus: Vec<_> = product.variants.iter().map(|variant| &variant.sku).collect();
    let stock = store::available(db, &skus).await?;
    let is_in_stock = stock.iter().any(|(_, available)| available.covers(1));
    product_store::list_as(db, product.id, round, is_in_stock).await
}

/// The same for a product that lost a variant, perhaps the only one in stock. Should it fail, the next change of another
/// variant's stock puts it right.
pub(crate) async fn list_after_removal(db: &Mongo, product: &Product) {
    if let Err(error) = list_product(db, product).await {
        tracing::warn!(%error, product_id = %product.id, "in stock as it was with the variant that is gone");
    }
}

async fn tell_all(db: &Mongo, staff: Option<&Staff>, now: Timestamp, swept: &mut Swept) -> Result<(), Error> {
    let all = notices::low(db, SWEEP_LIMIT).await?;
    let products = products_of(db, all.iter().map(|low| &low.stock.sku)).await?;
    for low in &all {
        let sku = &low.stock.sku;
        let product = products.iter().find(|product| product.has_sku(sku));
        let told = async {
            if let Some(staff) = staff {
                tell(staff, low, product).await.map_err(Error::Notices)?;
            }
            tracing::info!(%sku, available = low.stock.available, "stock runs low");
            notices::told(db, low, now).await
        };
        let Err(error) = told.await else {
            swept.told += 1;
            continue;
        };
        tracing::error!(%error, %sku, "low stock not told");
        swept.failed += 1;
        // Who does not answer now will not answer the next one either, and each try takes its time.
        if !matches!(error, Error::Notices(CallError::Refused(_))) {
            break;
        }
    }
    Ok(())
}

/// Tells staff that a SKU runs low. Told twice, it is mailed once: the id of the notice follows from the SKU, from how often
/// it ran low before, and from the address, which may be another one by the second time.
async fn tell(staff: &Staff, low: &Low, product: Option<&Product>) -> Result<(), CallError> {
    let Stock { sku, available, low_stock_at, .. } = &low.stock;
    let title = product.map_or_else(|| sku.to_string(), |product| product.title.clone());
    let notice = format!("{sku}\n{}\n{}", low.times_told, staff.email.as_str());
    let event_id = Uuid::new_v5(&NAMESPACE, notice.as_bytes());
    let body = json!({
        "event_id": event_id, "template": "low_stock", "recipient": { "email": staff.email },
        "channels": ["email"],
        "data": { "stock": { "sku": sku, "title": title, "available": available, "low_stock_at": low_stock_at } }
    });
    // Repeating it is harmless: notification-service knows the event.
    staff.client.send(Call::post("/notifications", body).with_key(&event_id)).await.map(drop)
}
