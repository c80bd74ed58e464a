//! One call as it comes in: who calls, with what key and version, and what for.

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, Uri, header};

use crate::{
    form::Params,
    refusal::Refusal,
    world::{API_VERSION, random},
};

/// One call as it came.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Of a POST; others have none.
    pub(crate) key: Option<String>,
    pub(crate) params: Params,
    /// `req_...`
    pub(crate) request_id: String,
    /// The version of the API that is asked for.
    pub(crate) version: String,
}

impl Incoming {
    /// What is known of a call before its parameters are read.
    pub(crate) fn begin(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self {
            method: method.to_string(),
            path: uri.path().to_owned(),
            key: header("idempotency-key").filter(|_| method == Method::POST),
            params: Params::default(),
            request_id: format!("req_{}", random(14)),
            version: header("stripe-version").unwrap_or_else(|| API_VERSION.to_owned()),
        }
    }

    /// Checks who calls, and reads the parameters.
    pub(crate) fn read(&mut self, uri: &Uri, headers: &HeaderMap, body: &Bytes, secret: &str) -> Result<(), Refusal> {
        authorize(headers, secret)?;
        if !is_version(&self.version) {
            return Err(Refusal::unknown_version(&self.version));
        }
        if self.method != "POST" {
            self.params = Params::read(uri.query().unwrap_or_default().as_bytes())?;
            return Ok(());
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !body.is_empty() && !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(Refusal::not_a_form());
        }
        self.params = Params::read(body)?;
        Ok(())
    }
}

/// The secret key, as a bearer token or as the user name of basic authentication.
fn authorize(headers: &HeaderMap, secret: &str) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = match given.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim().to_owned(),
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let pair = STANDARD.decode(pair.trim()).unwrap_or_default();
            String::from_utf8_lossy(&pair).split(':').next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    if key.is_empty() {
        return Err(Refusal::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth \
             (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or \
             we can help at https://support.stripe.com/.",
        ));
    }
    if key == secret { Ok(()) } else { Err(Refusal::unauthorized("Invalid API Key provided.")) }
}

/// `2025-03-31.basil`, or `2022-11-15` as of old.
fn is_version(text: &str) -> bool {
    let (date, name) = text.split_once('.').unwrap_or((text, "acacia"));
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = date.split('-');
    let is_date = [4, 2, 2].into_iter().all(|length| parts.next().is_some_and(|part| digits(part, length)));
    is_date && parts.next().is_none() && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dates_with_or_without_a_name() {
        for good in ["2025-03-31.basil", "2022-11-15", "2026-09-30.preview"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "basil", "2025-3-31", "2025-03-31.", "2025-03-31-01", "2025-03-31.Basil"] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
