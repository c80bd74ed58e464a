//! A shop of one build for measuring it: stores of its own that its own migrations made, goods and accounts, and siblings
//! that answer. Its functions are not held, and idle while others are measured.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_double::{Function, HttpAnswer, http_event};
use serde_json::{Value, json};
use tokio::process::Command;

use super::case::{ACCOUNT, CHEAP_ACCOUNT, PASSWORD, SKU, SLUG, Visit};
use super::gateway::Gateway;
use super::listening::Listening;
use super::ways::Ways;
use super::{give, made_up};
use crate::admin::SERVICE_CLIENTS;
use crate::home::Home;
use crate::secrets::hex;
use crate::services::WITH_A_STORE;
use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_mins(2);
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// One account and one network address log in all the time.
const UNLIMITED: [&str; 3] = ["LOGIN_LIMIT", "LOGIN_LIMIT_PER_SOURCE", "GUEST_LIMIT_PER_SOURCE"];
/// The hash of [`PASSWORD`] that costs the least argon2 allows (8 KiB, one pass). Where instructions are counted, the usual
/// one would hide all others, and take callgrind longer than a request has.
const CHEAP_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$Y29sZC1zdGFydC1iZW5jaA$39rZxubsvFBSHmrcALVyltY4K0RLK0ZgJdrCQFRT2dA";
/// The tables of the bare login: accounts with the hashes that the service itself made.
const BARE_TABLES: &str = "
    create table bare_accounts as select id, email, role, password_hash from users;
    alter table bare_accounts add primary key (id), add unique (email);
    create table bare_attempts (key text primary key, count integer not null);
    create table bare_sessions (id uuid primary key, account uuid not null, token bytea not null,
                                created_at timestamptz not null default now())";

/// A shop that is open. Its functions and listeners end when this is dropped.
pub(super) struct Shop {
    /// Settings of its services and of the bare functions beside them.
    pub(super) settings: Settings,
    users: Arc<Function>,
    _listening: Vec<Listening>,
}

impl Shop {
    /// Opens a shop with the programs in that folder.
    pub(super) async fn open(home: &Home, ways: &Ways, programs: &Path, is_encrypted: bool) -> Result<Self> {
        let name = format!("cold_start_{}", hex(4)?);
        let log = home.local_folder("cold-start")?.join("services.log");
        let gateway = Gateway::default();
        let inner = gateway.open().await?;
        let (address, outer) = ways.to_gateway(&inner, is_encrypted).await?;
        let mut settings = settings(ways, &name, &address, is_encrypted)?;
        let makers = Makers { programs, log: File::options().create(true).append(true).open(&log)? };
        ways.make_databases(home, &name).await?;
        let opened = async {
            makers.set_up(&mut settings).await?;
            let cheap = format!("update users set password_hash = '{CHEAP_HASH}' where email = '{CHEAP_ACCOUNT}'");
            ways.in_accounts(home, &name, &cheap).await?;
            ways.in_accounts(home, &name, BARE_TABLES).await?;
            let users = Arc::new(makers.start("user-service", &settings, "http").await?);
            // product-service asks it for its keys before it takes a product.
            gateway.lead_to("user-service", Arc::clone(&users));
            let products = makers.start("product-service", &settings, "http").await?;
            sell(&users, &products).await?;
            Ok::<_, anyhow::Error>((users, products))
        };
        let (users, products) = opened.await.with_context(|| format!("see {}", home.show(&log)))?;
        gateway.lead_to("product-service", Arc::new(products));
        Ok(Self { settings, users, _listening: [Some(inner), outer].into_iter().flatten().collect() })
    }

    /// Tokens that are good for the next quarter of an hour.
    pub(super) async fn visit(&self, account: &'static str) -> Result<Visit> {
        let guest = ask(&self.users, "POST", "/auth/guest", &[], "").await?;
        let secret = self.settings.get(SERVICE_CLIENTS[0].0).unwrap_or_default();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", SERVICE_CLIENTS[0].1)));
        let headers = [FORM, ("authorization", &*basic)];
        let sender = ask(&self.users, "POST", "/oauth/token", &headers, "grant_type=client_credentials").await?;
        Ok(Visit { guest: access_token(&guest)?, sender: access_token(&sender)?, account })
    }
}

