//! Stripe's endpoint for webhooks, made by its API.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::Value;

use super::super::Stage;
use super::UnderWay;
use crate::home::from_env;

/// The events of Stripe that the endpoint gets.
const EVENTS: [&str; 16] = [
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "setup_intent.setup_failed",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
];

impl UnderWay<'_> {
    /// Which events: docs/operations.md, at Stripe.
    pub(super) async fn webhook(&mut self) -> Result<()> {
        let url = format!("{}/webhooks/stripe", self.runner.address().await?);
        // Those of a day that ended half way sign with secrets that are lost.
        let known = self.stripe(Method::GET, "?limit=100", String::new()).await?;
        for endpoint in known["data"].as_array().into_iter().flatten().filter(|endpoint| endpoint["url"] == *url) {
            self.forget_webhook(endpoint["id"].as_str().unwrap_or_default()).await?;
        }
        let mut form = format!("url={url}");
        for event in EVENTS {
            form.push_str("&enabled_events[]=");
            form.push_str(event);
        }
        let made = self.stripe(Method::POST, "", form).await?;
        self.endpoint = made["id"].as_str().map(str::to_owned);
        let secret = made["secret"].as_str().context("Stripe made an endpoint without a secret")?;
        self.runner.keep("STRIPE_WEBHOOK_SECRET", secret).await
    }

    pub(super) async fn forget_webhook(&self, endpoint: &str) -> Result<()> {
        self.stripe(Method::DELETE, &format!("/{endpoint}"), String::new()).await.map(drop)
    }

    async fn stripe(&self, method: Method, path: &str, form: String) -> Result<Value> {
        let key = from_env("STRIPE_SECRET_KEY").context("STRIPE_SECRET_KEY is not in the environment")?;
        let may_be_live = self.wanted.stage == Stage::Prod;
        ensure!(may_be_live || key.starts_with("sk_test_"), "STRIPE_SECRET_KEY is no key for tests");
        let base = from_env("STRIPE_API_BASE").unwrap_or_else(|| "https://api.stripe.com".to_owned());
        let request = reqwest::Client::new().request(method, format!("{base}/v1/webhook_endpoints{path}"));
        let request = request.basic_auth(key, None::<&str>).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.context("asking Stripe")?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "Stripe: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }
}
