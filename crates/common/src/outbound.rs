//! The one HTTP client of the process: one connection pool and one TLS configuration, made on first use because parsing
//! root certificates is most of what a cold start could cost.

use std::{sync::OnceLock, time::Duration};

/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(800);
/// How long a whole call may take unless the caller says less. Inside the 3 s in which a dead neighbour is reported.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The client. Cheap to call again.
pub fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            // A frozen instance loses idle sockets without being told: don't keep them long.
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("bodega")
            .build()
            // Fails only where the TLS backend cannot start, in which case nothing here can work.
            .unwrap_or_default()
    })
}

/// How long to wait before a call is sent again, after so many attempts: 50 ms, 100 ms, ... plus up to as much again by
/// chance, so that many who failed together don't return together.
pub fn pause(attempts: u32) -> Duration {
    let base = 50 * u64::from(2_u32.saturating_pow(attempts.saturating_sub(1)));
    Duration::from_millis(base + fastrand::u64(0..=base))
}
