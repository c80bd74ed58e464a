//! What a product is. A product has options (size, colour) and variants, one for each combination that is sold; the
//! variant is what is priced, stocked and ordered, and its SKU names it across the whole shop.

use std::{collections::BTreeSet, str::FromStr};

use common::{
    etag::ETag,
    id::Id,
    input::{Fields, FromFields, Refusal},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

mod attributes;
mod changes;
mod limits;
mod line;
mod texts;
mod variant;
mod words;

pub(crate) use self::attributes::schema as attributes_schema;
use self::{
    attributes::{AttributeName, MAX_ATTRIBUTES},
    limits::{MAX_CATEGORIES, MAX_OPTION_VALUES, MAX_OPTIONS, MAX_TAGS},
    variant::has_repeats,
};
pub use self::{
    attributes::{AttributeValue, Attributes},
    changes::{Change, ProductPatch, Refused},
    limits::MAX_VARIANTS,
    line::ProductLine,
    variant::{TaxClass, Variant, VariantPatch},
    words::{Barcode, Description, Line, Tag},
};
use crate::{
    ids::{CategoryId, ProductId},
    images::domain::Image,
    slug::Slug,
};

/// Whether a product is on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ProductStatus)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// In preparation: only staff can read it.
    Draft,
    /// On sale.
    Active,
    /// No longer sold: only staff can read it, and another product may have its slug. It can be restored.
    Archived,
}

impl Status {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The states that staff may set; archiving has a route of its own.
fn new_status() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([Status::Draft.as_str(), Status::Active.as_str()]))
        .description(Some("`draft` or `active`."))
        .build()
}

impl FromStr for Status {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "draft" => Ok(Self::Draft),
            "active" => Ok(Self::Active),
            // Archiving has a route of its own.
            _ => Err(Refusal::new("unknown_status", "must be draft or active")),
        }
    }
}

/// An option in which the variants of a product differ, such as the size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductOption {
    /// Name of the option.
    #[schema(max_length = 50, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$", example = "Size")]
    pub name: String,
    /// Values of the option, each once, in the order to show them.
    #[schema(schema_with = texts::option_values)]
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

/// A product to create.
#[derive(Debug, Clone, PartialEq, ToSchema)]
#[schema(example = json!({
    "title": "Organic cotton tee", "slug": "organic-cotton-tee", "description": "Midweight, pre-shrunk.",
    "brand": "Bodega", "tags": ["organic"], "attributes": {"Material": "cotton", "Organic": true},
    "status": "active", "category_ids": [],
    "options": [{"name": "Size", "values": ["S", "M"]}],
    "variants": [
        {"sku": "TEE-ORG-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]},
        {"sku": "TEE-ORG-M", "options": {"Size": "M"}, "prices": [{"amount": 1999, "currency": "USD"}]}
    ]
}))]
pub struct NewProduct {
    /// Title that shoppers read.
    #[schema(max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub title: String,
    /// Name of the product in URLs; unique among products that are not archived.
    pub slug: Slug,
    /// Description that shoppers read; plain text.
    #[schema(min_length = 0, max_length = 5000, pattern = r"^\s*[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\s*$")]
    pub description: String,
    /// Brand.
    #[schema(max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub brand: Option<String>,
    /// Tags, by which products are found together.
    #[schema(required = false, schema_with = texts::tags)]
    pub tags: Vec<String>,
    /// Attributes by name, such as `Material`; at most 30.
    #[schema(required = false, schema_with = attributes::schema)]
    pub attributes: Attributes,
    /// `draft` or `active`.
    #[schema(schema_with = new_status)]
    pub status: Status,
    /// Ids of the categories that the product is in; each must exist.
    #[schema(max_items = 20)]
    pub category_ids: Vec<CategoryId>,
    /// Options in which the variants differ; empty when there is only one variant.
    #[schema(max_items = 3)]
    pub options: Vec<ProductOption>,
    /// The variants, which are what is bought.
    #[schema(min_items = 1, max_items = 100)]
    pub variants: Vec<Variant>,
}

