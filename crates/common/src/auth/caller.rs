//! [`Caller`]: a verified token with a scope, as an extractor.

use std::{fmt, marker::PhantomData, str::FromStr};

use axum::extract::{FromRef, FromRequestParts};
use http::{header, request::Parts};
use uuid::Uuid;

use super::Verifier;
use crate::{
    http::{Repeated, RequestContext, single},
    problem::Problem,
};

/// The subject of a token, as written in `sub`: `user:<id>`, `guest:<id>` or `service:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A registered customer or a member of staff.
    User(Uuid),
    /// A shopper without an account.
    Guest(Uuid),
    /// One of our services.
    Service(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Guest(id) => write!(f, "guest:{id}"),
            Self::Service(name) => write!(f, "service:{name}"),
        }
    }
}

impl FromStr for Subject {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':').ok_or(())? {
            ("user", id) => id.parse().map(Self::User).map_err(|_| ()),
            ("guest", id) => id.parse().map(Self::Guest).map_err(|_| ()),
            ("service", name) if !name.is_empty() => Ok(Self::Service(name.to_owned())),
            _ => Err(()),
        }
    }
}

/// A scope, as a type, so that it stands in a handler's signature.
pub trait Scope: Send + Sync + 'static {
    /// The name in tokens.
    const NAME: &'static str;
}

/// The scopes that exist.
pub mod scopes {
    use super::Scope;

    /// Read and change the caller's own account.
    #[derive(Debug)]
    pub struct Profile;
    /// Create and change products and categories.
    #[derive(Debug)]
    pub struct CatalogWrite;
    /// Read and set stock.
    #[derive(Debug)]
    pub struct InventoryWrite;
    /// Reserve, commit and release stock for orders.
    #[derive(Debug)]
    pub struct InventoryReserve;
    /// Read a user's checkout context, and carts.
    #[derive(Debug)]
    pub struct CheckoutRead;
    /// Read and change the caller's own cart.
    #[derive(Debug)]
    pub struct Cart;
    /// Remove ordered items from a cart.
    #[derive(Debug)]
    pub struct CartsClear;
    /// Order, and read the caller's own orders.
    #[derive(Debug)]
    pub struct Orders;
    /// Read and manage all orders, with their ledger.
    #[derive(Debug)]
    pub struct OrdersManage;
    /// Send notifications to shoppers.
    #[derive(Debug)]
    pub struct NotificationsSend;
    /// Read sent notifications, send them again, write to shoppers, and manage suppressions.
    #[derive(Debug)]
    pub struct NotificationsManage;

    impl Scope for Profile {
        const NAME: &'static str = "profile";
    }
    impl Scope for CatalogWrite {
        const NAME: &'static str = "catalog:write";
    }
    impl Scope for InventoryWrite {
        const NAME: &'static str = "inventory:write";
    }
    impl Scope for InventoryReserve {
        const NAME: &'static str = "inventory:reserve";
    }
    impl Scope for CheckoutRead {
        const NAME: &'static str = "checkout:read";
    }
    impl Scope for Cart {
        const NAME: &'static str = "cart";
    }
    impl Scope for CartsClear {
        const NAME: &'static str = "carts:clear";
    }
    impl Scope for Orders {
        const NAME: &'static str = "orders";
    }
    impl Scope for OrdersManage {
        const NAME: &'static str = "orders:manage";
    }
    impl Scope for NotificationsSend {
        const NAME: &'static str = "notifications:send";
    }
    impl Scope for NotificationsManage {
        const NAME: &'static str = "notifications:manage";
    }
}

/// A caller whose token is valid and carries the scope `S`. 401 without a valid token, 403 without the scope.
#[derive(Debug)]
pub struct Caller<S> {
    /// The subject of the token.
    pub subject: Subject,
    scope: PhantomData<fn() -> S>,
}

impl<S: Scope> Caller<S> {
    /// The user's id; 403 for guests and services, which have no account.
    pub fn user_id(&self) -> Result<Uuid, Problem> {
        match self.subject {
            Subject::User(id) => Ok(id),
            Subject::Guest(_) | Subject::Service(_) => Err(Problem::forbidden(S::NAME)),
        }
    }
}

impl<S: Scope, State> FromRequestParts<State> for Caller<S>
where
    State: Send + Sync,
    Verifier: FromRef<State>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let claims = Verifier::from_ref(state).verify(bearer(parts)?).await?;
        let subject: Subject =
            claims.sub.parse().map_err(|()| Problem::unauthorized("The access token has an unknown subject."))?;
        if let Some(context) = parts.extensions.get::<RequestContext>() {
            context.set_caller(&subject);
        }
        if !claims.allows(S::NAME) {
            return Err(Problem::forbidden(S::NAME));
        }
        Ok(Self { subject, scope: PhantomData })
    }
}

fn bearer(parts: &Parts) -> Result<&str, Problem> {
    let repeated = || Problem::malformed("Authorization must be given once.");
    let header = single(&parts.headers, &header::AUTHORIZATION).map_err(|Repeated| repeated())?;
    let header = header.ok_or_else(|| Problem::unauthorized("Send an access token: Authorization: Bearer <token>."))?;
    let text = header.to_str().unwrap_or_default();
    // A gateway joins repeated headers with commas, which no token contains.
    if text.contains(',') {
        return Err(repeated());
    }
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || !is_token(token) {
        return Err(Problem::unauthorized("Authorization must be of the form Bearer <token>."));
    }
    Ok(token)
}

/// Whether the text has the form of a bearer token (RFC 6750, 2.1).
fn is_token(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let id = Uuid::from_u128(7);
        for subject in [Subject::User(id), Subject::Guest(id), Subject::Service("transaction-service".into())] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        for refused in ["", "user", "user:", "user:x", "service:", "admin:1", &id.to_string()] {
            assert_eq!(refused.parse::<Subject>(), Err(()), "{refused}");
        }
    }
}
