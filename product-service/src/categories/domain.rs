//! What a category is: a named group of products, which may have categories below it. All categories of a shop are one
//! [`Tree`], which is changed as a whole: two changes at once cannot make a circle together.

use std::collections::HashSet;

use common::{etag::ETag, id::Id, input::Patch, problem::FieldError, timestamp::Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::request::{CategoryPatch, NewCategory};
use crate::{ids::CategoryId, slug::Slug};

mod request;

/// The most categories a shop may have: the tree is read whole.
pub const MAX_CATEGORIES: usize = 1_000;
/// How many levels there may be.
pub const MAX_DEPTH: usize = 6;

/// Why a change of the tree is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No category has this id.
    #[error("no category has this id")]
    NotFound,
    /// Another category has the slug.
    #[error("another category has the slug")]
    CategorySlugTaken,
    /// There are as many categories as there may be.
    #[error("the shop has the maximum number of categories")]
    TooManyCategories,
    /// The category would be inside itself.
    #[error("the category would be inside itself")]
    CategoryCircle,
    /// The tree would have too many levels.
    #[error("the tree would have too many levels")]
    TooDeep,
    /// There is no category of the parent's id.
    #[error("the parent category does not exist")]
    UnknownParent,
    /// Products or other categories are in the category.
    #[error("the category has products or subcategories")]
    CategoryInUse,
    /// These of a product's `category_ids` are no categories.
    #[error("{} categories of the product are unknown", .0.len())]
    UnknownCategories(Vec<FieldError>),
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "slug": "coffee", "name": "Coffee", "parent_id": null, "position": 0,
    "version": 1
}))]
pub struct Category {
    /// Id of the category; never changes.
    pub id: CategoryId,
    /// Name of the category in URLs; unique.
    pub slug: Slug,
    /// Name that shoppers read.
    pub name: String,
    /// Id of the parent category; `null` at the top level.
    #[schema(required)]
    pub parent_id: Option<CategoryId>,
    /// Position among its siblings, from 0.
    pub position: usize,
    /// Grows with every change of this category, its position included.
    pub version: i64,
}

impl Category {
    /// The tag of this version.
    pub fn tag(&self) -> ETag {
        ETag::new(self.id.uuid(), self.version)
    }
}

/// A category with its ancestors and descendants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Branch {
    /// The category.
    #[serde(flatten)]
    pub category: Category,
    /// Its ancestors, from the top level down to its parent.
    pub ancestors: Vec<Category>,
    /// Its descendants at any depth: each after its parent, siblings in their order.
    pub descendants: Vec<Category>,
}

/// How a path names a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CategoryKey {
    /// By id.
    Id(CategoryId),
    /// By slug.
    Slug(String),
}

impl From<String> for CategoryKey {
    /// No slug has the form of an id, so a path names one category.
    fn from(text: String) -> Self {
        text.parse().map_or(Self::Slug(text), Self::Id)
    }
}

/// All categories of a shop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// The number of changes; 0 before the first. A change is saved on the condition that the version is still the one that was
    /// read.
    pub version: i64,
    /// Categories that got another parent lately: their products have still to be reindexed.
    pub reparented: Vec<Reparented>,
    /// Categories whose deletion is in progress: it looks for their products. A request that adds a product removes the
    /// category from here.
    pub being_deleted: Vec<CategoryId>,
    /// Categories that were deleted lately: a product that was saved at that moment may still name one.
    pub deleted: Vec<Deleted>,
    /// Siblings are in their order; the order of categories with different parents means nothing.
    categories: Vec<Category>,
}

/// A category that got another parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reparented {
    /// The category.
    pub id: CategoryId,
    /// When it was moved last.
    pub at: Timestamp,
}

/// A category that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The category's former id.
    pub id: CategoryId,
    /// When it was deleted.
    pub at: Timestamp,
}

impl Tree {
    /// The tree of categories that were saved, siblings in their order.
    pub fn new(version: i64, reparented: Vec<Reparented>, categories: Vec<Category>) -> Self {
        let mut tree = Self { version, reparented, categories, ..Self::default() };
        tree.count();
        tree
    }

