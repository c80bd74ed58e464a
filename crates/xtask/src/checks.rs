//! `cargo xtask test`: everything CI runs. Every step runs, whatever became of the one before.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cli::Part;
use crate::home::{Home, Profile};
use crate::progress::seconds;
use crate::run::Run;
use crate::settings::{Settings, given};
use crate::stores::{self, Keeping, Place};
use crate::summary::Summary;
use crate::{openapi, python, services, up};

mod home_stack;
mod lint;
mod tests;

/// What was done, for the table at the end.
#[derive(Debug, Default)]
struct Report {
    steps: Vec<(&'static str, Duration, Result<()>)>,
    tests: Option<Summary>,
}

impl Report {
    async fn step(&mut self, name: &'static str, work: impl Future<Output = Result<()>>) {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = work.await;
        if let Err(error) = &outcome {
            println!("{name} failed: {error:#}");
        }
        self.steps.push((name, started.elapsed(), outcome));
    }

    /// The table; fails when a step did.
    fn conclude(&self, started: Instant) -> Result<()> {
        if let Some(tests) = &self.tests {
            println!("\n=== tests per package (passed, failed, ignored)");
            for (package, count) in tests.counts() {
                println!("  {package:<28} {:>5} {:>5} {:>5}", count.passed, count.failed, count.ignored);
            }
        }
        println!("\n=== steps");
        for (name, time, outcome) in &self.steps {
            println!("  {name:<28} {:<12} {}", seconds(*time), if outcome.is_ok() { "ok" } else { "FAILED" });
        }
        println!("  {:<28} {}\n", "total", seconds(started.elapsed()));
        if let Some(total) = self.tests.as_ref().map(Summary::total) {
            println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.ignored);
        }
        let failed: Vec<&str> = self.steps.iter().filter(|step| step.2.is_err()).map(|step| step.0).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

pub(crate) async fn run(home: &Home, only: Option<Part>) -> Result<()> {
    let folder = home.local_folder("test")?;
    let started = Instant::now();
    let run = Run::begin(&folder).await?;
    let report = tokio::select! {
        report = steps(home, &run, folder, only) => Ok(report),
        outcome = up::interrupted() => outcome.and_then(|()| bail!("interrupted")),
    };
    run.stop().await;
    report?.conclude(started)
}

/// A benchmark or a proof.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) package: &'static str,
    pub(crate) name: &'static str,
    pub(crate) measure: Measure,
    pub(crate) arguments: Vec<String>,
}

/// How a benchmark or a proof is built and run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    profile: &'static str,
    keeping: Keeping,
    /// Of the folder with its stores.
    folder: &'static str,
}

impl Measure {
    /// In the profile of the tests, on stores like theirs: what is measured waits for the stores, not for the compiler's
    /// best.
    pub(crate) const DEV: Self = Self { profile: "dev", keeping: Keeping::Scratch, folder: "test" };
    /// The same, on stores that are safe on disk.
    pub(crate) const DURABLE: Self = Self { profile: "dev", keeping: Keeping::Safe, folder: "durable" };
    /// Optimised, on stores that are safe on disk.
    pub(crate) const RELEASED: Self = Self { profile: "measure", keeping: Keeping::Safe, folder: "durable" };
}

/// Runs a package's benchmark or proof on stores of its own.
pub(crate) async fn bench(home: &Home, bench: Bench) -> Result<()> {
    let Bench { package, name, measure, arguments } = bench;
    let folder = home.local_folder(measure.folder)?;
    let run = Run::begin(&folder).await?;
    let work = async {
        let mut stores = Settings::default();
        start_stores(home, &run, folder.clone(), measure.keeping, &mut stores).await?;
        // Some of them start services as processes.
        services::build(home, Profile::Dev, &[]).await?;
        let mut command = services::cargo(home);
        command.args(["bench", "--quiet", "--profile", measure.profile, "--package", package, "--bench", name, "--"]);
        command.args(arguments);
        let status = command.envs(stores.iter()).status().await?;
        if status.success() { Ok(()) } else { bail!("cargo bench: {status}") }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        outcome = up::interrupted() => outcome.and_then(|()| bail!("interrupted")),
    };
    run.stop().await;
    outcome
}

