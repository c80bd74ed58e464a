//! What a shopper asks for, and the order it becomes.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use common::{
    contact::{Channel, Channels, Email, Phone, PostalAddress},
    id::Id,
    input::{Fields, FromFields},
    locale::LanguageTag,
    money::{Currency, MAX_AMOUNT, Money, NotChargeable},
    problem::FieldError,
    sku::Sku,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use stripe::PaymentMethodId;
use utoipa::ToSchema;

use crate::{
    error::Error,
    orders::domain::{Method, Order, OrderId, Owner, Payment, State},
    pointers::Pointers,
    pricing::{self, Flaw, Item, Pricing, Unpriceable},
    shipping::{ShippingMethod, ShippingRates},
    siblings::Context,
    tax::TaxRates,
};

/// Most lines a basket may have.
pub const MAX_LINES: usize = 100;
/// Most units of one line.
pub const MAX_QUANTITY: i64 = 999;
/// The highest version of a cart that can be named.
const MAX_VERSION: i64 = i32::MAX as i64;

/// Labels ids of saved addresses, which user-service keeps.
#[derive(Debug)]
pub enum SavedAddress {}

/// The id of a saved address.
pub type SavedAddressId = Id<SavedAddress>;

/// So many of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"sku": "TEE-ORG-NAVY-M", "quantity": 2}))]
pub struct BasketLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    #[schema(minimum = 1, maximum = 999)]
    pub quantity: u32,
}

impl FromFields for BasketLine {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let quantity = fields.integer("quantity", 1..=MAX_QUANTITY);
        Some(Self { sku: sku?, quantity: u32::try_from(quantity?).ok()? })
    }
}

/// What is bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Basket {
    /// These lines.
    Lines(Vec<BasketLine>),
    /// The caller's cart, as it was in this version.
    Cart(i64),
}

impl Basket {
    /// The lines, where the request has them.
    pub fn lines(&self) -> Option<&[BasketLine]> {
        match self {
            Self::Lines(lines) => Some(lines),
            Self::Cart(_) => None,
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let lines = fields.optional_objects::<BasketLine>("lines", MAX_LINES);
        let cart = fields.optional_integer("cart_version", 1..=MAX_VERSION);
        match (lines?, cart?) {
            (Some(lines), None) if lines.is_empty() => fields.refuse("lines", "too_few", "must have at least one line"),
            (Some(lines), None) => Some(Self::Lines(lines)),
            (None, Some(version)) => Some(Self::Cart(version)),
            (None, None) => fields.refuse("lines", "missing", "is required, or else cart_version"),
            (Some(_), Some(_)) => {
                fields.refuse("cart_version", "contradiction", "must be absent where lines are given")
            }
        }
    }
}

/// Where it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Destination {
    /// To this address.
    Given(PostalAddress),
    /// To one that the customer saved.
    Saved(SavedAddressId),
}

impl Destination {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let given = fields.optional_object::<PostalAddress>("shipping_address");
        let saved = fields.optional_text::<GivenAddressId>("shipping_address_id");
        match (given?, saved?) {
            (Some(address), None) => Some(Self::Given(address)),
            (None, Some(id)) => Some(Self::Saved(id.0)),
            (None, None) => fields.refuse("shipping_address", "missing", "is required, or else shipping_address_id"),
            (Some(_), Some(_)) => {
                fields.refuse("shipping_address_id", "contradiction", "must be absent where shipping_address is given")
            }
        }
    }
}

struct GivenAddressId(SavedAddressId);

impl std::str::FromStr for GivenAddressId {
    type Err = common::input::Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = |_| common::input::Refusal::new("invalid_id", "must be the id of one of your addresses");
        text.parse().map(Self).map_err(refusal)
    }
}

/// How it is to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PaymentChoice {
    /// With a saved payment method.
    Saved(PaymentMethodId),
    /// By the frontend.
    Client,
}