fn settings(ways: &Ways, name: &str, address: &str, is_encrypted: bool) -> Result<Settings> {
    let mut settings = made_up()?;
    for (setting, value) in ways.settings(name, is_encrypted)?.iter() {
        settings.set(setting, value);
    }
    settings.set("ISSUER", address);
    settings.set("API_BASE_URL", address);
    settings.set("JWKS_URL", format!("{address}/.well-known/jwks.json"));
    for limit in UNLIMITED {
        settings.set(limit, "1000000");
    }
    Ok(settings)
}

/// The build's programs, for setting up.
struct Makers<'a> {
    programs: &'a Path,
    log: File,
}

impl Makers<'_> {
    /// Migrates every store, and registers those who are there from the beginning.
    async fn set_up(&self, settings: &mut Settings) -> Result<()> {
        for service in WITH_A_STORE {
            self.wake(service, settings, "migrate", json!({ "direction": "up" })).await?;
        }
        let [users, ..] = WITH_A_STORE;
        for email in [ACCOUNT, CHEAP_ACCOUNT] {
            let admin = json!({ "command": "create_admin", "email": email, "password": PASSWORD });
            self.wake(users, settings, "admin", admin).await?;
        }
        let (setting, name, scopes) = SERVICE_CLIENTS[0];
        let client = json!({ "command": "create_service_client", "name": name, "scopes": scopes });
        let client = self.wake(users, settings, "admin", client).await?;
        settings.set(setting, client["client_secret"].as_str().context("no client_secret was answered")?);
        Ok(())
    }

    async fn wake(&self, service: &str, settings: &Settings, trigger: &str, event: Value) -> Result<Value> {
        let function = self.start(service, settings, trigger).await?;
        function.invoke(event, PATIENCE).await.with_context(|| format!("{service}, {trigger}"))
    }

    async fn start(&self, service: &str, settings: &Settings, trigger: &str) -> Result<Function> {
        let mut command = Command::new(self.programs.join(service));
        give(settings, &mut command);
        command.env("TRIGGER", trigger).stdin(Stdio::null()).stdout(self.log.try_clone()?);
        command.stderr(self.log.try_clone()?);
        Function::launch(command, service).await.with_context(|| format!("starting {service}"))
    }
}

/// Puts one product on sale.
async fn sell(users: &Function, products: &Function) -> Result<()> {
    let login = json!({ "email": ACCOUNT, "password": PASSWORD }).to_string();
    let staff = ask(users, "POST", "/auth/login", &[JSON], &login).await?;
    let bearer = format!("Bearer {}", access_token(&staff)?);
    let headers = [JSON, ("authorization", &*bearer)];
    let variant = json!({ "sku": SKU, "options": { "Size": "M" }, "prices": [{ "amount": 1999, "currency": "USD" }] });
    let product = json!({
        "title": "Organic cotton tee", "slug": SLUG, "description": "Midweight, pre-shrunk.", "status": "active",
        "brand": "Bodega", "tags": ["organic"], "attributes": { "Material": "cotton", "Organic": true },
        "category_ids": [], "options": [{ "name": "Size", "values": ["M"] }], "variants": [variant]
    });
    ask(products, "POST", "/admin/products", &headers, &product.to_string()).await?;
    ask(products, "PUT", &format!("/inventory/{SKU}"), &headers, r#"{"on_hand":1000}"#).await?;
    Ok(())
}

async fn ask(function: &Function, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Value> {
    let headers = [&[("host", "127.0.0.1")], headers].concat();
    let event = http_event(method, path, &headers, body);
    let answer = function.invoke(event, PATIENCE).await.with_context(|| format!("{method} {path}"))?;
    let answer = HttpAnswer::from(answer);
    if !(200..300).contains(&answer.status) {
        bail!("{method} {path} answered {}: {}", answer.status, answer.text());
    }
    Ok(answer.json())
}

fn access_token(answer: &Value) -> Result<String> {
    Ok(answer["access_token"].as_str().context("no access_token was answered")?.to_owned())
}
