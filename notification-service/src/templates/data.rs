//! The templates and their data. Data are typed, and read with a pointer to each member that is refused.

mod account;
mod direct;
pub(super) mod link;
pub(super) mod order;
mod parts;
mod stock;

use std::{borrow::Cow, str::FromStr};

use common::{
    input::{Fields, FromFields, Refusal},
    problem::{FieldError, FieldErrors},
};
use strum::{IntoStaticStr, VariantArray};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

pub use self::{
    account::{EmailChangedData, LinkData, MomentData, Side, SignInData},
    direct::DirectData,
    link::{Link, LinkTarget},
    order::{Code, Line, Order, OrderData, OrderId, OrderLine},
    parts::{
        DeliveredData, GuestLinkData, Invoice, InvoiceData, Item, PaymentActionData, Refund, RefundedData, Return,
        ReturnData, Shipment, ShippedData, Withdrawal, WithdrawalData,
    },
    stock::{Stock, StockData},
};
use super::shop::Shop;
use crate::segments;

/// The most segments of a text that staff write. Longer ones may arrive in pieces or not at all.
pub const MAX_SEGMENTS: usize = 6;

/// The template of a mail or text message.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray, strum::VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum Template {
    /// The order is paid for.
    OrderConfirmation,
    /// The payment of an order failed.
    PaymentFailed,
    /// A paid order was cancelled and is refunded.
    OrderCancelled,
    /// An account was opened with this address.
    AccountCreated,
    /// A registration named this address, which has an account.
    AccountExists,
    /// For staff: the stock of a SKU is low.
    LowStock,
    /// The bank asks the shopper to confirm the payment.
    PaymentActionRequired,
    /// A parcel was shipped.
    OrderShipped,
    /// A parcel has arrived.
    OrderDelivered,
    /// Money is refunded.
    OrderRefunded,
    /// A return has arrived at the shop.
    ReturnReceived,
    /// A withdrawal from the contract has been received (Directive 2011/83/EU, article 11a).
    WithdrawalReceived,
    /// A link by which the address is confirmed.
    VerifyEmail,
    /// A link by which a new password is set.
    PasswordReset,
    /// The password was changed.
    PasswordChanged,
    /// A login from an unknown device.
    NewSignIn,
    /// The account's address was changed; sent to both addresses.
    EmailChanged,
    /// A link by which a new member of staff opens their account.
    StaffInvited,
    /// A link by which a guest opens their order.
    GuestOrderLink,
    /// An invoice is available.
    Invoice,
    /// A mail or text that staff wrote.
    Direct,
}

impl Template {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// When it is sent, in a sentence for developers and staff.
    pub fn about(self) -> &'static str {
        match self {
            Self::OrderConfirmation => "The order is paid for.",
            Self::PaymentFailed => "The payment of an order failed; `reason` is a sentence for the shopper.",
            Self::OrderCancelled => {
                "A paid order was cancelled and is refunded; the mail explains the code `sold_out` in `reason`, and no other."
            }
            Self::AccountCreated => "An account was opened with this address.",
            Self::AccountExists => "A registration named this address, which has an account.",
            Self::LowStock => "For staff: the stock of a SKU is low.",
            Self::PaymentActionRequired => "The bank asks the shopper to confirm the payment (3-D Secure).",
            Self::OrderShipped => "A parcel was shipped; with its tracking.",
            Self::OrderDelivered => "A parcel has arrived.",
            Self::OrderRefunded => "An order is refunded, fully or in part.",
            Self::ReturnReceived => "A return has arrived at the shop.",
            Self::WithdrawalReceived => {
                "The shopper's withdrawal from the contract has been received (Directive 2011/83/EU, article 11a)."
            }
            Self::VerifyEmail => "A link by which the address is confirmed.",
            Self::PasswordReset => "A link by which a new password is set.",
            Self::PasswordChanged => "The password was changed.",
            Self::NewSignIn => "A login from an unknown device.",
            Self::EmailChanged => {
                "The account's address was changed; sent once to the old address and once to the new."
            }
            Self::StaffInvited => "A link by which a new member of staff opens their account.",
            Self::GuestOrderLink => "A link by which a guest opens their order.",
            Self::Invoice => "An invoice is available.",
            Self::Direct => "A mail or text that staff wrote.",
        }
    }

    /// Whether it is about an order. Such mail goes to an address that a stranger may have entered.
    pub fn is_about_an_order(self) -> bool {
        match self {
            Self::OrderConfirmation
            | Self::PaymentFailed
            | Self::OrderCancelled
            | Self::PaymentActionRequired
            | Self::OrderShipped
            | Self::OrderDelivered
            | Self::OrderRefunded
            | Self::ReturnReceived
            | Self::WithdrawalReceived
            | Self::GuestOrderLink
            | Self::Invoice => true,
            Self::AccountCreated
            | Self::AccountExists
            | Self::LowStock
            | Self::VerifyEmail
            | Self::PasswordReset
            | Self::PasswordChanged
            | Self::NewSignIn
            | Self::EmailChanged
            | Self::StaffInvited
            | Self::Direct => false,
        }
    }

    /// Whether it is transactional, and so has no link to unsubscribe. A mail that staff write may be an offer, and is not.
    pub fn is_transactional(self) -> bool {
        self != Self::Direct
    }

    /// Whether it can be sent as a text message.
    pub fn has_sms(self) -> bool {
        matches!(
            self,
            Self::OrderConfirmation
                | Self::PaymentFailed
                | Self::OrderCancelled
                | Self::PaymentActionRequired
                | Self::OrderShipped
                | Self::OrderDelivered
                | Self::OrderRefunded
                | Self::Direct
        )
    }

    /// Whether its data may be stored for resending: not where they have a link that gives access to an account or order.
    pub fn may_be_kept(self) -> bool {
        !matches!(self, Self::VerifyEmail | Self::PasswordReset | Self::StaffInvited | Self::GuestOrderLink)
    }
}

