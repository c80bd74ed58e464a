//! `cargo xtask up`: the whole shop on this machine, until Ctrl-C.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::home::{Home, Profile, from_env};
use crate::process::Process;
use crate::progress::{seconds, step};
use crate::run::Run;
use crate::secrets::{Secrets, password};
use crate::settings::Settings;
use crate::stores::{self, Keeping, Place, Postgres};
use crate::{
    admin, images, letters, logs, pictures, port, python, reload, router, seed, services, stripe, sweep, trigger,
    vendors, watch,
};

const DATABASES: [(&str, &str); 2] =
    [("USER_DATABASE_URL", "bodega_user"), ("TRANSACTION_DATABASE_URL", "bodega_transaction")];

/// Starts everything, shows the logs, and stops everything at Ctrl-C, at SIGTERM, and when something fails.
pub(crate) async fn up(home: &Home, port: u16) -> Result<()> {
    let started = Instant::now();
    // A leftover of our own may hold the port, so it is cleared away before the port is looked at.
    let run = Run::begin(&home.local_folder("")?).await?;
    let outcome = tokio::select! {
        outcome = bring_up_and_stay(home, &run, port, started) => outcome,
        outcome = interrupted() => outcome,
    };
    run.stop().await;
    outcome
}

/// Comes back at Ctrl-C and at SIGTERM.
pub(crate) async fn interrupted() -> Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("listening for Ctrl-C")?,
        _ = terminated.recv() => {}
    }
    println!("\nstopping ...");
    Ok(())
}

async fn bring_up_and_stay(home: &Home, run: &Run, port: u16, started: Instant) -> Result<()> {
    port::must_be_free(port)?;
    if !router::is_current(home.root())? {
        bail!("the watch router in Cargo.toml is not that of crates/xtask; run `cargo xtask openapi`");
    }
    python::ensure_tools(home).await?;
    // The logs of the run before; those of this one are appended to.
    let _ = std::fs::remove_dir_all(home.local("logs"));
    let secrets = Secrets::ensure(home)?;
    let place = Place { home, run, folder: home.local(""), logs: home.local_folder("logs")?, keeping: Keeping::Safe };
    let mut settings = settings(&secrets, port)?;
    step("starting the stores", start_stores(&place, &mut settings)).await?;
    step("building the services", services::build(home, Profile::Dev, &[stripe::DOUBLE, vendors::DOUBLES])).await?;
    step("starting the double of Stripe", stripe::start(&place, &mut settings)).await?;
    step("starting the doubles of SES, SendGrid and Twilio", vendors::start(&place, &mut settings)).await?;
    step("making the bucket for images", images::make_bucket(&mut settings)).await?;
    step("making the queues of notifications", letters::make_queues(&mut settings)).await?;
    // Services wake for nothing without the secrets that user-service gives them.
    let [user_service, others @ ..] = services::WITH_A_STORE;
    step("migrating accounts", migrate(home, &settings, &[user_service])).await?;
    step("making the admin and the service clients", identities(home, &mut settings, &secrets)).await?;
    step("migrating the other stores", migrate(home, &settings, &others)).await?;
    settings.write(&home.local("env"), "What the services run with; written by cargo xtask up at each start.")?;

    let api = format!("http://127.0.0.1:{port}");
    let gateway = watch::start(home, run, port)?;
    step("starting the services", watch::until_it_answers(home, gateway, &api)).await?;
    if seed::is_empty(&api).await? {
        step("loading the demo catalogue", seed::load(&api, &secrets.admin_password)).await?;
    }
    step("uploading its pictures", pictures::upload::missing(&api, &secrets.admin_password)).await?;
    print_table(home, &settings, &api);
    println!(
        "\nup after {}; Ctrl-C stops everything. Requests show here; whole logs are in {}.\n",
        seconds(started.elapsed()),
        home.show(&home.local("logs"))
    );
    stay(home, run, &settings, port, gateway).await
}

