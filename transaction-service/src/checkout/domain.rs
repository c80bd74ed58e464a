//! The order that a request becomes, and why it does not become one. Pure.

use common::{
    contact::{Channel, Channels, Email, Phone, PostalAddress},
    problem::FieldError,
    timestamp::Timestamp,
};

use super::request::{Basket, Destination, OrderRequest, PaymentChoice};
use crate::{
    customer::CheckoutContext,
    ids::{OrderId, Owner},
    orders::domain::{Method, Order, Payment, State},
    pointers::Pointers,
    pricing::{PricedItem, Pricing},
    shop_settings::{NotSold, ShopSettings},
};

/// Why a request does not become an order. The texts are for logs.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Fields of the request are refused.
    #[error("invalid input: {} fields", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// The basket has no total that can be charged.
    #[error(transparent)]
    NotSold(#[from] NotSold),
    /// The account may not order.
    #[error("the account may not order")]
    AccountDisabled,
    /// The total is not the one that the shopper saw; with the present prices.
    #[error("the price has changed")]
    QuoteChanged(Box<Pricing>),
}

/// Checks the members that depend on the caller: a guest has to send what an account would have, and a customer must not
/// send what the account has.
pub fn check(request: &OrderRequest, owner: Owner) -> Result<(), Refused> {
    let errors = match owner {
        Owner::Guest(_) => refused_of_guest(request),
        Owner::User(_) => refused_of_customer(request),
    };
    if errors.is_empty() { Ok(()) } else { Err(Refused::InvalidInput(errors)) }
}

fn refused_of_customer(request: &OrderRequest) -> Vec<FieldError> {
    let given = [("/notify_by", request.notify_by.is_some()), ("/phone", request.phone.is_some())];
    let refuse = |pointer| refused(pointer, "in_your_profile", "is set in your profile: change it there");
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(pointer, _)| refuse(pointer)).collect()
}

fn refused_of_guest(request: &OrderRequest) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if request.email.is_none() {
        errors.push(refused("/email", "missing", "is required for guests"));
    }
    if matches!(request.destination, Destination::Saved(_)) {
        errors.push(refused(
            "/shipping_address_id",
            "unknown_address",
            "needs an account: send shipping_address instead",
        ));
    }
    if matches!(request.payment, PaymentChoice::Saved(_)) {
        errors.push(refused("/payment/method", "needs_account", "must be client for guests"));
    }
    let wants_texts = request.notify_by.is_some_and(|channels| channels.contains(Channel::Sms));
    match &request.phone {
        None if wants_texts => errors.push(refused("/phone", "missing", "is required with sms in notify_by")),
        Some(_) if !wants_texts => {
            errors.push(refused("/phone", "not_allowed", "is allowed only with sms in notify_by"));
        }
        Some(phone) if !phone.takes_texts() => errors.push(refused("/phone", "takes_no_texts", NO_TEXTS)),
        None | Some(_) => {}
    }
    errors
}

const NO_TEXTS: &str = "must be a number that takes text messages: one that its country assigns, without an extension";

fn refused(pointer: &str, code: &str, message: &str) -> FieldError {
    FieldError::new(pointer, code, message)
}

/// One attempt to order: the owner, the request, and the id of the order.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Id of the order that it makes.
    pub id: OrderId,
    /// The shopper.
    pub owner: Owner,
    /// The request.
    pub request: &'a OrderRequest,
}

/// The order that an attempt becomes, from the answers of user-service and product-service: pending, and not charged.
pub fn draft(
    attempt: Attempt<'_>,
    context: Option<&CheckoutContext>,
    items: Vec<PricedItem>,
    settings: &ShopSettings,
    now: Timestamp,
) -> Result<Order, Refused> {
    let Attempt { id, owner, request } = attempt;
    if context.is_some_and(|context| context.disabled) {
        return Err(Refused::AccountDisabled);
    }
    let pointers = Pointers::of_order(request.basket.lines());
    let pricing = settings.price(items, request.shipping_method, request.expected_total.currency, pointers)?;
    let shipping_address = address(&request.destination, context)?;
    let method = method(&request.payment, context)?;
    let email = recipient(request.email.as_ref(), context)?;
    let (notify_by, phone) = channels(request, context);
    if pricing.total != request.expected_total {
        return Err(Refused::QuoteChanged(Box::new(pricing)));
    }
    Ok(Order {
        id,
        owner,
        request_hash: request.hash(),
        state: State::Pending,
        version: 1,
        due_at: Some(now.plus(settings.lease)),
        expires_at: now.plus(settings.payment_window),
        pricing,
        shipping_address,
        email,
        notify_by,
        phone,
        locale: request.locale.clone(),
        from_cart: matches!(request.basket, Basket::Cart(_)),
        cart_version: request.cart_version(),
        payment: Payment {
            method,
            intent: None,
            client_secret: None,
            captured: 0,
            refunded: 0,
            disputed: false,
            failure: None,
            no_more_tries: false,
        },
        cancellation_reason: None,
        answer: None,
        created_at: now,
        updated_at: now,
    })
}

/// The e-mail address of messages: a customer's is the address of the account, since another may be a stranger's.
fn recipient(given: Option<&Email>, context: Option<&CheckoutContext>) -> Result<Email, Refused> {
    match (given, context) {
        (Some(given), Some(context)) if given.key() != context.email.key() => {
            let message = "must be the address of your account, or absent";
            Err(Refused::InvalidInput(vec![refused("/email", "not_your_address", message)]))
        }
        (_, Some(context)) => Ok(context.email.clone()),
        (Some(given), None) => Ok(given.clone()),
        (None, None) => Err(Refused::InvalidInput(vec![refused("/email", "missing", "is required")])),
    }
}

/// The channels of messages and the number of text messages: of the account, or as the guest asks. The number is kept with
/// the order only when it is used.
fn channels(request: &OrderRequest, context: Option<&CheckoutContext>) -> (Channels, Option<Phone>) {
    let (channels, phone) = match context {
        Some(context) => (context.notify_by, context.phone.clone()),
        None => (request.notify_by.unwrap_or_default(), request.phone.clone()),
    };
    match phone {
        Some(phone) if channels.contains(Channel::Sms) => (channels, Some(phone)),
        _ => (Channels::EMAIL, None),
    }
}

fn address(destination: &Destination, context: Option<&CheckoutContext>) -> Result<PostalAddress, Refused> {
    match destination {
        Destination::New(address) => Ok(address.clone()),
        Destination::Saved(id) => {
            let saved = context.and_then(|context| context.address(*id));
            saved.ok_or_else(|| {
                let message = "must be the id of one of your addresses";
                Refused::InvalidInput(vec![refused("/shipping_address_id", "unknown_address", message)])
            })
        }
    }
}

fn method(choice: &PaymentChoice, context: Option<&CheckoutContext>) -> Result<Method, Refused> {
    let PaymentChoice::Saved(payment_method) = choice else { return Ok(Method::Client) };
    let customer = context.and_then(|context| context.stripe_customer_id.clone()).ok_or_else(|| {
        let message = "must be one of your saved payment methods";
        Refused::InvalidInput(vec![refused("/payment/payment_method_id", "unknown_payment_method", message)])
    })?;
    Ok(Method::Saved { customer, payment_method: payment_method.clone() })
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
