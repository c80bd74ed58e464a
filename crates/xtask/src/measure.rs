//! `cargo xtask bench` and `cargo xtask prove`: what is measured and proved on stores of its own.

use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio::process::Command;

use crate::deploy::BROKEN;
use crate::home::{Home, Profile};
use crate::run::Run;
use crate::settings::Settings;
use crate::stores::{self, Keeping};
use crate::{baseline, python, services, stripe, up};

/// A benchmark or a proof: a `[[bench]]` of a package.
#[derive(Debug)]
struct Bench {
    package: &'static str,
    name: &'static str,
    build: Build,
    arguments: Vec<String>,
}

/// How it is built, and what its stores are for.
#[derive(Debug, Clone, Copy)]
struct Build {
    profile: Profile,
    keeping: Keeping,
}

impl Build {
    /// As for what is measured, or as for tests: minutes sooner, and slower by what the compiler leaves undone.
    fn of(dev: bool) -> Self {
        if dev { Self::DURABLE } else { Self::RELEASED }
    }

    /// In the profile of the tests, on stores like theirs: what is measured waits for the stores, not for the compiler's
    /// best.
    const DEV: Self = Self { profile: Profile::Dev, keeping: Keeping::Scratch };
    /// The same, on stores that are safe on disk.
    const DURABLE: Self = Self { profile: Profile::Dev, keeping: Keeping::Safe };
    /// Optimised, on stores that are safe on disk.
    const RELEASED: Self = Self { profile: Profile::Measure, keeping: Keeping::Safe };
}

pub(crate) async fn races(home: &Home) -> Result<()> {
    across_services(home, "races", Build::DEV, Vec::new()).await
}

pub(crate) async fn crash(home: &Home) -> Result<()> {
    across_services(home, "crash", Build::DURABLE, Vec::new()).await
}

/// A deployment that fails while shoppers order, by the program that runs now.
pub(crate) async fn rollback(home: &Home) -> Result<()> {
    services::build(home, Profile::Dev, &[BROKEN]).await?;
    // This very program, also when cargo has put another one in its place meanwhile.
    let arguments = vec![format!("/proc/{}/exe", std::process::id()), text(&home.binary(Profile::Dev, ""))];
    run(home, Bench { package: "e2e", name: "rollback", build: Build::DEV, arguments }).await
}

/// `seed` repeats a run's random choices; without one it is chosen and printed.
pub(crate) async fn notifications(home: &Home, messages: u32, seed: Option<u64>, dev: bool) -> Result<()> {
    let build = Build::of(dev);
    services::build(home, build.profile, &[]).await?;
    python::ensure_tools(home).await?;
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    let arguments = vec![text(&home.tool("python")), messages.to_string(), seed.to_string()];
    run(home, Bench { package: "e2e", name: "notifications", build, arguments }).await
}

/// A service that Schemathesis can be run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Described {
    ProductService,
    NotificationService,
}

impl Described {
    fn name(self) -> &'static str {
        match self {
            Self::ProductService => "product-service",
            Self::NotificationService => "notification-service",
        }
    }
}

/// Beside `commit`, other figures: what an order costs the processes of each of the two builds.
pub(crate) async fn checkout(home: &Home, commit: Option<&str>, dev: bool) -> Result<()> {
    match commit {
        None => across_services(home, "checkout", Build::of(dev), Vec::new()).await,
        Some(commit) => beside(home, "checkout", commit, dev).await,
    }
}

/// The cost of a login in this tree, at `commit`, and of bare argon2.
pub(crate) async fn login(home: &Home, commit: &str, dev: bool) -> Result<()> {
    beside(home, "login", commit, dev).await
}

