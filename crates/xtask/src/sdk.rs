//! `cargo xtask prove stripe`: the double of Stripe, as Stripe's official libraries see it.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::progress::step;
use crate::{python, services, stripe};

/// Where the programs of the check are, and where they are run.
const SOURCE: &str = "crates/stripe-double/sdk";
const ROUTES: &str = "crates/stripe-double/src/routes.rs";
const FOLDER: &str = "stripe-sdk";
const LOCK: &str = "package-lock.json";

pub(crate) async fn prove(home: &Home) -> Result<()> {
    let mut build = services::cargo(home);
    build.args(["build", "--quiet", "--package", stripe::DOUBLE]);
    succeed(build).await?;
    let folder = home.local_folder(FOLDER)?;
    copy(&home.root().join(SOURCE), &folder)?;
    install(&folder).await?;
    let events = folder.join("events.json");
    let mut check = Command::new("node");
    check.arg(folder.join("check.mjs")).arg(home.binary(Profile::Dev, stripe::DOUBLE));
    check.arg(home.root().join(ROUTES)).arg(&events).kill_on_drop(true);
    succeed(check).await?;
    let mut verify = Command::new(python::with_stripe(home).await?);
    verify.arg(folder.join("verify.py")).arg(&events).kill_on_drop(true);
    succeed(verify).await
}

/// The packages are not installed beside the sources.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name())).context("copying the check")?;
        }
    }
    Ok(())
}

/// Asks no registry when nothing changed.
async fn install(folder: &Path) -> Result<()> {
    let wanted = python::digest(&fs::read(folder.join(LOCK)).context("reading package-lock.json")?);
    let stamp = folder.join("installed.sha256");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    let installing = async { python::quietly(npm).await.context("Node.js 20 or newer, with npm, is needed") };
    step("installing Stripe's library for Node.js", installing).await?;
    fs::write(&stamp, wanted).context("remembering what is installed")
}

async fn succeed(mut command: Command) -> Result<()> {
    let program = command.as_std().get_program().display().to_string();
    let status = command.stdin(Stdio::null()).status().await.with_context(|| format!("running {program}"))?;
    if status.success() { Ok(()) } else { bail!("{program}: {status}") }
}
