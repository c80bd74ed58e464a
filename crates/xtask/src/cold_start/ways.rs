//! The ways to the stores: over TLS, or plain for a build whose settings name no authority to trust.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::forward;
use super::listening::Listening;
use super::tls::{Greeting, Tls};
use crate::home::Home;
use crate::settings::Settings;
use crate::stores::{self, Address};

const LOOPBACK: &str = "127.0.0.1";

/// The stores, and what stands in front of them as long as this is kept.
pub(super) struct Ways {
    postgres: String,
    mongodb: String,
    pub(super) tls: Tls,
    postgres_door: Listening,
    mongodb_door: Listening,
    aws: Listening,
    aws_door: Listening,
}

impl Ways {
    /// To the stores of these addresses. Certificates are written into `folder`.
    pub(super) async fn open(stores: &Settings, folder: &Path) -> Result<Self> {
        let address = |name: &str| stores.get(name).map(str::to_owned).with_context(|| format!("{name} is not known"));
        let [postgres, mongodb, aws] = ["TEST_POSTGRES_URL", "TEST_MONGODB_URI", "TEST_AWS_ENDPOINT_URL"].map(address);
        let (postgres, mongodb, aws) = (postgres?, mongodb?, forward::open(&aws?).await?);
        let tls = Tls::new(folder)?;
        let postgres_door = tls.before(Address::parse(&postgres)?.place(), Greeting::Postgres).await?;
        let mongodb_door = tls.before(Address::parse(&mongodb)?.place(), Greeting::Nothing).await?;
        let aws_door = tls.before(format!("{LOOPBACK}:{}", aws.port()), Greeting::Nothing).await?;
        Ok(Self { postgres, mongodb, tls, postgres_door, mongodb_door, aws, aws_door })
    }

    /// What a shop of that name reaches its databases by, which it does not share.
    pub(super) fn settings(&self, name: &str, is_encrypted: bool) -> Result<Settings> {
        let mut settings = Settings::default();
        for (setting, what) in [("USER_DATABASE_URL", "user"), ("TRANSACTION_DATABASE_URL", "transaction")] {
            settings.set(setting, self.postgres_at(&format!("{name}_{what}"), is_encrypted)?);
        }
        settings.set("MONGODB_URI", self.mongodb_at(name, is_encrypted)?);
        settings.set("NOTIFICATION_TABLE", name);
        if is_encrypted {
            settings.set("AWS_ENDPOINT_URL", format!("https://{LOOPBACK}:{}", self.aws_door.port()));
            settings.set("SSL_CERT_FILE", self.tls.roots.display().to_string());
        } else {
            settings.set("AWS_ENDPOINT_URL", format!("http://{LOOPBACK}:{}", self.aws.port()));
        }
        Ok(settings)
    }

    /// Makes the databases of a shop that make none themselves.
    pub(super) async fn make_databases(&self, home: &Home, name: &str) -> Result<()> {
        for what in ["user", "transaction"] {
            stores::ask(home, &self.postgres, &format!("create database {name}_{what}")).await?;
        }
        Ok(())
    }

    /// Carries out a statement in the database of accounts.
    pub(super) async fn in_accounts(&self, home: &Home, name: &str, statement: &str) -> Result<()> {
        stores::ask(home, &self.postgres_at(&format!("{name}_user"), false)?, statement).await.map(drop)
    }

    /// The address of a gateway that listens without TLS, and the listener in front of it that it may need.
    pub(super) async fn to_gateway(
        &self,
        gateway: &Listening,
        is_encrypted: bool,
    ) -> Result<(String, Option<Listening>)> {
        let place = format!("{LOOPBACK}:{}", gateway.port());
        if !is_encrypted {
            return Ok((format!("http://{place}"), None));
        }
        let door = self.tls.before(place, Greeting::Nothing).await?;
        Ok((format!("https://{LOOPBACK}:{}", door.port()), Some(door)))
    }

    fn postgres_at(&self, database: &str, is_encrypted: bool) -> Result<String> {
        let own = Address { database, ..Address::parse(&self.postgres)? };
        if !is_encrypted {
            return Ok(own.to_string());
        }
        let query = format!("sslmode=verify-full&sslrootcert={}", self.tls.authority.display());
        let (host, port) = (LOOPBACK, self.postgres_door.port());
        Ok(Address { host, port, query: &query, ..own }.to_string())
    }

    fn mongodb_at(&self, database: &str, is_encrypted: bool) -> Result<String> {
        let own = Address { database, ..Address::parse(&self.mongodb)? };
        if !is_encrypted {
            return Ok(own.to_string());
        }
        let tls = format!("tls=true&tlsCAFile={}", self.tls.authority.display());
        let query = if own.query.is_empty() { tls } else { format!("{}&{tls}", own.query) };
        let (host, port) = (LOOPBACK, self.mongodb_door.port());
        Ok(Address { host, port, query: &query, ..own }.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn over_tls_every_store_is_reached_at_a_listener_of_ours_and_plain_at_its_own_address() {
        let folder = tempfile::tempdir().unwrap();
        let mut stores = Settings::default();
        stores.set("TEST_POSTGRES_URL", "postgres://postgres:secret@127.0.0.1:5432/postgres");
        stores.set("TEST_MONGODB_URI", "mongodb://127.0.0.1:27017/?directConnection=true");
        stores.set("TEST_AWS_ENDPOINT_URL", "http://127.0.0.1:5000");
        let ways = Ways::open(&stores, folder.path()).await.unwrap();

        let plain = ways.settings("shop", false).unwrap();
        assert_eq!(plain.get("USER_DATABASE_URL"), Some("postgres://postgres:secret@127.0.0.1:5432/shop_user"));
        assert_eq!(plain.get("MONGODB_URI"), Some("mongodb://127.0.0.1:27017/shop?directConnection=true"));
        assert_eq!(plain.get("SSL_CERT_FILE"), None);

        let encrypted = ways.settings("shop", true).unwrap();
        let authority = ways.tls.authority.display();
        let (postgres, mongodb, aws) = (ways.postgres_door.port(), ways.mongodb_door.port(), ways.aws_door.port());
        for (name, expected) in [
            (
                "TRANSACTION_DATABASE_URL",
                format!(
                    "postgres://postgres:secret@127.0.0.1:{postgres}/shop_transaction?sslmode=verify-full&sslrootcert={authority}"
                ),
            ),
            (
                "MONGODB_URI",
                format!("mongodb://127.0.0.1:{mongodb}/shop?directConnection=true&tls=true&tlsCAFile={authority}"),
            ),
            ("AWS_ENDPOINT_URL", format!("https://127.0.0.1:{aws}")),
            ("SSL_CERT_FILE", ways.tls.roots.display().to_string()),
        ] {
            assert_eq!(encrypted.get(name), Some(expected.as_str()), "{name}");
        }
    }
}
