//! The stores of a machine at home, on free ports of 127.0.0.1, unless the environment names others: PostgreSQL, a `mongod` or its
//! stand-in, and the stand-in for AWS.

mod address;
mod aws;
mod mongodb;
mod postgres;

use std::fmt::Display;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::home::{Home, from_env};
use crate::process::Process;
use crate::python::{self, last_lines};
use crate::run::Run;
use crate::settings::Settings;

pub(crate) use address::Address;
pub(crate) use postgres::Postgres;

/// How long a store may take to answer after its start.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Kept between runs, and safe on disk when acknowledged.
    Safe,
    /// Thrown away before the next run, and quick.
    Scratch,
}

/// Where the stores of one run live, and who runs them.
pub(crate) struct Place<'a> {
    pub(crate) home: &'a Home,
    pub(crate) run: &'a Run,
    /// Data goes below this folder.
    pub(crate) folder: PathBuf,
    /// Logs go below this folder.
    pub(crate) logs: PathBuf,
    pub(crate) keeping: Keeping,
}

impl Place<'_> {
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// All stores, for one run alone; those that the environment names are used instead.
pub(crate) async fn alone(home: &Home, run: &Run, folder: PathBuf, keeping: Keeping) -> Result<Settings> {
    python::ensure_tools(home).await?;
    let place = Place { home, run, logs: folder.clone(), folder, keeping };
    let (postgres, mongodb, aws) = tokio::try_join!(
        postgres(&place, &["TEST_POSTGRES_URL"]),
        unless_set("TEST_MONGODB_URI", mongodb(&place)),
        unless_set("TEST_AWS_ENDPOINT_URL", aws(&place)),
    )?;
    let postgres = postgres.map(|postgres| postgres.url("postgres")).or_else(|| from_env("TEST_POSTGRES_URL"));
    let mut addresses = Settings::default();
    addresses.set("TEST_POSTGRES_URL", postgres.unwrap_or_default());
    addresses.set("TEST_MONGODB_URI", mongodb);
    addresses.set("TEST_AWS_ENDPOINT_URL", aws);
    Ok(addresses)
}

async fn unless_set(name: &str, start: impl Future<Output = Result<String>>) -> Result<String> {
    match from_env(name) {
        Some(address) => Ok(address),
        None => start.await,
    }
}

/// PostgreSQL, unless every variable of `instead` is set.
pub(crate) async fn postgres(place: &Place<'_>, instead: &[&str]) -> Result<Option<Postgres>> {
    if instead.iter().all(|name| from_env(name).is_some()) {
        return Ok(None);
    }
    postgres::start(place).await.context("PostgreSQL").map(Some)
}

/// The answer to a statement in the `PostgreSQL` database at `url`.
pub(crate) async fn ask(home: &Home, url: &str, statement: &str) -> Result<String> {
    postgres::ask(home, url, statement).await.context("PostgreSQL")
}

/// The address of a MongoDB server, without a database's name.
pub(crate) async fn mongodb(place: &Place<'_>) -> Result<String> {
    mongodb::start(place).await.context("MongoDB")
}

/// The address of the stand-in for AWS.
pub(crate) async fn aws(place: &Place<'_>) -> Result<String> {
    aws::start(place).await.context("the AWS double")
}

/// Asks again and again until `probe` succeeds. Gives up when the server has ended, or after a minute.
async fn until_it_answers<F, E>(server: Process, log: &Path, mut probe: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let started = Instant::now();
    loop {
        let Err(error) = probe().await else { return Ok(()) };
        let said = || last_lines(&std::fs::read_to_string(log).unwrap_or_default(), 15);
        if !server.lives() {
            bail!("it ended while starting; {} ends with:\n{}", log.display(), said());
        }
        if started.elapsed() > PATIENCE {
            bail!("no answer within {PATIENCE:?} ({error}); {} ends with:\n{}", log.display(), said());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
