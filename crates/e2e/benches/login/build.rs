//! A build of user-service with a database of its own, and the accounts that are to be in it.

use std::path::PathBuf;

use e2e::{PASSWORD, Settings, StripeKeys};
use serde_json::{Value, json};
use testkit::postgres::Postgres;

/// How many accounts there are, so that each of as many clients has one.
pub(crate) const AT_ONCE: usize = 64;
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
    /// Its own migrations make the tables.
    pub(crate) async fn prepare(name: &str, folder: PathBuf) -> Self {
        let database = testkit::postgres::empty().await;
        let keys = StripeKeys { secret_key: "made-up", webhook_secret: "made-up" };
        let mut settings = e2e::settings(NOWHERE, NOWHERE, keys);
        settings.push(("USER_DATABASE_URL", database.url.clone()));
        settings.extend(e2e::UNLIMITED.map(|(name, value)| (name, value.to_owned())));
        e2e::run_once(&folder, "user-service", &settings, "migrate", json!({"direction": "up"})).await;
        let account = |nth| json!({"email": format!("customer-{nth}@example.com"), "password": PASSWORD});
        let accounts = (0..AT_ONCE).map(account).collect();
        Self { folder, settings, name: name.to_owned(), accounts, _database: database }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn accounts(&self) -> &[Value] {
        &self.accounts
    }

    /// E-mail address and password; one after the other, and from the first one again.
    pub(crate) fn account(&self, nth: usize) -> &Value {
        &self.accounts[nth % self.accounts.len()]
    }
}
