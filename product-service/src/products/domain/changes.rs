//! Changes of a product that exists. Each change is a pure function of the product as it was read, and is saved on the
//! condition that no other request has changed it since.

use common::{
    input::{Fields, FromFields, Patch},
    problem::FieldError,
    sku::Sku,
    timestamp::Timestamp,
};
use utoipa::ToSchema;

use super::{
    Contradiction, NewProduct, Product, ProductOption, Status,
    attributes::{self, AttributeName, AttributeValue, Attributes, MAX_ATTRIBUTES},
    contradictions, distinct,
    limits::{MAX_CATEGORIES, MAX_OPTIONS, MAX_TAGS, MAX_VARIANTS},
    new_status, texts,
    variant::{Variant, VariantPatch, applied},
    words::{Description, Line, Tag},
};
use crate::{ids::CategoryId, slug::Slug};

/// A change of a product: a JSON Merge Patch (RFC 7396), whose lists are replaced whole. Variants and images have routes
/// of their own; so do archiving and restoring.
#[derive(Debug, Clone, PartialEq, ToSchema)]
#[schema(example = json!({"title": "Organic tee", "brand": null, "attributes": {"Fit": "loose", "Organic": null}}))]
pub struct ProductPatch {
    /// Title that shoppers read.
    #[schema(nullable = false, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub title: Option<String>,
    /// Name of the product in URLs.
    #[schema(nullable = false)]
    pub slug: Option<Slug>,
    /// Description that shoppers read; plain text.
    #[schema(
        nullable = false,
        min_length = 0,
        max_length = 5000,
        pattern = r"^\s*[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\s*$"
    )]
    pub description: Option<String>,
    /// Brand; `null` removes it.
    #[schema(value_type = Option<String>, max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub brand: Patch<String>,
    /// All tags; `null` removes them.
    #[schema(schema_with = texts::nullable_tags)]
    pub tags: Option<Vec<String>>,
    /// Attributes to change; `null` removes one.
    #[schema(required = false, schema_with = attributes::patch_schema)]
    pub attributes: Vec<(String, Patch<AttributeValue>)>,
    /// `draft` or `active`.
    #[schema(required = false, schema_with = new_status)]
    pub status: Option<Status>,
    /// Ids of all categories; each must exist.
    #[schema(nullable = false, max_items = 20)]
    pub category_ids: Option<Vec<CategoryId>>,
    /// All options; the variants must have a value for each of them.
    #[schema(nullable = false, max_items = 3)]
    pub options: Option<Vec<ProductOption>>,
}

impl FromFields for ProductPatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let title = fields.replaced_text::<Line<200>>("title");
        let slug = fields.replaced_text("slug");
        let description = fields.replaced_text::<Description>("description");
        let brand = fields.patch_text::<Line<100>>("brand");
        let tags = fields.patch("tags", |fields| fields.texts::<Tag>("tags", MAX_TAGS));
        let attributes = fields.replaced("attributes", |fields| {
            fields.map::<AttributeName, _>("attributes", MAX_ATTRIBUTES * 2, |value| match value {
                serde_json::Value::Null => Ok(Patch::Remove),
                value => AttributeValue::read(value).map(Patch::Set),
            })
        });
        let status = fields.replaced_text("status");
        let categories =
            fields.replaced("category_ids", |fields| fields.texts::<CategoryId>("category_ids", MAX_CATEGORIES));
        let options = fields.replaced("options", |fields| fields.objects("options", MAX_OPTIONS));
        Some(Self {
            title: title?.map(|title| title.0),
            slug: slug?,
            description: description?.map(|description| description.0),
            brand: match brand? {
                Patch::Keep => Patch::Keep,
                Patch::Remove => Patch::Remove,
                Patch::Set(brand) => Patch::Set(brand.0),
            },
            tags: match tags? {
                Patch::Keep => None,
                Patch::Remove => Some(Vec::new()),
                Patch::Set(tags) => Some(distinct(tags.into_iter().map(|tag| tag.0))),
            },
            attributes: attributes?.unwrap_or_default().into_iter().map(|(name, patch)| (name.0, patch)).collect(),
            status: status?,
            category_ids: categories?.map(|ids| distinct(ids.into_iter())),
            options: options?,
        })
    }
}

/// Why a change of a product is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The product has no variant of the SKU.
    #[error("no variant of the product has this SKU")]
    NotFound,
    /// An archived product is put on sale by restoring it.
    #[error("the product is archived")]
    Archived,
    /// The product has as many variants as it may have.
    #[error("the product has the maximum number of variants")]
    TooManyVariants,
    /// Another variant of the product has the SKU.
    #[error("another variant of the product has the SKU")]
    SkuTaken,
    /// Without this variant nothing of the product could be bought.
    #[error("it is the last variant of the product")]
    LastVariant,
    /// These fields contradict each other, or the product would have too many of something.
    #[error("invalid input: {} fields", .0.len())]
    InvalidInput(Vec<FieldError>),
}

