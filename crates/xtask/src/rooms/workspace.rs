//! The packages of the workspace and their targets, as cargo lists them; tests are left out.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::modules::{Package, Target};
use crate::home::Home;
use crate::services::cargo;

/// Reads every package of the workspace.
pub(super) async fn packages(home: &Home) -> Result<Vec<Package>> {
    let mut command = cargo(home);
    command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = command.output().await.context("running cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    packages
        .iter()
        .map(|package| {
            let name = package["name"].as_str().unwrap_or_default();
            let targets = package["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
            let targets: Vec<Target> = targets.iter().filter_map(target).collect();
            Package::read(name, home.root(), &targets)
        })
        .collect()
}

/// A target; `None` for tests.
fn target(target: &Value) -> Option<Target> {
    let kind = target["kind"][0].as_str()?;
    let library = (kind == "lib").then(|| target["name"].as_str().map(|name| name.replace('-', "_"))).flatten();
    (kind != "test").then_some(Target { library, file: PathBuf::from(target["src_path"].as_str()?) })
}
