//! `cargo xtask smoke`: the least that a shop must be able to do, from outside, on any stage: answer, let browsers ask, show
//! what it sells, price it, take an order once however often it is sent, and have it paid or called off.
//!
//! It buys as a guest, so that no account stays behind. With a test key of Stripe the order is paid with Stripe's test card;
//! without one it is cancelled, and nothing is held any more. On a live shop it is always cancelled.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::demo::{money, text};
use crate::home::{Home, from_env};
use crate::services::SERVICES;
use crate::settings::Settings;

/// A function that starts, and then connects, takes seconds.
const UNTIL_READY: Duration = Duration::from_secs(40);
/// Stripe's events take a moment to arrive.
const UNTIL_PAID: Duration = Duration::from_mins(1);
const REAL_STRIPE: &str = "https://api.stripe.com";
/// A mailbox of SES that accepts every mail and delivers none.
const MAILBOX: &str = "success@simulator.amazonses.com";
/// The origin of the preflight where no frontend is named. No list of origins has it.
const UNKNOWN_ORIGIN: &str = "https://unknown.invalid";

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
pub(crate) struct Options {
    /// The shop's public address; without it the running stack's
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The SKU to buy; without it the first product that is in stock
    #[arg(long)]
    sku: Option<String>,
    /// In which currency
    #[arg(long, default_value = "USD")]
    currency: String,
    /// Where the order's mails go
    #[arg(long, default_value = MAILBOX)]
    email: String,
    /// A frontend, which the API has to let in (CORS); without it a preflight only has to be answered
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// Where Stripe is; else STRIPE_API_BASE, else Stripe itself. The key is STRIPE_SECRET_KEY, and only one for tests is used
    #[arg(long, value_name = "URL")]
    stripe: Option<String>,
}

/// A guest at one shop.
struct Shopper {
    http: Client,
    api: String,
    stripe: Option<Stripe>,
    started: Instant,
}

struct Stripe {
    base: String,
    key: String,
}

pub(crate) async fn run(home: &Home, options: Options) -> Result<()> {
    let shopper = Shopper::of(home, &options)?;
    println!("buying at {}", shopper.api);
    shopper.everything_is_ready().await?;
    shopper.browsers_may_order(options.origin.as_deref()).await?;
    let sku = match &options.sku {
        Some(sku) => sku.clone(),
        None => shopper.something_in_stock(&options.currency).await?,
    };
    let guest = shopper.call(Method::POST, "/auth/guest", None, None).await?;
    let token = text(&guest, "access_token")?;
    let lines = json!([{ "sku": sku, "quantity": 1 }]);
    let wanted = json!({ "currency": options.currency, "shipping_method": "standard", "lines": lines });
    let quote = shopper.call(Method::POST, "/quotes", Some(token), Some(wanted)).await?;
    shopper.say(format!("1 x {sku}: {}", money(&quote["total"])));
    let request = json!({
        "lines": lines, "shipping_method": "standard", "payment": { "method": "client" },
        "expected_total": quote["total"], "email": options.email, "locale": "en-US",
        "shipping_address": {
            "name": "Smoke Test", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"
        }
    });
    let order = shopper.order_twice(token, &request).await?;
    let ended = match &shopper.stripe {
        Some(stripe) => shopper.pay(stripe, token, &order).await,
        None => shopper.cancel(token, &order).await,
    };
    if ended.is_err() && shopper.stripe.is_some() {
        // Nothing of it may stay held, whatever became of the payment.
        let _ = shopper.cancel(token, &order).await;
    }
    ended?;
    println!("bought in {:.1} s", shopper.started.elapsed().as_secs_f64());
    Ok(())
}

impl Shopper {
    fn of(home: &Home, options: &Options) -> Result<Self> {
        let http = Client::builder().timeout(Duration::from_secs(30)).user_agent("bodega-smoke").build()?;
        let (api, stripe) = if let Some(api) = &options.api {
            let base = options.stripe.clone().or_else(|| from_env("STRIPE_API_BASE"));
            (api.clone(), Stripe::of(base, from_env("STRIPE_SECRET_KEY"))?)
        } else {
            let settings = Settings::read(&home.local("env"))?;
            let setting = |name: &str| settings.get(name).map(str::to_owned);
            let api = setting("API_BASE_URL").context("API_BASE_URL is not in .local/env")?;
            (api, Stripe::of(setting("STRIPE_API_BASE"), setting("STRIPE_SECRET_KEY"))?)
        };
        Ok(Self { http, api: api.trim_end_matches('/').to_owned(), stripe, started: Instant::now() })
    }

