//! The data of an order in mails.

use std::{fmt, str::FromStr};

use common::{
    contact::PostalAddress,
    id::Id,
    input::{Fields, FromFields, Refusal, line},
    money::{Currency, MAX_AMOUNT, Money},
    sku::Sku,
    timestamp::Timestamp,
};
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{Object, ObjectBuilder, Type},
    },
};
use uuid::Uuid;

use super::Link;

/// The most lines of an order.
pub(super) const MAX_LINES: usize = 100;
/// The most options of one line.
pub(super) const MAX_OPTIONS: usize = 20;
/// The most units of one line: lines of the same SKU are added up.
pub(super) const MAX_QUANTITY: i64 = 99_900;

/// Id of an order, by which transaction-service keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = Uuid, examples("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"))]
pub struct OrderId(Uuid);

impl FromStr for OrderId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(|id: Id<Self>| Self(id.uuid()))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line of at most `MAX` characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Line<const MAX: usize>(pub String);

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=MAX).map(Self)
    }
}

/// A code, such as a tracking number: at most `MAX` letters and digits of ASCII, spaces and
/// `#-./_`, so that it fits into any text message.
#[derive(Clone, PartialEq, Eq)]
pub struct Code<const MAX: usize>(pub String);

impl<const MAX: usize> FromStr for Code<MAX> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = line(text, 1..=MAX)?;
        if text.bytes().all(|b| b.is_ascii_alphanumeric() || b" #-./_".contains(&b)) {
            return Ok(Self(text));
        }
        Err(Refusal::new("invalid_code", "must have only letters and digits of ASCII, spaces and #-./_"))
    }
}

/// An amount of an order, also in a currency that has been withdrawn since.
pub(super) struct Amount(pub(super) Money);

impl FromFields for Amount {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let amount = fields.integer("amount", 0..=MAX_AMOUNT);
        let currency = fields.text::<KnownCurrency>("currency");
        Some(Self(Money { amount: amount?, currency: currency?.0 }))
    }
}

struct KnownCurrency(Currency);

impl FromStr for KnownCurrency {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        // An order may have been made before its currency was withdrawn.
        text.parse().or_else(|refusal| Currency::stored(text).ok_or(refusal)).map(Self)
    }
}

/// The schema of an option's name or value.
fn option_word() -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(100));
    text.pattern(Some(r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")).build()
}

/// The schema of the options of a line or an item.
pub(super) fn options() -> Object {
    ObjectBuilder::new()
        .property_names(Some(option_word()))
        .additional_properties(Some(RefOr::T(Schema::from(option_word()))))
        .max_properties(Some(MAX_OPTIONS))
        .description(Some("Options of the ordered variant: names and values."))
        .build()
}

/// A line of an order.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedLine)]
pub struct OrderLine {
    /// Title of the product.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("Organic cotton tee"))]
    pub title: Line<200>,
    /// Options of the ordered variant, such as colour and size: names and values, at most 20.
    #[schema(schema_with = options)]
    pub options: Vec<(Line<100>, Line<100>)>,
    /// Number of ordered units.
    #[schema(minimum = 1, maximum = 99_900, examples(2))]
    pub quantity: u32,
    /// SKU of the ordered variant.
    #[schema(value_type = Option<String>, pattern = "^[A-Z0-9]+(-[A-Z0-9]+)*$", max_length = 40, examples("TEE-ORG-NAVY-M"))]
    pub sku: Option<Sku>,
    /// Price of one unit.
    pub unit_price: Option<Money>,
    /// Picture of the product: an `https` URL below an address of the setting `MAIL_IMAGE_BASES`.
    pub image: Option<Link>,
    /// Price of the line.
    pub total: Money,
}

impl FromFields for OrderLine {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let title = fields.text("title");
        let options = fields.text_map("options", MAX_OPTIONS);
        let quantity = fields.integer("quantity", 1..=MAX_QUANTITY);
        let sku = fields.optional_text("sku");
        let unit_price = fields.optional_object("unit_price").map(|price| price.map(|Amount(money)| money));
        let image = fields.optional_text("image");
        let total = fields.object("total").map(|Amount(money)| money);
        let quantity = quantity.and_then(|quantity| u32::try_from(quantity).ok());
        Some(Self {
            title: title?,
            options: options?,
            quantity: quantity?,
            sku: sku?,
            unit_price: unit_price?,
            image: image?,
            total: total?,
        })
    }
}

/// The data of `order_confirmation`, `payment_failed` and `order_cancelled`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct OrderData {
    /// The order.
    pub order: Order,
}

impl FromFields for OrderData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.object("order").map(|order| Self { order })
    }
}

/// An order, as mails show it.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedOrder)]
pub struct Order {
    /// Id of the order.
    pub id: OrderId,
    /// Order number for the shopper; mails show the id when absent.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 40, pattern = "^[A-Za-z0-9 #./_-]+$",
        examples("BO-2026-1042"))]
    pub number: Option<Code<40>>,
    /// Link to the order's page; must be below `SHOP_URL`, and is `SHOP_URL/orders/{id}` when absent. It is stored with the
    /// notification, so it must not give access by itself.
    pub link: Option<Link>,
    /// When the order was placed.
    pub placed_at: Timestamp,
    /// The ordered lines.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<OrderLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// Price of shipping.
    pub shipping: Money,
    /// Sum of taxes.
    pub tax: Money,
    /// Total price of the order.
    pub total: Money,
    /// Shipping address.
    pub shipping_address: PostalAddress,
    /// For `payment_failed`, a sentence for the shopper; for `order_cancelled`, a code, of which mails explain `sold_out`. Not allowed
    /// for other templates.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("Your card was declined."))]
    pub reason: Option<Line<500>>,
}

/// Omits all personal data.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order({})", self.id)
    }
}

impl FromFields for Order {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.text("id");
        let number = fields.optional_text("number");
        let link = fields.optional_text("link");
        let placed_at = fields.text::<Timestamp>("placed_at");
        let lines = fields.objects::<OrderLine>("lines", MAX_LINES);
        let lines = match lines {
            Some(lines) if lines.is_empty() => fields.refuse("lines", "too_few", "must have at least one line"),
            lines => lines,
        };
        let [subtotal, shipping, tax, total] =
            ["subtotal", "shipping", "tax", "total"].map(|name| fields.object(name).map(|Amount(money)| money));
        // The order is placed already, so its address is read also where a later rule would refuse it.
        let shipping_address = fields.object_by("shipping_address", PostalAddress::stored);
        let reason = fields.optional_text("reason");
        Some(Self {
            id: id?,
            number: number?,
            link: link?,
            placed_at: placed_at?,
            lines: lines?,
            subtotal: subtotal?,
            shipping: shipping?,
            tax: tax?,
            total: total?,
            shipping_address: shipping_address?,
            reason: reason?,
        })
    }
}
