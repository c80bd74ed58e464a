//! The paths that an item's code writes: in expressions, types and patterns, in `use` at any depth, in the words of macros and
//! attributes, and in attributes' texts (`serialize_with = "crate::text::written"`).

use std::collections::BTreeMap;

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, ExprLit, ImplItem, Item, ItemUse, Lit, Macro, Meta, Path, Signature, TraitItem, UseTree,
};

use super::words;

/// A path, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    /// What stands before `::*` in a `use`.
    pub(super) is_glob: bool,
}

/// The paths and functions found in an item.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) mentions: Vec<Mention>,
    pub(super) imports: BTreeMap<String, Vec<String>>,
    pub(super) globs: Vec<Vec<String>>,
    pub(super) functions: Vec<(String, usize)>,
}

/// All that an item writes. What a function imports for itself counts as the module's: names have one meaning in a file.
pub(super) fn of_item(item: &Item) -> Found {
    let mut found = Found::default();
    found.visit_item(item);
    found
}

/// The name that an item defines in its module.
pub(super) fn name(item: &Item) -> Option<String> {
    let name: &Ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The attributes in front of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether what follows is there in tests only.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The file that `#[path = "..."]` names.
pub(super) fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("path")).find_map(|attribute| {
        match &attribute.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        }
    })
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        match item {
            ImplItem::Fn(function) if is_test(&function.attrs) => {}
            ImplItem::Fn(function) => {
                self.count(&function.sig, &function.block);
                visit::visit_impl_item(self, item);
            }
            item => visit::visit_impl_item(self, item),
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if let TraitItem::Fn(function) = item
            && let Some(block) = &function.default
        {
            self.count(&function.sig, block);
        }
        visit::visit_trait_item(self, item);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.count(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `::name` is another crate.
        if item.leading_colon.is_none() {
            self.import(&item.tree, &mut Vec::new());
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.mentions.push(Mention { path, is_glob: false });
        }
        visit::visit_path(self, path);
    }

    /// `pub(in crate::products)` says who may name it, and names nothing itself.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.visit_path(&invocation.path);
        self.mentions.extend(words::paths(invocation.tokens.clone(), false).into_iter().map(written));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.mentions.extend(words::paths(list.tokens.clone(), true).into_iter().map(written));
        }
    }
}

impl Found {
    fn count(&mut self, signature: &Signature, block: &Block) {
        let (first, last) = (signature.fn_token.span.start().line, block.brace_token.span.close().end().line);
        self.functions.push((signature.ident.to_string(), last + 1 - first));
    }

    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
            UseTree::Glob(_) => {
                self.globs.push(before.clone());
                self.mentions.push(Mention { path: before.clone(), is_glob: true });
            }
            UseTree::Name(name) => self.import_as(before, &name.ident, None),
            UseTree::Rename(rename) => self.import_as(before, &rename.ident, Some(&rename.rename)),
        }
    }

    fn import_as(&mut self, before: &[String], name: &Ident, rename: Option<&Ident>) {
        let mut path = before.to_vec();
        if name != "self" || before.is_empty() {
            path.push(name.to_string());
        }
        let known_as = rename.map(ToString::to_string).or_else(|| path.last().cloned());
        // `use path as _;` gives a trait without a name.
        if let Some(known_as) = known_as.filter(|known_as| known_as != "_") {
            self.imports.insert(known_as, path.clone());
        }
        self.mentions.push(Mention { path, is_glob: false });
    }
}

fn written(path: Vec<String>) -> Mention {
    Mention { path, is_glob: false }
}
