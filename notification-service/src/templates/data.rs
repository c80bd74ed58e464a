//! What can be told, and what each telling needs: one template a mail, its data typed and read with pointers to all that is
//! wrong with it.

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

/// The most segments that a text of the staff's may have: with more, a message arrives in pieces or not at all.
pub const MAX_SEGMENTS: usize = 6;

/// Which mail or text message it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray, strum::VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum Template {
    /// The order is paid for.
    OrderConfirmation,
    /// The payment of an order failed.
    PaymentFailed,
    /// A paid order was called off and refunded.
    OrderCancelled,
    /// An account was opened with this address.
    AccountCreated,
    /// A registration named this address, which has an account.
    AccountExists,
    /// For staff: few are left of a SKU.
    LowStock,
    /// The bank wants the shopper to confirm the payment.
    PaymentActionRequired,
    /// A parcel has left.
    OrderShipped,
    /// A parcel has arrived.
    OrderDelivered,
    /// Money goes back.
    OrderRefunded,
    /// What was sent back has arrived at the shop.
    ReturnReceived,
    /// A withdrawal from the contract has been received (Directive 2011/83/EU, article 11a).
    WithdrawalReceived,
    /// The address waits to be confirmed.
    VerifyEmail,
    /// A new password can be chosen.
    PasswordReset,
    /// The password was changed.
    PasswordChanged,
    /// A login from a device that the account has not been used on.
    NewSignIn,
    /// The account's address was changed; told to both addresses.
    EmailChanged,
    /// A member of staff can open their account.
    StaffInvited,
    /// A guest's way to their order.
    GuestOrderLink,
    /// An invoice can be had.
    Invoice,
    /// Staff write to a shopper.
    Direct,
}

impl Template {
    /// As written in a request.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it tells, in a sentence for developers and staff.
    pub fn about(self) -> &'static str {
        match self {
            Self::OrderConfirmation => "The order is paid for.",
            Self::PaymentFailed => "The payment of an order failed; `reason` is a sentence for the shopper.",
            Self::OrderCancelled => {
                "A paid order was called off and is refunded; of the codes in `reason`, `sold_out` has words."
            }
            Self::AccountCreated => "An account was opened with this address.",
            Self::AccountExists => "A registration named this address, which has an account.",
            Self::LowStock => "For staff: few are left of a SKU.",
            Self::PaymentActionRequired => "The bank wants the shopper to confirm the payment (3-D Secure).",
            Self::OrderShipped => "A parcel has left; with its tracking.",
            Self::OrderDelivered => "A parcel has arrived.",
            Self::OrderRefunded => "Money goes back to the shopper, all of it or a part.",
            Self::ReturnReceived => "What the shopper sent back has arrived at the shop.",
            Self::WithdrawalReceived => {
                "The shopper's withdrawal from the contract has been received (Directive 2011/83/EU, article 11a)."
            }
            Self::VerifyEmail => "The address waits to be confirmed.",
            Self::PasswordReset => "A new password can be chosen.",
            Self::PasswordChanged => "The password was changed.",
            Self::NewSignIn => "A login from a device that the account has not been used on.",
            Self::EmailChanged => {
                "The account's address was changed; sent once to the old address and once to the new."
            }
            Self::StaffInvited => "A member of staff can open their account.",
            Self::GuestOrderLink => "A guest's way to their order.",
            Self::Invoice => "An invoice can be had.",
            Self::Direct => "Staff write to a shopper, in words of their own.",
        }
    }

    /// Whether a shopper's order is the occasion. Such mail goes to an address that a stranger may have typed.
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

    /// Whether it follows from what its reader did or must know, so that it has no "unsubscribe". What staff write may be
    /// anything, an offer included.
    pub fn is_transactional(self) -> bool {
        self != Self::Direct
    }

    /// Whether there is a text message of it: of what a shopper waits for.
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

    /// Whether its data may be kept, to send it once more: not where they hold a link that lets in whoever has it.
    pub fn may_be_kept(self) -> bool {
        !matches!(self, Self::VerifyEmail | Self::PasswordReset | Self::StaffInvited | Self::GuestOrderLink)
    }
}

impl PartialSchema for Template {
    fn schema() -> RefOr<Schema> {
        let names = <Self as strum::VariantNames>::VARIANTS;
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.iter().copied()));
        schema.description(Some("Which message it is.")).examples([names[0]]).into()
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

/// What is told: the template, and with it what it needs.
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

/// Says which it is and nothing of what it says.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.template().as_str())
    }
}

impl Message {
    /// Which template it is of.
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
            return data.refuse_below("/order/reason", "not_allowed", "is for orders that came to nothing");
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

    /// Refuses what this shop does not send, with pointers as in a request: a link or picture that is not
    /// of an address in the settings, since a link of a stranger's making must not reach a reader in the shop's name; and
    /// where a text message is wanted (`sms`) one that is too long.
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

    /// Every link in it: where it stands, and where it may go.
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