/// The test of stock against a model of it, with more sequences than every run of the tests takes.
pub(crate) async fn prove_stock(home: &Home, sequences: u64, seed: Option<u64>) -> Result<()> {
    let folder = home.local_folder("test")?;
    let run = Run::begin(&folder).await?;
    let work = async {
        let mut stores = Settings::default();
        start_stores(home, &run, folder.clone(), Keeping::Scratch, &mut stores).await?;
        let mut command = services::cargo(home);
        command.args([
            "test",
            "--quiet",
            "--package",
            "product-service",
            "--test",
            "it",
            "--",
            "model::",
            "--nocapture",
        ]);
        command.env("STOCK_SEQUENCES", sequences.to_string());
        command.envs(seed.map(|seed| ("STOCK_SEED", seed.to_string())));
        let status = command.envs(stores.iter()).status().await?;
        if status.success() { Ok(()) } else { bail!("cargo test: {status}") }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        outcome = up::interrupted() => outcome.and_then(|()| bail!("interrupted")),
    };
    run.stop().await;
    outcome
}

/// Schemathesis against product-service. `more` is handed to it.
pub(crate) async fn prove_api(home: &Home, more: Vec<String>) -> Result<()> {
    let program = python::schemathesis(home).await?.display().to_string();
    let arguments = std::iter::once(program).chain(more).collect();
    bench(home, Bench { package: "e2e", name: "api", measure: Measure::DEV, arguments }).await
}

async fn steps(home: &Home, run: &Run, folder: PathBuf, only: Option<Part>) -> Report {
    let mut report = Report::default();
    if matches!(only, None | Some(Part::Tests)) {
        let mut stores = Settings::default();
        report.step("stores", async { start_stores(home, run, folder, Keeping::Scratch, &mut stores).await }).await;
        report.step("build", services::build(home, Profile::Dev, &[])).await;
        let mut summary = Summary::default();
        report.step("tests", tests::run(home, &stores, &mut summary)).await;
        report.tests = Some(summary);
    }
    if only != Some(Part::Lint) {
        report.step("home stack", home_stack::check(home, run)).await;
    }
    if matches!(only, None | Some(Part::Lint)) {
        report.step("format", lint::format(home)).await;
        report.step("clippy", lint::clippy(home)).await;
        report.step("docs", lint::docs(home)).await;
        report.step("openapi", openapi::check(home)).await;
        report.step("openapi lint", lint::openapi(home)).await;
        report.step("licences, bans, sources", lint::deny(home)).await;
    }
    report
}

/// Stores of this run alone; those that the environment names are used instead.
async fn start_stores(
    home: &Home,
    run: &Run,
    folder: PathBuf,
    keeping: Keeping,
    addresses: &mut Settings,
) -> Result<()> {
    python::ensure_tools(home).await?;
    let place = Place { home, run, logs: folder.clone(), folder, keeping };
    let (postgres, mongodb, aws) = tokio::try_join!(
        stores::postgres(&place, &["TEST_POSTGRES_URL"]),
        unless_given("TEST_MONGODB_URI", stores::mongodb(&place)),
        unless_given("TEST_AWS_ENDPOINT_URL", stores::aws(&place)),
    )?;
    let postgres = postgres.map(|postgres| postgres.url("postgres"));
    let postgres = postgres.or_else(|| given("TEST_POSTGRES_URL"));
    addresses.set("TEST_POSTGRES_URL", postgres.unwrap_or_default());
    addresses.set("TEST_MONGODB_URI", mongodb);
    addresses.set("TEST_AWS_ENDPOINT_URL", aws);
    Ok(())
}

async fn unless_given(name: &str, start: impl Future<Output = Result<String>>) -> Result<String> {
    match given(name) {
        Some(address) => Ok(address),
        None => start.await,
    }
}
