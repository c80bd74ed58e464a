//! [`Routes`]: the routes of a room or a service. Serving them does not build their OpenAPI description.
//!
//! The description of a large service takes millions of instructions to build, and a process that answers requests does
//! not need it: `routes!` stores a function that describes each route, and [`Routes::into_openapi`] calls it.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{MethodFilter, MethodRouter},
};
use utoipa::openapi::{OpenApi, path::HttpMethod};
use utoipa_axum::{PathItemExt, router::OpenApiRouter};

/// Items that the expansion of [`crate::routes!`] needs.
#[doc(hidden)]
pub mod parts {
    pub use utoipa::Path;
    pub use utoipa_axum::{paste, router::OpenApiRouter, routes};
}

/// A function that adds routes to a description.
type Describe<S> = fn(OpenApiRouter<S>) -> OpenApiRouter<S>;

/// Handlers with their paths and methods, as [`crate::routes!`] makes them.
#[derive(Debug)]
pub struct Handlers<S> {
    /// The handlers with their paths.
    pub routes: Vec<(String, MethodRouter<S>)>,
    /// Adds all handlers to a description.
    pub describe: Describe<S>,
}

/// Routes that need a state `S`.
#[derive(Debug)]
pub struct Routes<S> {
    router: Router<S>,
    describe: Vec<Describe<S>>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { router: Router::new(), describe: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handlers of `routes!(first, second)`.
    #[must_use]
    pub fn routes(mut self, handlers: Handlers<S>) -> Self {
        for (path, handler) in handlers.routes {
            self.router = self.router.route(&path, handler);
        }
        self.describe.push(handlers.describe);
        self
    }

    /// Adds other routes.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.describe.extend(other.describe);
        self
    }

    /// The same routes, with bodies of at most so many bytes.
    #[must_use]
    pub fn with_bodies_of(mut self, bytes: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes));
        self
    }

    /// The router that answers requests.
    pub fn into_router(self, state: S) -> Router {
        self.router.with_state(state)
    }

    /// The descriptions of the routes; [`crate::openapi::complete`] adds the parts that all have in common.
    pub fn into_openapi(self) -> OpenApi {
        let start = OpenApiRouter::with_openapi(crate::openapi::start());
        self.describe.into_iter().fold(start, |described, describe| describe(described)).into_openapi()
    }
}

/// A handler under the methods of its `#[utoipa::path]`.
#[doc(hidden)]
pub fn under<S: Clone + Send + Sync + 'static>(
    methods: &[HttpMethod],
    on: impl Fn(MethodRouter<S>, MethodFilter) -> MethodRouter<S>,
) -> MethodRouter<S> {
    methods.iter().fold(MethodRouter::new(), |router, method| on(router, method.to_method_filter()))
}

/// The routes of handlers that have `#[utoipa::path]`, for [`Routes::routes`](crate::routes::Routes::routes).
#[macro_export]
macro_rules! routes {
    ($($handler:ident),+ $(,)?) => {
        $crate::routes::Handlers {
            routes: $crate::routes::parts::paste! {
                vec![$((
                    <[<__path_ $handler>] as $crate::routes::parts::Path>::path(),
                    $crate::routes::under(
                        &<[<__path_ $handler>] as $crate::routes::parts::Path>::methods(),
                        |router, method| router.on(method, $handler),
                    ),
                )),+]
            },
            describe: |described: $crate::routes::parts::OpenApiRouter<_>| {
                described.routes($crate::routes::parts::routes!($($handler),+))
            },
        }
    };
}
