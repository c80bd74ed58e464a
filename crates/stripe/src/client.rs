//! The client of Stripe: base URL, secret key and deadline. Its calls are in the files of their objects.

use std::time::Duration;

use platform::config::Secret;

/// The version of Stripe's API that is requested, and whose answers are read here.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The base URL of Stripe.
pub const API: &str = "https://api.stripe.com";

/// How long a call may take, repeats included, unless [`Stripe::within`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(8);

/// The client of Stripe. Cheap to clone; it uses no network before the first call.
#[derive(Debug, Clone)]
pub struct Stripe {
    pub(crate) base: String,
    pub(crate) key: Secret,
    pub(crate) deadline: Duration,
}

impl Stripe {
    /// A client of Stripe at `base` (in production [`API`]) with the secret key `key`.
    pub fn new(base: impl Into<String>, key: Secret) -> Self {
        Self { base: base.into(), key, deadline: DEADLINE }
    }

    /// The same client with another deadline for calls.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}
