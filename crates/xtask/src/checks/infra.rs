//! The stacks: their own tests, and the templates of both stages as they would be deployed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::lint::succeed;
use crate::home::{Home, Profile};
use crate::progress::step;
use crate::temporary::Temporary;
use crate::{deploy, infra, python, services};

/// That a function may be called by its own name is so in every template that CDK writes.
const CFN_LINT_IGNORES: &str = "W3005";
/// The largest template: CloudFormation takes 1 MB from a bucket.
const MOST_BYTES: u64 = 1_000_000;
/// The tests of the stacks take one to three minutes.
const TESTS_WITHIN: Duration = Duration::from_mins(8);
const STAGES: [&str; 2] = ["dev", "prod"];

pub(super) async fn check(home: &Home) -> Result<()> {
    infra::install(home).await?;
    step("types and style", npm(home, &["run", "--silent", "lint"])).await?;
    step("tests of the stacks", tests(home)).await?;
    services::build(home, Profile::Dev, &[]).await?;
    let artifacts = infra::dev_artifacts(home)?;
    let mut templates = Vec::new();
    for stage in STAGES {
        let assembly = home.target().join("deploy").join(format!("check-{stage}"));
        step(&format!("cdk synth, {stage}"), infra::synthesize(home, stage, &artifacts, &assembly, &[])).await?;
        aliases_are_those_that_go_back(&assembly, stage)?;
        if stage == "dev" {
            buckets_are_those_that_are_emptied(&assembly)?;
        }
        for template in infra::templates(&assembly)? {
            let bytes = fs::metadata(&template)?.len();
            if bytes > MOST_BYTES {
                bail!("{} has {bytes} bytes", home.show(&template));
            }
            templates.push(template);
        }
    }
    step("cdk synth, one service alone", one_service(home, &artifacts)).await?;
    println!("{} templates of {} stages", templates.len(), STAGES.len());
    let mut lint = Command::new(python::check(home, "cfn-lint").await?);
    lint.args(["--ignore-checks", CFN_LINT_IGNORES, "--"]).args(&templates);
    step("cfn-lint", succeed(lint)).await
}

/// The programs that a deployment of one service gives to CDK; empty files take the place of the others.
async fn one_service(home: &Home, artifacts: &Path) -> Result<()> {
    let gathered = home.target().join("deploy/check-one-artifacts");
    deploy::artifacts::gather(&["user-service"], artifacts, &gathered)?;
    infra::synthesize(home, "dev", &gathered, &home.target().join("deploy/check-one"), &[]).await
}

/// A deployment puts these aliases back where it fails: it has to know all of them.
fn aliases_are_those_that_go_back(assembly: &Path, stage: &str) -> Result<()> {
    for service in &services::SERVICES {
        let file = assembly.join(format!("bodega-{stage}-{}.template.json", service.name));
        let template: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let resources = template["Resources"].as_object().into_iter().flatten().map(|(_, resource)| resource);
        let aliases = resources.filter(|resource| resource["Type"] == "AWS::Lambda::Alias");
        let function = |alias: &Value| {
            let id = alias["Properties"]["FunctionName"]["Ref"].as_str().unwrap_or_default();
            template["Resources"][id]["Properties"]["FunctionName"].as_str().unwrap_or_default().to_owned()
        };
        let mut found: Vec<String> = aliases.map(function).collect();
        found.sort();
        let known =
            deploy::shifted(service.name).iter().map(|trigger| format!("bodega-{stage}-{}-{trigger}", service.name));
        let mut known: Vec<String> = known.collect();
        known.sort();
        ensure!(found == known, "{stage}: {found:?} have an alias, and a deployment puts {known:?} back");
    }
    Ok(())
}

/// Tearing a stage down has to empty every bucket that goes with its stack.
fn buckets_are_those_that_are_emptied(assembly: &Path) -> Result<()> {
    let mut found = Vec::new();
    for file in infra::templates(assembly)? {
        let template: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let mut resources = template["Resources"].as_object().into_iter().flatten().map(|(_, resource)| resource);
        if resources.any(|resource| resource["Type"] == "AWS::S3::Bucket" && resource["DeletionPolicy"] == "Delete") {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push(name.trim_end_matches(".template.json").to_owned());
        }
    }
    let known = deploy::stacks_with_buckets();
    ensure!(found == known, "{found:?} have buckets that go with them, and tearing down empties those of {known:?}");
    Ok(())
}

/// vitest on a busy machine has been seen to stand still once in some dozens of runs: it is stopped then and started again.
async fn tests(home: &Home) -> Result<()> {
    for _ in 0..2 {
        let mut vitest = Command::new("node");
        vitest.args(["node_modules/vitest/vitest.mjs", "run"]).current_dir(infra::folder(home));
        vitest.stdin(std::process::Stdio::null()).kill_on_drop(true);
        let temporary = Temporary::new()?;
        temporary.lend(&mut vitest);
        match timeout(TESTS_WITHIN, succeed(vitest)).await {
            Ok(outcome) => return outcome.and_then(|()| temporary.must_be_empty()),
            Err(_) => println!("the tests of the stacks did not end in {} min", TESTS_WITHIN.as_secs() / 60),
        }
    }
    bail!("the tests of the stacks do not end")
}

async fn npm(home: &Home, arguments: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(infra::folder(home)).stdin(std::process::Stdio::null());
    succeed(npm).await
}