/// A benchmark that starts programs of this tree and of another commit.
async fn beside(home: &Home, name: &'static str, commit: &str, dev: bool) -> Result<()> {
    let profile = Build::of(dev).profile;
    // The same for each benchmark: other sets of packages have other features, and all would be built again.
    let more = [stripe::DOUBLE, services::LOGIN_BENCH];
    let packages: Vec<&str> = services::SERVICES.iter().map(|service| service.name).chain(more).collect();
    // This tree's come second: programs of the same name replace each other in the target folder.
    let other = baseline::build(home, commit, profile, &packages).await?;
    services::build_with(services::cargo(home), profile, &packages).await?;
    let arguments = vec![text(&home.binary(profile, "")), commit.to_owned(), text(&other)];
    // What starts the programs is not measured, and need not be the compiler's best.
    run(home, Bench { package: "e2e", name, build: Build::DURABLE, arguments }).await
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Schemathesis against one service, or each of those that it is set up for. `more` is handed to it.
pub(crate) async fn api(home: &Home, service: Option<Described>, more: Vec<String>) -> Result<()> {
    let program = text(&python::schemathesis(home).await?);
    let services = match service {
        Some(service) => service.name().to_owned(),
        None => Described::value_variants().iter().map(|service| service.name()).collect::<Vec<_>>().join(","),
    };
    across_services(home, "api", Build::DEV, [program, services].into_iter().chain(more).collect()).await
}

pub(crate) async fn reservations(home: &Home) -> Result<()> {
    run(home, Bench { package: "product-service", name: "reservations", build: Build::DEV, arguments: Vec::new() })
        .await
}

pub(crate) async fn catalog(home: &Home, sizes: &[u32], dev: bool) -> Result<()> {
    let build = Build::of(dev);
    let arguments = sizes.iter().map(ToString::to_string).collect();
    run(home, Bench { package: "product-service", name: "catalog", build, arguments }).await
}

/// The test of stock against a model of it, with more sequences than every run of the tests takes.
pub(crate) async fn stock(home: &Home, sequences: u64, seed: Option<u64>) -> Result<()> {
    let mut command = services::cargo(home);
    command.args(["test", "--quiet", "--package", "product-service", "--test", "it", "--", "model::", "--nocapture"]);
    command.env("STOCK_SEQUENCES", sequences.to_string());
    command.envs(seed.map(|seed| ("STOCK_SEED", seed.to_string())));
    on_stores(home, Keeping::Scratch, async |stores| succeed(command.envs(stores.iter())).await).await
}

/// A benchmark that starts all services as processes.
async fn across_services(home: &Home, name: &'static str, build: Build, arguments: Vec<String>) -> Result<()> {
    services::build(home, Profile::Dev, &[]).await?;
    run(home, Bench { package: "e2e", name, build, arguments }).await
}

async fn run(home: &Home, bench: Bench) -> Result<()> {
    let Bench { package, name, build, arguments } = bench;
    let mut command = services::cargo(home);
    command.args(["bench", "--quiet", "--profile", build.profile.name(), "--package", package, "--bench", name, "--"]);
    command.args(arguments);
    on_stores(home, build.keeping, async |stores| succeed(command.envs(stores.iter())).await).await
}

/// Does work on stores that nothing else uses; they stop with it.
async fn on_stores(home: &Home, keeping: Keeping, work: impl AsyncFnOnce(Settings) -> Result<()>) -> Result<()> {
    let folder = match keeping {
        Keeping::Scratch => "test",
        Keeping::Safe => "durable",
    };
    on_stores_in(home, folder, keeping, work).await
}

/// The same on stores whose data is in that folder of `.local/`, beside which others may run.
pub(crate) async fn on_stores_in(
    home: &Home,
    folder: &str,
    keeping: Keeping,
    work: impl AsyncFnOnce(Settings) -> Result<()>,
) -> Result<()> {
    let folder = home.local_folder(folder)?;
    let run = Run::begin(&folder).await?;
    let outcome = tokio::select! {
        outcome = async { work(stores::alone(home, &run, folder, keeping).await?).await } => outcome,
        outcome = up::interrupted() => outcome.and_then(|()| bail!("interrupted")),
    };
    run.stop().await;
    outcome
}

async fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().await?;
    if status.success() { Ok(()) } else { bail!("cargo: {status}") }
}