impl FromFields for NewProduct {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Self::with_categories(fields, |fields| fields.texts("category_ids", MAX_CATEGORIES))
    }
}

impl NewProduct {
    /// Reads all members but the categories: requests name them by id, files by slug.
    fn with_categories(
        fields: &mut Fields<'_>,
        categories: impl FnOnce(&mut Fields<'_>) -> Option<Vec<CategoryId>>,
    ) -> Option<Self> {
        let title = fields.text::<Line<200>>("title");
        let slug = fields.text("slug");
        let description = fields.text::<Description>("description");
        let brand = fields.optional_text::<Line<100>>("brand");
        let tags = fields.optional_texts::<Tag>("tags", MAX_TAGS);
        let attributes = fields.optional_map::<AttributeName, _>("attributes", MAX_ATTRIBUTES, AttributeValue::read);
        let status = fields.text("status");
        let categories = categories(fields);
        let options = fields.objects::<ProductOption>("options", MAX_OPTIONS);
        let variants = fields.objects::<Variant>("variants", MAX_VARIANTS);
        let (options, variants) = (options?, variants?);
        for (path, code, message) in contradictions(&options, &variants) {
            fields.refuse_below::<()>(&path, code, message);
        }
        Some(Self {
            title: title?.0,
            slug: slug?,
            description: description?.0,
            brand: brand?.map(|brand| brand.0),
            tags: distinct(tags?.unwrap_or_default().into_iter().map(|tag| tag.0)),
            attributes: attributes?.unwrap_or_default().into_iter().map(|(name, value)| (name.0, value)).collect(),
            status: status?,
            category_ids: distinct(categories?.into_iter()),
            options,
            variants,
        })
    }
}

/// Drops repeated values.
fn distinct<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).collect()
}

type Contradiction = (String, &'static str, &'static str);

/// Contradictions between options and variants that are valid by themselves.
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
        if let Some((path, code, message)) = variant.contradiction() {
            found.push((format!("/variants/{i}{path}"), code, message));
        }
    }
    found
}

/// A product.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Id of the product; never changes.
    pub id: ProductId,
    /// Title that shoppers read.
    pub title: String,
    /// Name of the product in URLs; unique among products that are not archived.
    pub slug: Slug,
    /// Description that shoppers read; plain text.
    pub description: String,
    /// Brand.
    pub brand: Option<String>,
    /// Tags, by which products are found together.
    pub tags: Vec<String>,
    /// Attributes by name, such as `Material`.
    pub attributes: Attributes,
    /// Whether the product is on sale.
    pub status: Status,
    /// Ids of the categories that the product is in.
    pub category_ids: Vec<CategoryId>,
    /// Options in which the variants differ.
    pub options: Vec<ProductOption>,
    /// The variants, which are what is bought.
    pub variants: Vec<Variant>,
    /// The images, in the order to show them.
    pub images: Vec<Image>,
    /// Grows by one with every change.
    pub version: i64,
    /// When the product was created.
    pub created_at: Timestamp,
    /// When the product was last changed.
    pub updated_at: Timestamp,
}

impl Product {
    /// The tag of this version.
    pub fn tag(&self) -> ETag {
        ETag::new(self.id.uuid(), self.version)
    }

    /// Whether shoppers can see and buy the product.
    pub fn is_on_sale(&self) -> bool {
        self.status == Status::Active
    }

    /// Whether one of its variants has this SKU.
    pub fn has_sku(&self, sku: &Sku) -> bool {
        self.variants.iter().any(|variant| variant.sku == *sku)
    }

    /// A new product, as of `now`.
    pub fn create(new: NewProduct, now: Timestamp) -> Self {
        Self {
            id: Id::new(now),
            title: new.title,
            slug: new.slug,
            description: new.description,
            brand: new.brand,
            tags: new.tags,
            attributes: new.attributes,
            status: new.status,
            category_ids: new.category_ids,
            options: new.options,
            variants: new.variants,
            images: Vec::new(),
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
    /// No slug has the form of an id, so a path names one product.
    fn from(text: String) -> Self {
        text.parse().map_or(Self::Slug(text), Self::Id)
    }
}

#[cfg(test)]
mod tests;