    fn say(&self, what: impl Display) {
        println!("{:>6.1} s  {what}", self.started.elapsed().as_secs_f64());
    }

    async fn everything_is_ready(&self) -> Result<()> {
        for service in &SERVICES {
            let path = format!("/health/{}/ready", service.name);
            let started = Instant::now();
            loop {
                let answer = self.send(self.request(Method::GET, &path, None)).await;
                let may_pass = matches!(answer, Ok((StatusCode::SERVICE_UNAVAILABLE, _)) | Err(_));
                match answer {
                    Ok((StatusCode::OK, _)) => break,
                    _ if may_pass && started.elapsed() < UNTIL_READY => {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    Ok((status, answer)) => bail!("{path}: {status} {answer}"),
                    Err(error) => return Err(error.context(path)),
                }
            }
        }
        self.say("all services are ready");
        Ok(())
    }

    /// The preflight of a browser before a page may order. Only an origin that the caller named must be let in: the list is the
    /// gateway's.
    async fn browsers_may_order(&self, origin: Option<&str>) -> Result<()> {
        let asked = self.request(Method::OPTIONS, "/orders", None).header("origin", origin.unwrap_or(UNKNOWN_ORIGIN));
        let asked = asked.header("access-control-request-method", "POST");
        let asked = asked.header("access-control-request-headers", "authorization,content-type,idempotency-key");
        let answer = asked.send().await.context("OPTIONS /orders")?;
        let status = answer.status();
        let let_in = answer.headers().get("access-control-allow-origin").cloned();
        ensure!(status.is_success(), "OPTIONS /orders, as browsers ask it: {status} {}", answer.text().await?);
        if let Some(origin) = origin {
            let is_let_in = let_in.as_ref().is_some_and(|let_in| let_in == origin || let_in == "*");
            ensure!(is_let_in, "browsers of {origin} may not order: Access-Control-Allow-Origin is {let_in:?}");
        }
        self.say("browsers may order");
        Ok(())
    }

    /// The list of what is in stock follows the shelf with the next sweep, so a new shop's is empty: then anything may do.
    async fn something_in_stock(&self, currency: &str) -> Result<String> {
        for list in ["/products?in_stock=true&limit=20", "/products?limit=20"] {
            let page = self.call(Method::GET, list, None, None).await?;
            let products = page["items"].as_array().into_iter().flatten();
            let mut variants = products.filter_map(|product| product["variants"].as_array()).flatten();
            let has_price = |variant: &&Value| {
                variant["prices"].as_array().into_iter().flatten().any(|price| price["currency"] == currency)
            };
            if let Some(found) = variants.find(has_price) {
                return Ok(text(found, "sku")?.to_owned());
            }
        }
        bail!("nothing is on sale in {currency}: put something on sale, or give --sku")
    }

    /// The same request again, as after a lost answer: one order, and the same answer.
    async fn order_twice(&self, token: &str, request: &Value) -> Result<Value> {
        let key = Uuid::new_v4().to_string();
        let mut answers = Vec::new();
        for _ in 0..2 {
            let order =
                self.request(Method::POST, "/orders", Some(token)).header("idempotency-key", &key).json(request);
            let (status, answer) = self.send(order).await.context("POST /orders")?;
            ensure!(status == StatusCode::CREATED, "POST /orders: {status} {answer}");
            answers.push(answer);
        }
        ensure!(
            answers[0] == answers[1],
            "the same order sent again was answered otherwise: {} and {}",
            answers[0],
            answers[1]
        );
        let order: Value = serde_json::from_str(&answers[0]).context("POST /orders answered no JSON")?;
        ensure!(order["state"] == "requires_action", "an order that waits for its payment is {}", order["state"]);
        self.say(format!("order {} is placed once", text(&order, "id")?));
        Ok(order)
    }

    /// As Stripe's form in the frontend does.
    async fn pay(&self, stripe: &Stripe, token: &str, order: &Value) -> Result<()> {
        let secret = text(&order["payment"], "client_secret")?;
        let intent = secret.split("_secret_").next().unwrap_or_default();
        let url = format!("{}/v1/payment_intents/{intent}/confirm", stripe.base);
        let request = self.http.post(url).basic_auth(&stripe.key, None::<&str>);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = "payment_method=pm_card_visa&return_url=https%3A%2F%2Fshop.example%2Forders";
        let (status, answer) = self.send(request.body(body)).await.context("paying at Stripe")?;
        ensure!(status.is_success(), "paying at Stripe: {status} {answer}");
        let path = format!("/orders/{}", text(order, "id")?);
        let started = Instant::now();
        loop {
            let now = self.call(Method::GET, &path, Some(token), None).await?;
            if now["state"] == "paid" {
                ensure!(now["payment"]["captured"] == order["total"], "captured is not the total: {now}");
                self.say(format!("it is paid: {}", money(&now["payment"]["captured"])));
                return Ok(());
            }
            ensure!(started.elapsed() < UNTIL_PAID, "still {} after {} s", now["state"], UNTIL_PAID.as_secs());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn cancel(&self, token: &str, order: &Value) -> Result<()> {
        let path = format!("/orders/{}/cancel", text(order, "id")?);
        let cancelled = self.call(Method::POST, &path, Some(token), None).await?;
        ensure!(cancelled["state"] == "cancelled", "a cancelled order is {}", cancelled["state"]);
        self.say("it is cancelled: nothing is charged, nothing is held");
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Result<Value> {
        let what = format!("{method} {path}");
        let mut request = self.request(method, path, token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let (status, answer) = self.send(request).await.with_context(|| what.clone())?;
        ensure!(status.is_success(), "{what}: {status} {answer}");
        serde_json::from_str(&answer).with_context(|| format!("{what} answered no JSON"))
    }

    fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.api));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, String)> {
        let answer = request.send().await?;
        let status = answer.status();
        Ok((status, answer.text().await?))
    }
}

impl Stripe {
    /// None without a key. One that moves real money is refused, not passed over: who gives it expects something else.
    fn of(base: Option<String>, key: Option<String>) -> Result<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        let is_for_tests = key.starts_with("sk_test_") || key.starts_with("rk_test_");
        ensure!(is_for_tests, "STRIPE_SECRET_KEY is no key for tests: a smoke purchase takes no real money");
        let base = base.unwrap_or_else(|| REAL_STRIPE.to_owned());
        Ok(Some(Self { base: base.trim_end_matches('/').to_owned(), key }))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Asks an API that answers so; says what became of it, and what was asked.
    async fn preflight(answer: &'static str, origin: Option<&str>) -> (Result<()>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut asked, mut part) = (Vec::new(), [0; 1024]);
            while !asked.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut part).await.unwrap();
                asked.extend_from_slice(&part[..read]);
            }
            stream.write_all(format!("HTTP/1.1 {answer}connection: close\r\n\r\n").as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        let shopper = Shopper { http: Client::new(), api, stripe: None, started: Instant::now() };
        (shopper.browsers_may_order(origin).await, asked.await.unwrap())
    }

    #[tokio::test]
    async fn an_order_is_asked_for_as_a_browser_does_and_a_refusal_fails() {
        let (refused, asked) = preflight("405 Method Not Allowed\r\n", None).await;
        assert!(format!("{:#}", refused.unwrap_err()).contains("405"));
        assert!(asked.starts_with("OPTIONS /orders HTTP/1.1\r\n"), "{asked}");
        for header in ["access-control-request-method: POST", "authorization,content-type,idempotency-key"] {
            assert!(asked.contains(header), "{asked}");
        }
    }

    #[tokio::test]
    async fn a_frontend_that_is_named_has_to_be_let_in() {
        let origin = Some("https://shop.example");
        let silent = "204 No Content\r\n";
        preflight(silent, None).await.0.unwrap();
        assert!(preflight(silent, origin).await.0.is_err());
        let other = "204 No Content\r\naccess-control-allow-origin: https://other.example\r\n";
        assert!(preflight(other, origin).await.0.is_err());
        let own = "204 No Content\r\naccess-control-allow-origin: https://shop.example\r\n";
        let (outcome, asked) = preflight(own, origin).await;
        outcome.unwrap();
        assert!(asked.contains("origin: https://shop.example\r\n"), "{asked}");
    }

    #[test]
    fn no_smoke_purchase_takes_real_money() {
        assert!(Stripe::of(None, Some("sk_live_51".to_owned())).is_err());
        assert!(Stripe::of(None, None).unwrap().is_none());
        let stripe = Stripe::of(None, Some("sk_test_51".to_owned())).unwrap().unwrap();
        assert_eq!(stripe.base, REAL_STRIPE);
    }
}