impl FromFields for PaymentChoice {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let method = fields.text::<MethodName>("method");
        let id = fields.optional_text::<PaymentMethodId>("payment_method_id");
        match (method?, id?) {
            (MethodName::Saved, Some(id)) => Some(Self::Saved(id)),
            (MethodName::Client, None) => Some(Self::Client),
            (MethodName::Saved, None) => fields.refuse("payment_method_id", "missing", "is required with saved"),
            (MethodName::Client, Some(_)) => {
                fields.refuse("payment_method_id", "contradiction", "must be absent with client")
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum MethodName {
    Saved,
    Client,
}

impl std::str::FromStr for MethodName {
    type Err = common::input::Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "saved" => Ok(Self::Saved),
            "client" => Ok(Self::Client),
            _ => Err(common::input::Refusal::new("unknown_method", "must be saved or client")),
        }
    }
}

/// An order to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRequest {
    /// What is bought.
    pub basket: Basket,
    /// Where it is to be sent.
    pub destination: Destination,
    /// How.
    pub shipping_method: ShippingMethod,
    /// How it is to be paid.
    pub payment: PaymentChoice,
    /// The total that the shopper saw; nobody is charged another.
    pub expected_total: Money,
    /// Where a guest's messages go. A customer's go to the account's address, and only that may be named.
    pub email: Option<Email>,
    /// How a guest is told of the order. Not in the hash where it is absent, so that requests of before keep theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_by: Option<Channels>,
    /// Where a guest's text messages go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// How money and dates are written in them.
    pub locale: Option<LanguageTag>,
}

impl FromFields for OrderRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let basket = Basket::read(fields);
        let destination = Destination::read(fields);
        let shipping_method = fields.text("shipping_method");
        let payment = fields.object("payment");
        let expected_total = fields.object("expected_total");
        let email = fields.optional_text("email");
        let notify_by = Channels::read(fields, "notify_by");
        let phone = fields.optional_text("phone");
        let locale = fields.optional_text("locale");
        Some(Self {
            basket: basket?,
            destination: destination?,
            shipping_method: shipping_method?,
            payment: payment?,
            expected_total: expected_total?,
            email: email?,
            notify_by: notify_by?,
            phone: phone?,
            locale: locale?,
        })
    }
}

impl OrderRequest {
    /// SHA-256 of the request as it was understood: spacing, order and `null` members make no difference.
    pub fn hash(&self) -> [u8; 32] {
        // A request was read from JSON, so it has a JSON form.
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &canonical).as_ref());
        hash
    }

    /// The version of the cart that is ordered.
    pub fn cart_version(&self) -> Option<i64> {
        match self.basket {
            Basket::Cart(version) => Some(version),
            Basket::Lines(_) => None,
        }
    }

    /// What a guest has to give, having no account that knows it; and what a customer's account says.
    pub fn check(&self, owner: Owner) -> Result<(), Error> {
        let errors = match owner {
            Owner::Guest(_) => self.refused_of_guest(),
            Owner::User(_) => self.refused_of_customer(),
        };
        if errors.is_empty() { Ok(()) } else { Err(Error::InvalidInput(errors)) }
    }

    fn refused_of_customer(&self) -> Vec<FieldError> {
        let given = [("/notify_by", self.notify_by.is_some()), ("/phone", self.phone.is_some())];
        let refuse = |pointer| refused(pointer, "in_your_profile", "is taken from your profile: change it there");
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(pointer, _)| refuse(pointer)).collect()
    }

    fn refused_of_guest(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.email.is_none() {
            errors.push(refused("/email", "missing", "is required without an account"));
        }
        if matches!(self.destination, Destination::Saved(_)) {
            errors.push(refused("/shipping_address_id", "unknown_address", "needs an account; give shipping_address"));
        }
        if matches!(self.payment, PaymentChoice::Saved(_)) {
            errors.push(refused("/payment/method", "needs_account", "must be client without an account"));
        }
        let wants_texts = self.notify_by.is_some_and(|channels| channels.contains(Channel::Sms));
        match &self.phone {
            None if wants_texts => errors.push(refused("/phone", "missing", "is required with sms in notify_by")),
            Some(_) if !wants_texts => errors.push(refused("/phone", "not_allowed", "is for sms in notify_by")),
            Some(phone) if !phone.takes_texts() => errors.push(refused("/phone", "takes_no_texts", NO_TEXTS)),
            None | Some(_) => {}
        }
        errors
    }
}

const NO_TEXTS: &str = "must be a number that takes text messages: one that its country assigns, without an extension";

fn refused(pointer: &str, code: &str, message: &str) -> FieldError {
    FieldError::new(pointer, code, message)
}

/// What the shop asks for; from configuration.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What shipping costs.
    pub shipping: ShippingRates,
    /// What is owed to the state.
    pub tax: TaxRates,
    /// How long an order waits for its shopper to pay.
    pub payment_window: Duration,
    /// How long one attempt may take; nobody else goes on with its order meanwhile.
    pub lease: Duration,
}

