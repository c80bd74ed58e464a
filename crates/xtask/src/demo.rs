//! `cargo xtask demo`: one purchase on the running stack, through HTTP as a frontend would, printed for a reader.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin;
use crate::home::Home;
use crate::secrets::{Secrets, password};
use crate::settings::Settings;
use crate::vendors;

/// The bought product of the demo catalogue.
const SKU: &str = "OUT-FLASK-500-STL";
const PRODUCT: &str = "vacuum-flask";
/// Webhooks, messages and mail take a moment; the sweep comes every five seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// Buys something, with 3-D Secure on the way. Fails where a step does not end as it must.
pub(crate) async fn run(home: &Home) -> Result<()> {
    let settings = Settings::read(&home.local("env"))?;
    let shop = Shop::of(&settings)?;
    let staff = shop.log_in(admin::EMAIL, &Secrets::ensure(home)?.admin_password).await?;
    let before = shop.stock(&staff).await?;
    heading(1, "The shelf");
    println!("{SKU}: {before}");
    shop.print_image().await?;

    heading(2, "A shopper registers, logs in, and wants to hear of orders by SMS as well");
    let email = format!("ada-{}@example.com", &Uuid::new_v4().simple().to_string()[..8]);
    let token = shop.register(&email).await?;
    let phone = shop.choose_sms(&token).await?;

    heading(3, "A card is saved with Stripe, in the frontend; its bank asks for 3-D Secure");
    let payment_method = shop.save_card(&token).await?;

    heading(4, "The cart, and what it comes to");
    let quote = shop.fill_cart(&token).await?;

    heading(5, "The order: stock is reserved, Stripe is asked");
    let (first, key, request) = shop.order(&token, &payment_method, &quote).await?;
    let order: Value = serde_json::from_slice(&first)?;
    let id = text(&order, "id")?;
    println!("reserved meanwhile: {}", shop.stock(&staff).await?);

    heading(6, "The same request again, as after a lost answer");
    let (status, again) = shop.post_order(&token, &key, &request).await?;
    ensure!(status == 201 && again == first, "another answer: {status}");
    println!("the same answer, byte for byte; still one order, one payment");

    heading(7, "The cardholder agrees at 3-D Secure; Stripe's webhook finishes the order");
    shop.agree(&order).await?;
    let paid = shop.until_paid(&token, id).await?;
    ensure!(paid["payment"]["captured"] == order["total"], "captured is not the total: {paid}");
    println!("order {id} is {}, captured {}", text(&paid, "state")?, money(&paid["payment"]["captured"]));

    heading(8, "The confirmation, by mail and by SMS, as the vendors took them");
    let mail = until("a mail", || shop.message(&settings, id, &email)).await?;
    println!(
        "mail    {}, {}\nto      {email}\nsubject {}\n",
        text(&mail, "vendor")?,
        text(&mail, "status")?,
        text(&mail, "subject")?
    );
    println!("{}", text(&mail, "text")?);
    let event = mail["tags"]["event_id"].as_str().context("the mail names no event")?;
    let sms = until("an SMS", || shop.message(&settings, event, &phone)).await?;
    println!(
        "\nSMS     {}, {}\nto      {phone}\n\n{}",
        text(&sms, "vendor")?,
        text(&sms, "status")?,
        text(&sms, "text")?
    );

    heading(9, "The ledger, as staff read it");
    shop.print_ledger(&staff, &order).await?;

    heading(10, "The shelf again, and the cart");
    let after = until("the stock to leave the shelf", || shop.changed_stock(&staff, &before)).await?;
    println!("{SKU}: {after} (before: {before})");
    ensure!(after.on_hand == before.on_hand - 2 && after.reserved == before.reserved, "the stock on hand is wrong");
    until("the cart to be cleared", || shop.empty_cart(&token)).await?;
    println!("the cart is empty");

    heading(11, "What becomes of both, as their vendors say");
    let delivered = until("the SMS to be delivered", || shop.delivered(&settings, event, &phone)).await?;
    println!("SMS     {}", text(&delivered, "status")?);
    for (channel, about, to) in [("mail", id, &email), ("SMS", event, &phone)] {
        let sent = vendors::sent_about(&settings, about).await?.iter().filter(|sent| sent["to"] == **to).count();
        ensure!(sent == 1, "{sent} messages by {channel}, expected 1");
    }
    println!("all of it: {}", vendors::inbox(&settings).unwrap_or_default());
    println!("\nBought once, charged once, notified once by mail and once by SMS.");
    Ok(())
}

fn heading(number: usize, what: &str) {
    println!("\n--- {number}. {what}");
}

