//! `cargo xtask prove stripe` and `prove webhooks`: our doubles, and what our services take from vendors, as the vendors'
//! own libraries see it.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::progress::step;
use crate::{python, services, stripe};

/// Where the programs of the checks are, and where they are run.
const SOURCE: &str = "crates/stripe-double/sdk";
const VENDORS_SOURCE: &str = "crates/vendor-doubles/sdk";
const VENDORS_FOLDER: &str = "vendor-sdks";
const ROUTES: &str = "crates/stripe-double/src/routes.rs";
const FOLDER: &str = "stripe-sdk";
const LOCK: &str = "package-lock.json";

pub(crate) async fn prove(home: &Home) -> Result<()> {
    let mut build = services::cargo(home);
    build.args(["build", "--quiet", "--package", stripe::DOUBLE]);
    succeed(build).await?;
    let folder = home.local_folder(FOLDER)?;
    copy(&home.root().join(SOURCE), &folder)?;
    install(&folder, "installing Stripe's library for Node.js").await?;
    let events = folder.join("events.json");
    let mut check = Command::new("node");
    check.arg(folder.join("check.mjs")).arg(home.binary(Profile::Dev, stripe::DOUBLE));
    check.arg(home.root().join(ROUTES)).arg(&events).kill_on_drop(true);
    succeed(check).await?;
    let mut verify = Command::new(python::with_stripe(home).await?);
    verify.arg(folder.join("verify.py")).arg(&events).kill_on_drop(true);
    succeed(verify).await
}

/// What Twilio's packages sign is taken by notification-service, and what our doubles sign by SendGrid's packages, by a
/// validator of SNS and by the service; changed, all of it is refused.
pub(crate) async fn prove_webhooks(home: &Home) -> Result<()> {
    let example = |package: &str, name: &str| {
        let mut build = services::cargo(home);
        build.args(["build", "--quiet", "--package", package, "--example", name]);
        build
    };
    succeed(example("notification-service", "webhook_check")).await?;
    succeed(example("vendor-doubles", "signed")).await?;
    let folder = home.local_folder(VENDORS_FOLDER)?;
    copy(&home.root().join(VENDORS_SOURCE), &folder)?;
    install(&folder, "installing Twilio's and SendGrid's libraries for Node.js").await?;
    let programs = home.binary(Profile::Dev, "examples");
    let signed = Command::new(programs.join("signed")).stdin(Stdio::null()).output().await.context("signing")?;
    if !signed.status.success() {
        bail!("signing: {}", String::from_utf8_lossy(&signed.stderr));
    }
    let cases = folder.join("signed.json");
    fs::write(&cases, signed.stdout).context("writing what was signed")?;
    let service = programs.join("webhook_check");
    let mut check = Command::new("node");
    check.arg(folder.join("check.mjs")).arg(&service).arg(&cases).kill_on_drop(true);
    succeed(check).await?;
    let mut verify = Command::new(python::with_vendors(home).await?);
    verify.arg(folder.join("verify.py")).arg(&service).arg(&cases).kill_on_drop(true);
    succeed(verify).await
}

/// The packages are not installed beside the sources.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name())).context("copying the check")?;
        }
    }
    Ok(())
}

/// Asks no registry when nothing changed.
pub(crate) async fn install(folder: &Path, what: &str) -> Result<()> {
    let wanted = python::digest(&fs::read(folder.join(LOCK)).context("reading package-lock.json")?);
    let stamp = folder.join("installed.sha256");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    let installing = async { python::quietly(npm).await.context("Node.js 20 or newer, with npm, is needed") };
    step(what, installing).await?;
    fs::write(&stamp, wanted).context("remembering what is installed")
}

async fn succeed(mut command: Command) -> Result<()> {
    let program = command.as_std().get_program().display().to_string();
    let status = command.stdin(Stdio::null()).status().await.with_context(|| format!("running {program}"))?;
    if status.success() { Ok(()) } else { bail!("{program}: {status}") }
}
