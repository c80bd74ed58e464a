//! The client: where Stripe is, and by which key it is asked. Its calls are in the files of what they are about.

use std::time::Duration;

use platform::config::Secret;

/// The version of Stripe's API that is asked for, and whose answers are read here.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Where Stripe is.
pub const API: &str = "https://api.stripe.com";

/// How long a call may take, repeats included, unless [`Stripe::within`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(8);

/// Stripe. Cheap to clone; nothing touches the network before the first call.
#[derive(Debug, Clone)]
pub struct Stripe {
    pub(crate) base: String,
    pub(crate) key: Secret,
    pub(crate) deadline: Duration,
}

impl Stripe {
    /// Stripe at `base` ([`API`]), asked with the secret key `key`.
    pub fn new(base: impl Into<String>, key: Secret) -> Self {
        Self { base: base.into(), key, deadline: DEADLINE }
    }

    /// The same, with calls that may take so long.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}
