//! The stacks: their own tests, and the templates of both stages as they would be deployed.

use std::fs;

use anyhow::{Result, bail};
use tokio::process::Command;

use super::lint::succeed;
use crate::home::{Home, Profile};
use crate::progress::step;
use crate::{infra, python, services};

/// That a function may be called by its own name is so in every template that CDK writes.
const CFN_LINT_IGNORES: &str = "W3005";
/// What a template may weigh: CloudFormation takes 1 MB from a bucket.
const MOST_BYTES: u64 = 1_000_000;
const STAGES: [&str; 2] = ["dev", "prod"];

pub(super) async fn check(home: &Home) -> Result<()> {
    infra::install(home).await?;
    step("types and style", npm(home, &["run", "--silent", "lint"])).await?;
    step("tests of the stacks", npm(home, &["test", "--silent"])).await?;
    services::build(home, Profile::Dev, &[]).await?;
    let artifacts = infra::dev_artifacts(home)?;
    let mut templates = Vec::new();
    for stage in STAGES {
        let assembly = home.target().join("deploy").join(format!("check-{stage}"));
        step(&format!("cdk synth, {stage}"), infra::synthesize(home, stage, &artifacts, &assembly, &[])).await?;
        for template in infra::templates(&assembly)? {
            let bytes = fs::metadata(&template)?.len();
            if bytes > MOST_BYTES {
                bail!("{} has {bytes} bytes", home.show(&template));
            }
            templates.push(template);
        }
    }
    println!("{} templates of {} stages", templates.len(), STAGES.len());
    let mut lint = Command::new(python::check(home, "cfn-lint").await?);
    lint.args(["--ignore-checks", CFN_LINT_IGNORES, "--"]).args(&templates);
    step("cfn-lint", succeed(lint)).await
}

async fn npm(home: &Home, arguments: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(infra::folder(home)).stdin(std::process::Stdio::null());
    succeed(npm).await
}
