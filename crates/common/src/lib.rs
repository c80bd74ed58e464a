//! What all four services share, and nothing that knows one of their nouns.
//!
//! - [`auth`]: who is calling and what the token allows; a handler asks for it with [`auth::Caller`]
//! - [`problem`]: every failure a client can see, as RFC 9457 problem details
//! - [`input`]: JSON bodies, with every bad field reported at once; [`extract`]: path and query
//! - [`contact`]: how to reach people, and where parcels go
//! - [`idempotency`]: the name a client gives to one attempt
//! - [`money`], [`page`], [`id`], [`sku`], [`timestamp`], [`etag`]: the words of the wire
//! - [`cause`]: an error with its causes, for the log
//! - [`http`]: what surrounds every router: request id, log line, deadline, limits, panics
//! - [`mod@routes`]: routes, and how they are described; [`openapi`]: what every operation's documentation has in common

pub mod auth;
pub mod cause;
pub mod contact;
pub mod etag;
pub mod extract;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod input;
pub mod locale;
pub mod money;
pub mod openapi;
pub mod outbound;
pub mod page;
pub mod problem;
pub mod routes;
pub mod sku;
pub mod timestamp;