/// A change of a product.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Changes some members.
    Patch(Box<ProductPatch>),
    /// Replaces everything but the images.
    Replace(Box<NewProduct>),
    /// Takes the product off sale.
    Archive,
    /// Brings an archived product back as a draft.
    Restore,
    /// Adds a variant.
    AddVariant(Variant),
    /// Changes a variant.
    PatchVariant(Sku, VariantPatch),
    /// Removes a variant.
    RemoveVariant(Sku),
}

impl Product {
    /// The product after a change, as of `now`; the same version where nothing changes.
    pub fn after(&self, change: Change, now: Timestamp) -> Result<Self, Refused> {
        let mut next = self.clone();
        // Which variant the request is about: pointers of its errors begin at that variant.
        let mut about = None;
        match change {
            Change::Patch(patch) => {
                if self.status == Status::Archived && patch.status.is_some() {
                    return Err(Refused::Archived);
                }
                next.apply(*patch)?;
            }
            Change::Replace(new) => next = next.described(*new),
            Change::Archive => next.status = Status::Archived,
            Change::Restore if self.status == Status::Archived => next.status = Status::Draft,
            Change::Restore => {}
            Change::AddVariant(variant) => {
                if next.variants.len() == MAX_VARIANTS {
                    return Err(Refused::TooManyVariants);
                }
                if next.has_sku(&variant.sku) {
                    return Err(Refused::SkuTaken);
                }
                about = Some(next.variants.len());
                next.variants.push(variant);
            }
            Change::PatchVariant(sku, patch) => {
                let at = next.variants.iter().position(|variant| variant.sku == sku).ok_or(Refused::NotFound)?;
                about = Some(at);
                next.variants[at] = next.variants[at].clone().changed(patch);
            }
            Change::RemoveVariant(sku) => {
                let at = next.variants.iter().position(|variant| variant.sku == sku).ok_or(Refused::NotFound)?;
                if next.variants.len() == 1 {
                    return Err(Refused::LastVariant);
                }
                next.variants.remove(at);
            }
        }
        let found = contradictions(&next.options, &next.variants);
        if !found.is_empty() {
            return Err(Refused::InvalidInput(found.into_iter().map(|found| field_error(found, about)).collect()));
        }
        if next != *self {
            next.version += 1;
            next.updated_at = now;
        }
        Ok(next)
    }

    fn described(self, new: NewProduct) -> Self {
        let NewProduct { title, slug, description, brand, tags, attributes, status, .. } = new;
        let NewProduct { category_ids, options, variants, .. } = new;
        Self { title, slug, description, brand, tags, attributes, status, category_ids, options, variants, ..self }
    }

    fn apply(&mut self, patch: ProductPatch) -> Result<(), Refused> {
        self.title = patch.title.unwrap_or_else(|| self.title.clone());
        self.slug = patch.slug.unwrap_or_else(|| self.slug.clone());
        self.description = patch.description.unwrap_or_else(|| self.description.clone());
        self.brand = applied(patch.brand, self.brand.take());
        self.tags = patch.tags.unwrap_or_else(|| self.tags.clone());
        self.status = patch.status.unwrap_or(self.status);
        self.category_ids = patch.category_ids.unwrap_or_else(|| self.category_ids.clone());
        self.options = patch.options.unwrap_or_else(|| self.options.clone());
        change_attributes(&mut self.attributes, patch.attributes);
        if self.attributes.len() > MAX_ATTRIBUTES {
            let message = format!("must leave at most {MAX_ATTRIBUTES}");
            return Err(Refused::InvalidInput(vec![FieldError {
                pointer: "/attributes".into(),
                code: "too_many".into(),
                message,
                sku: None,
            }]));
        }
        Ok(())
    }
}

fn change_attributes(attributes: &mut Attributes, patches: Vec<(String, Patch<AttributeValue>)>) {
    for (name, patch) in patches {
        match applied(patch, attributes.remove(&name)) {
            Some(value) => attributes.insert(name, value),
            None => None,
        };
    }
}

/// The error with a pointer into the request: a request about one variant has that variant as its whole body.
fn field_error((path, code, message): Contradiction, about: Option<usize>) -> FieldError {
    let pointer = match about.and_then(|at| path.strip_prefix(&format!("/variants/{at}"))) {
        Some(inner) => inner.to_owned(),
        None => path,
    };
    FieldError::new(pointer, code, message)
}
