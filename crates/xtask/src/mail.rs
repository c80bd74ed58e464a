//! Mail at home: moto takes it as SES would, and shows what it took.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Client;
use serde_json::{Value, json};

use crate::settings::{Settings, given};

/// Whom the shop's mail is from.
pub(crate) const FROM: &str = "Bodega <shop@bodega.example>";
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// moto tells by the credential's scope which service is meant, and checks no signature.
const FOR_SES: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ses/aws4_request, SignedHeaders=host, Signature=0";

/// Makes the sender known to the stand-in for SES. An account that was given from outside is left as it is.
pub(crate) async fn verify_sender(settings: &Settings) -> Result<()> {
    if given("AWS_ENDPOINT_URL").is_some() {
        return Ok(());
    }
    let identities = format!("{}/v2/email/identities", aws(settings)?);
    let from = settings.get("MAIL_FROM").context("MAIL_FROM is not set")?;
    let address = from.rsplit('<').next().unwrap_or(from).trim_end_matches('>').trim();
    let request = http()?.post(identities).header("authorization", FOR_SES);
    let status = request.json(&json!({ "EmailIdentity": address })).send().await?.status();
    if !status.is_success() {
        bail!("SES did not take the sender {address}: {status}");
    }
    Ok(())
}

/// The mails that SES took in which this stands, such as an order's id; oldest first.
pub(crate) async fn sent_about(settings: &Settings, text: &str) -> Result<Vec<Value>> {
    let page: Value = http()?.get(format!("{}/moto-api/data.json", aws(settings)?)).send().await?.json().await?;
    let mails = page["ses"]["Message"].as_array().cloned().unwrap_or_default();
    Ok(mails.into_iter().filter(|mail| mail.to_string().contains(text)).collect())
}

fn http() -> Result<Client> {
    Ok(Client::builder().timeout(PATIENCE).build()?)
}

fn aws(settings: &Settings) -> Result<&str> {
    settings.get("AWS_ENDPOINT_URL").context("AWS_ENDPOINT_URL is not in .local/env")
}
