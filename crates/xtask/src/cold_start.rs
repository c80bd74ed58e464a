//! Measuring the services as processes: what Lambda bills for a cold start.

mod instructions;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lambda_double::{Function, HttpAnswer, http_event};
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::secrets::signing_key;
use crate::services::{self, SERVICES};
use crate::settings::Settings;
use crate::{baseline, vendors};

const BARE: &str = "cold-start-hello";
const PATIENCE: Duration = Duration::from_secs(30);

/// One binary's measurements.
struct Measured {
    /// The function, as Lambda names it.
    name: &'static str,
    /// As the table names it: with the commit, where it is another one's.
    label: String,
    program: PathBuf,
    starts: Vec<Duration>,
    /// Kilobytes, as the kernel counts them.
    resident: Vec<u64>,
    peak: u64,
    size: u64,
}

impl Measured {
    fn new(name: &'static str, label: String, program: PathBuf) -> Result<Self> {
        let size = fs::metadata(&program).with_context(|| format!("{} is not there", program.display()))?.len();
        Ok(Self { name, label, program, starts: Vec::new(), resident: Vec::new(), peak: 0, size })
    }
}

/// Starts each service, the same of another commit if there is one, and a bare function in turns, so that whatever else
/// the machine does falls on all of them.
pub(crate) async fn run(home: &Home, commit: Option<&str>, runs: usize, requests: usize) -> Result<()> {
    if runs == 0 {
        bail!("at least one run is needed");
    }
    let mut all = build(home, commit).await?;
    let settings = settings(home)?;
    for run in 0..=runs {
        for measured in &mut all {
            let function = start(&settings, measured.name, Command::new(&measured.program)).await?;
            let cold = function.cold_start().await.with_context(|| format!("{} did not start", measured.label))?;
            // The first round only brings the binaries into the page cache.
            if run > 0 {
                measured.starts.push(cold);
                measured.resident.push(memory(&function, "VmRSS:")?);
            }
        }
    }
    for measured in &mut all {
        println!("{requests} requests to {}", measured.label);
        measured.peak = peak(&settings, measured, requests).await?;
    }
    print_table(&mut all, runs, requests);
    instructions::count(home, &settings, &all).await
}

/// The bare function and the services, each followed by what it was at `commit`.
async fn build(home: &Home, commit: Option<&str>) -> Result<Vec<Measured>> {
    let names = SERVICES.iter().map(|service| service.name);
    let packages: Vec<&str> = names.clone().collect();
    println!("building for release: minutes, the first time");
    // This tree's come second: programs of the same name replace each other in the target folder.
    let other = match commit {
        Some(commit) => Some((commit, baseline::build(home, commit, Profile::Release, &packages).await?)),
        None => None,
    };
    services::build(home, Profile::Release, &[BARE]).await?;
    let mut all = Vec::new();
    for name in std::iter::once(BARE).chain(names) {
        all.push(Measured::new(name, name.to_owned(), home.binary(Profile::Release, name))?);
        if let Some((commit, folder)) = other.as_ref().filter(|_| name != BARE) {
            all.push(Measured::new(name, format!("  at {commit}"), folder.join(name))?);
        }
    }
    Ok(all)
}

/// The running stack's environment, else made-up values: nothing is connected to before a request needs it.
fn settings(home: &Home) -> Result<Settings> {
    let file = home.local("env");
    if file.exists() {
        return Settings::read(&file);
    }
    println!("no .local/env here: the services get made-up addresses");
    made_up()
}

