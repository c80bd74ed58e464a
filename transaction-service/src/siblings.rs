//! What is asked of the other services, and what their refusals mean here.

use common::{http::RequestContext, money::Currency, problem::FieldError, sku::Sku};
use platform::client::{Call, CallError, Refused, ServiceClient};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    basket::{BasketLine, Cart},
    customer::Context,
    error::Error,
    ids::{OrderId, Owner},
    pricing::{Item, QuotedItem},
};

/// The other services, behind their one address.
#[derive(Debug, Clone)]
pub struct Siblings(ServiceClient);

#[derive(Deserialize)]
struct Lines<T> {
    lines: Vec<T>,
}

impl Siblings {
    /// Siblings called through `client`.
    pub fn new(client: ServiceClient) -> Self {
        Self(client)
    }

    /// Prices and reserves all lines for an order, or none.
    pub async fn reserve(
        &self,
        order: OrderId,
        currency: Currency,
        lines: &[BasketLine],
        context: &RequestContext,
    ) -> Result<Vec<Item>, NotReserved> {
        let path = format!("/inventory/reservations/{order}");
        let body = json!({ "currency": currency, "lines": lines });
        let answer = self.0.send(Call::put(&path, body).of(context)).await;
        let answer = answer.map_err(|error| NotReserved {
            may_exist: may_be_reserved(&error),
            error: with_skus(reservation_refused(error), lines),
        })?;
        let read = read::<Lines<Item>>(answer).map_err(|error| NotReserved { may_exist: true, error })?;
        Ok(read.lines)
    }

    /// Prices lines without reserving them.
    pub async fn quote(
        &self,
        currency: Currency,
        lines: &[BasketLine],
        context: &RequestContext,
    ) -> Result<Vec<QuotedItem>, Error> {
        let body = json!({ "currency": currency, "lines": lines });
        // It changes nothing, so repeating it is harmless; any key says so to the client.
        let call = Call::post("/inventory/quotes", body).with_key(&Uuid::new_v4()).of(context);
        let answer = self.0.send(call).await.map_err(|error| with_skus(reservation_refused(error), lines))?;
        Ok(read::<Lines<QuotedItem>>(answer)?.lines)
    }

    /// What a checkout needs to know of the user of a verified token; `None` where the account was deleted while its token
    /// is still good.
    pub async fn context(&self, user: Uuid, context: &RequestContext) -> Result<Option<Context>, Error> {
        let path = format!("/users/{user}/checkout-context");
        match self.0.send(Call::get(&path).of(context)).await {
            Ok(answer) => read(answer).map(Some),
            Err(CallError::Refused(refused)) if refused.kind == "not_found" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The cart of a user or guest.
    pub async fn cart(&self, owner: Owner, context: &RequestContext) -> Result<Cart, Error> {
        let path = format!("/carts/{}", owner.id());
        read(self.0.send(Call::get(&path).of(context)).await?)
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Error> {
    // What serde says may quote the answer, in which people are named.
    let kind = std::any::type_name::<T>();
    serde_json::from_value(answer).map_err(|_| Error::Sibling(format!("an answer that is no {kind}")))
}

/// No answer that says what is reserved.
pub struct NotReserved {
    /// Why.
    pub error: Error,
    /// Whether a reservation of this request may exist all the same, or come to exist.
    pub may_exist: bool,
}

/// A reservation that was asked for may exist, unless product-service says that it took nothing, or that what it took is
/// another request's. What it says of a call that was sent before does not count: the first may still be under way there.
fn may_be_reserved(error: &CallError) -> bool {
    let CallError::Refused(Refused { kind, is_repeated, .. }) = error else { return true };
    match kind.as_str() {
        "reservation_differs" | "reservation_released" => false,
        "out_of_stock" | "invalid_input" | "stock_contended" | "reservation_in_progress" => *is_repeated,
        _ => true,
    }
}

fn reservation_refused(error: CallError) -> Error {
    let CallError::Refused(Refused { kind, errors, .. }) = &error else { return Error::Call(error) };
    match kind.as_str() {
        "out_of_stock" => Error::OutOfStock(errors.clone()),
        "invalid_input" => Error::InvalidInput(errors.clone()),
        "reservation_differs" => Error::KeyReused,
        "reservation_in_progress" => Error::InProgress,
        "stock_contended" => Error::StockContended,
        // An attempt of this name gave its stock back, and a reservation is decided once.
        "reservation_released" => Error::AttemptEnded,
        _ => Error::Call(error),
    }
}

/// Entries about lines say which SKU they are about.
fn with_skus(error: Error, lines: &[BasketLine]) -> Error {
    let sku = |pointer: &str| -> Option<&Sku> {
        let index: usize = pointer.strip_prefix("/lines/")?.split('/').next()?.parse().ok()?;
        lines.get(index).map(|line| &line.sku)
    };
    let named = |error: FieldError| match (&error.sku, sku(&error.pointer)) {
        (None, Some(sku)) => error.of_sku(sku),
        (Some(_), _) | (None, None) => error,
    };
    error.with_entries(named)
}
