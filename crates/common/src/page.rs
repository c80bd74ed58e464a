//! Lists are pages with a cursor: `?limit=1..100&cursor=` -> `{"items": [...], "next_cursor": null}`.

use std::marker::PhantomData;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{input::holds_storable_text, problem::Problem};

/// How many items a page has by default.
pub const DEFAULT_LIMIT: u32 = 20;
/// The most items that a page can have.
pub const MAX_LIMIT: u32 = 100;

/// The longest cursor that is read; cursors of this API are much shorter.
const MAX_CURSOR: usize = 4_096;

/// The page of a list to read.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Maximum number of items on the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    #[serde(default = "default_limit")]
    limit: u32,
    /// `next_cursor` of the previous page, unchanged; absent for the first page.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 4096)]
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

impl PageQuery {
    /// The page of a query that has more parameters, of which these two cannot be a flattened part.
    pub fn new(limit: Option<u32>, cursor: Option<String>) -> Self {
        Self { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor }
    }
}

/// A list that is read page by page; `Place` is the position of an item in its order.
#[derive(Debug)]
pub struct List<Place> {
    name: &'static str,
    place: PhantomData<fn() -> Place>,
}

impl<Place: Serialize + DeserializeOwned> List<Place> {
    /// A list with a unique name, such as its route. Cursors contain the name, so that a cursor of another list, whose
    /// places may have the same form, is refused.
    pub const fn new(name: &'static str) -> Self {
        Self { name, place: PhantomData }
    }

    /// The number of items to read, and the place to read after. 400 for a limit out of range or a cursor of another
    /// list.
    pub fn read(&self, query: &PageQuery) -> Result<(usize, Option<Place>), Problem> {
        if query.limit == 0 || query.limit > MAX_LIMIT {
            return Err(Problem::invalid_parameter("limit", &format!("must be from 1 to {MAX_LIMIT}")));
        }
        let place = match &query.cursor {
            None => None,
            Some(cursor) => Some(self.decode(cursor).ok_or_else(|| {
                Problem::invalid_parameter(
                    "cursor",
                    "must be the next_cursor of an earlier page of this list, unchanged",
                )
            })?),
        };
        Ok((query.limit as usize, place))
    }

    /// A cursor comes from a client and may be forged: a `Place` consists of types that refuse invalid values, such as
    /// a moment out of range, and of no text that a store cannot hold.
    fn decode(&self, cursor: &str) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(Some(cursor).filter(|cursor| cursor.len() <= MAX_CURSOR)?).ok()?;
        let json: Value = serde_json::from_slice(&bytes).ok()?;
        if !holds_storable_text(&json) {
            return None;
        }
        let (name, place): (String, Place) = serde_json::from_value(json).ok()?;
        Some(place).filter(|_| name == self.name)
    }

    /// Makes a page from up to `limit + 1` items: the extra one shows that there is a next page. `place` returns the
    /// position of an item in the list's order.
    pub fn page<T>(&self, mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> Place) -> Page<T> {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(place);
        self.up_to(items, next.as_ref())
    }

    /// Makes a page that ends at a place in the list's order, which may be beyond its last item when items were
    /// filtered out; without a place it is the last page.
    pub fn up_to<T>(&self, items: Vec<T>, next: Option<&Place>) -> Page<T> {
        // A place consists of numbers and strings, which always have a JSON form.
        let json = next.and_then(|place| serde_json::to_vec(&(self.name, place)).ok());
        Page { items, next_cursor: json.map(|json| URL_SAFE_NO_PAD.encode(json)) }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// Items of this page, in the list's order.
    pub items: Vec<T>,
    /// Value of `cursor` for the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page with every item converted.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    const NUMBERS: List<i32> = List::new("/numbers");

    fn asked(limit: u32, cursor: Option<String>) -> PageQuery {
        PageQuery { limit, cursor }
    }

    #[test]
    fn the_cursor_of_a_page_is_the_place_of_its_last_item() {
        let page = NUMBERS.page(vec![9, 8, 7], 2, |n| *n);
        assert_eq!(page.items, [9, 8]);
        assert_eq!(NUMBERS.read(&asked(2, page.next_cursor)).unwrap(), (2, Some(8)));
    }

    #[test]
    fn a_page_without_items_may_have_a_next_one() {
        let page = NUMBERS.up_to(Vec::<i32>::new(), Some(&7));
        assert_eq!(NUMBERS.read(&asked(2, page.next_cursor)).unwrap(), (2, Some(7)));
        assert_eq!(NUMBERS.up_to(Vec::<i32>::new(), None).next_cursor, None);
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(NUMBERS.page(vec![9, 8], 2, |n| *n).next_cursor, None);
        assert_eq!(NUMBERS.page(Vec::new(), 2, |n| *n).next_cursor, None);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused_though_its_places_look_the_same() {
        let other = List::<i32>::new("/others");
        let cursor = other.page(vec![9, 8, 7], 2, |n| *n).next_cursor;
        assert!(other.read(&asked(2, cursor.clone())).is_ok());
        let refused = NUMBERS.read(&asked(2, cursor)).unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.kind()), (400, "invalid_query"));
        assert!(refused.detail().starts_with("cursor must be the next_cursor of an earlier page of this list"));
        for nameless in ["8", "[8]", "[\"/numbers\"]", "[\"/numbers\", 8, 8]", "{\"/numbers\": 8}"] {
            let cursor = Some(URL_SAFE_NO_PAD.encode(nameless));
            assert!(NUMBERS.read(&asked(2, cursor)).is_err(), "{nameless}");
        }
    }

    #[test]
    fn a_strange_cursor_or_limit_is_refused() {
        for (limit, cursor) in [(0, None), (101, None), (5, Some("%%%")), (5, Some("aGVsbG8"))] {
            assert!(NUMBERS.read(&asked(limit, cursor.map(str::to_owned))).is_err(), "{limit} {cursor:?}");
        }
    }

    fn is_taken<Place: Serialize + DeserializeOwned>(json: &str) -> bool {
        let cursor = Some(URL_SAFE_NO_PAD.encode(format!("[\"/numbers\", {json}]")));
        List::<Place>::new("/numbers").read(&asked(1, cursor)).is_ok()
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
