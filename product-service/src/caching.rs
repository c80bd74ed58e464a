//! What caches may do with our answers, for the header `Cache-Control`. This file uses nothing of this service.

use http::HeaderValue;

/// What shared caches may do with the public catalogue: serve it for a minute, and once more while they fetch anew.
pub(crate) const CATALOGUE_CACHE: HeaderValue =
    HeaderValue::from_static("public, max-age=0, s-maxage=60, stale-while-revalidate=60");
/// Staff see what they changed.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
