//! A Lambda runtime API to run functions at home, in tests and in benchmarks.
//!
//! `cargo lambda watch` runs a service's HTTP function only. Everything that wakes a function in another way
//! (`migrate`, `admin`, `sweep`, `queue`), and every test or benchmark that wants a whole function process, uses this:
//! [`Function::spawn`] starts a binary against a [`RuntimeApi`] of its own, and [`Function::invoke`] hands it an event.
//!
//! What it keeps of the real one, because code may come to rely on it:
//! the next invocation is handed out only when the runtime *and* every registered extension have asked for their next
//! event, an extension registers before the first poll or not at all, and the caller has its answer as soon as the
//! runtime posted it, however long an extension works on.
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
