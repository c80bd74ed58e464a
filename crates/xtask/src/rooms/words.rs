//! Paths among the words of macros and attributes, which are no syntax yet.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::Path;

/// Paths of two names and more, as code writes them; in attributes also those that are texts.
pub(super) fn paths(tokens: TokenStream, is_attribute: bool) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    read(tokens, is_attribute, &mut found);
    found
}

fn read(tokens: TokenStream, is_attribute: bool, found: &mut Vec<Vec<String>>) {
    let mut path = Written::default();
    let mut is_half_colon = false;
    for token in tokens {
        let was_half_colon = std::mem::take(&mut is_half_colon);
        match token {
            TokenTree::Ident(ident) => found.extend(path.add(ident.to_string())),
            TokenTree::Punct(punct) if punct.as_char() == ':' && was_half_colon => path.go_on(),
            TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint => {
                is_half_colon = true;
            }
            TokenTree::Punct(_) => found.extend(path.end()),
            TokenTree::Group(group) => {
                found.extend(path.end());
                read(group.stream(), is_attribute, found);
            }
            TokenTree::Literal(literal) => {
                found.extend(path.end());
                if is_attribute {
                    found.extend(text_path(&literal.to_string()));
                }
            }
        }
    }
    found.extend(path.end());
}

/// A path that is being put together.
#[derive(Default)]
struct Written {
    names: Vec<String>,
    /// It goes on: `::` was the last that was read.
    is_open: bool,
    /// It began with `::`, after a type or by itself: no path of ours.
    is_foreign: bool,
}

impl Written {
    fn add(&mut self, name: String) -> Option<Vec<String>> {
        let ended = if self.is_open { None } else { self.end() };
        self.names.push(name);
        self.is_open = false;
        ended
    }

    fn go_on(&mut self) {
        self.is_foreign |= self.names.is_empty();
        self.is_open = true;
    }

    fn end(&mut self) -> Option<Vec<String>> {
        let Self { names, is_foreign, .. } = std::mem::take(self);
        (names.len() > 1 && !is_foreign).then_some(names)
    }
}

/// A text that is a path of several names.
fn text_path(literal: &str) -> Option<Vec<String>> {
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    let path =
        syn::parse_str::<Path>(text).ok().filter(|path| path.leading_colon.is_none() && path.segments.len() > 1)?;
    Some(path.segments.iter().map(|segment| segment.ident.to_string()).collect())
}
