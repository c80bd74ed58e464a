//! What a product is. A product has options (size, colour) and variants, one for each combination that is sold; the
//! variant is what is priced, stocked and ordered, and its SKU names it across the whole shop.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use common::{
    id::Id,
    input::{Fields, FromFields, Refusal, line, prose},
    money::{Currency, Money},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::categories::domain::CategoryId;

/// The id of a product.
pub type ProductId = Id<Product>;

/// Most variants a product may have.
pub const MAX_VARIANTS: usize = 100;
const MAX_OPTIONS: usize = 3;
const MAX_OPTION_VALUES: usize = 50;
const MAX_CATEGORIES: usize = 20;
const MAX_PRICES: usize = 20;

/// Lower-case words joined by hyphens, for addresses that people read; never of the form of an id, since both stand in
/// the same place of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 100, example = "organic-cotton-tee")]
pub struct Slug(String);

impl FromStr for Slug {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !(1..=100).contains(&text.len()) || !text.split('-').all(word) || Uuid::try_parse(text).is_ok() {
            let message = "must be lower-case words joined by hyphens, at most 100 characters, and not a UUID";
            return Err(Refusal::new("invalid_slug", message));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stock keeping unit: names a variant across the whole shop, on labels too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Z0-9]+(-[A-Z0-9]+)*$", max_length = 40, example = "TEE-ORG-NAVY-M")]
pub struct Sku(String);

impl Sku {
    /// As written on the label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !(1..=40).contains(&text.len()) || !text.split('-').all(part) {
            let message = "must be capitals and digits in parts joined by hyphens, at most 40 characters";
            return Err(Refusal::new("invalid_sku", message));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of at most `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line<const MAX: usize>(String);

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=MAX).map(Self)
    }
}

/// Text of at most 5,000 characters; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Description(String);

impl FromStr for Description {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        prose(text, 0..=5_000).map(Self)
    }
}

/// Whether shoppers see a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProductStatus)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being prepared: seen by staff only.
    Draft,
    /// On sale.
    Active,
}

impl FromStr for Status {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "draft" => Ok(Self::Draft),
            "active" => Ok(Self::Active),
            _ => Err(Refusal::new("unknown_status", "must be draft or active")),
        }
    }
}

/// A way in which the variants of a product differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductOption {
    /// What differs.
    #[schema(max_length = 50, example = "Size")]
    pub name: String,
    /// The values there are, in the order to show them.
    #[schema(max_items = 50, example = json!(["S", "M", "L"]))]
    pub values: Vec<String>,
}

impl FromFields for ProductOption {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text::<Line<50>>("name");
        let values = fields.texts::<Line<50>>("values", MAX_OPTION_VALUES);
        let values: Vec<String> = values?.into_iter().map(|value| value.0).collect();
        if values.is_empty() || has_repeats(&values) {
            return fields.refuse("values", "not_distinct", "must have at least one value, and each once");
        }
        Some(Self { name: name?.0, values })
    }
}

/// What is priced, stocked and ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Unique across the shop.
    pub sku: Sku,
    /// A value for each of the product's options.
    #[schema(example = json!({"Size": "M"}))]
    pub options: BTreeMap<String, String>,
    /// At most one price a currency.
    #[schema(min_items = 1, max_items = 20)]
    pub prices: Vec<Money>,
}

impl Variant {
    /// What one of it costs in `currency`, if it is sold for that.
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        self.prices.iter().copied().find(|price| price.currency == currency)
    }
}

impl FromFields for Variant {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let options = fields.text_map::<Line<50>, Line<50>>("options", MAX_OPTIONS);
        let prices = fields.objects::<Money>("prices", MAX_PRICES);
        let prices = prices?;
        let currencies: Vec<String> = prices.iter().map(|price| price.currency.to_string()).collect();
        if prices.is_empty() || has_repeats(&currencies) {
            return fields.refuse("prices", "not_distinct", "must have at least one price, and one a currency");
        }
        let options = options?.into_iter().map(|(name, value)| (name.0, value.0)).collect();
        Some(Self { sku: sku?, options, prices })
    }
}

/// A product as staff describe it.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({
    "title": "Organic cotton tee", "slug": "organic-cotton-tee", "description": "Midweight, pre-shrunk.",
    "status": "active", "category_ids": [],
    "options": [{"name": "Size", "values": ["S", "M"]}],
    "variants": [
        {"sku": "TEE-ORG-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]},
        {"sku": "TEE-ORG-M", "options": {"Size": "M"}, "prices": [{"amount": 1999, "currency": "USD"}]}
    ]
}))]
pub struct NewProduct {
    /// What it is called.
    #[schema(max_length = 200)]
    pub title: String,
    /// For its address; unique across the shop.
    pub slug: Slug,
    /// What there is to say about it.
    #[schema(max_length = 5000)]
    pub description: String,
    /// Whether shoppers see it.
    pub status: Status,
    /// The categories it is in; each must exist.
    #[schema(max_items = 20)]
    pub category_ids: Vec<CategoryId>,
    /// How its variants differ; empty when there is one variant only.
    #[schema(max_items = 3)]
    pub options: Vec<ProductOption>,
    /// What can be bought.
    #[schema(min_items = 1, max_items = 100)]
    pub variants: Vec<Variant>,
}

/// An id in a request body.
struct CategoryReference(CategoryId);

impl FromStr for CategoryReference {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| Refusal::new("invalid_id", "must be a UUID"))
    }
}

impl FromFields for NewProduct {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let title = fields.text::<Line<200>>("title");
        let slug = fields.text("slug");
        let description = fields.text::<Description>("description");
        let status = fields.text("status");
        let categories = fields.texts::<CategoryReference>("category_ids", MAX_CATEGORIES);
        let options = fields.objects::<ProductOption>("options", MAX_OPTIONS);
        let variants = fields.objects::<Variant>("variants", MAX_VARIANTS);
        let (options, variants) = (options?, variants?);
        for (path, code, message) in contradictions(&options, &variants) {
            fields.refuse_below::<()>(&path, code, message);
        }
        let mut category_ids: Vec<CategoryId> = categories?.into_iter().map(|reference| reference.0).collect();
        let mut seen = BTreeSet::new();
        category_ids.retain(|id| seen.insert(*id));
        Some(Self {
            title: title?.0,
            slug: slug?,
            description: description?.0,
            status: status?,
            category_ids,
            options,
            variants,
        })
    }
}

type Contradiction = (String, &'static str, &'static str);

/// What is wrong with options and variants taken together, though each is fine by itself.
fn contradictions(options: &[ProductOption], variants: &[Variant]) -> Vec<Contradiction> {
    let mut found: Vec<Contradiction> = Vec::new();
    let names: Vec<&String> = options.iter().map(|option| &option.name).collect();
    if has_repeats(&names) {
        found.push(("/options".into(), "not_distinct", "must have different names"));
    }
    if variants.is_empty() {
        found.push(("/variants".into(), "too_few", "must have at least one"));
    }
    let (mut skus, mut combinations) = (BTreeSet::new(), BTreeSet::new());
    for (i, variant) in variants.iter().enumerate() {
        if !skus.insert(&variant.sku) {
            found.push((format!("/variants/{i}/sku"), "not_distinct", "is the SKU of another variant"));
        }
        let complete = variant.options.len() == options.len()
            && options.iter().all(|o| variant.options.get(&o.name).is_some_and(|value| o.values.contains(value)));
        if !complete {
            let message = "must give one of the listed values for each of the product's options, and nothing else";
            found.push((format!("/variants/{i}/options"), "not_an_option", message));
        } else if !combinations.insert(&variant.options) {
            found.push((format!("/variants/{i}/options"), "not_distinct", "are those of another variant"));
        }
    }
    found
}

fn has_repeats<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "title": "Organic cotton tee", "slug": "organic-cotton-tee",
    "description": "Midweight, pre-shrunk.", "status": "active", "category_ids": [],
    "options": [{"name": "Size", "values": ["S", "M"]}],
    "variants": [{"sku": "TEE-ORG-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]}],
    "version": 1, "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Product {
    /// Names it for ever.
    pub id: ProductId,
    /// What it is called.
    pub title: String,
    /// For its address; unique across the shop.
    pub slug: Slug,
    /// What there is to say about it.
    pub description: String,
    /// Whether shoppers see it.
    pub status: Status,
    /// The categories it is in.
    pub category_ids: Vec<CategoryId>,
    /// How its variants differ.
    pub options: Vec<ProductOption>,
    /// What can be bought.
    pub variants: Vec<Variant>,
    /// Grows by one with every change; also the `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Product {
    /// Whether shoppers may see and buy it.
    pub fn is_on_sale(&self) -> bool {
        self.status == Status::Active
    }

    /// A new product, as of `now`.
    pub fn create(new: NewProduct, now: Timestamp) -> Self {
        Self {
            id: Id::new(now),
            title: new.title,
            slug: new.slug,
            description: new.description,
            status: new.status,
            category_ids: new.category_ids,
            options: new.options,
            variants: new.variants,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// How a path names a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductKey {
    /// By id.
    Id(ProductId),
    /// By slug.
    Slug(String),
}

impl From<String> for ProductKey {
    /// No slug has the form of an id, so a path cannot mean two products.
    fn from(text: String) -> Self {
        text.parse().map_or(Self::Slug(text), Self::Id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body() -> Value {
        json!({
            "title": "Tee", "slug": "tee", "description": "", "status": "active", "category_ids": [],
            "options": [{"name": "Size", "values": ["S", "M"]}],
            "variants": [
                {"sku": "TEE-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]},
                {"sku": "TEE-M", "options": {"Size": "M"}, "prices": [{"amount": 0, "currency": "USD"}]}
            ]
        })
    }

    fn refused(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut body = body();
        change(&mut body);
        let errors = Fields::read::<NewProduct>(body).unwrap_err();
        errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
    }

    #[test]
    fn a_product_with_options_and_variants_is_read() {
        let new = Fields::read::<NewProduct>(body()).unwrap();
        let usd = "USD".parse().unwrap();
        assert_eq!(new.variants[0].price_in(usd), Some(Money { amount: 1999, currency: usd }));
        assert_eq!(new.variants[0].price_in("EUR".parse().unwrap()), None);
    }

    #[test]
    fn every_variant_names_each_option_with_a_listed_value() {
        assert_eq!(
            refused(|b| b["variants"][1]["options"] = json!({"Size": "XL"})),
            ["/variants/1/options not_an_option"]
        );
        assert_eq!(refused(|b| b["variants"][1]["options"] = json!({})), ["/variants/1/options not_an_option"]);
        let surplus = json!({"Size": "M", "Colour": "red"});
        assert_eq!(refused(|b| b["variants"][1]["options"] = surplus), ["/variants/1/options not_an_option"]);
    }

    #[test]
    fn no_two_variants_are_the_same() {
        assert_eq!(
            refused(|b| b["variants"][1]["options"] = json!({"Size": "S"})),
            ["/variants/1/options not_distinct"]
        );
        assert_eq!(refused(|b| b["variants"][1]["sku"] = json!("TEE-S")), ["/variants/1/sku not_distinct"]);
    }

    #[test]
    fn prices_are_whole_positive_and_one_a_currency() {
        let price = |amount: Value, currency: &str| json!([{"amount": amount, "currency": currency}]);
        let at = |prices: Value| refused(|b| b["variants"][0]["prices"] = prices);
        assert_eq!(at(price(json!(-1), "USD")), ["/variants/0/prices/0/amount out_of_range"]);
        assert_eq!(at(price(json!(19.99), "USD")), ["/variants/0/prices/0/amount wrong_type"]);
        assert_eq!(at(price(json!(1), "XXQ")), ["/variants/0/prices/0/currency unknown_currency"]);
        assert_eq!(at(json!([])), ["/variants/0/prices not_distinct"]);
        let twice = json!([{"amount": 1, "currency": "USD"}, {"amount": 2, "currency": "USD"}]);
        assert_eq!(at(twice), ["/variants/0/prices not_distinct"]);
    }

    #[test]
    fn a_product_without_variants_is_refused() {
        assert_eq!(refused(|b| b["variants"] = json!([])), ["/variants too_few"]);
    }

    #[test]
    fn slugs_and_skus_have_one_form() {
        for bad in ["", "Tee", "tee-", "-tee", "a--b", "tee shirt", "tée", "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"] {
            assert!(bad.parse::<Slug>().is_err(), "{bad} was taken as a slug");
        }
        for bad in ["", "tee", "TEE_S", "TEE-", "$GT", &"A".repeat(41)] {
            assert!(bad.parse::<Sku>().is_err(), "{bad} was taken as a SKU");
        }
    }

    #[test]
    fn a_path_means_an_id_or_a_slug_and_never_both() {
        let id = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
        assert_eq!(ProductKey::from(id.to_owned()), ProductKey::Id(id.parse().unwrap()));
        assert_eq!(ProductKey::from("tee".to_owned()), ProductKey::Slug("tee".into()));
    }
}
