//! The templates of `infra/`, written on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::progress::step;
use crate::python;
use crate::services::SERVICES;
use crate::temporary::Temporary;

const LOCK: &str = "package-lock.json";

/// Where the CDK app is.
pub(crate) fn folder(home: &Home) -> PathBuf {
    home.root().join("infra")
}

/// Installs what `infra/package-lock.json` names. Asks no registry when nothing changed.
pub(crate) async fn install(home: &Home) -> Result<()> {
    let folder = folder(home);
    let wanted = python::digest(&fs::read(folder.join(LOCK)).context("reading infra/package-lock.json")?);
    let stamp = folder.join("node_modules/.installed.sha256");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    let installing = async { python::quietly(npm).await.context("Node.js 20 or newer, with npm, is needed") };
    step("installing CDK (about 20 s the first time)", installing).await?;
    fs::write(&stamp, wanted).context("remembering what is installed")
}

/// A folder with `<service>/bootstrap` as `cargo lambda build` leaves it, of the binaries that tests run: the templates are
/// the same but for the programs' hashes, and nothing is linked for minutes.
pub(crate) fn dev_artifacts(home: &Home) -> Result<PathBuf> {
    let folder = home.target().join("deploy/test-programs");
    for service in &SERVICES {
        let program = home.binary(Profile::Dev, service.name);
        ensure!(program.exists(), "{} is not built", home.show(&program));
        let place = folder.join(service.name);
        fs::create_dir_all(&place)?;
        let bootstrap = place.join("bootstrap");
        if bootstrap.exists() {
            fs::remove_file(&bootstrap)?;
        }
        fs::hard_link(&program, &bootstrap).with_context(|| format!("linking {}", home.show(&program)))?;
    }
    Ok(folder)
}

/// `cdk synth` of a stage into a folder that is emptied first. What would be uploaded is not kept: nothing is uploaded from it.
pub(crate) async fn synthesize(
    home: &Home,
    stage: &str,
    artifacts: &Path,
    output: &Path,
    more: &[String],
) -> Result<()> {
    if output.exists() {
        fs::remove_dir_all(output)?;
    }
    let mut cdk = Command::new("npx");
    cdk.args(["cdk", "synth", "--quiet", "--no-notices", "--no-version-reporting"]);
    cdk.args(["--context", &format!("stage={stage}"), "--context", &format!("artifacts={}", artifacts.display())]);
    // These templates are looked at, not deployed.
    cdk.args(["--context", "made-up-addresses=allowed"]);
    for pair in more {
        cdk.args(["--context", pair]);
    }
    cdk.arg("--output").arg(output).current_dir(folder(home)).stdin(Stdio::null());
    // Credentials of this machine are not needed, so CDK must not find any.
    for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        cdk.env_remove(name);
    }
    cdk.env("AWS_EC2_METADATA_DISABLED", "true");
    // tsx would keep what it compiled in the temporary folder, for a next time that finds another folder.
    cdk.env("TSX_DISABLE_CACHE", "1");
    let temporary = Temporary::new()?;
    temporary.lend(&mut cdk);
    python::quietly(cdk).await?;
    temporary.must_be_empty().context("cdk synth")?;
    for entry in fs::read_dir(output)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("asset.") && entry.path().is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The templates of an assembly, in the order of their names.
pub(crate) fn templates(assembly: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(assembly).with_context(|| format!("reading {}", assembly.display()))?.flatten();
    let is_template = |file: &PathBuf| file.to_string_lossy().ends_with(".template.json");
    let mut templates: Vec<PathBuf> = files.map(|file| file.path()).filter(is_template).collect();
    templates.sort();
    ensure!(!templates.is_empty(), "no template in {}", assembly.display());
    Ok(templates)
}
