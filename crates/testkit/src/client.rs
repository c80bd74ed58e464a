//! Requests into a router, without a network.

use std::net::IpAddr;

use axum::{Router, body::Body};
use common::http::SourceAddress;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// Sends requests into a router.
#[derive(Debug, Clone)]
pub struct Client(Router);

impl Client {
    /// A client of `router`.
    pub fn new(router: Router) -> Self {
        Self(router)
    }

    /// A `GET`.
    pub fn get(&self, path: &str) -> Sending {
        self.request(Method::GET, path)
    }

    /// A `POST`.
    pub fn post(&self, path: &str) -> Sending {
        self.request(Method::POST, path)
    }

    /// A `PUT`.
    pub fn put(&self, path: &str) -> Sending {
        self.request(Method::PUT, path)
    }

    /// A `PATCH`.
    pub fn patch(&self, path: &str) -> Sending {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE`.
    pub fn delete(&self, path: &str) -> Sending {
        self.request(Method::DELETE, path)
    }

    /// Any method.
    pub fn request(&self, method: Method, path: &str) -> Sending {
        let router = self.0.clone();
        Sending { router, method, path: path.to_owned(), headers: HeaderMap::new(), source: None, body: Vec::new() }
    }
}

/// A request being put together.
#[derive(Debug)]
pub struct Sending {
    router: Router,
    method: Method,
    path: String,
    headers: HeaderMap,
    source: Option<IpAddr>,
    body: Vec<u8>,
}

impl Sending {
    /// Sets the source address that the gateway would report.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.source = Some(address.parse().unwrap());
        self
    }

    /// Adds an access token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    /// Adds another line of a header.
    #[must_use]
    pub fn and_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// Adds a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Adds any body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, content_type)
    }

    /// Sends the request and reads the whole answer.
    pub async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path).body(Body::from(self.body)).unwrap();
        *request.headers_mut() = self.headers;
        request.extensions_mut().extend(
            self.source
                .map(SourceAddress)
                .map(|source| {
                    let mut extensions = http::Extensions::new();
                    extensions.insert(source);
                    extensions
                })
                .unwrap_or_default(),
        );
        let (parts, body) = self.router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `null` when there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The slug of a problem; panics unless the answer is a well-formed one.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        for member in ["title", "detail", "request_id"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} is empty: {body}");
        }
        body["type"].as_str().unwrap().to_owned()
    }

    /// The bad fields of a problem as `pointer code`.
    pub fn refused_fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let line =
            |error: &Value| format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap());
        errors.iter().map(line).collect()
    }

    /// The answer itself, after checking its status.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "often the status is all a test looks at")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}
