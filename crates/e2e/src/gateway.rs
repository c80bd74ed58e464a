//! One address for all services: sends each path to its owner, as the gateway does.

use std::{
    collections::HashMap,
    future::Future,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use common::http::SourceAddress;
use http::{HeaderName, StatusCode};
use platform::Service;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// A service, by the paths that it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// user-service.
    Users,
    /// product-service.
    Products,
    /// transaction-service.
    Transactions,
    /// notification-service.
    Notifications,
}

impl Owner {
    /// The owner of a path.
    pub fn of(path: &str) -> Self {
        match path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["health", "product-service", ..]
            | ["products" | "categories" | "inventory" | "uploads", ..]
            | ["admin", "products" | "categories", ..] => Self::Products,
            ["health", "transaction-service", ..]
            | ["orders" | "quotes", ..]
            | ["admin", "orders", ..]
            | ["webhooks", "stripe"] => Self::Transactions,
            ["health", "notification-service", ..]
            | ["notifications" | "unsubscribe", ..]
            | ["webhooks", "ses" | "sendgrid" | "twilio"]
            | ["admin", "notifications" | "suppressions" | "templates", ..] => Self::Notifications,
            _ => Self::Users,
        }
    }
}

/// Says where a request comes from. Only this gateway understands it: services never see it, and believe no header.
pub(crate) const SOURCE: HeaderName = HeaderName::from_static("x-e2e-source");

type Answering = Arc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// The gateway. Cheap to clone.
#[derive(Clone, Default)]
pub struct Gateway(Arc<Mutex<HashMap<Owner, Answering>>>);

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gateway")
    }
}

impl Gateway {
    /// Has a service of this process answer for its paths, and do its work after each answer, as in a function.
    pub fn serve<S: Service + Clone + Sync>(&self, owner: Owner, app: S) {
        self.share(owner, vec![app]);
    }

    /// The same with several instances, which take turns.
    pub fn share<S: Service + Clone + Sync>(&self, owner: Owner, apps: Vec<S>) {
        let instances: Vec<(Router, S)> = apps.into_iter().map(|app| (app.clone().router(), app)).collect();
        let turn = AtomicUsize::new(0);
        self.answer(owner, move |request| {
            let turn = turn.fetch_add(1, Ordering::Relaxed) % instances.len();
            let (router, app) = instances[turn].clone();
            async move {
                let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
                tokio::spawn(async move { app.after_response().await });
                response
            }
        });
    }

    /// Has anything answer for a service's paths.
    pub fn answer<F: Future<Output = Response> + Send + 'static>(
        &self,
        owner: Owner,
        answer: impl Fn(Request) -> F + Send + Sync + 'static,
    ) {
        self.0.lock().unwrap().insert(owner, Arc::new(move |request| Box::pin(answer(request))));
    }

    /// Answers on `listener` for ever.
    pub async fn listen(self, listener: TcpListener) {
        let router = Router::new().fallback(async move |mut request: Request| {
            let source = request.headers_mut().remove(SOURCE).and_then(|source| source.to_str().ok()?.parse().ok());
            request.extensions_mut().insert(SourceAddress(source.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))));
            let owner = self.0.lock().unwrap().get(&Owner::of(request.uri().path())).cloned();
            match owner {
                Some(answer) => answer(request).await,
                None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        });
        axum::serve(listener, router).await.unwrap();
    }
}
