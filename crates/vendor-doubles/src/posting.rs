//! Posting to the shop, once or until it accepts the request.

use std::{sync::LazyLock, time::Duration};

use tokio::time::sleep;

/// The timeout of the shop's answer: in development a service may have to be built first.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pauses before SendGrid and SNS repeat a request that was not accepted. SendGrid tries for a day, SNS for an hour.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// One client for all doubles of a process, made on first use. It keeps no connections: a connection belongs to the
/// runtime that opened it.
pub(crate) static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(TIMEOUT)
        .build()
        // Fails only where the TLS backend cannot start, in which case nothing here can work.
        .unwrap_or_default()
});

/// Posts, and repeats it after each pause until the shop accepts it.
pub(crate) async fn until_taken<Posting>(mut post: impl FnMut() -> Posting) -> Result<(), String>
where
    Posting: Future<Output = Result<(), String>>,
{
    for pause in PAUSES {
        if post().await.is_ok() {
            return Ok(());
        }
        sleep(pause).await;
    }
    post().await
}

pub(crate) async fn post(request: reqwest::RequestBuilder) -> Result<(), String> {
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("the shop answered {}", answer.status())) }
}
