//! Lists are pages with a cursor: `?limit=1..100&cursor=` -> `{"items": [...], "next_cursor": null}`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{input::holds_storable_text, problem::Problem};

/// How many items a page has unless the client says otherwise.
pub const DEFAULT_LIMIT: u32 = 20;
/// The most items a page may have.
pub const MAX_LIMIT: u32 = 100;

/// The longest cursor that is looked at; ours are shorter than this by far.
const MAX_CURSOR: usize = 4_096;

/// Which page of a list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    #[serde(default = "default_limit")]
    limit: u32,
    /// Where the page starts: `next_cursor` of the page before, unchanged; left out for the first page.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 4096)]
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

impl PageQuery {
    /// The page that a query with more parameters names: these can't be read as one flattened part of it.
    pub fn new(limit: Option<u32>, cursor: Option<String>) -> Self {
        Self { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor }
    }

    /// How many items to read, and after which place. 400 for a limit out of range or a cursor that is not ours.
    pub fn read<Place: DeserializeOwned>(&self) -> Result<(usize, Option<Place>), Problem> {
        if self.limit == 0 || self.limit > MAX_LIMIT {
            return Err(Problem::invalid_parameter("limit", &format!("must be from 1 to {MAX_LIMIT}")));
        }
        let place = match &self.cursor {
            None => None,
            Some(cursor) => Some(decode(cursor).ok_or_else(|| {
                Problem::invalid_parameter("cursor", "must be the next_cursor of an earlier page, unchanged")
            })?),
        };
        Ok((self.limit as usize, place))
    }
}

/// A cursor comes from a client, whatever we wrote into it: a `Place` is made of types that refuse what they cannot be,
/// such as a moment out of range, and of no text that a store cannot hold.
fn decode<Place: DeserializeOwned>(cursor: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(Some(cursor).filter(|cursor| cursor.len() <= MAX_CURSOR)?).ok()?;
    let json: Value = serde_json::from_slice(&bytes).ok()?;
    if !holds_storable_text(&json) {
        return None;
    }
    serde_json::from_value(json).ok()
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items of this page, in the list's order.
    pub items: Vec<T>,
    /// Hand this back as `cursor` to read on; `null` on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` items: the one too many says that there is a next page.
    /// `place` says where in the list's order an item stands.
    pub fn new<Place: Serialize>(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> Place) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(place);
        Self::up_to(items, next.as_ref())
    }

    /// Makes a page that ends at a place in the list's order, beyond its last item where what was read there is left out;
    /// without one it is the last page.
    pub fn up_to<Place: Serialize>(items: Vec<T>, next: Option<&Place>) -> Self {
        // A place is a few numbers and strings; those always have a JSON form.
        let json = next.and_then(|place| serde_json::to_vec(place).ok());
        Self { items, next_cursor: json.map(|json| URL_SAFE_NO_PAD.encode(json)) }
    }

    /// The same page with every item turned into something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    #[test]
    fn the_cursor_of_a_page_is_the_place_of_its_last_item() {
        let page = Page::new(vec![9, 8, 7], 2, |n| *n);
        assert_eq!(page.items, [9, 8]);
        let query = PageQuery { limit: 2, cursor: page.next_cursor };
        assert_eq!(query.read::<i32>().unwrap(), (2, Some(8)));
    }

    #[test]
    fn a_page_without_items_may_have_a_next_one() {
        let page = Page::<i32>::up_to(Vec::new(), Some(&7));
        let query = PageQuery { limit: 2, cursor: page.next_cursor };
        assert_eq!(query.read::<i32>().unwrap(), (2, Some(7)));
        assert_eq!(Page::<i32>::up_to(Vec::new(), None::<&i32>).next_cursor, None);
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(Page::new(vec![9, 8], 2, |n| *n).next_cursor, None);
        assert_eq!(Page::new(Vec::<i32>::new(), 2, |n| *n).next_cursor, None);
    }

    #[test]
    fn a_strange_cursor_or_limit_is_refused() {
        for (limit, cursor) in [(0, None), (101, None), (5, Some("%%%")), (5, Some("aGVsbG8"))] {
            let query = PageQuery { limit, cursor: cursor.map(str::to_owned) };
            assert!(query.read::<i32>().is_err(), "{limit} {cursor:?}");
        }
    }

    fn is_taken<Place: DeserializeOwned>(json: &str) -> bool {
        let query = PageQuery { limit: 1, cursor: Some(URL_SAFE_NO_PAD.encode(json)) };
        query.read::<Place>().is_ok()
    }

    #[test]
    fn a_cursor_of_the_right_form_with_an_impossible_value_is_refused() {
        assert!(is_taken::<Timestamp>("\"2026-11-22T09:30:00.125Z\""));
        for moment in ["0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:60-00:01"] {
            assert!(!is_taken::<Timestamp>(&format!("\"{moment}\"")), "{moment}");
        }
        assert!(is_taken::<String>("\"a\""));
        assert!(!is_taken::<String>("\"a\\u0000\""));
        assert!(!is_taken::<(String, Vec<String>)>("[\"a\", [\"\\u0000\"]]"));
        assert!(!is_taken::<String>(&format!("\"{}\"", "a".repeat(MAX_CURSOR))));
    }
}
