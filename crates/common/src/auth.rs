//! Authentication: who is calling, and what the token allows.
//!
//! A handler asks for [`Caller<SomeScope>`] in its signature; without it the route is public on purpose. The gateway
//! verifies tokens too; the service verifies them again by the same rule, so that development and production behave
//! alike.

mod caller;
mod claims;
mod keys;
mod known;
mod token;

pub use caller::{Caller, Scope, Subject, scopes};
pub use claims::Claims;
pub use keys::{FETCH_FLOOR, Keys, MAX_AGE, MAX_STALE};
pub use token::{LEEWAY, TYPE, Verifier};
