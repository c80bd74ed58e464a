//! An order as a row of the database. No query.

use std::collections::BTreeMap;

use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    money::{Currency, Money},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::Deserialize;
use sqlx::{FromRow, types::Json};
use stripe::{CustomerId, PaymentMethodId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    error::Error,
    ids::Owner,
    orders::domain::{ClientSecret, Failure, Method, Order, Payment},
    pricing::{OrderLine, Pricing, Shipping},
    tax::TaxClass,
};

#[derive(FromRow)]
pub(super) struct Row {
    id: Uuid,
    owner_kind: String,
    owner_id: Uuid,
    request_hash: Vec<u8>,
    state: String,
    version: i32,
    due_at: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
    currency: String,
    subtotal: i64,
    shipping: i64,
    tax: i64,
    total: i64,
    shipping_method: String,
    shipping_tax: i64,
    shipping_address: Json<PostalAddress>,
    email: String,
    notify_by: Vec<String>,
    phone: Option<String>,
    locale: Option<String>,
    from_cart: bool,
    cart_version: Option<i64>,
    no_more_tries: bool,
    closing_reason: Option<String>,
    answer: Option<String>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    method: String,
    stripe_customer: Option<String>,
    stripe_payment_method: Option<String>,
    stripe_payment_intent: Option<String>,
    client_secret: Option<String>,
    captured: i64,
    refunded: i64,
    disputed: bool,
    failure_code: Option<String>,
    failure_message: Option<String>,
    lines: Json<Vec<LineRow>>,
}

#[derive(Deserialize)]
struct LineRow {
    sku: Sku,
    product_id: Uuid,
    title: String,
    options: BTreeMap<String, String>,
    quantity: u32,
    unit_price: i64,
    subtotal: i64,
    tax: i64,
    total: i64,
    tax_class: TaxClass,
}

/// Fails with [`Error::Corrupt`] when a column holds a value that the domain does not have.
impl TryFrom<Row> for Order {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let corrupt = |what: &str| Error::Corrupt(format!("{what} of order {}", row.id));
        let currency = Currency::stored(&row.currency).ok_or_else(|| corrupt("currency"))?;
        let money = |amount| Money { amount, currency };
        let line = |line: &LineRow| OrderLine {
            sku: line.sku.clone(),
            product_id: line.product_id,
            title: line.title.clone(),
            options: line.options.clone(),
            quantity: line.quantity,
            unit_price: money(line.unit_price),
            tax_class: line.tax_class,
            subtotal: money(line.subtotal),
            tax: money(line.tax),
            total: money(line.total),
        };
        let shipping = Shipping {
            method: row.shipping_method.parse().map_err(|_| corrupt("shipping method"))?,
            price: money(row.shipping),
            tax: money(row.shipping_tax),
        };
        Ok(Self {
            id: row.id.into(),
            owner: row.owner().ok_or_else(|| corrupt("owner"))?,
            request_hash: row.request_hash.as_slice().try_into().map_err(|_| corrupt("request hash"))?,
            state: row.state.parse().map_err(|_| corrupt("state"))?,
            version: row.version,
            due_at: row.due_at.map(Timestamp::from),
            expires_at: row.expires_at.into(),
            pricing: Pricing {
                lines: row.lines.iter().map(line).collect(),
                shipping,
                subtotal: money(row.subtotal),
                tax: money(row.tax),
                total: money(row.total),
            },
            payment: row.payment().ok_or_else(|| corrupt("payment"))?,
            shipping_address: row.shipping_address.0.clone(),
            email: row.email.parse::<Email>().map_err(|_| corrupt("e-mail address"))?,
            notify_by: Channels::try_from(row.notify_by).map_err(|_| corrupt("channels"))?,
            phone: row.phone.map(Phone::try_from).transpose().map_err(|_| corrupt("phone number"))?,
            locale: row.locale.as_deref().map(str::parse).transpose().map_err(|_| corrupt("locale"))?,
            from_cart: row.from_cart,
            cart_version: row.cart_version,
            cancellation_reason: row.closing_reason,
            answer: row.answer,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        })
    }
}

impl Row {
    fn owner(&self) -> Option<Owner> {
        match self.owner_kind.as_str() {
            "user" => Some(Owner::User(self.owner_id)),
            "guest" => Some(Owner::Guest(self.owner_id)),
            _ => None,
        }
    }

    fn payment(&self) -> Option<Payment> {
        let method = match (&*self.method, &self.stripe_customer, &self.stripe_payment_method) {
            ("client", None, None) => Method::Client,
            ("saved", Some(customer), Some(payment_method)) => Method::Saved {
                customer: customer.parse::<CustomerId>().ok()?,
                payment_method: payment_method.parse::<PaymentMethodId>().ok()?,
            },
            _ => return None,
        };
        let failure = self.failure_code.clone().zip(self.failure_message.clone());
        Some(Payment {
            method,
            intent: self.stripe_payment_intent.as_deref().map(str::parse).transpose().ok()?,
            client_secret: self.client_secret.clone().map(ClientSecret),
            captured: self.captured,
            refunded: self.refunded,
            disputed: self.disputed,
            failure: failure.map(|(code, message)| Failure { code, message }),
            no_more_tries: self.no_more_tries,
        })
    }
}
