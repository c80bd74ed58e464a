//! The HTTP client of the process: one connection pool and one TLS configuration, created on first use because parsing
//! root certificates would be most of a cold start.

use std::{sync::OnceLock, time::Duration};

/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(800);
/// How long a whole call may take, unless the caller sets less. Within the 3 s in which an unreachable service is
/// reported.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The client, which is created on the first call.
pub fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            // A frozen instance gets no notice when idle sockets are closed, so they are not kept long.
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("bodega")
            .build()
            // Fails only when the TLS backend cannot start, and then no call can work.
            .unwrap_or_default()
    })
}

/// The pause before a call is repeated after so many attempts: 50 ms, 100 ms, ... plus up to as much again at random,
/// so that callers that failed together do not repeat together.
pub fn pause(attempts: u32) -> Duration {
    let base = 50 * u64::from(2_u32.saturating_pow(attempts.saturating_sub(1)));
    Duration::from_millis(base + fastrand::u64(0..=base))
}
