//! `cargo xtask test`: everything CI runs. Every step runs, whatever became of the one before.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::home::{Home, Profile};
use crate::progress::seconds;
use crate::run::Run;
use crate::settings::Settings;
use crate::stores::{self, Keeping};
use crate::summary::Summary;
use crate::{openapi, rooms, services, up};

mod gate;
mod home_stack;
mod infra;
mod lint;
mod tests;
mod workflows;

/// A part of the checks that runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Stores, build, all tests, and the home stack
    Tests,
    /// The home stack alone: `cargo xtask up`, used as a person would
    Home,
    /// Formatting, clippy, docs, the layout of the source, OpenAPI, licences
    Lint,
    /// The delivery: stacks of infra/, workflows of .github/, and whether the API breaks callers
    Infra,
}

/// How far a step came that did not fail.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    All,
    /// A part of it could not be done here; what, and why.
    NotAll(String),
}

impl From<()> for Done {
    fn from((): ()) -> Self {
        Self::All
    }
}

/// The steps that ran, for the table at the end.
#[derive(Debug, Default)]
struct Report {
    steps: Vec<(&'static str, Duration, Result<Done>)>,
    tests: Option<Summary>,
}

impl Report {
    async fn step<D: Into<Done>>(&mut self, name: &'static str, work: impl Future<Output = Result<D>>) {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = work.await.map(Into::into);
        match &outcome {
            Err(error) => println!("{name} failed: {error:#}"),
            Ok(Done::NotAll(what)) => println!("{what}"),
            Ok(Done::All) => {}
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
            let became = match outcome {
                Ok(Done::All) => "ok".to_owned(),
                Ok(Done::NotAll(what)) => format!("ok, but: {what}"),
                Err(_) => "FAILED".to_owned(),
            };
            println!("  {name:<28} {:<12} {became}", seconds(*time));
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

async fn steps(home: &Home, run: &Run, folder: PathBuf, only: Option<Part>) -> Report {
    let mut report = Report::default();
    if matches!(only, None | Some(Part::Tests)) {
        let mut stores = Settings::default();
        let start = async {
            stores = stores::alone(home, run, folder, Keeping::Scratch).await?;
            Ok(())
        };
        report.step("stores", start).await;
        report.step("build", services::build(home, Profile::Dev, &[])).await;
        let mut summary = Summary::default();
        report.step("tests", tests::run(home, &stores, &mut summary)).await;
        report.tests = Some(summary);
    }
    if matches!(only, None | Some(Part::Tests | Part::Home)) {
        report.step("home stack", home_stack::check(home, run)).await;
    }
    if matches!(only, None | Some(Part::Lint)) {
        report.step("format", lint::format(home)).await;
        report.step("clippy", lint::clippy(home)).await;
        report.step("docs", lint::docs(home)).await;
        report.step("rooms", rooms::check(home)).await;
        report.step("openapi", openapi::check(home)).await;
        report.step("openapi lint", lint::openapi(home)).await;
        report.step("licences, bans, sources", lint::deny(home)).await;
    }
    if matches!(only, None | Some(Part::Infra)) {
        report.step("infra", infra::check(home)).await;
        report.step("workflows", workflows::check(home)).await;
        report.step("openapi gate", gate::check(home)).await;
    }
    report
}