impl PartialSchema for Template {
    fn schema() -> RefOr<Schema> {
        let names = <Self as strum::VariantNames>::VARIANTS;
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.iter().copied()));
        schema.description(Some("Name of a template.")).examples([names[0]]).into()
    }
}

impl ToSchema for Template {
    fn name() -> Cow<'static, str> {
        "TemplateName".into()
    }
}

impl FromStr for Template {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|template| template.as_str() == text);
        let names = || <Self as strum::VariantNames>::VARIANTS.join(", ");
        known.ok_or_else(|| Refusal::new("unknown_template", format!("must be one of {}", names())))
    }
}

/// The data of a message, by template.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented at its template")]
pub enum Message {
    OrderConfirmation(OrderData),
    PaymentFailed(OrderData),
    OrderCancelled(OrderData),
    AccountCreated,
    AccountExists,
    LowStock(StockData),
    PaymentActionRequired(PaymentActionData),
    OrderShipped(ShippedData),
    OrderDelivered(DeliveredData),
    OrderRefunded(RefundedData),
    ReturnReceived(ReturnData),
    WithdrawalReceived(WithdrawalData),
    VerifyEmail(LinkData),
    PasswordReset(LinkData),
    PasswordChanged(MomentData),
    NewSignIn(SignInData),
    EmailChanged(EmailChangedData),
    StaffInvited(LinkData),
    GuestOrderLink(GuestLinkData),
    Invoice(InvoiceData),
    Direct(DirectData),
}

/// Names the template and omits the data.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.template().as_str())
    }
}

impl Message {
    /// The template.
    pub fn template(&self) -> Template {
        match self {
            Self::OrderConfirmation(_) => Template::OrderConfirmation,
            Self::PaymentFailed(_) => Template::PaymentFailed,
            Self::OrderCancelled(_) => Template::OrderCancelled,
            Self::AccountCreated => Template::AccountCreated,
            Self::AccountExists => Template::AccountExists,
            Self::LowStock(_) => Template::LowStock,
            Self::PaymentActionRequired(_) => Template::PaymentActionRequired,
            Self::OrderShipped(_) => Template::OrderShipped,
            Self::OrderDelivered(_) => Template::OrderDelivered,
            Self::OrderRefunded(_) => Template::OrderRefunded,
            Self::ReturnReceived(_) => Template::ReturnReceived,
            Self::WithdrawalReceived(_) => Template::WithdrawalReceived,
            Self::VerifyEmail(_) => Template::VerifyEmail,
            Self::PasswordReset(_) => Template::PasswordReset,
            Self::PasswordChanged(_) => Template::PasswordChanged,
            Self::NewSignIn(_) => Template::NewSignIn,
            Self::EmailChanged(_) => Template::EmailChanged,
            Self::StaffInvited(_) => Template::StaffInvited,
            Self::GuestOrderLink(_) => Template::GuestOrderLink,
            Self::Invoice(_) => Template::Invoice,
            Self::Direct(_) => Template::Direct,
        }
    }

