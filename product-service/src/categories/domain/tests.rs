use common::input::Fields;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    Timestamp::now()
}

fn new(slug: &str, parent_id: Option<CategoryId>, position: Option<usize>) -> NewCategory {
    NewCategory { slug: slug.parse().unwrap(), name: slug.to_owned(), parent_id, position }
}

fn keep() -> CategoryPatch {
    CategoryPatch { slug: None, name: None, parent_id: Patch::Keep, position: None }
}

impl Tree {
    fn with(&mut self, slug: &str, parent: Option<CategoryId>, position: Option<usize>) -> CategoryId {
        self.add(new(slug, parent, position), now()).unwrap().id
    }

    /// Slugs below a parent with their positions.
    fn below(&self, parent: Option<CategoryId>) -> Vec<(usize, String)> {
        self.children(parent).map(|category| (category.position, category.slug.to_string())).collect()
    }
}

fn order(slugs: &[&str]) -> Vec<(usize, String)> {
    slugs.iter().enumerate().map(|(at, slug)| (at, (*slug).to_owned())).collect()
}

#[test]
fn a_category_needs_a_slug_and_a_name() {
    let errors = Fields::read::<NewCategory>(json!({"slug": "No Slug", "name": " ", "position": -1})).unwrap_err();
    let found: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
    assert_eq!(found, [("/slug", "invalid_slug"), ("/name", "too_short"), ("/position", "out_of_range")]);
}

#[test]
fn siblings_stand_where_they_were_put() {
    let mut tree = Tree::default();
    for (slug, position) in [("a", None), ("b", None), ("first", Some(0)), ("third", Some(2)), ("last", Some(99))] {
        tree.with(slug, None, position);
    }
    assert_eq!(tree.below(None), order(&["first", "a", "third", "b", "last"]));
}

#[test]
fn a_category_moves_with_all_that_stands_in_it() {
    let mut tree = Tree::default();
    let (home, garden) = (tree.with("home", None, None), tree.with("garden", None, None));
    let kitchen = tree.with("kitchen", Some(home), None);
    let knives = tree.with("knives", Some(kitchen), None);
    tree.with("pots", Some(garden), None);
    let moved = tree
        .change(kitchen, CategoryPatch { parent_id: Patch::Set(garden), position: Some(0), ..keep() }, now())
        .unwrap();
    assert_eq!((moved.parent_id, moved.version), (Some(garden), 2));
    assert_eq!((tree.below(Some(home)), tree.below(Some(garden))), (vec![], order(&["kitchen", "pots"])));
    let slugs = |categories: &[Category]| categories.iter().map(|one| one.slug.to_string()).collect::<Vec<_>>();
    let branch = tree.branch(&CategoryKey::from("knives".to_owned())).unwrap();
    assert_eq!(slugs(&branch.ancestors), ["garden", "kitchen"]);
    assert_eq!(slugs(&tree.branch(&CategoryKey::Id(garden)).unwrap().descendants), ["kitchen", "knives", "pots"]);
    tree.change(kitchen, CategoryPatch { parent_id: Patch::Remove, ..keep() }, now()).unwrap();
    assert_eq!(tree.below(None), order(&["home", "garden", "kitchen"]));
    assert_eq!(tree.get(knives).unwrap().parent_id, Some(kitchen));
}

#[test]
fn no_category_comes_to_stand_in_itself() {
    let mut tree = Tree::default();
    let top = tree.with("top", None, None);
    let middle = tree.with("middle", Some(top), None);
    let bottom = tree.with("bottom", Some(middle), None);
    for parent in [top, middle, bottom] {
        let before = tree.clone();
        let into = CategoryPatch { parent_id: Patch::Set(parent), ..keep() };
        assert!(matches!(tree.change(top, into, now()), Err(Refused::CategoryCircle)));
        assert_eq!(tree, before);
    }
}

#[test]
fn there_are_six_levels_at_most_also_when_a_branch_is_moved() {
    let mut tree = Tree::default();
    let mut parent = None;
    for level in 0..MAX_DEPTH {
        parent = Some(tree.with(&format!("level-{level}"), parent, None));
    }
    assert!(matches!(tree.add(new("deeper", parent, None), Timestamp::now()), Err(Refused::TooDeep)));
    let (one, other) = (tree.with("one", None, None), tree.with("other", None, None));
    tree.with("below", Some(other), None);
    let level_four = tree.branch(&CategoryKey::Slug("level-4".into())).unwrap().category.id;
    assert!(tree.change(one, CategoryPatch { parent_id: Patch::Set(level_four), ..keep() }, now()).is_ok());
    let too_deep = tree.change(other, CategoryPatch { parent_id: Patch::Set(level_four), ..keep() }, now());
    assert!(matches!(too_deep, Err(Refused::TooDeep)));
}

#[test]
fn slugs_are_unique_and_a_category_with_others_in_it_stays() {
    let mut tree = Tree::default();
    let home = tree.with("home", None, None);
    let kitchen = tree.with("kitchen", Some(home), None);
    assert!(matches!(tree.add(new("home", None, None), Timestamp::now()), Err(Refused::CategorySlugTaken)));
    let rename = CategoryPatch { slug: Some("home".parse().unwrap()), ..keep() };
    assert!(matches!(tree.change(kitchen, rename.clone(), now()), Err(Refused::CategorySlugTaken)));
    assert_eq!(tree.change(home, rename, now()).unwrap().version, 1, "its own slug is no change");
    assert!(matches!(tree.remove(home, now()), Err(Refused::CategoryInUse)));
    tree.remove(kitchen, now()).unwrap();
    tree.remove(home, now()).unwrap();
    assert!(matches!(tree.remove(home, now()), Err(Refused::NotFound)));
}
