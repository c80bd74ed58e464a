//! The order that a request becomes, and why it does not become one. Pure.

use common::{
    contact::{Channel, Channels, Email, Phone, PostalAddress},
    problem::FieldError,
    timestamp::Timestamp,
};

use super::request::{Basket, Destination, OrderRequest, PaymentChoice};
use crate::{
    customer::Context,
    ids::{OrderId, Owner},
    orders::domain::{Method, Order, Payment, State},
    pointers::Pointers,
    pricing::{Item, Pricing},
    terms::{NotSold, Terms},
};

/// Why a request does not become an order. The texts are for logs.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Fields of the request are refused.
    #[error("{} fields are refused", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// The shop does not sell the basket on its terms.
    #[error(transparent)]
    NotSold(#[from] NotSold),
    /// The account may not order.
    #[error("the account may not order")]
    AccountDisabled,
    /// The total is not what the shopper saw; what it is now.
    #[error("the price has changed")]
    QuoteChanged(Box<Pricing>),
}

/// What a guest has to give, having no account that knows it; and what a customer's account says.
pub fn check(request: &OrderRequest, owner: Owner) -> Result<(), Refused> {
    let errors = match owner {
        Owner::Guest(_) => refused_of_guest(request),
        Owner::User(_) => refused_of_customer(request),
    };
    if errors.is_empty() { Ok(()) } else { Err(Refused::InvalidInput(errors)) }
}

fn refused_of_customer(request: &OrderRequest) -> Vec<FieldError> {
    let given = [("/notify_by", request.notify_by.is_some()), ("/phone", request.phone.is_some())];
    let refuse = |pointer| refused(pointer, "in_your_profile", "is taken from your profile: change it there");
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(pointer, _)| refuse(pointer)).collect()
}

fn refused_of_guest(request: &OrderRequest) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if request.email.is_none() {
        errors.push(refused("/email", "missing", "is required without an account"));
    }
    if matches!(request.destination, Destination::Saved(_)) {
        errors.push(refused("/shipping_address_id", "unknown_address", "needs an account; give shipping_address"));
    }
    if matches!(request.payment, PaymentChoice::Saved(_)) {
        errors.push(refused("/payment/method", "needs_account", "must be client without an account"));
    }
    let wants_texts = request.notify_by.is_some_and(|channels| channels.contains(Channel::Sms));
    match &request.phone {
        None if wants_texts => errors.push(refused("/phone", "missing", "is required with sms in notify_by")),
        Some(_) if !wants_texts => errors.push(refused("/phone", "not_allowed", "is for sms in notify_by")),
        Some(phone) if !phone.takes_texts() => errors.push(refused("/phone", "takes_no_texts", NO_TEXTS)),
        None | Some(_) => {}
    }
    errors
}

const NO_TEXTS: &str = "must be a number that takes text messages: one that its country assigns, without an extension";

fn refused(pointer: &str, code: &str, message: &str) -> FieldError {
    FieldError::new(pointer, code, message)
}

/// Who orders, and under which name.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The order that it makes.
    pub id: OrderId,
    /// Who.
    pub owner: Owner,
    /// What they ask for.
    pub request: &'a OrderRequest,
}

/// The order that an attempt becomes, given what the siblings answered: pending, and charged by nobody yet.
pub fn draft(
    attempt: Attempt<'_>,
    context: Option<&Context>,
    items: Vec<Item>,
    terms: &Terms,
    now: Timestamp,
) -> Result<Order, Refused> {
    let Attempt { id, owner, request } = attempt;
    if context.is_some_and(|context| context.disabled) {
        return Err(Refused::AccountDisabled);
    }
    let pointers = Pointers::of_order(request.basket.lines());
    let pricing = terms.price(items, request.shipping_method, request.expected_total.currency, pointers)?;
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
        due_at: Some(now.plus(terms.lease)),
        expires_at: now.plus(terms.payment_window),
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
        closing_reason: None,
        answer: None,
        created_at: now,
        updated_at: now,
    })
}

/// Where messages go: a customer's to the account's address and to no other, which may be a stranger's.
fn recipient(given: Option<&Email>, context: Option<&Context>) -> Result<Email, Refused> {
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

/// How the shopper is told of the order, and where text messages go: as the account says, or as the guest does. The number
/// is kept with the order only where it is used.
fn channels(request: &OrderRequest, context: Option<&Context>) -> (Channels, Option<Phone>) {
    let (channels, phone) = match context {
        Some(context) => (context.notify_by, context.phone.clone()),
        None => (request.notify_by.unwrap_or_default(), request.phone.clone()),
    };
    match phone {
        Some(phone) if channels.contains(Channel::Sms) => (channels, Some(phone)),
        _ => (Channels::EMAIL, None),
    }
}

fn address(destination: &Destination, context: Option<&Context>) -> Result<PostalAddress, Refused> {
    match destination {
        Destination::Given(address) => Ok(address.clone()),
        Destination::Saved(id) => {
            let saved = context.and_then(|context| context.address(*id));
            saved.ok_or_else(|| {
                let message = "must be the id of one of your addresses";
                Refused::InvalidInput(vec![refused("/shipping_address_id", "unknown_address", message)])
            })
        }
    }
}

fn method(choice: &PaymentChoice, context: Option<&Context>) -> Result<Method, Refused> {
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
