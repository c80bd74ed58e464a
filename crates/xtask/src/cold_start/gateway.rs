//! The one address of all services, for those that ask their siblings. A sibling answers the first request of its kind for
//! real, as a function of the same build; after that the gateway repeats what it said. So what is measured waits for an
//! answer that a sibling gave, and not for how fast it gives it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use lambda_double::{Function, HttpAnswer, http_event};

use super::listening::Listening;
use crate::services::SERVICES;

const LARGEST: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// Hands requests to functions and keeps their answers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Gateway(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    functions: Mutex<HashMap<&'static str, Arc<Function>>>,
    /// Recorded answers, by method and path.
    kept: Mutex<HashMap<String, HttpAnswer>>,
}

impl Gateway {
    /// Listens on a free port.
    pub(super) async fn open(&self) -> Result<Listening> {
        let gateway = self.clone();
        let router = Router::new().fallback(async move |request: Request| match gateway.answer(request).await {
            Ok(answer) => response(answer),
            Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
        });
        Listening::serve(router).await
    }

    /// Has a function answer for the paths of its service.
    pub(super) fn lead_to(&self, service: &'static str, function: Arc<Function>) {
        self.0.functions.lock().unwrap_or_else(PoisonError::into_inner).insert(service, function);
    }

    async fn answer(&self, request: Request) -> Result<HttpAnswer> {
        let name = format!("{} {}", request.method(), request.uri());
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let answer = self.ask(request).await.with_context(|| name.clone())?;
        if (200..300).contains(&answer.status) {
            self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(name, answer.clone());
        }
        Ok(answer)
    }

    async fn ask(&self, request: Request) -> Result<HttpAnswer> {
        let (head, body) = request.into_parts();
        let owner = owner(head.uri.path()).context("no service has this path")?;
        let function = self.0.functions.lock().unwrap_or_else(PoisonError::into_inner).get(owner).cloned();
        let function = function.with_context(|| format!("{owner} is not there"))?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let headers: Vec<(&str, &str)> =
            head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let event = http_event(head.method.as_str(), path, &headers, to_bytes(body, LARGEST).await?);
        Ok(HttpAnswer::from(function.invoke(event, PATIENCE).await?))
    }
}

/// The service that has the path.
fn owner(path: &str) -> Option<&'static str> {
    let is_below =
        |prefix: &&str| path.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    SERVICES.iter().find(|service| service.prefixes.iter().any(is_below)).map(|service| service.name)
}

fn response(answer: HttpAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = answer.header("content-type").unwrap_or("application/json").to_owned();
    (status, [(header::CONTENT_TYPE, kind)], answer.body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: &str, path: &str) -> Request {
        Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn what_was_answered_once_is_answered_again_and_a_path_without_an_owner_is_not() {
        let gateway = Gateway::default();
        let answer = HttpAnswer { status: 200, headers: Vec::new(), body: b"{}".to_vec() };
        gateway.0.kept.lock().unwrap().insert("GET /.well-known/jwks.json".to_owned(), answer.clone());
        assert_eq!(gateway.answer(request("GET", "/.well-known/jwks.json")).await.unwrap(), answer);
        for (path, why) in [("/inventory/quotes", "product-service is not there"), ("/nowhere", "no service")] {
            let error = format!("{:#}", gateway.answer(request("POST", path)).await.unwrap_err());
            assert!(error.contains(why) && error.contains(path), "{error}");
        }
    }

    #[test]
    fn paths_have_the_owners_that_the_router_gives_them() {
        assert_eq!(owner("/oauth/token"), Some("user-service"));
        assert_eq!(owner("/inventory/quotes"), Some("product-service"));
        assert_eq!(owner("/products"), Some("product-service"));
        assert_eq!(owner("/productsmith"), None);
    }
}
