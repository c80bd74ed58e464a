//! The steps of adjustments, stocktakes and returns. Any of them may be the last before a crash; each can be repeated.

use common::{etag::IfMatch, id::Id, sku::Sku, timestamp::Timestamp};
use serde::Serialize;

use super::{
    domain::{Adjustment, AttemptId, RestockRequest, ReturnId},
    store::{self, AttemptOutcome},
};
use crate::{
    basket::LineItem,
    error::Error,
    inventory::{domain::Stock, store as inventory_store},
    mongo::Mongo,
    products::store as product_store,
};

/// How often a request tries before it gives up because other requests change the SKU.
const MAX_ATTEMPTS: usize = 3;
/// How many SKUs with unfinished adjustments one sweep handles.
const SWEEP_LIMIT: i64 = 50;

/// Makes an adjustment once, on a stock that `if_match` allows. Answers the adjustment as it was made first.
pub(super) async fn adjust(db: &Mongo, adjustment: Adjustment, if_match: &IfMatch) -> Result<Adjustment, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let attempt = Id::new(adjustment.at);
        match store::apply(db, &adjustment, attempt, if_match).await? {
            AttemptOutcome::Applied => return Ok(adjustment),
            AttemptOutcome::Superseded => {
                store::settle(db, &adjustment, attempt, false).await?;
                return replay(db, &adjustment).await?.ok_or(Error::AdjustmentInProgress);
            }
            AttemptOutcome::Refused => {
                if let Some(made) = replay(db, &adjustment).await? {
                    return Ok(made);
                }
                must_have_room(db, &adjustment, if_match).await?;
            }
        }
    }
    Err(Error::AdjustmentInProgress)
}

/// The adjustment of the same id that an earlier request made; settles it, in case that request died before.
async fn replay(db: &Mongo, adjustment: &Adjustment) -> Result<Option<Adjustment>, Error> {
    let Some((made, attempt)) = store::find(db, adjustment.id).await? else { return Ok(None) };
    if !made.is_like(adjustment) {
        return Err(Error::KeyReused);
    }
    store::settle(db, &made, attempt, true).await?;
    Ok(Some(made))
}

/// Says why an adjustment could not be recorded on its SKU. Where the SKU only had no stock document, makes one, so that the
/// next attempt succeeds.
async fn must_have_room(db: &Mongo, adjustment: &Adjustment, if_match: &IfMatch) -> Result<(), Error> {
    // The units that are missing may be those that another attempt at this very adjustment has just taken.
    if store::is_under_way(db, adjustment).await? {
        return Err(Error::AdjustmentInProgress);
    }
    match inventory_store::find(db, &adjustment.sku).await? {
        Some(stock) if if_match.check(stock.tag()).is_err() => Err(Error::Stale),
        Some(stock) if !stock.has_room_for(adjustment.delta) => {
            Err(if adjustment.delta < 0 { Error::BelowReserved } else { Error::TooManyOnHand })
        }
        Some(_) => Ok(()),
        None if product_store::has_sku(db, &adjustment.sku).await? => {
            // A stock that does not exist has no tag (RFC 9110, 13.1.1).
            if *if_match != IfMatch::Any {
                return Err(Error::Stale);
            }
            inventory_store::open(db, &adjustment.sku, adjustment.at).await
        }
        None => Err(Error::NotFound),
    }
}

/// Sets the number on hand, and writes the difference into the audit log.
pub(super) async fn stocktake(
    db: &Mongo,
    stocktake: &Adjustment,
    on_hand: i64,
    if_match: &IfMatch,
) -> Result<Stock, Error> {
    if !product_store::has_sku(db, &stocktake.sku).await? {
        return Err(Error::NotFound);
    }
    let attempt = Id::new(stocktake.at);
    inventory_store::set(db, &stocktake.sku, on_hand, if_match, stocktake.at, |delta| {
        store::stocktake_entry(stocktake, attempt, delta)
    })
    .await?;
    // The number is set. Where this fails, the sweep writes the audit log.
    finish_stocktake(db, &stocktake.sku, attempt).await;
    inventory_store::find(db, &stocktake.sku).await?.ok_or(Error::NotFound)
}

async fn finish_stocktake(db: &Mongo, sku: &Sku, attempt: AttemptId) {
    let finished = async {
        match store::recorded_on(db, sku, attempt).await? {
            Some(recorded) => finish(db, &recorded, attempt).await,
            None => Ok(()),
        }
    };
    if let Err(error) = finished.await {
        tracing::warn!(%error, %sku, "stocktake not written to the audit log; the sweep tries again");
    }
}

/// The result of one line of a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct RestockedLine {
    /// SKU of the variant.
    pub sku: Sku,
    /// Number of units that were returned.
    pub quantity: u32,
    /// Whether the units are on the shelf; `false` where the shop no longer has the SKU.
    pub restocked: bool,
}

/// Restocks the lines of a return, once. Refused where a SKU would have too many on hand; the other lines are restocked then,
/// and the same request restocks the rest once there is room.
pub(super) async fn restock(
    db: &Mongo,
    id: ReturnId,
    request: &RestockRequest,
    by: &str,
    now: Timestamp,
) -> Result<Vec<RestockedLine>, Error> {
    if !store::open_return(db, id, &request.lines, now).await?
        && store::returned_lines(db, id).await?.is_none_or(|lines| lines != request.lines)
    {
        return Err(Error::ReturnDiffers);
    }
    let mut restocked = Vec::with_capacity(request.lines.len());
    let mut has_room = true;
    for line in &request.lines {
        let adjusted = adjust(db, Adjustment::returned(id, line, by.to_owned(), now), &IfMatch::Any).await;
        let LineItem { sku, quantity } = line.clone();
        let is_restocked = match adjusted {
            Ok(_) => true,
            Err(Error::NotFound) => false,
            Err(Error::TooManyOnHand) => {
                has_room = false;
                false
            }
            Err(error) => return Err(error),
        };
        restocked.push(RestockedLine { sku, quantity, restocked: is_restocked });
    }
    if has_room { Ok(restocked) } else { Err(Error::TooManyOnHand) }
}

/// Finishes an adjustment that was found on its SKU.
async fn finish(db: &Mongo, adjustment: &Adjustment, attempt: AttemptId) -> Result<(), Error> {
    let is_applied = store::decide(db, adjustment, attempt).await?;
    store::settle(db, adjustment, attempt, is_applied).await
}

/// Finishes adjustments that were recorded before a moment and not settled, because a crash came in between. Answers their
/// number; failures are logged, and the next sweep tries again.
pub(super) async fn finish_left_over(db: &Mongo, before: Timestamp) -> Result<usize, Error> {
    let mut finished = 0;
    for (adjustment, attempt) in store::unsettled(db, before, SWEEP_LIMIT).await? {
        match finish(db, &adjustment, attempt).await {
            Ok(()) => finished += 1,
            Err(error) => {
                tracing::error!(%error, sku = %adjustment.sku, id = %adjustment.id, "adjustment sweep failed");
            }
        }
    }
    Ok(finished)
}
