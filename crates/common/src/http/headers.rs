//! Headers that can have only one value.

use http::{HeaderMap, HeaderName, HeaderValue};

/// A header that can have only one value was sent several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// The value of a header that can have only one. Several are refused: a proxy could read another of them than this
/// service (RFC 9110, 5.3 allows repeated lines only for lists).
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(Repeated) } else { Ok(first) }
}
