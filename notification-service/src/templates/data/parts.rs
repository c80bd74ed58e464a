//! The data of mails about payment, shipping, returns and invoices of an order.

use common::{
    contact::PersonName,
    input::{Fields, FromFields},
    money::Money,
    timestamp::Timestamp,
};
use utoipa::ToSchema;

use super::{
    Link,
    order::{Amount, Code, Line, MAX_LINES, MAX_OPTIONS, MAX_QUANTITY, Order, options},
};

/// The data of `payment_action_required`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct PaymentActionData {
    /// The order; its `link` is the page on which the payment is confirmed.
    pub order: Order,
    /// When the order is cancelled unless the payment is confirmed.
    pub pay_by: Option<Timestamp>,
}

impl FromFields for PaymentActionData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let pay_by = fields.optional_text("pay_by");
        Some(Self { order: order?, pay_by: pay_by? })
    }
}

/// An item of a shipment, return or withdrawal.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedItem)]
pub struct Item {
    /// Title of the product.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("Organic cotton tee"))]
    pub title: Line<200>,
    /// Options of the variant, such as colour and size: names and values, at most 20.
    #[schema(schema_with = options)]
    pub options: Vec<(Line<100>, Line<100>)>,
    /// Number of units.
    #[schema(minimum = 1, maximum = 99_900, examples(2))]
    pub quantity: u32,
}

impl FromFields for Item {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let title = fields.text("title");
        let options = fields.text_map("options", MAX_OPTIONS);
        let quantity = fields.integer("quantity", 1..=MAX_QUANTITY);
        let quantity = quantity.and_then(|quantity| u32::try_from(quantity).ok());
        Some(Self { title: title?, options: options?, quantity: quantity? })
    }
}

/// The optional list of items; absent, it means the whole order.
fn items(fields: &mut Fields<'_>) -> Option<Vec<Item>> {
    fields.optional_objects("items", MAX_LINES).map(Option::unwrap_or_default)
}

/// The data of `order_shipped`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct ShippedData {
    /// The order.
    pub order: Order,
    /// The shipment.
    pub shipment: Shipment,
}

impl FromFields for ShippedData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let shipment = fields.object("shipment");
        Some(Self { order: order?, shipment: shipment? })
    }
}

/// A shipped parcel.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedShipment)]
pub struct Shipment {
    /// Name of the carrier.
    #[schema(value_type = String, min_length = 1, max_length = 60, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("DHL"))]
    pub carrier: Line<60>,
    /// Tracking number of the carrier.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 60, pattern = "^[A-Za-z0-9 #./_-]+$",
        examples("00340434161094042557"))]
    pub tracking_number: Option<Code<60>>,
    /// Link to the tracking page; must be below `SHOP_URL` or an address of the setting `TRACKING_URL_BASES`.
    pub tracking_link: Option<Link>,
    /// Expected day of arrival: any time of that day.
    pub expected_at: Option<Timestamp>,
    /// Items of the parcel; the whole order when absent.
    #[schema(value_type = Option<Vec<Item>>, max_items = 100)]
    pub items: Vec<Item>,
}

impl FromFields for Shipment {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let carrier = fields.text("carrier");
        let tracking_number = fields.optional_text("tracking_number");
        let tracking_link = fields.optional_text("tracking_link");
        let expected_at = fields.optional_text("expected_at");
        let items = items(fields);
        Some(Self {
            carrier: carrier?,
            tracking_number: tracking_number?,
            tracking_link: tracking_link?,
            expected_at: expected_at?,
            items: items?,
        })
    }
}

/// The data of `order_delivered`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct DeliveredData {
    /// The order.
    pub order: Order,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

impl FromFields for DeliveredData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let delivered_at = fields.optional_text("delivered_at");
        Some(Self { order: order?, delivered_at: delivered_at? })
    }
}

/// The data of `order_refunded`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct RefundedData {
    /// The order.
    pub order: Order,
    /// The refund.
    pub refund: Refund,
}

impl FromFields for RefundedData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let refund = fields.object("refund");
        Some(Self { order: order?, refund: refund? })
    }
}

/// A refund.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedRefund)]
pub struct Refund {
    /// Refunded amount.
    pub amount: Money,
}

impl FromFields for Refund {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.object("amount").map(|Amount(amount)| Self { amount })
    }
}

/// The data of `return_received`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct ReturnData {
    /// The order.
    pub order: Order,
    /// The return.
    pub returned: Return,
}

impl FromFields for ReturnData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let returned = fields.object("returned");
        Some(Self { order: order?, returned: returned? })
    }
}

/// A return that has arrived at the shop.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedReturn)]
pub struct Return {
    /// When it arrived.
    pub received_at: Timestamp,
    /// Returned items; the whole order when absent.
    #[schema(value_type = Option<Vec<Item>>, max_items = 100)]
    pub items: Vec<Item>,
}

impl FromFields for Return {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let received_at = fields.text("received_at");
        let items = items(fields);
        Some(Self { received_at: received_at?, items: items? })
    }
}

/// The data of `withdrawal_received`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct WithdrawalData {
    /// The order.
    pub order: Order,
    /// The withdrawal.
    pub withdrawal: Withdrawal,
}

impl FromFields for WithdrawalData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let withdrawal = fields.object("withdrawal");
        Some(Self { order: order?, withdrawal: withdrawal? })
    }
}

/// A declared withdrawal from a contract. Its receipt must state content, date and time.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedWithdrawal)]
pub struct Withdrawal {
    /// When it was received.
    pub received_at: Timestamp,
    /// Name of the person who declared it. Must not contain a web address.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("Ada Lovelace"))]
    pub name: Option<PersonName>,
    /// Items of the withdrawal; the whole order when absent.
    #[schema(value_type = Option<Vec<Item>>, max_items = 100)]
    pub items: Vec<Item>,
}

impl FromFields for Withdrawal {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let received_at = fields.text("received_at");
        let name = fields.optional_text("name");
        let items = items(fields);
        Some(Self { received_at: received_at?, name: name?, items: items? })
    }
}

/// The data of `guest_order_link`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct GuestLinkData {
    /// The order.
    pub order: Order,
    /// Link to the order for the guest; must be below `SHOP_URL`.
    pub link: Link,
    /// When the link expires.
    pub expires_at: Option<Timestamp>,
}

impl FromFields for GuestLinkData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let link = fields.text("link");
        let expires_at = fields.optional_text("expires_at");
        Some(Self { order: order?, link: link?, expires_at: expires_at? })
    }
}

/// The data of `invoice`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct InvoiceData {
    /// The order.
    pub order: Order,
    /// The invoice.
    pub invoice: Invoice,
}

impl FromFields for InvoiceData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order = fields.object("order");
        let invoice = fields.object("invoice");
        Some(Self { order: order?, invoice: invoice? })
    }
}

/// An available invoice.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedInvoice)]
pub struct Invoice {
    /// Invoice number.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[A-Za-z0-9 #./_-]+$", examples("2026-000123"))]
    pub number: Code<40>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Link to the invoice; must be below `SHOP_URL`.
    pub link: Link,
}

impl FromFields for Invoice {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let number = fields.text("number");
        let issued_at = fields.text("issued_at");
        let link = fields.text("link");
        Some(Self { number: number?, issued_at: issued_at?, link: link? })
    }
}
