//! A Lambda runtime API to run functions at home, in tests and in benchmarks.
//!
//! `cargo lambda watch` runs a service's HTTP function only. Everything that wakes a function in another way
//! (`migrate`, `admin`, `sweep`, `queue`), and every test or benchmark that wants a whole function process, uses this:
//! [`Function::spawn`] starts a binary against a [`RuntimeApi`] of its own, and [`Function::invoke`] hands it an event.
//!
//! It behaves like the real one where code may depend on it: the next invocation starts only when the runtime *and* every
//! registered extension have asked for their next event, extensions register before the first poll or not at all, and the caller
//! gets the answer as soon as the runtime posted it, however long an extension continues.
//! See the Lambda runtime API and the Lambda extensions API in AWS's developer guide.

mod function;
mod http_event;
mod invocations;
mod routes;
mod runtime_api;

pub use function::Function;
pub use http_event::{HttpAnswer, from_source, http_event, in_stage};
pub use invocations::InvokeError;
pub use runtime_api::RuntimeApi;
