//! Stripe at home: the double, which posts its events to the gateway.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::Profile;
use crate::home::from_env;
use crate::port;
use crate::settings::Settings;
use crate::stores::Place;

/// Package and program of the double.
pub(crate) const DOUBLE: &str = "stripe-double";
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the double and sets its address; unless the environment has `STRIPE_API_BASE`, with secrets of its account.
pub(crate) async fn start(place: &Place<'_>, settings: &mut Settings) -> Result<()> {
    if let Some(base) = from_env("STRIPE_API_BASE") {
        settings.set("STRIPE_API_BASE", base);
        for name in ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] {
            settings.set(name, from_env(name).with_context(|| format!("STRIPE_API_BASE is set, and {name} is not"))?);
        }
        return Ok(());
    }
    let port = port::free()?;
    let api = settings.get("API_BASE_URL").context("API_BASE_URL is not set")?;
    let mut command = Command::new(place.home.binary(Profile::Dev, DOUBLE));
    command.env("STRIPE_DOUBLE_PORT", port.to_string()).env("STRIPE_WEBHOOK_URL", format!("{api}/webhooks/stripe"));
    for name in ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] {
        command.env(name, settings.get(name).unwrap_or_default());
    }
    let double = place.run.start(DOUBLE, command, &place.log(DOUBLE))?;
    let base = format!("http://127.0.0.1:{port}");
    let started = Instant::now();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
    while http.get(format!("{base}/_double/state")).send().await.is_err() {
        if !double.lives() || started.elapsed() > PATIENCE {
            bail!("the double of Stripe does not answer; see {}", place.home.show(&place.log(DOUBLE)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    settings.set("STRIPE_API_BASE", base);
    Ok(())
}
