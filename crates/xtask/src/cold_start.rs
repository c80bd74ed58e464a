//! Measuring the services as processes: what Lambda bills for a cold start, and what a caller waits for.

mod answers;
mod case;
mod counts;
mod forward;
mod gate;
mod gateway;
mod hold;
mod instructions;
mod listening;
mod mixed;
mod program;
mod report;
mod samples;
mod shop;
mod tls;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use lambda_double::{Function, HttpAnswer, http_event};
use tokio::process::Command;

use self::answers::Wanted;
use crate::home::{Home, Profile};
use crate::measure::on_stores_in;
use crate::secrets::signing_key;
use crate::services::{self, SERVICES};
use crate::settings::Settings;
use crate::stores::Keeping;
use crate::{baseline, vendors};

const BARE: &str = "cold-start-hello";
/// The package of the bare functions that make a service's calls.
const BARE_CALLS: &str = "cold-start-bare";
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of the benchmark.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A commit that this clone has, whose services are measured too, in turns with those of this tree
    #[arg(long, value_name = "COMMIT")]
    beside: Option<String>,
    /// How often each is started, and under each share of a processor
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// How many requests are sent before the peak of memory is read: liveness after a start, mixed ones after first answers
    #[arg(long, default_value_t = 10_000)]
    requests: usize,
    /// Only one part
    #[arg(long)]
    only: Option<Part>,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Exec to the first poll, size and memory
    Start,
    /// Exec to the last byte of the first answer, held to shares of a processor
    Answers,
    /// Instructions of starts, requests and first answers, where valgrind is installed
    Instructions,
}

impl Options {
    fn has(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

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
        let size = size(&program)?;
        Ok(Self { name, label, program, starts: Vec::new(), resident: Vec::new(), peak: 0, size })
    }
}

fn size(program: &Path) -> Result<u64> {
    Ok(fs::metadata(program).with_context(|| format!("{} is not there", program.display()))?.len())
}

/// Where the services' programs are.
struct Builds {
    own: PathBuf,
    /// The services of another commit, with its name.
    other: Option<(String, PathBuf)>,
}

impl Builds {
    /// Sizes of this tree's programs, in bytes.
    fn sizes(&self) -> Result<Vec<(&'static str, u64)>> {
        SERVICES.iter().map(|service| Ok((service.name, size(&self.own.join(service.name))?))).collect()
    }
}

/// Starts each service, the same of another commit if there is one, and bare functions in turns, so that whatever else
/// the machine does falls on all of them.
pub(crate) async fn run(home: &Home, options: &Options) -> Result<()> {
    if options.runs == 0 {
        bail!("at least one run is needed");
    }
    let builds = build(home, options.beside.as_deref()).await?;
    let mut all = measured(home, &builds)?;
    let settings = settings(home)?;
    if options.has(Part::Start) {
        starts(&settings, &mut all, options.runs, options.requests).await?;
    }
    let instructions = options.has(Part::Instructions) && instructions::can_be_counted().await;
    let wanted =
        Wanted { times: options.has(Part::Answers).then_some(options.runs), requests: options.requests, instructions };
    if wanted.times.is_some() || wanted.instructions {
        let work = async |stores| answers::run(home, &builds, &stores, wanted).await;
        // The process is measured, and not how soon the disk has what it wrote.
        on_stores_in(home, "cold-start", Keeping::Scratch, work).await?;
    }
    if instructions {
        instructions::count(home, &settings, &all).await?;
    }
    Ok(())
}

async fn starts(settings: &Settings, all: &mut [Measured], runs: usize, requests: usize) -> Result<()> {
    for run in 0..=runs {
        for measured in &mut *all {
            let function = start(settings, measured.name, Command::new(&measured.program)).await?;
            let cold = function.cold_start().await.with_context(|| format!("{} did not start", measured.label))?;
            // The first round only brings the binaries into the page cache.
            if run > 0 {
                measured.starts.push(cold);
                measured.resident.push(memory(&function, "VmRSS:")?);
            }
        }
    }
    for measured in &mut *all {
        println!("{requests} requests to {}", measured.label);
        measured.peak = peak(settings, measured, requests).await?;
    }
    print_table(all, runs, requests);
    Ok(())
}

/// Builds this tree's services and bare functions, and the services of `commit`.
async fn build(home: &Home, commit: Option<&str>) -> Result<Builds> {
    let packages: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
    println!("building for release: minutes, the first time");
    // This tree's come second: programs of the same name replace each other in the target folder.
    let other = match commit {
        Some(commit) => Some((commit.to_owned(), baseline::build(home, commit, Profile::Release, &packages).await?)),
        None => None,
    };
    services::build(home, Profile::Release, &[BARE, BARE_CALLS]).await?;
    Ok(Builds { own: home.binary(Profile::Release, ""), other })
}

/// The bare function and the services, each followed by what it was at the other commit.
fn measured(home: &Home, builds: &Builds) -> Result<Vec<Measured>> {
    let mut all = vec![Measured::new(BARE, BARE.to_owned(), home.binary(Profile::Release, BARE))?];
    for name in SERVICES.iter().map(|service| service.name) {
        all.push(Measured::new(name, name.to_owned(), builds.own.join(name))?);
        if let Some((commit, folder)) = &builds.other {
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

/// Settings that a service starts with; no address in them is called.
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

/// Gives a process its settings, and none of what this process trusts: certificates of a folder would come to those of the
/// file that the settings may name.
fn give(settings: &Settings, command: &mut Command) {
    // What production logs: the line of a request is written with metrics and without.
    command.envs(settings.iter()).env("LOG_LEVEL", "info").env_remove("SSL_CERT_DIR");
}

async fn start(settings: &Settings, name: &str, mut command: Command) -> Result<Function> {
    give(settings, &mut command);
    command.stdout(std::process::Stdio::null());
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
