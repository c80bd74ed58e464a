//! The doubles as a program: `SENDGRID_DOUBLE_PORT`, `TWILIO_DOUBLE_PORT`, `SES_DOUBLE_PORT`, `VENDOR_DOUBLES_PORT` (the
//! control), `SENDGRID_API_KEY`, `TWILIO_ACCOUNT_SID`, `TWILIO_AUTH_TOKEN` and `SES_CONFIGURATION_SET`. Messages are delivered
//! after a moment; SendGrid posts its events to `SENDGRID_WEBHOOK_URL`, and SES publishes its own to `SES_TOPIC_ARN`, which
//! posts to `SES_WEBHOOK_URL`. It stops on SIGTERM and Ctrl-C.

use std::{io, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};
use vendor_doubles::{Options, SesTopic, TwilioAccount, Vendor, VendorDoubles};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the vendors' doubles cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let doubles = VendorDoubles::try_start(options()?).await?;
    tracing::info!(
        sendgrid = doubles.base(Vendor::Sendgrid),
        twilio = doubles.base(Vendor::Twilio),
        ses = doubles.base(Vendor::Ses),
        control = doubles.control(),
        "listening"
    );
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    doubles.stop().await;
    Ok(())
}

fn options() -> io::Result<Options> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut options = Options { delivers: true, sendgrid_webhook: given("SENDGRID_WEBHOOK_URL"), ..Options::default() };
    let topic = given("SES_TOPIC_ARN").zip(given("SES_WEBHOOK_URL"));
    options.ses_topic = topic.map(|(arn, webhook)| SesTopic { arn, webhook });
    let names = ["SENDGRID_DOUBLE_PORT", "TWILIO_DOUBLE_PORT", "SES_DOUBLE_PORT", "VENDOR_DOUBLES_PORT"];
    for (port, name) in options.ports.iter_mut().zip(names) {
        if let Some(text) = given(name) {
            *port = text.parse().map_err(|_| io::Error::other(format!("{name} is no port")))?;
        }
    }
    let TwilioAccount { account_sid, auth_token, .. } = &mut options.twilio;
    for (value, name) in [
        (&mut options.sendgrid_key, "SENDGRID_API_KEY"),
        (account_sid, "TWILIO_ACCOUNT_SID"),
        (auth_token, "TWILIO_AUTH_TOKEN"),
    ] {
        if let Some(text) = given(name) {
            *value = text;
        }
    }
    options.configuration_sets.extend(given("SES_CONFIGURATION_SET"));
    Ok(options)
}
