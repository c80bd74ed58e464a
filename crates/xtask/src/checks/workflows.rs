//! `.github/workflows`: three linters that ask no network. zizmor looks for what an attacker would, jactionlint for what does
//! not work, and the schema for what is no workflow at all.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use super::lint::succeed;
use crate::home::Home;
use crate::python;
use crate::services::SERVICES;

const FOLDER: &str = ".github/workflows";

pub(super) async fn check(home: &Home) -> Result<()> {
    let folder = home.root().join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {FOLDER}"))?.flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    for service in &SERVICES {
        let own = folder.join(format!("{}.yml", service.name));
        ensure!(files.contains(&own), "{} has no workflow of its own", service.name);
    }
    let mut zizmor = Command::new(python::check(home, "zizmor").await?);
    zizmor.args(["--offline", "--no-progress", "--persona", "pedantic", "--color", "never"]).arg(&folder);
    succeed(zizmor.current_dir(home.root())).await.context("zizmor")?;
    let mut schema = Command::new(python::check(home, "check-jsonschema").await?);
    schema.args(["--builtin-schema", "vendor.github-workflows"]).args(&files);
    succeed(&mut schema).await.context("check-jsonschema")?;
    let mut actionlint = Command::new(python::check(home, "jactionlint").await?);
    actionlint.args(["--no-color", "--shellcheck="]).args(&files);
    succeed(actionlint.current_dir(home.root())).await.context("jactionlint")?;
    println!("{} workflows: nothing to say", files.len());
    Ok(())
}
