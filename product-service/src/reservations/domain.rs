//! Stock that is reserved for orders.
//!
//! A reservation belongs to one order and is decided once: it is held, then committed or released, and that is final.
//!
//! | state \ event | reserve, same lines | reserve, other lines | commit | release |
//! | --- | --- | --- | --- | --- |
//! | absent, void | takes the stock | takes the stock | 404 | inserts a tombstone |
//! | reserving, lease runs | 409 in progress | 409 in progress | 409 in progress | ends it: released |
//! | reserving, lease ran out | unwinds it, takes the stock | unwinds it, takes the stock | 409 in progress | ends it: released |
//! | held | the same answer | 409 differs | committed | released |
//! | committed | the same answer | 409 differs | the same answer | 409 committed |
//! | released (or tombstone) | 409 released | 409 released | 409 released | the same answer |
//!
//! *Void* is the state of an attempt that ended without taking stock; it is treated as absent. A crash between any two steps
//! leaves one of these states and perhaps movements on some SKUs; [`Reservation::verdict`] decides whether those are applied or
//! discarded.

use std::collections::BTreeMap;

use common::{
    input::{Fields, FromFields},
    money::{Currency, Money},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::{
    basket::{LineItem, MAX_LINES, basket},
    ids::{OrderId, ProductId},
    inventory::domain::{MovementId, MovementKind, StockMovement, Verdict},
    products::domain::{Product, TaxClass},
};

/// The lines to reserve for an order.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"currency": "USD", "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}]}))]
pub struct ReservationRequest {
    /// Currency of the prices.
    pub currency: Currency,
    /// The lines; quantities of the same SKU are added up.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<LineItem>,
}

impl FromFields for ReservationRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let currency = fields.text("currency");
        let lines = fields.objects::<LineItem>("lines", MAX_LINES)?;
        if lines.is_empty() {
            return fields.refuse("lines", "too_few", "must have at least one line");
        }
        Some(Self { currency: currency?, lines })
    }
}

impl ReservationRequest {
    /// One line a SKU, in the order of the SKUs. That order matters: of two orders that want the last units of the same
    /// SKUs, both ask for them in the same order, so one of them gets them all.
    pub fn basket(&self) -> Vec<LineItem> {
        basket(&self.lines)
    }

    /// Where the request named a SKU first.
    pub fn position(&self, sku: &Sku) -> usize {
        self.lines.iter().position(|line| line.sku == *sku).unwrap_or_default()
    }
}

/// A line with title, options, price and tax class as they were when it was reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PricedLine {
    /// SKU of the ordered variant.
    pub sku: Sku,
    /// Number of units.
    pub quantity: u32,
    /// The product that the SKU is a variant of.
    pub product_id: ProductId,
    /// The product's title.
    pub title: String,
    /// The variant's options.
    pub options: BTreeMap<String, String>,
    /// Price of one unit; guaranteed to this order, whatever the catalogue says later.
    pub unit_price: Money,
    /// Tax class of the variant; fixed for this order, like the price.
    pub tax_class: TaxClass,
}

/// Why a line has no price: its SKU, a code and a message.
pub type Unpriced = (Sku, &'static str, String);

/// Prices a basket from the products that it names.
pub fn price(basket: &[LineItem], currency: Currency, products: &[Product]) -> Result<Vec<PricedLine>, Vec<Unpriced>> {
    let (mut priced, mut unpriced) = (Vec::with_capacity(basket.len()), Vec::new());
    for LineItem { sku, quantity } in basket {
        let of =
            |product: &Product| product.variants.iter().find(|v| v.sku == *sku).map(|v| (product.clone(), v.clone()));
        let Some((product, variant)) = products.iter().filter(|product| product.is_on_sale()).find_map(of) else {
            unpriced.push((sku.clone(), "unknown_sku", "is not on sale".into()));
            continue;
        };
        let Some(unit_price) = variant.price_in(currency) else {
            unpriced.push((sku.clone(), "not_sold_in_currency", format!("is not sold in {currency}")));
            continue;
        };
        let (sku, quantity, product_id, title) = (sku.clone(), *quantity, product.id, product.title);
        let (options, tax_class) = (variant.options, variant.tax_class);
        priced.push(PricedLine { sku, quantity, product_id, title, options, unit_price, tax_class });
    }
    if unpriced.is_empty() { Ok(priced) } else { Err(unpriced) }
}

/// The state of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ReservationState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// An attempt to reserve is taking units.
    Reserving,
    /// An attempt to reserve ended without taking units.
    Void,
    /// Units are reserved for the order.
    Held,
    /// The order is paid, and its units have left the stock on hand; final.
    Committed,
    /// The units can be reserved for other orders; final.
    Released,
}

