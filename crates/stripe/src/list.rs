//! Pages of lists. Elements are read one by one: an unreadable one is skipped, and the others are still read.

use std::fmt;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::ids::is_opaque;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// The readable elements, newest first.
    pub data: Vec<T>,
    /// The elements that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Whether there are more.
    pub has_more: bool,
    /// The ids of the newest and of the oldest element, readable or not; the next page begins after the oldest.
    ends: (Option<String>, Option<String>),
}

/// An object that Stripe sent in an unknown form. Its content is not kept: it may be personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Stripe's name of its type, such as `refund`.
    pub object: Option<String>,
    /// The object's id.
    pub id: Option<String>,
}

impl Unreadable {
    /// Type and id of an object that cannot be read.
    pub fn of(value: &Value) -> Self {
        let word = |member: &str| value[member].as_str().map(str::to_owned);
        Self {
            object: word("object").filter(|kind| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b))),
            id: id_of(value),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |word: &Option<String>, else_: &str| word.clone().unwrap_or_else(|| else_.to_owned());
        write!(f, "{} {}", or(&self.object, "object"), or(&self.id, "without an id"))
    }
}

impl<T> List<T> {
    /// The id of the newest element, readable or not.
    pub fn newest(&self) -> Option<&str> {
        self.ends.0.as_deref()
    }

    /// The id of the oldest element, readable or not.
    pub(crate) fn oldest(&self) -> Option<&str> {
        self.ends.1.as_deref()
    }

    /// Appends the next page.
    pub(crate) fn extend(&mut self, next: Self) {
        self.data.extend(next.data);
        self.unreadable.extend(next.unreadable);
        self.has_more = next.has_more;
        self.ends.1 = next.ends.1;
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Value>,
            has_more: bool,
        }
        let Page { data, has_more } = Page::deserialize(deserializer)?;
        let ends = (data.first().and_then(id_of), data.last().and_then(id_of));
        let mut list = Self { data: Vec::with_capacity(data.len()), unreadable: Vec::new(), has_more, ends };
        for element in data {
            let what = Unreadable::of(&element);
            match serde_json::from_value(element) {
                Ok(element) => list.data.push(element),
                Err(_) => list.unreadable.push(what),
            }
        }
        Ok(list)
    }
}

fn id_of(value: &Value) -> Option<String> {
    value["id"].as_str().filter(|id| is_opaque(id)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refunds::Refund;

    #[test]
    fn an_element_that_cannot_be_read_is_passed_over_and_the_rest_is_read() {
        let refund = |id: &str| serde_json::json!({"id": id, "object": "refund", "amount": 1, "currency": "usd"});
        let mut odd = refund("re_2");
        odd["amount"] = "ada@example.com".into();
        let page = serde_json::json!({"data": [refund("re_3"), odd, refund("re_1"), 7], "has_more": true});
        let list: List<Refund> = serde_json::from_value(page).unwrap();
        assert_eq!(list.data.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), ["re_3", "re_1"]);
        let unreadable: Vec<String> = list.unreadable.iter().map(Unreadable::to_string).collect();
        assert_eq!(unreadable, ["refund re_2", "object without an id"]);
        assert_eq!((list.newest(), list.oldest(), list.has_more), (Some("re_3"), None, true));
    }
}
