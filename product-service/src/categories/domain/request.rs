//! Requests of staff: a category to create, and a change of one.

use std::str::FromStr;

use common::input::{Fields, FromFields, Patch, Refusal, line};
use utoipa::ToSchema;

use crate::{ids::CategoryId, slug::Slug};

/// A category's name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(String);

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=100).map(Self)
    }
}

/// A category to create.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"slug": "coffee", "name": "Coffee", "parent_id": null, "position": 0}))]
pub struct NewCategory {
    /// Name of the category in URLs; unique.
    pub slug: Slug,
    /// Name that shoppers read.
    #[schema(max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub name: String,
    /// Id of the parent category; `null` at the top level.
    pub parent_id: Option<CategoryId>,
    /// Position among its siblings, from 0; the last one if left out.
    #[schema(minimum = 0, maximum = 999)]
    pub position: Option<usize>,
}

impl FromFields for NewCategory {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let slug = fields.text("slug");
        let name = fields.text::<Name>("name");
        let parent_id = fields.optional_text("parent_id");
        let position = fields.patch("position", position);
        let position = match position? {
            Patch::Set(position) => Some(position),
            Patch::Keep | Patch::Remove => None,
        };
        Some(Self { slug: slug?, name: name?.0, parent_id: parent_id?, position })
    }
}

fn position(fields: &mut Fields<'_>) -> Option<usize> {
    fields.integer("position", 0..=999).and_then(|position| usize::try_from(position).ok())
}

/// A change of a category: a JSON Merge Patch (RFC 7396). Its descendants move with it.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"name": "Coffee and tea", "parent_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "position": 0}))]
pub struct CategoryPatch {
    /// Name of the category in URLs.
    #[schema(nullable = false)]
    pub slug: Option<Slug>,
    /// Name that shoppers read.
    #[schema(nullable = false, max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub name: Option<String>,
    /// Id of the new parent category; `null` for the top level.
    #[schema(value_type = Option<CategoryId>)]
    pub parent_id: Patch<CategoryId>,
    /// Position among its siblings, from 0. A category that only gets another parent becomes the last one there.
    #[schema(nullable = false, minimum = 0, maximum = 999)]
    pub position: Option<usize>,
}

impl FromFields for CategoryPatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let slug = fields.replaced_text("slug");
        let name = fields.replaced_text::<Name>("name");
        let parent_id = fields.patch_text("parent_id");
        let position = fields.replaced("position", position);
        Some(Self { slug: slug?, name: name?.map(|name| name.0), parent_id: parent_id?, position: position? })
    }
}
