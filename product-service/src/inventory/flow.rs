//! What the sweep makes of stock: the catalogue shows what is in stock, and staff hear of what runs low. Neither is on a
//! shopper's path: both follow what reservations did, a sweep later.

use common::{contact::Email, timestamp::Timestamp};
use platform::client::{Call, ServiceClient};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    domain::Stock,
    store::{self, Listing, Low},
};
use crate::{error::Error, products, products::domain::Product, store::Store};

/// How many SKUs of each kind one sweep looks at.
const SWEEP_LIMIT: i64 = 50;
/// Under which ids of notices are derived.
const NAMESPACE: Uuid = Uuid::from_u128(0x0193_8f6e_9d02_7f4b_b1c6_0e35_6a7d_2c11);

/// Who hears of what runs low, and by whom.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Where.
    pub email: Email,
    /// To notification-service.
    pub client: ServiceClient,
}

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
pub(super) async fn sweep(store: &Store, staff: Option<&Staff>, now: Timestamp) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    for stock in store::listed_wrongly(store, SWEEP_LIMIT).await? {
        match list(store, &stock).await {
            Ok(true) => swept.listed += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, sku = %stock.stock.sku, "not listed");
                swept.failed += 1;
            }
        }
    }
    store::watch_again(store).await?;
    for low in store::low(store, SWEEP_LIMIT).await? {
        match tell(store, staff, &low, now).await {
            Ok(()) => swept.told += 1,
            Err(error) => {
                tracing::error!(%error, sku = %low.stock.sku, "low stock not told");
                swept.failed += 1;
            }
        }
    }
    Ok(swept)
}

/// Has the product of a SKU be listed as its stock is now; `false` when somebody else is at it.
async fn list(store: &Store, seen: &store::Listed) -> Result<bool, Error> {
    let sku = &seen.stock.sku;
    let products = products::store::with_skus(store, &[sku]).await?;
    if let Some(product) = products.first()
        && !list_product(store, product).await?
    {
        return Ok(false);
    }
    store::list_as(store, seen, Listing::of(&seen.stock)).await?;
    Ok(true)
}

/// Has a product be listed as in stock if any of its variants is; `false` when somebody else just did.
pub(crate) async fn list_product(store: &Store, product: &Product) -> Result<bool, Error> {
    let round = products::store::listing_round(store, product.id).await?;
    let skus: Vec<_> = product.variants.iter().map(|variant| &variant.sku).collect();
    let stock = store::available(store, &skus).await?;
    let is_in_stock = stock.iter().any(|(_, available)| available.covers(1));
    products::store::list_as(store, product.id, round, is_in_stock).await
}

/// Tells staff that a SKU runs low. Told twice, it is mailed once: the id of the notice follows from the SKU and from how
/// often it ran low before.
async fn tell(store: &Store, staff: Option<&Staff>, low: &Low, now: Timestamp) -> Result<(), Error> {
    let Stock { sku, available, low_stock_at, .. } = &low.stock;
    if let Some(Staff { email, client }) = staff {
        let products = products::store::with_skus(store, &[sku]).await?;
        let title = products.first().map_or_else(|| sku.to_string(), |product| product.title.clone());
        let event_id = Uuid::new_v5(&NAMESPACE, format!("{sku}\n{}", low.times_told).as_bytes());
        let body = json!({
            "event_id": event_id, "template": "low_stock", "recipient": { "email": email },
            "stock": { "sku": sku, "title": title, "available": available, "low_stock_at": low_stock_at }
        });
        // Repeating it is harmless: notification-service knows the event.
        client.send(Call::post("/notifications", body).with_key(&event_id)).await.map_err(Error::Notices)?;
    }
    tracing::info!(%sku, available, "stock runs low");
    store::told(store, low, now).await
}