fn settings(secrets: &Secrets, port: u16) -> Result<Settings> {
    let api = format!("http://127.0.0.1:{port}");
    let mut settings = Settings::default();
    settings.set("ISSUER", &*api);
    settings.set("JWKS_URL", format!("{api}/.well-known/jwks.json"));
    settings.set("API_BASE_URL", api);
    settings.set("AUDIENCE", "bodega");
    settings.set("SIGNING_KEYS", secrets.signing_keys.join(","));
    settings.set("FINGERPRINT_KEY", secrets.fingerprint_key.clone());
    for (name, standard) in
        [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
    {
        // Credentials of the environment go with its endpoint only: those of an AWS account never reach the stand-in.
        let own = from_env("AWS_ENDPOINT_URL").and_then(|_| from_env(name));
        settings.set(name, own.unwrap_or_else(|| standard.to_owned()));
    }
    for (name, standard) in [
        ("CURRENCIES", "USD,EUR,JPY"),
        ("SHIPPING_RATES", "USD:499,EUR:499,JPY:800"),
        ("TAX_RATE", "8.25"),
        ("REDUCED_TAX_RATE", "2.5"),
        ("SHOP_NAME", "Bodega"),
        ("SHOP_URL", "https://shop.example"),
        ("NOTIFICATION_TABLE", "bodega-notifications"),
        ("IMAGE_BUCKET", "bodega-images"),
        ("STAFF_EMAIL", "staff@bodega.example"),
        ("LOG_LEVEL", "info"),
        ("METRICS", "off"),
    ] {
        settings.set(name, from_env(name).unwrap_or_else(|| standard.to_owned()));
    }
    // The double keeps nothing between two starts, so neither need its secrets be kept.
    settings.set("STRIPE_SECRET_KEY", format!("sk_test_{}", password()?));
    settings.set("STRIPE_WEBHOOK_SECRET", format!("whsec_{}", password()?));
    Ok(settings)
}

async fn start_stores(place: &Place<'_>, settings: &mut Settings) -> Result<()> {
    let databases = DATABASES.map(|(name, _)| name);
    let (mongodb_from_env, aws_from_env) = (from_env("MONGODB_URI"), from_env("AWS_ENDPOINT_URL"));
    let (postgres, mongodb, aws) = tokio::try_join!(
        stores::postgres(place, &databases),
        async { if mongodb_from_env.is_some() { Ok(None) } else { stores::mongodb(place).await.map(Some) } },
        async { if aws_from_env.is_some() { Ok(None) } else { stores::aws(place).await.map(Some) } },
    )?;
    for (name, database) in DATABASES {
        let url = match (from_env(name), &postgres) {
            (Some(url), _) => url,
            (None, Some(postgres)) => {
                postgres.ensure_database(database).await?;
                postgres.url(database)
            }
            (None, None) => continue,
        };
        settings.set(name, url);
    }
    let database = mongodb.as_deref().map(|address| address.replace("/?", "/bodega?"));
    settings.set("MONGODB_URI", mongodb_from_env.or(database).unwrap_or_default());
    settings.set("AWS_ENDPOINT_URL", aws_from_env.or_else(|| aws.clone()).unwrap_or_default());
    for_tests(postgres.as_ref(), mongodb, aws)
        .write(&place.home.local("test.env"), "The running stores, for `cargo test`; read by crates/testkit.")
}

/// Leaves out stores that the environment names: tests make and drop databases.
fn for_tests(postgres: Option<&Postgres>, mongodb: Option<String>, aws: Option<String>) -> Settings {
    let mut settings = Settings::default();
    let addresses = [
        ("TEST_POSTGRES_URL", postgres.map(|postgres| postgres.url("postgres"))),
        ("TEST_MONGODB_URI", mongodb),
        ("TEST_AWS_ENDPOINT_URL", aws),
    ];
    for (name, address) in addresses {
        if let Some(address) = address {
            settings.set(name, address);
        }
    }
    settings
}

async fn migrate(home: &Home, settings: &Settings, services: &[&str]) -> Result<()> {
    for service in services {
        let answer = trigger::once(home, settings, service, "migrate", json!({ "direction": "up" })).await?;
        println!("  {service}: {answer}");
    }
    Ok(())
}

async fn identities(home: &Home, settings: &mut Settings, secrets: &Secrets) -> Result<()> {
    admin::create_admin(home, settings, admin::EMAIL, &secrets.admin_password).await?;
    for (name, service, scopes) in admin::SERVICE_CLIENTS {
        settings.set(name, admin::client_secret(home, settings, service, scopes).await?);
    }
    Ok(())
}

fn print_table(home: &Home, settings: &Settings, api: &str) {
    let mut rows = vec![("API".to_owned(), api.to_owned())];
    let health = services::SERVICES.iter().map(|service| service.name);
    rows.extend(health.map(|name| (name.to_owned(), format!("{api}/health/{name}/ready"))));
    for name in ["USER_DATABASE_URL", "TRANSACTION_DATABASE_URL", "MONGODB_URI", "AWS_ENDPOINT_URL", "STRIPE_API_BASE"]
    {
        rows.push((name.to_owned(), without_password(settings.get(name).unwrap_or("-"))));
    }
    rows.extend(vendors::inbox(settings).map(|page| ("inbox: mails and SMS".to_owned(), page)));
    let secrets = home.show(&home.local("secrets.json"));
    rows.push(("admin".to_owned(), format!("{}, password in {secrets}", admin::EMAIL)));
    rows.push(("environment".to_owned(), home.show(&home.local("env"))));
    println!();
    for (what, value) in rows {
        println!("  {what:<26} {value}");
    }
}

/// `postgres://name:***@host`: terminals are recorded and pasted.
fn without_password(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (account, place) = rest.split_once('@')?;
        let (name, _) = account.split_once(':')?;
        Some(format!("{scheme}://{name}:***@{place}"))
    });
    parts.unwrap_or_else(|| url.to_owned())
}

/// Sweeps, keeps the services current, and shows what they log, until one of that fails.
async fn stay(home: &Home, run: &Run, settings: &Settings, port: u16, gateway: Process) -> Result<()> {
    let log = |name: &str| -> PathBuf { home.log(name) };
    tokio::try_join!(
        logs::follow(log("watch")),
        reload::keep_current(home, run, port, gateway),
        sweep::keep_sweeping(home, settings, services::WITH_A_SWEEP[0]),
        sweep::keep_sweeping(home, settings, services::WITH_A_SWEEP[1]),
        sweep::keep_sweeping(home, settings, services::WITH_A_SWEEP[2]),
        letters::keep_delivering(home, settings),
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_no_password() {
        assert_eq!(
            without_password("postgres://postgres:secret@127.0.0.1:1/x"),
            "postgres://postgres:***@127.0.0.1:1/x"
        );
        assert_eq!(without_password("mongodb://127.0.0.1:1/bodega"), "mongodb://127.0.0.1:1/bodega");
    }
}
