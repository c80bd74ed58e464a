//! Headers that can have one value only.

use http::{HeaderMap, HeaderName, HeaderValue};

/// A header that can have one value only was sent in several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// The value of a header that can have one value only. Taking the first of several lines would let a request mean one
/// thing to us and another to whatever looks at it on its way (RFC 9110, 5.3 allows lists in several lines, no others).
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(Repeated) } else { Ok(first) }
}
