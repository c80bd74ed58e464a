//! What messages say: for each template the type of its `data`.

use common::input::{Fields, FromFields};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

pub use self::{
    order::{Order, OrderId, OrderLine},
    stock::Stock,
};
use super::Template;

mod order;
mod stock;

/// What a message about an order says.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct OrderData {
    /// The order.
    pub order: Order,
}

impl FromFields for OrderData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { order: fields.object("order")? })
    }
}

/// What a message about stock says.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct StockData {
    /// What is running low.
    pub stock: Stock,
}

impl FromFields for StockData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { stock: fields.object("stock")? })
    }
}

/// What is told: the template, and with it what it needs.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// The order is paid for; it has no `reason`.
    OrderConfirmation(OrderData),
    /// The payment of an order failed.
    PaymentFailed(OrderData),
    /// A paid order was called off and refunded.
    OrderCancelled(OrderData),
    /// An account was opened with this address.
    AccountCreated,
    /// Somebody tried to open an account with this address, which has one.
    AccountExists,
    /// Staff hear that few are left of something.
    LowStock(StockData),
}

impl Message {
    /// Which message it is.
    pub fn template(&self) -> Template {
        match self {
            Self::OrderConfirmation(_) => Template::OrderConfirmation,
            Self::PaymentFailed(_) => Template::PaymentFailed,
            Self::OrderCancelled(_) => Template::OrderCancelled,
            Self::AccountCreated => Template::AccountCreated,
            Self::AccountExists => Template::AccountExists,
            Self::LowStock(_) => Template::LowStock,
        }
    }

    /// Reads the data of this template from the members of `data`.
    pub fn read(template: Template, data: &mut Fields<'_>) -> Option<Self> {
        match template {
            Template::OrderConfirmation => match OrderData::from_fields(data)? {
                about if about.order.reason.is_some() => {
                    data.refuse_below("/order/reason", "not_allowed", "is for orders that came to nothing")
                }
                about => Some(Self::OrderConfirmation(about)),
            },
            Template::PaymentFailed => OrderData::from_fields(data).map(Self::PaymentFailed),
            Template::OrderCancelled => OrderData::from_fields(data).map(Self::OrderCancelled),
            Template::AccountCreated => Some(Self::AccountCreated),
            Template::AccountExists => Some(Self::AccountExists),
            Template::LowStock => StockData::from_fields(data).map(Self::LowStock),
        }
    }
}

/// Schemas by their names.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

impl Template {
    /// The name of the schema of its `data`, which is added to `schemas` with all that it refers to; `None` where it has
    /// no data.
    pub(crate) fn data_schema(self, schemas: &mut Schemas) -> Option<String> {
        match self {
            Self::OrderConfirmation | Self::PaymentFailed | Self::OrderCancelled => Some(add::<OrderData>(schemas)),
            Self::AccountCreated | Self::AccountExists => None,
            Self::LowStock => Some(add::<StockData>(schemas)),
        }
    }
}

fn add<T: ToSchema>(schemas: &mut Schemas) -> String {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    T::name().into_owned()
}