impl State {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Whose.
    pub order_id: OrderId,
    /// How far it has come.
    pub state: State,
    /// What prices are in; `None` on a tombstone.
    pub currency: Option<Currency>,
    /// What is reserved, one line a SKU, sorted; empty on a tombstone.
    pub basket: Vec<LineItem>,
    /// The same with prices, from [`State::Held`] on.
    pub lines: Vec<PricedLine>,
    /// The hold that took, or is taking, the units.
    pub hold: Option<MovementId>,
    /// The movement that committed or released it.
    pub decision: Option<MovementId>,
    /// Until when an attempt in [`State::Reserving`] is left alone.
    pub lease_until: Timestamp,
    /// When a held one is released by the sweep. A backstop: orders expire long before, in transaction-service.
    pub expires_at: Timestamp,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub updated_at: Timestamp,
}

/// What a request to reserve does about a reservation that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveStep {
    /// Answers with it.
    Answer,
    /// Takes its place.
    Replace,
    /// Unwinds it, then takes its place.
    Unwind,
}

/// A decision about a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The order is paid.
    Commit,
    /// The order is given up.
    Release,
}

impl Decision {
    /// The state it leads to.
    pub fn state(self) -> State {
        match self {
            Self::Commit => State::Committed,
            Self::Release => State::Released,
        }
    }

    /// What it does to the stock.
    pub fn movement(self) -> MovementKind {
        match self {
            Self::Commit => MovementKind::Commit,
            Self::Release => MovementKind::Release,
        }
    }
}

/// What a decision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecideStep {
    /// Was decided so before: answers with it.
    Answer,
    /// Moves the stock.
    Move,
    /// Ends an attempt that is taking units.
    End,
    /// Leaves a tombstone, so that a late reserve finds it.
    InsertTombstone,
}

/// Why a request to reserve, commit or release is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The order has no reservation.
    #[error("the order has no reservation")]
    NotFound,
    /// The order has a reservation with other lines.
    #[error("the order has a reservation with other lines")]
    ReservationDiffers,
    /// Another request is reserving for the same order.
    #[error("another request is reserving for the order")]
    ReservationInProgress,
    /// The reservation was released, or its order given up, before.
    #[error("the reservation was released before")]
    ReservationReleased,
    /// The reservation was committed before.
    #[error("the reservation was committed before")]
    ReservationCommitted,
}

impl Reservation {
    /// What a request to reserve does when it finds this one.
    pub fn on_reserve(&self, basket: &[LineItem], currency: Currency, now: Timestamp) -> Result<ReserveStep, Refused> {
        match self.state {
            State::Void => Ok(ReserveStep::Replace),
            State::Reserving if self.lease_until <= now => Ok(ReserveStep::Unwind),
            State::Reserving => Err(Refused::ReservationInProgress),
            State::Held | State::Committed if self.basket == basket && self.currency == Some(currency) => {
                Ok(ReserveStep::Answer)
            }
            State::Held | State::Committed => Err(Refused::ReservationDiffers),
            State::Released => Err(Refused::ReservationReleased),
        }
    }

    /// What a decision does when it finds this state; `None` is absent.
    pub fn on_decision(state: Option<State>, decision: Decision) -> Result<DecideStep, Refused> {
        match (state, decision) {
            (None | Some(State::Void), Decision::Commit) => Err(Refused::NotFound),
            (None | Some(State::Void), Decision::Release) => Ok(DecideStep::InsertTombstone),
            (Some(State::Reserving), Decision::Commit) => Err(Refused::ReservationInProgress),
            (Some(State::Reserving), Decision::Release) => Ok(DecideStep::End),
            (Some(State::Held), _) => Ok(DecideStep::Move),
            (Some(State::Committed), Decision::Commit) | (Some(State::Released), Decision::Release) => {
                Ok(DecideStep::Answer)
            }
            (Some(State::Committed), Decision::Release) => Err(Refused::ReservationCommitted),
            (Some(State::Released), Decision::Commit) => Err(Refused::ReservationReleased),
        }
    }

    /// What becomes of a movement that is found on a SKU. A hold counts once its attempt made the reservation held; a
    /// commit or release counts if it is the one that decided; everything else has lost or is still open.
    pub fn verdict(&self, movement: &StockMovement) -> Verdict {
        match (movement.kind, self.state) {
            (MovementKind::Hold, State::Reserving) if self.hold == Some(movement.id) => Verdict::Pending,
            (MovementKind::Hold, State::Held | State::Committed | State::Released)
                if self.hold == Some(movement.id) =>
            {
                Verdict::Applied
            }
            (MovementKind::Commit | MovementKind::Release, State::Held) => Verdict::Pending,
            (MovementKind::Commit, State::Committed) | (MovementKind::Release, State::Released)
                if self.decision == Some(movement.id) =>
            {
                Verdict::Applied
            }
            (MovementKind::Hold | MovementKind::Commit | MovementKind::Release, _) => Verdict::Discarded,
        }
    }

    /// This reservation's movement of one of its lines.
    pub fn movement(&self, id: MovementId, kind: MovementKind, line: &LineItem, at: Timestamp) -> StockMovement {
        StockMovement { id, order_id: self.order_id, kind, quantity: line.quantity, at }
    }
}

#[cfg(test)]
mod tests;