/// What a service starts with, and connects to nothing by.
pub(crate) fn made_up() -> Result<Settings> {
    let mut settings = Settings::default();
    for (name, value) in [
        ("ISSUER", "http://127.0.0.1:9000"),
        ("JWKS_URL", "http://127.0.0.1:9000/.well-known/jwks.json"),
        ("API_BASE_URL", "http://127.0.0.1:9000"),
        ("AUDIENCE", "bodega"),
        ("USER_DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:1/bodega_user"),
        ("TRANSACTION_DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:1/bodega_transaction"),
        ("MONGODB_URI", "mongodb://127.0.0.1:1/bodega?directConnection=true"),
        ("IMAGE_BUCKET", "made-up"),
        ("IMAGE_BASE_URL", "http://127.0.0.1:1"),
        ("TRANSACTION_SERVICE_CLIENT_SECRET", "made-up"),
        ("STRIPE_API_BASE", "http://127.0.0.1:1"),
        ("STRIPE_SECRET_KEY", "made-up"),
        ("STRIPE_WEBHOOK_SECRET", "made-up"),
        ("FINGERPRINT_KEY", "made-up, of 32 characters or more"),
        ("CURRENCIES", "USD"),
        ("SHIPPING_RATES", "USD:499"),
        ("TAX_RATE", "8.25"),
        ("MAIL_PROVIDERS", "log"),
        // As it was called when there was one; for other commits.
        ("MAIL_PROVIDER", "log"),
        ("MAIL_FROM", vendors::FROM),
        ("SHOP_NAME", "Bodega"),
        ("SHOP_URL", "https://shop.example"),
        ("NOTIFICATION_TABLE", "bodega-notifications"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ] {
        settings.set(name, value);
    }
    settings.set("SIGNING_KEYS", signing_key()?);
    Ok(settings)
}

async fn start(settings: &Settings, name: &str, mut command: Command) -> Result<Function> {
    // What production logs: the line of a request is written with metrics and without.
    command.envs(settings.iter()).env("LOG_LEVEL", "info").stdout(std::process::Stdio::null());
    Function::launch(command, name).await.with_context(|| format!("starting {name}"))
}

/// The most memory the process ever had, after so many requests.
async fn peak(settings: &Settings, measured: &Measured, requests: usize) -> Result<u64> {
    let function = start(settings, measured.name, Command::new(&measured.program)).await?;
    ask(&function, measured.name, requests).await?;
    memory(&function, "VmHWM:")
}

/// Sends so many requests, one after the other: whether the service lives, which asks no store.
async fn ask(function: &Function, name: &str, requests: usize) -> Result<()> {
    let event = http_event("GET", &format!("/health/{name}/live"), &[("host", "127.0.0.1")], "");
    for _ in 0..requests {
        let answer = HttpAnswer::from(function.invoke(event.clone(), PATIENCE).await.with_context(|| name.to_owned())?);
        if answer.status != 200 {
            bail!("{name} answered {}: {}", answer.status, answer.text());
        }
    }
    Ok(())
}

fn memory(function: &Function, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", function.process_id())).context("it has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.with_context(|| format!("/proc has no {field}"))
}

fn print_table(all: &mut [Measured], runs: usize, requests: usize) {
    let mib = |kilobytes: u64| format!("{}.{}", kilobytes / 1024, kilobytes % 1024 * 10 / 1024);
    let hello = all.first_mut().map_or(Duration::ZERO, |hello| median(&mut hello.starts));
    println!("\nexec to first poll, median of {runs} in turns; peak after {requests} requests\n");
    println!("{:<22} {:>8} {:>7} {:>9} {:>9} {:>9}", "", "ms", "ratio", "size MB", "RSS MiB", "peak MiB");
    for measured in all {
        let start = median(&mut measured.starts);
        println!(
            "{:<22} {:>8.2} {:>6.2}x {:>9} {:>9} {:>9}",
            measured.label,
            start.as_secs_f64() * 1000.0,
            start.as_secs_f64() / hello.as_secs_f64(),
            format!("{}.{}", measured.size / 1_000_000, measured.size % 1_000_000 / 100_000),
            mib(median(&mut measured.resident)),
            mib(measured.peak),
        );
    }
}

/// The upper one of the two in the middle. There is at least one run.
fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
