//! Who is calling, and what the token allows.
//!
//! A handler asks for [`Caller<SomeScope>`] in its signature; without it the route is public on purpose. The gateway
//! checks tokens too; the service checks again by the same rule, so home and production behave alike.

mod caller;
mod claims;
mod keys;
mod known;
mod token;

pub use caller::{Caller, Scope, Subject, scopes};
pub use claims::Claims;
pub use keys::{FETCH_FLOOR, Keys, MAX_AGE, MAX_STALE};
pub use token::{LEEWAY, TYPE, Verifier};
