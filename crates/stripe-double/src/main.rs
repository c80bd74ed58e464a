//! The double as a program: `STRIPE_DOUBLE_PORT`, `STRIPE_SECRET_KEY`, `STRIPE_WEBHOOK_SECRET` and, for events to be
//! posted, `STRIPE_WEBHOOK_URL`. It stops on SIGTERM and Ctrl-C.

use std::{io, process::ExitCode};

use stripe_double::{Options, StripeDouble};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the double of Stripe cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let double = StripeDouble::try_start(options()?).await?;
    tracing::info!(address = double.base(), "listening");
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    double.stop().await;
    Ok(())
}

fn options() -> io::Result<Options> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let standard = Options::default();
    let port = match given("STRIPE_DOUBLE_PORT") {
        Some(port) => port.parse().map_err(|_| io::Error::other("STRIPE_DOUBLE_PORT is no port"))?,
        None => standard.port,
    };
    Ok(Options {
        port,
        webhook_url: given("STRIPE_WEBHOOK_URL"),
        secret_key: given("STRIPE_SECRET_KEY").unwrap_or_else(|| standard.secret_key.clone()),
        webhook_secret: given("STRIPE_WEBHOOK_SECRET").unwrap_or_else(|| standard.webhook_secret.clone()),
        ..standard
    })
}
