//! What is checked without running a service.

use std::borrow::BorrowMut;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::home::Home;
use crate::services::{SERVICES, cargo};
use crate::supply;

const REDOCLY: &str = "@redocly/cli@2.77.0";

pub(super) async fn format(home: &Home) -> Result<()> {
    let mut command = cargo(home);
    command.args(["fmt", "--all", "--check"]);
    succeed(command).await
}

pub(super) async fn clippy(home: &Home) -> Result<()> {
    let mut command = cargo(home);
    command.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    succeed(command).await
}

pub(super) async fn docs(home: &Home) -> Result<()> {
    let mut command = cargo(home);
    command.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
    succeed(command).await
}

/// A warning counts as an error: who reads the descriptions is a generator of clients.
pub(super) async fn openapi(home: &Home) -> Result<()> {
    let mut command = Command::new("npx");
    command.args(["--yes", REDOCLY, "lint", "--format=json"]);
    command.args(SERVICES.iter().map(|service| format!("openapi/{}.yaml", service.name)));
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command.current_dir(home.root()).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("Node.js 20.19 or newer, with npx, is needed")?;
    // One report a file, one after the other.
    let reports: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(&output.stdout).into_iter().collect();
    let reports = reports.ok().filter(|reports| reports.len() == SERVICES.len());
    let Some(reports) = reports else {
        bail!("{REDOCLY}: {}\n{}", output.status, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    };
    let mut problems = 0;
    for problem in reports.iter().filter_map(|report| report["problems"].as_array()).flatten() {
        let place = &problem["location"][0];
        println!("{}{}: {}", text(&place["source"]["ref"]), text(&place["pointer"]), text(&problem["message"]));
        problems += 1;
    }
    if problems > 0 || !output.status.success() {
        bail!("{problems} problems, {}", output.status);
    }
    println!("openapi/: no error, no warning");
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) async fn deny(home: &Home) -> Result<()> {
    let mut command = Command::new(supply::cargo_deny(home).await?);
    // Advisories need a host that not every CI reaches: `cargo xtask advisories`.
    command.args(["--workspace", "check", "licenses", "bans", "sources"]).current_dir(home.root());
    succeed(command).await
}

pub(super) async fn succeed(command: impl BorrowMut<Command>) -> Result<()> {
    let mut command = command;
    let command = command.borrow_mut();
    let status = command.kill_on_drop(true).status().await.context("running it")?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(())
}
