//! Calls of the other services, and what their refusals mean here.

use common::{http::RequestContext, money::Currency, problem::FieldError, sku::Sku};
use platform::client::{Call, CallError, Refused, ServiceClient};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    basket::{Cart, LineItem},
    customer::CheckoutContext,
    error::Error,
    ids::{OrderId, Owner},
    pricing::{PricedItem, QuotedItem},
};

/// The client of the other services, which are behind one address.
#[derive(Debug, Clone)]
pub struct ServiceClients(ServiceClient);

#[derive(Deserialize)]
struct Lines<T> {
    lines: Vec<T>,
}

impl ServiceClients {
    /// Calls the other services through `client`.
    pub fn new(client: ServiceClient) -> Self {
        Self(client)
    }

    /// Prices and reserves all lines for an order, or none.
    pub async fn reserve(
        &self,
        order: OrderId,
        currency: Currency,
        lines: &[LineItem],
        request: &RequestContext,
    ) -> Result<Vec<PricedItem>, NotReserved> {
        let path = format!("/inventory/reservations/{order}");
        let body = json!({ "currency": currency, "lines": lines });
        let answer = self.0.send(Call::put(&path, body).of(request)).await;
        let answer = answer.map_err(|error| NotReserved {
            may_exist: may_be_reserved(&error),
            error: with_skus(reservation_refused(error), lines),
        })?;
        let read = read::<Lines<PricedItem>>(answer).map_err(|error| NotReserved { may_exist: true, error })?;
        Ok(read.lines)
    }

    /// Prices lines without reserving them.
    pub async fn quote(
        &self,
        currency: Currency,
        lines: &[LineItem],
        request: &RequestContext,
    ) -> Result<Vec<QuotedItem>, Error> {
        let body = json!({ "currency": currency, "lines": lines });
        // It changes nothing, so repeating it is harmless; any key says so to the client.
        let call = Call::post("/inventory/quotes", body).with_key(&Uuid::new_v4()).of(request);
        let answer = self.0.send(call).await.map_err(|error| with_skus(reservation_refused(error), lines))?;
        Ok(read::<Lines<QuotedItem>>(answer)?.lines)
    }

    /// Account data for a checkout of the user of a verified token; `None` when the account was deleted while its token is
    /// still valid.
    pub async fn checkout_context(
        &self,
        user: Uuid,
        request: &RequestContext,
    ) -> Result<Option<CheckoutContext>, Error> {
        let path = format!("/users/{user}/checkout-context");
        match self.0.send(Call::get(&path).of(request)).await {
            Ok(answer) => read(answer).map(Some),
            Err(CallError::Refused(refused)) if refused.kind == "not_found" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The cart of a user or guest.
    pub async fn cart(&self, owner: Owner, request: &RequestContext) -> Result<Cart, Error> {
        let path = format!("/carts/{}", owner.id());
        read(self.0.send(Call::get(&path).of(request)).await?)
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Error> {
    // The error of serde may quote the answer, which has personal data.
    let kind = std::any::type_name::<T>();
    serde_json::from_value(answer).map_err(|_| Error::UnexpectedAnswer(format!("the answer is not a {kind}")))
}

/// A reservation that product-service did not confirm.
pub struct NotReserved {
    /// The reason.
    pub error: Error,
    /// Whether a reservation of this request may exist all the same, or come to exist later.
    pub may_exist: bool,
}

/// A requested reservation may exist unless product-service answers that it reserved nothing, or for another request. Its
/// answer to a repeated call does not count: the first call may still be in progress there.
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
        // The stock of this attempt was released, and a released reservation stays released.
        "reservation_released" => Error::AttemptEnded,
        _ => Error::Call(error),
    }
}

/// Adds to entries about lines the SKU of the line.
fn with_skus(error: Error, lines: &[LineItem]) -> Error {
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
