//! Virtual environments: `.local/venv` has the stores, the doubles and `cargo lambda`, all from one
//! `requirements-dev.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::Home;
use crate::progress::step;

/// A virtual environment below `.local/`, and the file that says what is in it.
#[derive(Debug, Clone, Copy)]
struct Environment {
    folder: &'static str,
    requirements: &'static str,
}

const TOOLS: Environment = Environment { folder: "venv", requirements: "requirements-dev.txt" };
const STRIPE: Environment = Environment { folder: "venv-stripe", requirements: "requirements-stripe.txt" };
const ADDRESSES: Environment = Environment { folder: "venv-addresses", requirements: "requirements-addresses.txt" };
const VENDORS: Environment = Environment { folder: "venv-vendors", requirements: "requirements-vendors.txt" };
const CHECKS: Environment = Environment { folder: "venv-checks", requirements: "requirements-checks.txt" };
const API: Environment = Environment { folder: "venv-api", requirements: "requirements-api.txt" };

/// Makes sure that what `requirements-dev.txt` names is installed. Asks no registry when nothing changed.
pub(crate) async fn ensure_tools(home: &Home) -> Result<()> {
    ensure(home, TOOLS).await
}

/// Schemathesis, installed if need be.
pub(crate) async fn schemathesis(home: &Home) -> Result<PathBuf> {
    ensure(home, API).await?;
    Ok(API.program(home, "schemathesis"))
}

/// A linter of templates or workflows, installed if need be.
pub(crate) async fn check(home: &Home, name: &str) -> Result<PathBuf> {
    ensure(home, CHECKS).await?;
    Ok(CHECKS.program(home, name))
}

/// Python with Stripe's official library, installed if need be.
pub(crate) async fn with_stripe(home: &Home) -> Result<PathBuf> {
    ensure(home, STRIPE).await?;
    Ok(STRIPE.program(home, "python"))
}

/// Python with the packages that have the data of addresses, installed if need be.
pub(crate) async fn with_addresses(home: &Home) -> Result<PathBuf> {
    ensure(home, ADDRESSES).await?;
    Ok(ADDRESSES.program(home, "python"))
}

/// Python with Twilio's and SendGrid's own libraries, installed if need be.
pub(crate) async fn with_vendors(home: &Home) -> Result<PathBuf> {
    ensure(home, VENDORS).await?;
    Ok(VENDORS.program(home, "python"))
}

async fn ensure(home: &Home, environment: Environment) -> Result<()> {
    let Environment { folder, requirements } = environment;
    let wanted = digest(&fs::read(home.root().join(requirements)).with_context(|| format!("reading {requirements}"))?);
    let stamp = home.shared(folder).join("requirements.sha256");
    let python = environment.program(home, "python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && works(&python).await {
        return Ok(());
    }
    let what = format!("installing what {requirements} names (about 40 s the first time)");
    step(&what, install(home, environment)).await?;
    fs::write(&stamp, wanted).context("remembering what is installed")
}

impl Environment {
    fn program(self, home: &Home, name: &str) -> PathBuf {
        home.shared(self.folder).join("bin").join(name)
    }
}

/// A virtual environment outlives the Python it was made with, and then does nothing at all.
async fn works(python: &Path) -> bool {
    let version = Command::new(python).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    version.is_ok_and(|status| status.success())
}

async fn install(home: &Home, environment: Environment) -> Result<()> {
    let python = environment.program(home, "python");
    if !works(&python).await {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(home.shared(environment.folder));
        quietly(venv).await.context("Python 3.10 or newer with its venv module is needed (Debian: python3-venv)")?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    pip.arg(home.root().join(environment.requirements));
    quietly(pip).await
}

/// Runs a command whose output matters only when it fails.
pub(crate) async fn quietly(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let program = command.as_std().get_program().display();
    let output = output.with_context(|| format!("running {program}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{program}: {}\n{}", output.status, last_lines(&String::from_utf8_lossy(&said), 20));
    }
    Ok(())
}

/// The end of a log, for people.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Where pip put a package. The folder's name carries Python's version.
pub(crate) fn package(home: &Home, name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir(home.shared("venv/lib")).context("reading .local/venv/lib")?;
    let mut places = versions.flatten().map(|version| version.path().join("site-packages").join(name));
    places.find(|place| place.exists()).with_context(|| format!("{name} is not in .local/venv; remove that folder"))
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}