impl Terms {
    /// What `items` come to, sent so: a total that can be charged. `pointers` say where the request named things.
    pub fn price(
        &self,
        items: Vec<Item>,
        method: ShippingMethod,
        currency: Currency,
        pointers: Pointers<'_>,
    ) -> Result<Pricing, Error> {
        let price = self.shipping.price(method, currency).ok_or_else(|| {
            let message = format!("is a currency that {} shipping is not offered in", method.as_str());
            Error::InvalidInput(vec![refused(pointers.currency, "not_shipped_in_currency", &message)])
        })?;
        let pricing =
            pricing::price(items, (method, price), self.tax).map_err(|error| unpriceable(error, currency, pointers))?;
        match pricing.total.check_charge() {
            Ok(()) => Ok(pricing),
            Err(NotChargeable::TooSmall { minimum }) => Err(Error::TotalTooSmall { total: pricing.total, minimum }),
            Err(NotChargeable::TooLarge { maximum }) => {
                Err(Error::TotalTooLarge { total: Some(pricing.total), maximum })
            }
            // Settings refuse such currencies, and every part of the total is a multiple of the step.
            Err(NotChargeable::Currency | NotChargeable::Step(_)) => {
                Err(Error::Sibling(format!("an amount in {currency} that cannot be charged")))
            }
        }
    }
}

fn unpriceable(error: Unpriceable, currency: Currency, pointers: Pointers<'_>) -> Error {
    match error {
        Unpriceable::Goods(goods) => {
            let entry = |(sku, flaw): &(Sku, Flaw)| match flaw {
                Flaw::NoTaxRate => pointers.about(sku, "no_tax_rate", "is taxed at a rate that the shop has not set"),
                Flaw::Price => {
                    let message = format!("has a price in {currency} with more digits than can be charged");
                    pointers.about(sku, "price_not_chargeable", &message)
                }
            };
            Error::InvalidInput(goods.iter().map(entry).collect())
        }
        Unpriceable::OutOfRange => {
            let amount = currency.charge().map_or(MAX_AMOUNT, |charge| charge.maximum);
            Error::TotalTooLarge { total: None, maximum: Money { amount, currency } }
        }
        Unpriceable::CurrencyMismatch => Error::Sibling("product-service priced in another currency".to_owned()),
    }
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
) -> Result<Order, Error> {
    let Attempt { id, owner, request } = attempt;
    if context.is_some_and(|context| context.disabled) {
        return Err(Error::AccountDisabled);
    }
    let pointers = Pointers::of_order(request.basket.lines());
    let pricing = terms.price(items, request.shipping_method, request.expected_total.currency, pointers)?;
    let shipping_address = address(&request.destination, context)?;
    let method = method(&request.payment, context)?;
    let email = recipient(request.email.as_ref(), context)?;
    let (notify_by, phone) = channels(request, context);
    if pricing.total != request.expected_total {
        return Err(Error::QuoteChanged(Box::new(pricing)));
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
fn recipient(given: Option<&Email>, context: Option<&Context>) -> Result<Email, Error> {
    match (given, context) {
        (Some(given), Some(context)) if given.key() != context.email.key() => {
            let message = "must be the address of your account, or absent";
            Err(Error::InvalidInput(vec![refused("/email", "not_your_address", message)]))
        }
        (_, Some(context)) => Ok(context.email.clone()),
        (Some(given), None) => Ok(given.clone()),
        (None, None) => Err(Error::InvalidInput(vec![refused("/email", "missing", "is required")])),
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

fn address(destination: &Destination, context: Option<&Context>) -> Result<PostalAddress, Error> {
    match destination {
        Destination::Given(address) => Ok(address.clone()),
        Destination::Saved(id) => {
            let saved = context.and_then(|context| context.address(*id));
            saved.ok_or_else(|| {
                let message = "must be the id of one of your addresses";
                Error::InvalidInput(vec![refused("/shipping_address_id", "unknown_address", message)])
            })
        }
    }
}

fn method(choice: &PaymentChoice, context: Option<&Context>) -> Result<Method, Error> {
    let PaymentChoice::Saved(payment_method) = choice else { return Ok(Method::Client) };
    let customer = context.and_then(|context| context.stripe_customer_id.clone()).ok_or_else(|| {
        let message = "must be one of your saved payment methods";
        Error::InvalidInput(vec![refused("/payment/payment_method_id", "unknown_payment_method", message)])
    })?;
    Ok(Method::Saved { customer, payment_method: payment_method.clone() })
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
