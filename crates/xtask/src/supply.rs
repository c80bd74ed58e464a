//! The supply chain of a release: packages of functions, lists of dependencies (SBOM), and advisories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::home::Home;
use crate::progress::step;
use crate::services::{WITH_A_STORE, cargo};
use crate::{infra, python};

const CARGO_DENY: (&str, &str) = ("cargo-deny", "0.20.2");
const CARGO_SBOM: (&str, &str) = ("cargo-sbom", "0.10.0");
/// Words of cargo-deny where the advisories cannot be fetched.
const UNREACHED: [&str; 3] = ["failed to fetch", "failed to open advisory database", "unable to fetch"];

/// The functions as they are uploaded, in `<output>/lambda`, and this program, which deploys them, in `<output>/debug`.
pub(crate) async fn package(home: &Home, service: Option<&str>, x86_64: bool, output: &Path) -> Result<()> {
    python::ensure_tools(home).await?;
    let mut build = Command::new(home.tool("cargo-lambda"));
    build.args(["lambda", "build", "--release", "--skip-target-check", if x86_64 { "--x86-64" } else { "--arm64" }]);
    let packages: Vec<&str> = service.map_or(WITH_A_STORE.to_vec(), |service| vec![service]);
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    let lambda = output.join("lambda");
    build.arg("--lambda-dir").arg(&lambda).env("PATH", home.path()).current_dir(home.root());
    succeed(build).await?;
    fs::create_dir_all(output.join("debug"))?;
    fs::copy(std::env::current_exe()?, output.join("debug/xtask")).context("copying this program")?;
    for package in packages {
        let program = lambda.join(package).join("bootstrap");
        let bytes = fs::read(&program).with_context(|| format!("reading {}", program.display()))?;
        println!("{package:<22} {:>9} bytes  sha256:{}", bytes.len(), python::digest(&bytes));
    }
    Ok(())
}

/// Lists of everything that is in the functions and in the templates, as CycloneDX.
pub(crate) async fn list(home: &Home, output: &Path) -> Result<()> {
    fs::create_dir_all(output)?;
    let tool = tool(home, CARGO_SBOM).await?;
    for package in WITH_A_STORE {
        let mut sbom = Command::new(&tool);
        sbom.args(["sbom", "--cargo-package", package, "--output-format", "cyclone_dx_json_1_6"]);
        write(sbom.current_dir(home.root()), &output.join(format!("{package}.cdx.json"))).await?;
    }
    if infra::folder(home).exists() {
        let mut sbom = Command::new("npm");
        sbom.args(["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"]).current_dir(infra::folder(home));
        write(&mut sbom, &output.join("infra.cdx.json")).await?;
    }
    Ok(())
}

/// Runs a program that prints a list, and keeps it; an empty one is no list.
async fn write(command: &mut Command, file: &Path) -> Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("listing")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let list: Value = serde_json::from_slice(&output.stdout).context("the list is no JSON")?;
    let components = list["components"].as_array().map_or(0, Vec::len);
    ensure!(components > 0, "{}: nothing is in it", file.display());
    fs::write(file, output.stdout)?;
    println!("{}: {components} components", file.display());
    Ok(())
}

/// Asks RustSec and npm. Without a network nothing is known, and that is said: it is no clean bill.
pub(crate) async fn advisories(home: &Home, required: bool) -> Result<()> {
    let crates = known_of_crates(home).await?;
    let packages = known_of_packages(home).await?;
    let mut unasked = Vec::new();
    for (what, asked) in [("crates (RustSec)", crates), ("packages (npm)", packages)] {
        match asked {
            None => println!("{what}: nothing is known against them"),
            Some(why) => {
                println!("{what}: DID NOT RUN: {why}");
                unasked.push(what);
            }
        }
    }
    ensure!(!required || unasked.is_empty(), "did not run: {}", unasked.join(", "));
    Ok(())
}

/// Why it could not be asked; fails where something is known.
async fn known_of_crates(home: &Home) -> Result<Option<String>> {
    let mut deny = Command::new(tool(home, CARGO_DENY).await?);
    deny.args(["--workspace", "check", "advisories"]).current_dir(home.root()).stdin(Stdio::null()).kill_on_drop(true);
    let output = deny.output().await.context("running cargo-deny")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(None);
    }
    if UNREACHED.iter().any(|unreached| said.contains(unreached)) {
        return Ok(Some(said.lines().find(|line| line.contains("fetch")).unwrap_or("no database").trim().to_owned()));
    }
    bail!("{}", said.trim())
}

/// `npm audit --offline` finds nothing without asking anyone, so it is never said; an answer has a version of its form.
async fn known_of_packages(home: &Home) -> Result<Option<String>> {
    if !infra::folder(home).exists() {
        return Ok(Some("there is no infra/".to_owned()));
    }
    let mut audit = Command::new("npm");
    audit.args(["audit", "--json", "--offline=false", "--audit-level=low"]).current_dir(infra::folder(home));
    let output = audit.stdin(Stdio::null()).kill_on_drop(true).output().await.context("running npm")?;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    judged(&answer)
}

fn judged(answer: &Value) -> Result<Option<String>> {
    if answer["auditReportVersion"].is_null() {
        let why = answer["error"]["summary"].as_str().or_else(|| answer["message"].as_str());
        return Ok(Some(why.filter(|why| !why.is_empty()).unwrap_or("the registry does not answer").to_owned()));
    }
    let found: Vec<&str> =
        answer["vulnerabilities"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    ensure!(found.is_empty(), "advisories were found: {}", found.join(", "));
    Ok(None)
}

/// cargo-deny: the one on the PATH, else one of our own.
pub(crate) async fn cargo_deny(home: &Home) -> Result<PathBuf> {
    tool(home, CARGO_DENY).await
}

async fn tool(home: &Home, (name, version): (&str, &str)) -> Result<PathBuf> {
    let mut known = Command::new(name);
    let verb = name.strip_prefix("cargo-").unwrap_or(name);
    known.args([verb, "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if known.status().await.is_ok_and(|status| status.success()) {
        return Ok(name.into());
    }
    let ours = home.shared("tools/bin").join(name);
    if !ours.exists() {
        let mut install = cargo(home);
        install.args(["install", name, "--version", version, "--locked", "--quiet", "--root"]);
        install.arg(home.shared("tools"));
        step(&format!("building {name} (about 3 min the first time)"), succeed(install)).await?;
    }
    Ok(ours)
}

async fn succeed(mut command: Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await.context("running it")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_is_none_is_no_clean_bill() {
        assert!(judged(&json!({})).unwrap().is_some());
        let refused = json!({ "error": { "summary": "request to the registry failed" } });
        assert_eq!(judged(&refused).unwrap().as_deref(), Some("request to the registry failed"));
    }

    #[test]
    fn what_is_known_against_a_package_is_named() {
        assert_eq!(judged(&json!({ "auditReportVersion": 2, "vulnerabilities": {} })).unwrap(), None);
        let known = json!({ "auditReportVersion": 2, "vulnerabilities": { "minimist": {} } });
        assert!(judged(&known).unwrap_err().to_string().contains("minimist"));
    }
}
