//! Quotes: what lines cost now. A quote reserves nothing.

use std::collections::BTreeMap;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::InventoryReserve},
    input::Json,
    money::{Currency, Money},
    routes,
    routes::Routes,
    sku::Sku,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    basket::{MAX_LINES, MAX_QUANTITY},
    error::Error,
    ids::ProductId,
    inventory::{domain::AvailableToPromise, store as inventory_store},
    mongo::Mongo,
    products::domain::TaxClass,
    reservations::{
        domain::{PricedLine, ReservationRequest},
        flow,
    },
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(quote_lines))
}

/// What lines cost now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "currency": "USD",
    "lines": [{
        "sku": "TEE-ORG-NAVY-M", "quantity": 2, "product_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "title": "Organic cotton tee", "options": {"Size": "M"}, "unit_price": {"amount": 1999, "currency": "USD"},
        "tax_class": "standard", "available": 12
    }]
}))]
struct Quote {
    /// Currency of all prices.
    currency: Currency,
    /// One line for each SKU, sorted by SKU.
    lines: Vec<QuotedLine>,
}

/// A line with what is known of its product and its stock.
#[derive(Debug, Serialize, ToSchema)]
struct QuotedLine {
    /// SKU of the variant.
    sku: Sku,
    /// Number of units asked for.
    quantity: u32,
    /// The product that the SKU is a variant of.
    product_id: ProductId,
    /// The product's title.
    title: String,
    /// The variant's options.
    options: BTreeMap<String, String>,
    /// Price of one unit; may change until the line is reserved.
    unit_price: Money,
    /// Tax class of the variant.
    tax_class: TaxClass,
    /// Number of units that could be reserved now; may be below `quantity`.
    #[schema(minimum = 0)]
    available: i64,
}

/// `available` of a SKU that takes backorders: more than any request can ask for.
const BACKORDERED: i64 = 100_000;
const _: () = assert!(MAX_QUANTITY * 100 < BACKORDERED && MAX_LINES == 100);

impl QuotedLine {
    fn new(line: PricedLine, available: i64) -> Self {
        let PricedLine { sku, quantity, product_id, title, options, unit_price, tax_class } = line;
        Self { sku, quantity, product_id, title, options, unit_price, tax_class, available }
    }
}

/// Price lines without reserving them
///
/// Answers prices and the number of available units without reserving any. Refused like a reservation when a line has no price.
#[utoipa::path(post, path = "/inventory/quotes", tag = "reservations", security(("token" = ["inventory:reserve"])),
    request_body = ReservationRequest, responses((status = OK, body = Quote)))]
async fn quote_lines(
    State(db): State<Mongo>,
    _: Caller<InventoryReserve>,
    Json(request): Json<ReservationRequest>,
) -> Result<Json<Quote>, Error> {
    let basket = request.basket();
    let skus: Vec<_> = basket.lines.iter().map(|line| &line.sku).collect();
    let (priced, stock) =
        tokio::join!(flow::read_prices(&db, &basket), inventory_store::available_to_promise(&db, &skus));
    let priced = priced?.map_err(|unpriced| flow::not_priced(&request, &unpriced))?;
    let stock: BTreeMap<Sku, AvailableToPromise> = stock?.into_iter().collect();
    let available = |line: &PricedLine| match stock.get(&line.sku).copied().unwrap_or_default() {
        AvailableToPromise { count, backorder: true, .. } => count.max(BACKORDERED),
        AvailableToPromise { count, backorder: false, .. } => count,
    };
    let lines = priced.into_iter().map(|line| (available(&line), line));
    let lines = lines.map(|(available, line)| QuotedLine::new(line, available)).collect();
    Ok(Json(Quote { currency: request.currency, lines }))
}
