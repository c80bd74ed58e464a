//! What a category is: a named shelf.

use std::str::FromStr;

use common::{
    id::Id,
    input::{Fields, FromFields, Refusal, line},
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::products::domain::Slug;

/// The id of a category.
pub type CategoryId = Id<Category>;

/// A category's name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(String);

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=100).map(Self)
    }
}

/// A category as staff describe it.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"slug": "coffee", "name": "Coffee"}))]
pub struct NewCategory {
    /// For its address; unique.
    pub slug: Slug,
    /// What shoppers read.
    #[schema(max_length = 100)]
    pub name: String,
}

impl FromFields for NewCategory {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let slug = fields.text("slug");
        let name = fields.text::<Name>("name");
        Some(Self { slug: slug?, name: name?.0 })
    }
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "slug": "coffee", "name": "Coffee"}))]
pub struct Category {
    /// Names it for ever.
    pub id: CategoryId,
    /// For its address; unique.
    pub slug: Slug,
    /// What shoppers read.
    pub name: String,
}

impl Category {
    /// A new category, as of `now`.
    pub fn create(new: NewCategory, now: Timestamp) -> Self {
        Self { id: Id::new(now), slug: new.slug, name: new.name }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_category_needs_a_slug_and_a_name() {
        let errors = Fields::read::<NewCategory>(json!({"slug": "No Slug", "name": " "})).unwrap_err();
        let found: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
        assert_eq!(found, [("/slug", "invalid_slug"), ("/name", "too_short")]);
    }
}
