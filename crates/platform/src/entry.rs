//! Middleware between the gateway and a service's routes. It removes the base path from a request's path, and adds the request
//! id and the source address, which only the gateway knows.

use std::{str::FromStr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use common::http::{ArrivedAt, REQUEST_ID, Refused, SourceAddress};
use http::{HeaderValue, Method, Uri, header, uri::PathAndQuery};
use lambda_http::{RequestExt, request::RequestContext};

use crate::{config::Env, source::Sources};

/// The settings of the middleware.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    base: BasePath,
    sources: Sources,
}

impl Entry {
    /// Reads `BASE_PATH`, `ORIGIN_SECRET` and `ORIGIN_REQUIRED`.
    pub(crate) fn configure(env: &mut Env) -> Option<Self> {
        let sources = Sources::configure(env);
        let base = env.parsed_or("BASE_PATH", BasePath::default());
        Some(Self { base: base?, sources: sources? })
    }

    /// Puts this entry in front of `routes`. It runs before routing, because it changes paths.
    pub(crate) fn lead_to(self, routes: Router) -> Router {
        let entry = Arc::new(self);
        Router::new().fallback_service(routes).layer(middleware::from_fn(move |request: Request, next: Next| {
            let entry = Arc::clone(&entry);
            async move { entry.enter(request, next).await }
        }))
    }

    async fn enter(&self, mut request: Request, next: Next) -> Response {
        request.extensions_mut().insert(ArrivedAt::now());
        let (id, peer) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(gateway)) => (gateway.request_id.clone(), gateway.http.source_ip.clone()),
            _ => (None, None),
        };
        // The gateway's request id, which is in its access log, too. A client's own id is kept.
        if let Some(id) = id.and_then(|id| id.parse().ok()) {
            request.headers_mut().entry(REQUEST_ID).or_insert(id);
        }
        let source = self.sources.of(request.headers_mut(), peer.as_deref()).await;
        if let Some(address) = source.address {
            request.extensions_mut().insert(SourceAddress(address));
        }
        let is_below = self.base.cut_off(request.uri_mut());
        if let Some(problem) = source.refusal.filter(|_| !asks_whether_live(&request)) {
            request.extensions_mut().insert(Refused(problem));
        }
        let mut response = next.run(request).await;
        if is_below {
            self.base.put_before_location(&mut response);
        }
        response
    }
}

/// Whether this is a check of liveness (`GET /health/<service>/live`), without the base path. Such checks need no origin secret:
/// monitoring calls a function directly, past the CDN, and the answer holds no data of the shop.
fn asks_whether_live(request: &Request) -> bool {
    let path = request.uri().path().strip_prefix("/health/");
    request.method() == Method::GET && path.is_some_and(|path| path.ends_with("/live"))
}

/// The prefix that the gateway or a CDN adds to paths, such as the name of a stage: `/prod`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct BasePath(String);

impl FromStr for BasePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let base = text.strip_suffix('/').unwrap_or(text);
        let is_segment = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
        };
        if base.is_empty() {
            return Ok(Self::default());
        }
        let mut segments = base.split('/');
        let is_absolute = segments.next() == Some("");
        if is_absolute && segments.all(|segment| is_segment(segment) && !matches!(segment, "." | "..")) {
            return Ok(Self(base.to_owned()));
        }
        Err("must be a path such as /prod")
    }
}

impl BasePath {
    /// Removes the base path from the URI; returns whether it was there.
    fn cut_off(&self, uri: &mut Uri) -> bool {
        self.below(uri).map(|shorter| *uri = shorter).is_some()
    }

    fn below(&self, uri: &Uri) -> Option<Uri> {
        let rest = uri.path().strip_prefix(&self.0).filter(|_| !self.0.is_empty())?;
        if !(rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let slash = if rest.is_empty() { "/" } else { "" };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{slash}{rest}{query}")).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Adds the base path to the `Location` of an answer.
    fn put_before_location(&self, response: &mut Response) {
        let Some(location) = response.headers_mut().get_mut(header::LOCATION) else { return };
        if !location.as_bytes().starts_with(b"/") || location.as_bytes().starts_with(b"//") {
            return;
        }
        let with_base = [self.0.as_bytes(), location.as_bytes()].concat();
        if let Ok(with_base) = HeaderValue::from_bytes(&with_base) {
            *location = with_base;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BasePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_base_path_is_cut_off_where_it_is_there() {
        for (base_path, given, expected) in [
            ("/prod", "/prod/products?q=a%20b", "/products?q=a%20b"),
            ("/prod/", "/prod/products", "/products"),
            ("/prod", "/prod", "/"),
            ("/prod", "/prod?x=1", "/?x=1"),
            ("/prod", "/prod/prod/x", "/prod/x"),
            ("/prod/api", "/prod/api/carts/%2Fx", "/carts/%2Fx"),
            ("/prod", "https://shop.example/prod/products", "https://shop.example/products"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            assert!(base(base_path).cut_off(&mut uri), "{given}");
            assert_eq!(uri, expected);
        }
        for (base_path, other) in
            [("/prod", "/products"), ("/prod", "/production/x"), ("/prod", "/x/prod"), ("", "/x"), ("/", "/x")]
        {
            let mut uri: Uri = other.parse().unwrap();
            assert!(!base(base_path).cut_off(&mut uri), "{base_path} {other}");
            assert_eq!(uri, other);
        }
    }

    #[test]
    fn a_base_path_is_made_of_plain_segments() {
        for refused in ["prod", "//", "/a//b", "/a b", "/a?b", "/..", "/a/./b", "https://shop.example/prod", "/a%20b"] {
            assert!(refused.parse::<BasePath>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_location_is_below_the_base_path_unless_it_names_a_host() {
        for (given, expected) in [
            ("/products/1", "/prod/products/1"),
            ("https://else.where/x", "https://else.where/x"),
            ("//else.where/x", "//else.where/x"),
        ] {
            let mut response = Response::default();
            response.headers_mut().insert(header::LOCATION, given.parse().unwrap());
            base("/prod").put_before_location(&mut response);
            assert_eq!(response.headers()[header::LOCATION], expected);
        }
    }
}
