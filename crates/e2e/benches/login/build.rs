//! A build of user-service with a database of its own, in which there are accounts.

use std::path::PathBuf;

use e2e::{PASSWORD, Settings, StripeKeys};
use serde_json::{Value, json};
use testkit::postgres::Postgres;

use crate::{AT_ONCE, process::Process};

/// Nothing listens there: a login needs neither siblings nor Stripe, and mail to those who registered has time.
const NOWHERE: &str = "http://127.0.0.1:9";

/// See above.
#[derive(Debug)]
pub(crate) struct Build {
    /// Where its programs are.
    pub(crate) folder: PathBuf,
    pub(crate) settings: Settings,
    name: String,
    accounts: Vec<Value>,
    _database: Postgres,
}

impl Build {
    /// Its own migrations make the tables, and its own registration the accounts.
    pub(crate) async fn prepare(name: &str, folder: PathBuf) -> Self {
        let database = testkit::postgres::empty().await;
        let keys = StripeKeys { secret_key: "made-up", webhook_secret: "made-up" };
        let mut settings = e2e::settings(NOWHERE, NOWHERE, keys);
        settings.push(("USER_DATABASE_URL", database.url.clone()));
        settings.extend(e2e::UNLIMITED.map(|(name, value)| (name, value.to_owned())));
        e2e::run_once(&folder, "user-service", &settings, "migrate", json!({"direction": "up"})).await;
        let account = |nth| json!({"email": format!("customer-{nth}@example.com"), "password": PASSWORD});
        let accounts = (0..AT_ONCE).map(account).collect();
        let build = Self { folder, settings, name: name.to_owned(), accounts, _database: database };
        let process = Process::server(&build).await;
        for account in &build.accounts {
            process.register(account).await;
        }
        build
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// E-mail address and password; one after the other, and from the first one again.
    pub(crate) fn account(&self, nth: usize) -> &Value {
        &self.accounts[nth % self.accounts.len()]
    }
}