    /// All of them, siblings in their order.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The category of this id.
    pub fn get(&self, id: CategoryId) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }

    /// A category with its ancestors and descendants.
    pub fn branch(&self, key: &CategoryKey) -> Option<Branch> {
        let category = self.categories.iter().find(|category| match key {
            CategoryKey::Id(id) => category.id == *id,
            CategoryKey::Slug(slug) => category.slug.to_string() == *slug,
        })?;
        let mut ancestors: Vec<Category> = self.ancestors(category.id).into_iter().cloned().collect();
        ancestors.reverse();
        let descendants = self.descendants(category.id).into_iter().cloned().collect();
        Some(Branch { category: category.clone(), ancestors, descendants })
    }

    /// The tag of a branch in this version of the tree; ancestors and descendants are part of the branch.
    pub fn branch_tag(&self, id: CategoryId) -> ETag {
        ETag::new(Uuid::new_v5(&id.uuid(), b"branch"), self.version)
    }

    /// Its parent, the parent of that, and so on to the top.
    pub fn ancestors(&self, id: CategoryId) -> Vec<&Category> {
        let parent = |category: &&Category| self.get(category.parent_id?);
        std::iter::successors(self.get(id).as_ref().and_then(parent), parent).collect()
    }

    /// Its descendants at any depth: each after its parent, siblings in their order.
    pub fn descendants(&self, id: CategoryId) -> Vec<&Category> {
        let mut found = Vec::new();
        for child in self.children(Some(id)) {
            found.push(child);
            found.extend(self.descendants(child.id));
        }
        found
    }

    /// The ids of a category and of its descendants.
    pub fn with_descendants(&self, id: CategoryId) -> Vec<CategoryId> {
        std::iter::once(id).chain(self.descendants(id).into_iter().map(|category| category.id)).collect()
    }

    fn children(&self, parent: Option<CategoryId>) -> impl Iterator<Item = &Category> {
        self.categories.iter().filter(move |category| category.parent_id == parent)
    }

    /// Adds a category.
    pub fn add(&mut self, new: NewCategory, now: Timestamp) -> Result<Category, Refused> {
        if self.categories.len() == MAX_CATEGORIES {
            return Err(Refused::TooManyCategories);
        }
        let id = Id::new(now);
        let (slug, name) = (new.slug, new.name);
        self.must_be_free(&slug, id)?;
        self.categories.push(Category { id, slug, name, parent_id: None, position: 0, version: 1 });
        let before = self.clone();
        if let Err(refused) = self.put(id, new.parent_id, new.position) {
            self.categories.retain(|category| category.id != id);
            return Err(refused);
        }
        self.note_moves(&before, Some(id));
        self.changed(id)
    }

    /// Changes a category, and moves it with its descendants.
    pub fn change(&mut self, id: CategoryId, patch: CategoryPatch, now: Timestamp) -> Result<Category, Refused> {
        let tree = self.clone();
        let before = self.get(id).ok_or(Refused::NotFound)?.clone();
        if let Some(slug) = &patch.slug {
            self.must_be_free(slug, id)?;
        }
        let parent = match patch.parent_id {
            Patch::Keep => before.parent_id,
            Patch::Remove => None,
            Patch::Set(parent) => Some(parent),
        };
        if parent != before.parent_id || patch.position.is_some() {
            self.put(id, parent, patch.position)?;
        }
        if parent != before.parent_id {
            self.reparented.retain(|moved| moved.id != id);
            self.reparented.push(Reparented { id, at: now });
        }
        let category = self.categories.iter_mut().find(|category| category.id == id).ok_or(Refused::NotFound)?;
        category.slug = patch.slug.unwrap_or(before.slug.clone());
        category.name = patch.name.unwrap_or(before.name.clone());
        if *category != before {
            category.version += 1;
        }
        self.note_moves(&tree, Some(id));
        self.changed(id)
    }

    /// Marks a category as being deleted; refused while other categories are in it.
    pub fn begin_removal(&mut self, id: CategoryId) -> Result<(), Refused> {
        self.get(id).ok_or(Refused::NotFound)?;
        if self.children(Some(id)).next().is_some() {
            return Err(Refused::CategoryInUse);
        }
        if !self.being_deleted.contains(&id) {
            self.being_deleted.push(id);
        }
        Ok(())
    }

    /// Removes the mark of being deleted from these categories; answers whether any had it.
    pub fn keep(&mut self, ids: &[CategoryId]) -> bool {
        let before = self.being_deleted.len();
        self.being_deleted.retain(|id| !ids.contains(id));
        self.being_deleted.len() < before
    }

    /// Deletes a category; refused while other categories are in it.
    pub fn remove(&mut self, id: CategoryId, now: Timestamp) -> Result<(), Refused> {
        self.begin_removal(id)?;
        self.keep(&[id]);
        let before = self.clone();
        self.categories.retain(|category| category.id != id);
        self.reparented.retain(|moved| moved.id != id);
        self.deleted.push(Deleted { id, at: now });
        self.count();
        self.note_moves(&before, None);
        Ok(())
    }

    /// Raises the version of categories whose position has changed because another one was added, moved or deleted.
    fn note_moves(&mut self, before: &Self, except: Option<CategoryId>) {
        let was = |id| before.get(id).map(|category| category.position);
        for category in self.categories.iter_mut().filter(|category| Some(category.id) != except) {
            if was(category.id) != Some(category.position) {
                category.version += 1;
            }
        }
    }

    fn must_be_free(&self, slug: &Slug, id: CategoryId) -> Result<(), Refused> {
        let is_taken = self.categories.iter().any(|category| category.slug == *slug && category.id != id);
        if is_taken { Err(Refused::CategorySlugTaken) } else { Ok(()) }
    }

    /// Puts a category below a parent, at a position among its new siblings.
    fn put(&mut self, id: CategoryId, parent: Option<CategoryId>, position: Option<usize>) -> Result<(), Refused> {
        if let Some(parent) = parent {
            self.get(parent).ok_or(Refused::UnknownParent)?;
            if parent == id || self.ancestors(parent).iter().any(|ancestor| ancestor.id == id) {
                return Err(Refused::CategoryCircle);
            }
            if self.ancestors(parent).len() + 1 + self.height(id) > MAX_DEPTH {
                return Err(Refused::TooDeep);
            }
        }
        let at = self.categories.iter().position(|category| category.id == id).ok_or(Refused::NotFound)?;
        let mut moved = self.categories.remove(at);
        moved.parent_id = parent;
        let siblings: Vec<usize> =
            (0..self.categories.len()).filter(|place| self.categories[*place].parent_id == parent).collect();
        let place = position.and_then(|position| siblings.get(position).copied()).unwrap_or(self.categories.len());
        self.categories.insert(place, moved);
        self.count();
        Ok(())
    }

    /// How many levels a category and its descendants have.
    fn height(&self, id: CategoryId) -> usize {
        1 + self.children(Some(id)).map(|child| self.height(child.id)).max().unwrap_or_default()
    }

    /// Numbers siblings by their order.
    fn count(&mut self) {
        let mut counts = std::collections::BTreeMap::<Option<CategoryId>, usize>::new();
        for category in &mut self.categories {
            let next = counts.entry(category.parent_id).or_default();
            category.position = *next;
            *next += 1;
        }
    }

    fn changed(&self, id: CategoryId) -> Result<Category, Refused> {
        self.get(id).cloned().ok_or(Refused::NotFound)
    }
}

/// Refuses ids in a product's `category_ids` that are no categories.
pub fn must_exist(tree: &Tree, ids: &[CategoryId]) -> Result<(), Refused> {
    let known: HashSet<CategoryId> = tree.categories().iter().map(|category| category.id).collect();
    let unknown = ids.iter().enumerate().filter(|(_, id)| !known.contains(id));
    let errors: Vec<FieldError> = unknown
        .map(|(at, _)| FieldError {
            pointer: format!("/category_ids/{at}"),
            code: "unknown_category".into(),
            message: "is not a category of this shop".into(),
            sku: None,
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refused::UnknownCategories(errors)) }
}

#[cfg(test)]
mod tests;
