//! Senders of mail and SMS at home: the doubles of SES (with SNS), SendGrid and Twilio, which post what becomes of messages to
//! the gateway and show all of them as an inbox.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::Client;
use serde_json::Value;
use tokio::process::Command;

use crate::home::Profile;
use crate::home::from_env;
use crate::port;
use crate::secrets::{hex, password};
use crate::settings::Settings;
use crate::stores::Place;

/// Package and program of the doubles.
pub(crate) const DOUBLES: &str = "vendor-doubles";
/// Sender of the shop's mail.
pub(crate) const FROM: &str = "Bodega <shop@bodega.example>";
/// The configuration set of SES's double, and the topic to which it publishes what becomes of mails.
const SES_SET: &str = "bodega";
const SES_TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:bodega-mail-events";
/// The address of the inbox and of the doubles' controls; no service reads it.
const CONTROL: &str = "VENDOR_DOUBLES";
/// How long they may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the doubles, and sends mail by SES, then SendGrid, and SMS by Twilio, unless the environment says otherwise. A
/// vendor that has an address or an account from outside is left as it is.
pub(crate) async fn start(place: &Place<'_>, settings: &mut Settings) -> Result<()> {
    let api = settings.get("API_BASE_URL").context("API_BASE_URL is not set")?.to_owned();
    let [sendgrid, twilio, ses, control] = [port::free()?, port::free()?, port::free()?, port::free()?];
    let key = format!("SG.{}.{}", password()?, password()?);
    let (account, token) = (format!("AC{}", hex(16)?), hex(16)?);
    let mut command = Command::new(place.home.binary(Profile::Dev, DOUBLES));
    for (name, value) in [
        ("SENDGRID_DOUBLE_PORT", sendgrid.to_string()),
        ("TWILIO_DOUBLE_PORT", twilio.to_string()),
        ("SES_DOUBLE_PORT", ses.to_string()),
        ("VENDOR_DOUBLES_PORT", control.to_string()),
        ("SENDGRID_API_KEY", key.clone()),
        ("TWILIO_ACCOUNT_SID", account.clone()),
        ("TWILIO_AUTH_TOKEN", token.clone()),
        ("SENDGRID_WEBHOOK_URL", format!("{api}/webhooks/sendgrid")),
        ("SES_CONFIGURATION_SET", SES_SET.to_owned()),
        ("SES_TOPIC_ARN", SES_TOPIC.to_owned()),
        ("SES_WEBHOOK_URL", format!("{api}/webhooks/ses")),
    ] {
        command.env(name, value);
    }
    let doubles = place.run.start(DOUBLES, command, &place.log(DOUBLES))?;
    let address = |port: u16| format!("http://127.0.0.1:{port}");
    let page = format!("{}/sendgrid-key", address(control));
    let started = Instant::now();
    let answer = loop {
        match http()?.get(&page).send().await {
            Ok(answer) => break answer,
            Err(_) if doubles.lives() && started.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_) => bail!("the vendors' doubles do not answer; see {}", place.home.show(&place.log(DOUBLES))),
        }
    };
    let shown: Value = answer.error_for_status()?.json().await?;
    let webhook_key = shown["key"].as_str().context("the double of SendGrid has no key")?;
    settings.set(CONTROL, address(control));
    settings.set("PUBLIC_URL", from_env("PUBLIC_URL").unwrap_or_else(|| api.clone()));
    for (name, standard) in [
        ("MAIL_PROVIDERS", "ses,sendgrid"),
        ("MAIL_FROM", FROM),
        ("SMS_PROVIDERS", "twilio"),
        ("SMS_COUNTRIES", "GB,DE,AT,CH,FR,US,JP"),
    ] {
        settings.set(name, from_env(name).unwrap_or_else(|| standard.to_owned()));
    }
    if from_env("AWS_ENDPOINT_URL").is_none() {
        settings.set("AWS_ENDPOINT_URL_SESV2", address(ses));
        settings.set("SES_CONFIGURATION_SET", SES_SET);
        settings.set("SES_TOPIC_ARN", SES_TOPIC);
        settings.set("SNS_DOUBLE_URL", address(control));
    }
    ours_or_from_env(
        settings,
        &["SENDGRID_API_BASE", "SENDGRID_API_KEY", "SENDGRID_WEBHOOK_KEY"],
        &[&address(sendgrid), &key, webhook_key],
    );
    ours_or_from_env(
        settings,
        &["TWILIO_API_BASE", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"],
        &[&address(twilio), &account, &token, "+15005550006"],
    );
    Ok(())
}

/// All of a vendor's settings are the double's, or those of the environment.
fn ours_or_from_env(settings: &mut Settings, names: &[&str], ours: &[&str]) {
    let in_env = names.iter().any(|name| from_env(name).is_some());
    for (name, ours) in names.iter().zip(ours) {
        match from_env(name) {
            Some(value) => settings.set(name, value),
            None if in_env => {}
            None => settings.set(name, *ours),
        }
    }
}

/// The page that lists the sent messages.
pub(crate) fn inbox(settings: &Settings) -> Option<String> {
    settings.get(CONTROL).map(|control| format!("{control}/inbox"))
}

/// The mails and SMS that the doubles took in which this stands, such as an order's id; oldest first.
pub(crate) async fn sent_about(settings: &Settings, text: &str) -> Result<Vec<Value>> {
    let control = settings.get(CONTROL).with_context(|| format!("{CONTROL} is not in .local/env"))?;
    let records: Vec<Value> = http()?.get(format!("{control}/records")).send().await?.json().await?;
    Ok(records.into_iter().filter(|record| record.to_string().contains(text)).collect())
}

fn http() -> Result<Client> {
    Ok(Client::builder().timeout(Duration::from_secs(10)).build()?)
}
