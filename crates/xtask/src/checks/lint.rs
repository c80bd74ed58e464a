//! Checks that run no service: format, lints, rooms, generated files, licences.

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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    /// The names of decisions (`0030-claims-limits-and-states.md`) that a text refers to, as paths or as links.
    fn decisions(text: &str) -> BTreeSet<&str> {
        let end =
            |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c)).unwrap_or(rest.len());
        let names = text.match_indices("decisions/").map(|(at, found)| {
            let rest = &text[at + found.len()..];
            rest[..end(rest)].trim_end_matches('.')
        });
        let is_document = |name: &str| Path::new(name).extension().is_some_and(|end| end == "md");
        names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit()) && is_document(name)).collect()
    }

    /// All files below a folder that have words in them, other than what is built or fetched.
    fn read(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && !["target", "node_modules", "cdk.out"].contains(&&*name) {
                    read(&path, each);
                }
            } else if [".rs", ".ts", ".md", ".toml", ".json", ".sql"].iter().any(|end| name.ends_with(end)) {
                each(&path, &fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_decision_that_is_named_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut missing = Vec::new();
        let mut found = 0;
        read(&root, &mut |path, text| {
            for name in decisions(text) {
                found += 1;
                if !root.join("docs/decisions").join(name).is_file() {
                    missing.push(format!("{}: {name}", path.display()));
                }
            }
        });
        assert!(found > 50, "only {found} names were found");
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn names_of_decisions_are_found_in_paths_and_links() {
        let text = "[32](decisions/0032-failover.md), `docs/decisions/0033-circuits.md`; see decisions/0046-edge.md. Not docs/decisions/ \
                    and decisions/0044.";
        let expected = ["0032-failover.md", "0033-circuits.md", "0046-edge.md"];
        assert_eq!(decisions(text).into_iter().collect::<Vec<_>>(), expected);
    }
}
