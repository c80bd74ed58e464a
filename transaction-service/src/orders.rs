//! Orders: reading them.

pub mod domain;
pub mod store;
pub mod view;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes},
    extract::{Path, Query},
    input::Json,
    page::{List, Page, PageQuery},
    routes,
    routes::Routes,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use self::{domain::Order, store::Cursor, view::OrderView};
use crate::{
    app::App,
    error::Error,
    ids::{OrderId, Owner},
    ledger::{domain::LedgerEntry, store as ledger_store},
};

const LIST: List<Cursor> = List::new("/orders");

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(list_orders)).routes(routes!(get_order)).routes(routes!(get_order_for_staff))
}

fn page_example() -> Value {
    json!({ "items": [view::example()], "next_cursor": null })
}

/// List the caller's orders, newest first
#[utoipa::path(get, path = "/orders", tag = "orders", security(("token" = ["orders"])), params(PageQuery),
    responses((status = OK, body = Page<OrderView>, example = page_example)))]
async fn list_orders(
    State(app): State<App>,
    caller: Caller<scopes::Orders>,
    Query(page): Query<PageQuery>,
) -> Result<Response, Error> {
    let owner = Owner::of(&caller.subject)?;
    let (limit, after) = LIST.read(&page)?;
    let orders = store::list(&app.database, owner, after, limit + 1).await?;
    let page = LIST.page(orders, limit, |order| Cursor { created_at: order.created_at, id: order.id });
    let items = page.items.iter().map(OrderView::from).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }).into_response())
}

/// Read one of the caller's orders
#[utoipa::path(get, path = "/orders/{order_id}", tag = "orders", security(("token" = ["orders"])),
    params(("order_id" = OrderId, Path, description = "Id of the order.")), responses((status = OK, body = OrderView)))]
async fn get_order(
    State(app): State<App>,
    caller: Caller<scopes::Orders>,
    Path(order_id): Path<OrderId>,
) -> Result<Response, Error> {
    let owner = Owner::of(&caller.subject)?;
    let order = store::find_owned(&app.database, owner, order_id).await?.ok_or(Error::NotFound)?;
    Ok(Json(OrderView::from(&order)).into_response())
}

/// An order with its payment and ledger, for staff.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StaffOrder, example = json!(staff_example()))]
struct StaffOrderView<'a> {
    /// The order, as its shopper gets it.
    #[schema(inline)]
    order: OrderView<'a>,
    /// Owner of the order: `user:<id>` or `guest:<id>`.
    #[schema(example = "user:01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d")]
    owner: String,
    /// Id of the PaymentIntent at Stripe; `null` until it is created.
    #[schema(value_type = Option<String>, required, example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    payment_intent: Option<String>,
    /// Whether a dispute of the payment is open or was lost.
    disputed: bool,
    /// Ledger entries of the order, oldest first; their amounts sum to zero.
    ledger: Vec<LedgerEntry>,
}

fn staff_example() -> Value {
    let entry = |account: &str, amount: i64| {
        json!({ "kind": "capture", "source": "ch_3MmlLrLkdIwHu7ix0snN0B15", "reverses": null,
            "account": account, "amount": amount, "currency": "USD", "booked_at": "2026-11-22T09:30:01.250Z" })
    };
    let ledger = [entry("stripe", 4868), entry("sales", -3998), entry("shipping", -499), entry("tax", -371)];
    json!({ "order": view::example(), "owner": "user:01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "disputed": false, "ledger": ledger })
}

impl<'a> StaffOrderView<'a> {
    fn new(order: &'a Order, ledger: Vec<LedgerEntry>) -> Self {
        Self {
            order: OrderView::from(order),
            owner: format!("{}:{}", order.owner.kind(), order.owner.id()),
            payment_intent: order.payment.intent.as_ref().map(ToString::to_string),
            disputed: order.payment.disputed,
            ledger,
        }
    }
}

/// Read an order with its payment and ledger, as staff
#[utoipa::path(get, path = "/admin/orders/{order_id}", tag = "staff", security(("token" = ["orders:manage"])),
    params(("order_id" = OrderId, Path, description = "Id of the order.")),
    responses((status = OK, body = StaffOrderView)))]
async fn get_order_for_staff(
    State(app): State<App>,
    _: Caller<scopes::OrdersManage>,
    Path(order_id): Path<OrderId>,
) -> Result<Response, Error> {
    let db = &app.database;
    let order = store::find(db, order_id).await?.ok_or(Error::NotFound)?;
    let ledger = ledger_store::list(db, order_id).await?;
    Ok(Json(StaffOrderView::new(&order, ledger)).into_response())
}
