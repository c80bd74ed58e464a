//! A version that answers 500 is deployed, and has to be refused.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use super::super::command::{self, aws};
use super::super::line::{Line, Program};
use super::super::plan::{Stack, Wanted, function};
use super::{BROKEN, UnderWay, VICTIM, again};

pub(super) fn break_lines(wanted: &Wanted) -> Vec<Line> {
    let architecture = if wanted.x86_64 { "--x86-64" } else { "--arm64" };
    let build = ["lambda", "build", "--release", "--skip-target-check", architecture, "--package", BROKEN];
    vec![
        Line::new(Program::Cargo, build),
        shifts(wanted),
        again(wanted, Some(&broken(wanted))),
        shifts(wanted),
        shift(wanted, "<new deployment>"),
    ]
}

fn broken(wanted: &Wanted) -> PathBuf {
    wanted.assembly.with_file_name("broken")
}

/// Deployments of `CodeDeploy` of the broken service, the newest first.
fn shifts(wanted: &Wanted) -> Line {
    let name = Stack::Service(VICTIM).name(wanted.stage);
    let list = ["deploy", "list-deployments", "--application-name", &name, "--deployment-group-name", &name];
    let mut line = aws(&wanted.region, list);
    line.arguments.extend(["--query", "deployments", "--output", "json"].map(str::to_owned));
    line
}

fn shift(wanted: &Wanted, id: &str) -> Line {
    let get = ["deploy", "get-deployment", "--deployment-id", id, "--query", "deploymentInfo.status"];
    let mut line = aws(&wanted.region, get);
    line.arguments.extend(["--output", "text"].map(str::to_owned));
    line
}

/// Deployments that were not there before.
pub(super) fn newly<'a>(before: &[String], after: &'a [String]) -> Vec<&'a str> {
    after.iter().filter(|id| !before.contains(id)).map(String::as_str).collect()
}

impl UnderWay<'_> {
    pub(super) async fn break_it(&mut self, lines: &[Line]) -> Result<()> {
        let alias = command::get_alias(&self.wanted, &function(self.wanted.stage, VICTIM, "http"));
        self.served = self.runner.lookup(&alias).await?;
        self.runner.run(&lines[0]).await?;
        let folder = broken(&self.wanted).join(VICTIM);
        fs::create_dir_all(&folder)?;
        let from = self.home.target().join("lambda").join(BROKEN).join("bootstrap");
        fs::copy(&from, folder.join("bootstrap")).with_context(|| from.display().to_string())?;
        let [_, list, deploy, ..] = lines else { bail!("the expected lines of the broken deployment did not appear") };
        let before = self.shifts(list).await?;
        let Err(error) = self.runner.run(deploy).await else {
            bail!("a service that answers 500 was deployed, and no check failed")
        };
        println!("it failed: {error:#}");
        self.codedeploy_refused(&before, list).await
    }

    async fn shifts(&self, line: &Line) -> Result<Vec<String>> {
        serde_json::from_str(&self.runner.ask(line).await?).context("CodeDeploy listed no deployments")
    }

    /// A deployment may fail for many reasons: it has to be `CodeDeploy` that has seen the version and refused it.
    async fn codedeploy_refused(&self, before: &[String], list: &Line) -> Result<()> {
        let after = self.shifts(list).await?;
        let made = newly(before, &after);
        ensure!(
            !made.is_empty(),
            "it failed before CodeDeploy shifted traffic, which proves nothing about rolling back"
        );
        let mut statuses = Vec::new();
        for id in made {
            statuses.push(self.runner.ask(&shift(&self.wanted, id)).await?);
        }
        println!("CodeDeploy: {}", statuses.join(", "));
        let refused = statuses.iter().any(|status| ["Failed", "Stopped"].contains(&status.as_str()));
        ensure!(refused, "CodeDeploy refused nothing: {}", statuses.join(", "));
        Ok(())
    }
}
