//! A call of a vendor's API, the vendor's decision about it, and the answer.

use axum::body::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::records::Record;

/// A received call.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[cfg(test)]
    pub(crate) fn post(path: &str, content_type: &str, body: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.extend(content_type.parse().ok().map(|kind| (http::header::CONTENT_TYPE, kind)));
        let body = Bytes::from(body.to_owned());
        Self { method: Method::POST, path: path.to_owned(), query: None, body, headers }
    }
}

/// The vendor's decision about a call.
#[derive(Debug)]
pub(crate) enum Decision {
    /// A message is accepted.
    Send(Box<Record>),
    /// Data are read.
    Read(Reply),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Null where there is no body.
    pub(crate) body: Value,
}
