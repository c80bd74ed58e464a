//! The verbs and their options.

#![allow(clippy::doc_markdown, reason = "these comments are the help text")]

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use crate::checks::{self, Part};
use crate::home::Home;
use crate::secrets::{Secrets, signing_key};
use crate::settings::Settings;
use crate::{
    addresses, admin, cold_start, demo, deploy, mail_pictures, measure, openapi, pictures, rooms, sdk, seed, services,
    smoke, supply, trigger, up,
};

/// Everything a developer of Bodega types. State is kept in .local/; nothing is installed elsewhere.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the whole shop on this machine: stores, the four services, demo data; Ctrl-C stops all of it
    ///
    /// Stores come from the environment where USER_DATABASE_URL and TRANSACTION_DATABASE_URL, MONGODB_URI or
    /// AWS_ENDPOINT_URL are set; else they are started on free ports, with their data in .local/.
    Up {
        /// The API's port on 127.0.0.1
        #[arg(long, default_value_t = 9000)]
        port: u16,
    },
    /// Run everything CI runs, on stores of its own, from a fresh clone
    Test {
        /// Only one part
        #[arg(long)]
        only: Option<Part>,
    },
    /// Migrate the stores of the running stack
    Migrate {
        /// One service; without it all that have a store
        #[arg(value_parser = services::WITH_A_STORE)]
        service: Option<String>,
        /// Go back until this version is the newest that remains (0 undoes everything)
        #[arg(long, value_name = "VERSION", requires = "service")]
        down_to: Option<i64>,
    },
    /// Load the demo catalogue into the running stack, skipping what exists
    Seed,
    /// Buy something on the running stack, step by step: cart, quote, order, 3-D Secure, confirmation, ledger
    Demo,
    /// Buy the least there is, as a guest, on any stage: ready, quote, order, paid by Stripe's test card or cancelled
    Smoke(smoke::Options),
    /// Bring a stage on AWS to this commit: check, build, compare, migrate, shift traffic, buy; back where that fails
    Deploy(deploy::Options),
    /// Build the functions as they are uploaded, and this program beside them, to be deployed elsewhere
    Package {
        /// One service; without it all
        #[arg(long, value_parser = services::WITH_A_STORE)]
        service: Option<String>,
        /// Build for x86_64; without it for arm64, which takes a machine of that kind
        #[arg(long)]
        x86_64: bool,
        /// Folder for the output
        #[arg(long, default_value = "target/package")]
        output: PathBuf,
    },
    /// List what the functions and the templates are made of, as CycloneDX
    Sbom {
        /// Folder for the output
        #[arg(long, default_value = "target/sbom")]
        output: PathBuf,
    },
    /// Ask RustSec and npm for advisories about dependencies; without a network it says that it did not run
    Advisories {
        /// Fail where one of them could not be asked
        #[arg(long)]
        required: bool,
    },
    /// Prove what must hold under races, crashes and faults, on stores of its own
    #[command(subcommand)]
    Prove(Proof),
    /// Say how the source is laid out: files, rooms, floors, and what imports against the order
    Rooms,
    /// Regenerate openapi/*.yaml and the watch router in Cargo.toml
    Openapi {
        /// Change nothing; fail and name the files that differ
        #[arg(long)]
        check: bool,
    },
    /// Regenerate the data of addresses (crates/common/src/contact) from the packages in requirements-addresses.txt
    Addresses,
    /// Take pictures of every mail in headless Chromium, 320 and 640 points wide, light and dark, into docs/mail/
    ///
    /// The browser is the one that CHROMIUM names, else chromium-headless-shell, chromium, chromium-browser or google-chrome.
    MailPictures,
    /// Run operators' commands: admins, service clients, signing keys, dead letters
    #[command(subcommand)]
    Admin(Operation),
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Operation {
    /// Make an admin, or change the password of the one there is
    CreateAdmin {
        /// The admin's e-mail address
        #[arg(long)]
        email: String,
        /// Read the password from standard input, where no process list and no shell history shows it
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Register a service, or issue a new secret for one
    CreateServiceClient {
        /// As in `service:<name>`
        name: String,
        /// Its scopes
        #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
        scopes: Vec<String>,
    },
    /// Print a new signing key for SIGNING_KEYS
    NewSigningKey,
    /// Move the dead letters of notification-service back to its queue, once the cause is mended
    Redrive,
    /// Send any command to user-service, as JSON
    Send {
        /// Such as '{"command": "create_admin", ...}'
        json: String,
    },
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Race for last units, overlapping baskets, one order sent many times, one cart under many keys, limits, customers at
    /// Stripe
    Races,
    /// Kill transaction-service at every write and every call of checkout and cancel
    Crash,
    /// Deploy a version that answers 500 while shoppers order: the smoke purchase fails, the version before is back, and no
    /// order is lost
    Rollback,
    /// Send messages while vendors fail and are late, the queue delivers twice, and functions are killed: each is delivered, or
    /// dead-lettered with a reason. Then messages a second beside bare calls of a provider
    Notifications {
        /// Number of messages
        #[arg(long, default_value_t = 10_000)]
        messages: u32,
        /// Seed of the random choices; each run prints its own
        #[arg(long)]
        seed: Option<u64>,
        /// Build as for tests: builds minutes sooner, without optimisation
        #[arg(long)]
        dev: bool,
    },
    /// Change stock in random sequences, repeated, at once and cut off, and compare it with a model
    Stock {
        /// Number of random sequences
        #[arg(long, default_value_t = 10_000)]
        sequences: u64,
        /// Where they start; a failure names the seed of its sequence
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Check the double of Stripe by Stripe's official libraries
    ///
    /// Drives each of its routes through the npm package `stripe`, checks all answers and events with the package's types,
    /// and the signatures with it and with the PyPI package. Node.js 20 with npm, and Python are needed.
    Stripe,
    /// Check that notification-service accepts what vendors sign, and refuses what was changed on its way
    ///
    /// Twilio's packages of npm and PyPI sign for the service; SendGrid's packages and a validator of SNS check what our doubles
    /// sign. Node.js 20 with npm, and Python are needed.
    Webhooks,
    /// Check by Schemathesis that a service answers every request as its openapi/*.yaml says
    Api {
        /// Which service; without it both, one after the other
        service: Option<measure::Described>,
        /// Handed to Schemathesis, such as --include-operation-id create_product; SEED repeats a run
        #[arg(last = true)]
        more: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Start-up, size and memory of each service beside a bare function; first answers of functions that are held to a part of
    /// a processor, beside the same calls of bare drivers; and instructions where valgrind is installed
    ColdStart(cold_start::Options),
    /// Orders at 1, 8 and 32 clients, released build and durable stores, beside a one-statement checkout in PostgreSQL
    ///
    /// With --beside it prints something else: what an order costs the four services in processor time, in this tree and
    /// at another commit, in turns.
    Checkout {
        /// A commit that this clone has
        #[arg(long, value_name = "COMMIT")]
        beside: Option<String>,
        /// Build as for tests: builds minutes sooner, without optimisation
        #[arg(long)]
        dev: bool,
    },
    /// Memory and processor time of logins, beside bare argon2 and beside another commit, released build
    Login {
        /// A commit that this clone has
        #[arg(long, value_name = "COMMIT", default_value = "42cd39f")]
        beside: String,
        /// Build as for tests: builds minutes sooner, without optimisation
        #[arg(long)]
        dev: bool,
    },
    /// Reading the catalogue at 1,000 and 100,000 products, released build and durable store, beside the driver alone
    Catalog {
        /// Other numbers of products
        #[arg(long, value_name = "PRODUCTS", num_args = 1..)]
        sizes: Vec<u32>,
        /// Build as for tests: builds minutes sooner, without optimisation
        #[arg(long)]
        dev: bool,
    },
    /// Reservations of the same stock by 64 clients, beside a bare conditional update, on stores of its own
    Reservations,
}

pub(crate) async fn run() -> Result<()> {
    let verb = Arguments::parse().verb;
    let home = Home::find()?;
    match verb {
        Verb::Up { port } => up::up(&home, port).await,
        Verb::Test { only } => checks::run(&home, only).await,
        Verb::Migrate { service, down_to } => migrate(&home, service, down_to).await,
        Verb::Seed => load(&home).await,
        Verb::Demo => demo::run(&home).await,
        Verb::Smoke(options) => smoke::run(&home, options).await,
        Verb::Deploy(options) => deploy::run(&home, options).await,
        Verb::Package { service, x86_64, output } => supply::package(&home, service.as_deref(), x86_64, &output).await,
        Verb::Sbom { output } => supply::list(&home, &output).await,
        Verb::Advisories { required } => supply::advisories(&home, required).await,
        Verb::Prove(Proof::Races) => measure::races(&home).await,
        Verb::Prove(Proof::Rollback) => measure::rollback(&home).await,
        Verb::Prove(Proof::Crash) => measure::crash(&home).await,
        Verb::Prove(Proof::Notifications { messages, seed, dev }) => {
            measure::notifications(&home, messages, seed, dev).await
        }
        Verb::Prove(Proof::Stripe) => sdk::prove(&home).await,
        Verb::Prove(Proof::Webhooks) => sdk::prove_webhooks(&home).await,
        Verb::Prove(Proof::Api { service, more }) => measure::api(&home, service, more).await,
        Verb::Prove(Proof::Stock { sequences, seed }) => measure::stock(&home, sequences, seed).await,
        Verb::Rooms => rooms::run(&home).await,
        Verb::Openapi { check: false } => openapi::generate(&home).await,
        Verb::Openapi { check: true } => openapi::check(&home).await,
        Verb::Addresses => addresses::generate(&home).await,
        Verb::MailPictures => mail_pictures::take(&home).await,
        Verb::Admin(command) => operate(&home, command).await,
        Verb::Bench(Bench::Reservations) => measure::reservations(&home).await,
        Verb::Bench(Bench::Checkout { beside, dev }) => measure::checkout(&home, beside.as_deref(), dev).await,
        Verb::Bench(Bench::Login { beside, dev }) => measure::login(&home, &beside, dev).await,
        Verb::Bench(Bench::Catalog { sizes, dev }) => measure::catalog(&home, &sizes, dev).await,
        Verb::Bench(Bench::ColdStart(options)) => cold_start::run(&home, &options).await,
    }
}

fn running(home: &Home) -> Result<Settings> {
    Settings::read(&home.local("env"))
}

async fn migrate(home: &Home, service: Option<String>, down_to: Option<i64>) -> Result<()> {
    let settings = running(home)?;
    let event = down_to.map_or(json!({ "direction": "up" }), |to| json!({ "direction": "down", "to": to }));
    let all = services::WITH_A_STORE.map(str::to_owned).to_vec();
    for service in service.map_or(all, |service| vec![service]) {
        let answer = trigger::once(home, &settings, &service, "migrate", event.clone()).await?;
        println!("{service}: {answer}");
    }
    Ok(())
}

async fn load(home: &Home) -> Result<()> {
    let settings = running(home)?;
    let api = settings.get("API_BASE_URL").context("API_BASE_URL is not in .local/env")?;
    let password = Secrets::ensure(home)?.admin_password;
    let products = seed::load(api, &password).await?;
    let images = pictures::upload::missing(api, &password).await?;
    println!("{products} new products, {images} new images");
    Ok(())
}

async fn operate(home: &Home, command: Operation) -> Result<()> {
    let answer = match command {
        Operation::NewSigningKey => Value::String(signing_key()?),
        Operation::CreateAdmin { email, .. } => {
            let mut password = String::new();
            std::io::stdin().read_to_string(&mut password).context("reading the password")?;
            let password = password.trim_end_matches(['\r', '\n']);
            if password.is_empty() {
                bail!("standard input holds no password");
            }
            admin::create_admin(home, &running(home)?, &email, password).await?
        }
        Operation::CreateServiceClient { name, scopes } => {
            admin::create_service_client(home, &running(home)?, &name, &scopes).await?
        }
        Operation::Redrive => admin::redrive(home, &running(home)?).await?,
        Operation::Send { json } => {
            let command = serde_json::from_str(&json).context("the command is not JSON")?;
            admin::command(home, &running(home)?, command).await?
        }
    };
    match answer {
        Value::String(text) => println!("{text}"),
        answer => println!("{}", serde_json::to_string_pretty(&answer)?),
    }
    Ok(())
}
