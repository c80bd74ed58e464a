//! Leaves nothing of a stage.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::super::command::{self, aws, private};
use super::super::line::{Line, Program};
use super::super::plan::{self, Stack, Wanted};
use super::UnderWay;

/// A bucket with something in it is not deleted, nor is a version of it forgotten by deleting the object.
pub(super) fn tear_down(wanted: &Wanted, stack: Stack) -> Vec<Line> {
    let mut lines = Vec::new();
    if stack.has_buckets() {
        lines.push(buckets(wanted, stack));
        lines.extend([versions(wanted, stack, "<bucket>"), delete(wanted, stack, "<bucket>")]);
    }
    let name = stack.name(wanted.stage);
    let destroy = ["cdk", "destroy", "--force", "--exclusively", "--no-notices", "--app"];
    let mut line = Line::new(Program::Npx, destroy);
    line.arguments.extend([wanted.assembly.display().to_string(), name]);
    lines.push(Line { folder: "infra", ..line });
    lines
}

fn buckets(wanted: &Wanted, stack: Stack) -> Line {
    let name = stack.name(wanted.stage);
    let query = "StackResourceSummaries[?ResourceType=='AWS::S3::Bucket'].PhysicalResourceId";
    let list = ["cloudformation", "list-stack-resources", "--stack-name", &name, "--query", query, "--output", "json"];
    aws(stack.region(&wanted.region), list)
}

/// The most parameters that one call deletes.
fn versions(wanted: &Wanted, stack: Stack, bucket: &str) -> Line {
    let query = "[Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}";
    let list = ["s3api", "list-object-versions", "--bucket", bucket, "--max-items", "1000", "--query", query];
    let mut line = aws(stack.region(&wanted.region), list);
    line.arguments.extend(["--output", "json"].map(str::to_owned));
    line
}

fn delete(wanted: &Wanted, stack: Stack, bucket: &str) -> Line {
    let file = format!("file://{}", deleted(wanted).display());
    aws(stack.region(&wanted.region), ["s3api", "delete-objects", "--bucket", bucket, "--delete", &file])
}

fn deleted(wanted: &Wanted) -> PathBuf {
    private(wanted).join("delete.json")
}

impl UnderWay<'_> {
    /// A stack that stays does not keep the others: they cost as much.
    pub(super) async fn tear_down(&self) -> Result<()> {
        let mut left = Vec::new();
        for stack in plan::stacks(&self.wanted).into_iter().rev() {
            let mut outcome = self.destroy(stack).await;
            if outcome.is_err() && stack.has_buckets() {
                // The last lines of a log come after what it is a log of has gone.
                outcome = self.destroy(stack).await;
            }
            if let Err(error) = outcome {
                println!("FAILED: {error:#}");
                left.push(stack.name(self.wanted.stage));
            }
        }
        ensure!(left.is_empty(), "not torn down, and they cost: {}", left.join(", "));
        // A stage that is made after it is a new one.
        for service in plan::ORDER {
            self.runner.run(&command::forget(&self.wanted, service)).await?;
        }
        Ok(())
    }

    async fn destroy(&self, stack: Stack) -> Result<()> {
        if stack.has_buckets() {
            let buckets = self.runner.lookup(&buckets(&self.wanted, stack)).await?.unwrap_or_default();
            for bucket in serde_json::from_str::<Vec<String>>(&buckets).unwrap_or_default() {
                self.empty(stack, &bucket).await?;
            }
        }
        let lines = tear_down(&self.wanted, stack);
        self.runner.run(lines.last().context("no step tears it down")?).await
    }

    async fn empty(&self, stack: Stack, bucket: &str) -> Result<()> {
        loop {
            let found = self.runner.lookup(&versions(&self.wanted, stack, bucket)).await?.unwrap_or_default();
            let found: Vec<Value> = serde_json::from_str(&found).unwrap_or_default();
            if found.is_empty() {
                return Ok(());
            }
            fs::write(deleted(&self.wanted), json!({ "Objects": found, "Quiet": true }).to_string())?;
            self.runner.ask(&delete(&self.wanted, stack, bucket)).await?;
        }
    }
}