    /// Reads the data of a template.
    pub fn read(template: Template, data: &mut Fields<'_>) -> Option<Self> {
        let message = match template {
            Template::OrderConfirmation => OrderData::from_fields(data).map(Self::OrderConfirmation),
            Template::PaymentFailed => OrderData::from_fields(data).map(Self::PaymentFailed),
            Template::OrderCancelled => OrderData::from_fields(data).map(Self::OrderCancelled),
            Template::AccountCreated => Some(Self::AccountCreated),
            Template::AccountExists => Some(Self::AccountExists),
            Template::LowStock => StockData::from_fields(data).map(Self::LowStock),
            Template::PaymentActionRequired => PaymentActionData::from_fields(data).map(Self::PaymentActionRequired),
            Template::OrderShipped => ShippedData::from_fields(data).map(Self::OrderShipped),
            Template::OrderDelivered => DeliveredData::from_fields(data).map(Self::OrderDelivered),
            Template::OrderRefunded => RefundedData::from_fields(data).map(Self::OrderRefunded),
            Template::ReturnReceived => ReturnData::from_fields(data).map(Self::ReturnReceived),
            Template::WithdrawalReceived => WithdrawalData::from_fields(data).map(Self::WithdrawalReceived),
            Template::VerifyEmail => LinkData::from_fields(data).map(Self::VerifyEmail),
            Template::PasswordReset => LinkData::from_fields(data).map(Self::PasswordReset),
            Template::PasswordChanged => MomentData::from_fields(data).map(Self::PasswordChanged),
            Template::NewSignIn => SignInData::from_fields(data).map(Self::NewSignIn),
            Template::EmailChanged => EmailChangedData::from_fields(data).map(Self::EmailChanged),
            Template::StaffInvited => LinkData::from_fields(data).map(Self::StaffInvited),
            Template::GuestOrderLink => GuestLinkData::from_fields(data).map(Self::GuestOrderLink),
            Template::Invoice => InvoiceData::from_fields(data).map(Self::Invoice),
            Template::Direct => DirectData::from_fields(data).map(Self::Direct),
        }?;
        let has_reason = message.order().is_some_and(|order| order.reason.is_some());
        if has_reason && !matches!(template, Template::PaymentFailed | Template::OrderCancelled) {
            return data.refuse_below("/order/reason", "not_allowed", "is for orders that failed or were cancelled");
        }
        Some(message)
    }

    /// The order that it is about.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::OrderConfirmation(data) | Self::PaymentFailed(data) | Self::OrderCancelled(data) => Some(&data.order),
            Self::PaymentActionRequired(data) => Some(&data.order),
            Self::OrderShipped(data) => Some(&data.order),
            Self::OrderDelivered(data) => Some(&data.order),
            Self::OrderRefunded(data) => Some(&data.order),
            Self::ReturnReceived(data) => Some(&data.order),
            Self::WithdrawalReceived(data) => Some(&data.order),
            Self::GuestOrderLink(data) => Some(&data.order),
            Self::Invoice(data) => Some(&data.order),
            Self::AccountCreated
            | Self::AccountExists
            | Self::LowStock(_)
            | Self::VerifyEmail(_)
            | Self::PasswordReset(_)
            | Self::PasswordChanged(_)
            | Self::NewSignIn(_)
            | Self::EmailChanged(_)
            | Self::StaffInvited(_)
            | Self::Direct(_) => None,
        }
    }

    /// Refuses what this shop does not send, with pointers as in a request: a link or picture outside of the configured addresses,
    /// since a stranger's link must not reach a reader in the shop's name; and with `sms` a text that is too long.
    pub fn check(&self, shop: &Shop, sms: bool) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        for (pointer, link, goes) in self.links() {
            if let Err(refusal) = shop.allows(link, goes) {
                errors.push(|| FieldError::new(format!("/data{pointer}"), refusal.code, refusal.message));
            }
        }
        if let (true, Self::Direct(data)) = (sms, self)
            && segments::count(data.text()).segments > MAX_SEGMENTS
        {
            let message = format!("must fit in {MAX_SEGMENTS} segments of a text message");
            errors.push(|| FieldError::new("/data/text", "too_long", message));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// All links, with their pointers and allowed targets.
    fn links<'a>(&'a self) -> Vec<(String, &'a Link, LinkTarget)> {
        let mut links = Vec::new();
        let mut add = |pointer: &str, link: Option<&'a Link>, goes| {
            links.extend(link.map(|link| (pointer.to_owned(), link, goes)));
        };
        match self {
            Self::VerifyEmail(data) | Self::PasswordReset(data) | Self::StaffInvited(data) => {
                add("/link", Some(&data.link), LinkTarget::Shop);
            }
            Self::GuestOrderLink(data) => add("/link", Some(&data.link), LinkTarget::Shop),
            Self::Invoice(data) => add("/invoice/link", Some(&data.invoice.link), LinkTarget::Shop),
            Self::OrderShipped(data) => {
                add("/shipment/tracking_link", data.shipment.tracking_link.as_ref(), LinkTarget::Carrier);
            }
            _ => {}
        }
        if let Some(order) = self.order() {
            add("/order/link", order.link.as_ref(), LinkTarget::Shop);
            for (index, line) in order.lines.iter().enumerate() {
                add(&format!("/order/lines/{index}/image"), line.image.as_ref(), LinkTarget::Image);
            }
        }
        links
    }
}
