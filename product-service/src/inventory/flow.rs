//! The sweep of stock: it updates the availability that the catalogue shows, and sends low-stock alerts to staff. Neither is on a
//! shopper's path: both follow what reservations did, a sweep later.

use common::{sku::Sku, timestamp::Timestamp};
use platform::client::{Call, CallError};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    domain::{Availability, Stock},
    store::{
        self,
        availability::{self, StaleAvailability},
        low_stock::{self, LowStock},
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
/// The namespace from which the ids of low-stock alerts are derived.
const NAMESPACE: Uuid = Uuid::from_u128(0x0193_8f6e_9d02_7f4b_b1c6_0e35_6a7d_2c11);

/// What one sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// SKUs whose availability in the catalogue was updated.
    #[serde(rename = "listed")]
    pub updated: usize,
    /// SKUs that ran low, and whose low-stock alert was sent.
    #[serde(rename = "told")]
    pub notified: usize,
    /// SKUs for which one of the two failed; each failure is logged, and the next sweep tries again.
    pub failed: usize,
}

/// Updates the availability of SKUs in the catalogue, and sends low-stock alerts. Does bounded work; several sweeps may run at
/// once.
pub(super) async fn sweep(db: &Mongo, staff: Option<&Staff>, now: Timestamp) -> Result<Swept, Error> {
    let mut report = Swept::default();
    update_availability(db, &mut report).await?;
    low_stock::rearm(db).await?;
    send_alerts(db, staff, now, &mut report).await?;
    Ok(report)
}

async fn update_availability(db: &Mongo, report: &mut Swept) -> Result<(), Error> {
    let stale = availability::find_stale(db, SWEEP_LIMIT).await?;
    let products = products_of(db, stale.iter().map(|seen| &seen.stock.sku)).await?;
    for product in &products {
        let seen: Vec<_> = stale.iter().filter(|seen| product.has_sku(&seen.stock.sku)).collect();
        match update_product(db, product, &seen).await {
            Ok(true) => report.updated += seen.len(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, product_id = %product.id, "product availability not updated");
                report.failed += seen.len();
            }
        }
    }
    Ok(())
}

async fn products_of(db: &Mongo, skus: impl Iterator<Item = &Sku>) -> Result<Vec<Product>, Error> {
    let skus: Vec<&Sku> = skus.collect();
    if skus.is_empty() { Ok(Vec::new()) } else { product_store::with_skus(db, &skus).await }
}

/// Updates whether a product is in stock, and remembers the availability of these of its SKUs; `false` when another sweep was
/// updating the product at the same time.
async fn update_product(db: &Mongo, product: &Product, seen: &[&StaleAvailability]) -> Result<bool, Error> {
    if !update_in_stock(db, product).await? {
        return Ok(false);
    }
    for seen in seen {
        availability::save(db, seen, Availability::of(&seen.stock)).await?;
    }
    Ok(true)
}

/// Writes that a product is in stock if any of its variants is; `false` when another request wrote it at the same time.
async fn update_in_stock(db: &Mongo, product: &Product) -> Result<bool, Error> {
    let round = product_store::stock_round(db, product.id).await?;
    let skus: Vec<_> = product.variants.iter().map(|variant| &variant.sku).collect();
    let stock = store::available_to_promise(db, &skus).await?;
    let is_in_stock = stock.iter().any(|(_, available)| available.covers(1));
    product_store::set_in_stock(db, product.id, round, is_in_stock).await
}

/// Updates whether a product is in stock after it lost a variant, perhaps the only one in stock. Where this fails, the product's
/// availability is corrected after the next change of another variant's stock.
pub(crate) async fn update_in_stock_after_removal(db: &Mongo, product: &Product) {
    if let Err(error) = update_in_stock(db, product).await {
        tracing::warn!(%error, product_id = %product.id, "product availability not updated after variant removal");
    }
}

async fn send_alerts(db: &Mongo, staff: Option<&Staff>, now: Timestamp, report: &mut Swept) -> Result<(), Error> {
    let all = low_stock::find_armed(db, SWEEP_LIMIT).await?;
    let products = products_of(db, all.iter().map(|low| &low.stock.sku)).await?;
    for low in &all {
        let sku = &low.stock.sku;
        let product = products.iter().find(|product| product.has_sku(sku));
        let sent = async {
            if let Some(staff) = staff {
                send_alert(staff, low, product).await.map_err(Error::LowStockAlert)?;
            }
            tracing::info!(%sku, available = low.stock.available, "stock runs low");
            low_stock::set_notified(db, low, now).await
        };
        let Err(error) = sent.await else {
            report.notified += 1;
            continue;
        };
        tracing::error!(%error, %sku, "low-stock alert not sent");
        report.failed += 1;
        // A notification-service that does not answer now will not answer for the next SKU either, and each try takes its time.
        if !matches!(error, Error::LowStockAlert(CallError::Refused(_))) {
            break;
        }
    }
    Ok(())
}

/// Sends staff the alert that a SKU runs low. An alert that is sent twice is mailed once: its id follows from the SKU, the number
/// of alerts before, and the address, which staff may have changed between the two.
async fn send_alert(staff: &Staff, low: &LowStock, product: Option<&Product>) -> Result<(), CallError> {
    let Stock { sku, available, low_stock_at, .. } = &low.stock;
    let title = product.map_or_else(|| sku.to_string(), |product| product.title.clone());
    let name = format!("{sku}\n{}\n{}", low.times_notified, staff.email.as_str());
    let event_id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
    let body = json!({
        "event_id": event_id, "template": "low_stock", "recipient": { "email": staff.email },
        "channels": ["email"],
        "data": { "stock": { "sku": sku, "title": title, "available": available, "low_stock_at": low_stock_at } }
    });
    // Repeating it is harmless: notification-service knows the event.
    staff.client.send(Call::post("/notifications", body).with_key(&event_id)).await.map(drop)
}