/// The stock of the bought SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stock {
    on_hand: i64,
    reserved: i64,
}

impl Display for Stock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on hand, {} reserved", self.on_hand, self.reserved)
    }
}

/// The running shop, and Stripe as a frontend reaches it.
struct Shop {
    http: Client,
    api: String,
    stripe: String,
}

impl Shop {
    fn of(settings: &Settings) -> Result<Self> {
        let setting =
            |name: &str| settings.get(name).map(str::to_owned).with_context(|| format!("{name} is not in .local/env"));
        let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, api: setting("API_BASE_URL")?, stripe: setting("STRIPE_API_BASE")? })
    }

    async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Result<Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.api));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let answer = response.text().await?;
        println!("{method} {path} -> {}", status.as_u16());
        ensure!(status.is_success(), "{method} {path}: {status} {answer}");
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    /// A step of the frontend, the cardholder or the bank, on a route that only the double has.
    async fn play(&self, path: &str, body: Value) -> Result<Value> {
        let request = self.http.post(format!("{}/_double/{path}", self.stripe)).json(&body);
        let response = request.send().await?;
        let status = response.status();
        println!("at Stripe: {path} -> {}", status.as_u16());
        ensure!(status.is_success(), "{path}: {status} (a demo needs the double of Stripe)");
        Ok(response.json().await?)
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<String> {
        let credentials = json!({ "email": email, "password": password });
        let tokens = self.ask(Method::POST, "/auth/login", None, Some(credentials)).await?;
        Ok(text(&tokens, "access_token")?.to_owned())
    }

    async fn register(&self, email: &str) -> Result<String> {
        let password = password()?;
        let account = json!({ "email": email, "password": password, "name": "Ada Lovelace" });
        self.ask(Method::POST, "/auth/register", None, Some(account)).await?;
        self.log_in(email, &password).await
    }

    /// Gives a number as people write it, around the example that libphonenumber has of mobile phones in Great Britain (numbers for
    /// drama are in no plan), and consents to SMS. Returns what can be dialled. At home texts go to a double.
    async fn choose_sms(&self, token: &str) -> Result<String> {
        let number = Uuid::new_v4().as_u128() % 1_000;
        let choice = json!({ "phone": format!("+44 (0)7400 123{number:03}"), "notify_by": ["email", "sms"] });
        let profile = self.ask(Method::PATCH, "/users/me", Some(token), Some(choice)).await?;
        println!("notified by {} at {}", profile["notify_by"], text(&profile, "phone")?);
        Ok(text(&profile, "phone")?.to_owned())
    }

    async fn stock(&self, staff: &str) -> Result<Stock> {
        let stock = self.ask(Method::GET, &format!("/inventory/{SKU}"), Some(staff), None).await?;
        let number = |name: &str| stock[name].as_i64().with_context(|| format!("the stock has no {name}"));
        Ok(Stock { on_hand: number("on_hand")?, reserved: number("reserved")? })
    }

    async fn print_image(&self) -> Result<()> {
        let product = self.ask(Method::GET, &format!("/products/{PRODUCT}"), None, None).await?;
        if let Some(image) = product["images"].as_array().and_then(|images| images.first()) {
            println!("{}: {}", text(image, "alt")?, text(image, "url")?);
        }
        Ok(())
    }

    async fn save_card(&self, token: &str) -> Result<String> {
        let path = "/users/me/payment-methods";
        let setup = self.ask(Method::POST, &format!("{path}/setup"), Some(token), None).await?;
        let intent = format!("setup_intents/{}", text(&setup, "setup_intent_id")?);
        let card = json!({ "payment_method": "pm_card_authenticationRequired" });
        let confirmed = self.play(&format!("{intent}/confirm"), card).await?;
        if confirmed["status"] == "requires_action" {
            self.play(&format!("{intent}/authenticate"), json!({ "outcome": "approve" })).await?;
        }
        let saved = self.ask(Method::GET, path, Some(token), None).await?;
        let card = &saved["items"][0];
        println!("saved: {} ending in {}", text(&card["card"], "brand")?, text(&card["card"], "last4")?);
        Ok(text(card, "id")?.to_owned())
    }

    async fn fill_cart(&self, token: &str) -> Result<Value> {
        let path = format!("/carts/mine/items/{SKU}");
        self.ask(Method::PUT, &path, Some(token), Some(json!({ "quantity": 2 }))).await?;
        let wanted = json!({ "currency": "USD", "shipping_method": "standard" });
        let quote = self.ask(Method::POST, "/quotes", Some(token), Some(wanted)).await?;
        for line in quote["lines"].as_array().into_iter().flatten() {
            println!(
                "  {} x {:<40} {:>12}",
                line["quantity"],
                line["title"].as_str().unwrap_or_default(),
                money(&line["subtotal"])
            );
        }
        for (name, value) in
            [("shipping", &quote["shipping"]["price"]), ("tax", &quote["tax"]), ("total", &quote["total"])]
        {
            println!("  {name:<44} {:>12}", money(value));
        }
        Ok(quote)
    }

    async fn order(&self, token: &str, payment_method: &str, quote: &Value) -> Result<(Vec<u8>, String, Value)> {
        let key = Uuid::new_v4().to_string();
        let request = json!({
            "cart_version": quote["cart_version"], "shipping_method": "standard", "locale": "en-US",
            "payment": { "method": "saved", "payment_method_id": payment_method },
            "expected_total": quote["total"],
            "shipping_address": {
                "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH",
                "country": "GB"
            }
        });
        let (status, body) = self.post_order(token, &key, &request).await?;
        let order: Value = serde_json::from_slice(&body)?;
        ensure!(status == 201 && order["state"] == "requires_action", "{status} {order}");
        println!("order {} is {}, total {}", text(&order, "id")?, text(&order, "state")?, money(&order["total"]));
        Ok((body, key, request))
    }

    async fn post_order(&self, token: &str, key: &str, request: &Value) -> Result<(u16, Vec<u8>)> {
        let order = self.http.post(format!("{}/orders", self.api)).bearer_auth(token).header("idempotency-key", key);
        let response = order.json(request).send().await?;
        let status = response.status().as_u16();
        println!("POST /orders (Idempotency-Key {key}) -> {status}");
        Ok((status, response.bytes().await?.to_vec()))
    }

    async fn agree(&self, order: &Value) -> Result<()> {
        let secret = text(&order["payment"], "client_secret")?;
        let intent = secret.split("_secret_").next().unwrap_or_default();
        self.play(&format!("payment_intents/{intent}/authenticate"), json!({ "outcome": "approve" })).await.map(drop)
    }

    async fn until_paid(&self, token: &str, id: &str) -> Result<Value> {
        let path = format!("/orders/{id}");
        until("the order to be paid", || async {
            let order = self.ask(Method::GET, &path, Some(token), None).await?;
            Ok((order["state"] == "paid").then_some(order))
        })
        .await
    }

    /// The message to this recipient that contains `about`.
    async fn message(&self, settings: &Settings, about: &str, to: &str) -> Result<Option<Value>> {
        Ok(vendors::sent_about(settings, about).await?.into_iter().find(|sent| sent["to"] == to))
    }

    async fn delivered(&self, settings: &Settings, about: &str, to: &str) -> Result<Option<Value>> {
        Ok(self.message(settings, about, to).await?.filter(|sent| sent["status"] == "delivered"))
    }

    async fn print_ledger(&self, staff: &str, placed: &Value) -> Result<()> {
        let path = format!("/admin/orders/{}", text(placed, "id")?);
        let order = self.ask(Method::GET, &path, Some(staff), None).await?;
        let (mut sum, mut captured) = (0, 0);
        for entry in order["ledger"].as_array().into_iter().flatten() {
            let amount = entry["amount"].as_i64().context("an entry has no amount")?;
            println!(
                "  {:<8} {:<10} {amount:>8} {}",
                text(entry, "kind")?,
                text(entry, "account")?,
                text(entry, "currency")?
            );
            sum += amount;
            captured += if entry["account"] == "stripe" { amount } else { 0 };
        }
        println!("  sum                 {sum:>8}");
        ensure!(sum == 0, "the ledger does not sum to zero");
        ensure!(placed["total"]["amount"] == captured, "the ledger has another amount than the order");
        Ok(())
    }

    async fn changed_stock(&self, staff: &str, before: &Stock) -> Result<Option<Stock>> {
        let stock = self.stock(staff).await?;
        Ok((stock.on_hand != before.on_hand).then_some(stock))
    }

    async fn empty_cart(&self, token: &str) -> Result<Option<()>> {
        let cart = self.ask(Method::GET, "/carts/mine", Some(token), None).await?;
        Ok(cart["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
    }
}

/// Asks every half second until there is something.
async fn until<T, F: Future<Output = Result<Option<T>>>>(what: &str, mut look: impl FnMut() -> F) -> Result<T> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("waited {} s for {what}", PATIENCE.as_secs())
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("{name} is missing in {value}"))
}

pub(crate) fn money(value: &Value) -> String {
    let amount = value["amount"].as_i64().unwrap_or_default();
    format!("{}.{:02} {}", amount / 100, amount % 100, value["currency"].as_str().unwrap_or_default())
}
