//! All tests of the workspace, shown as they run and added up by package.

use std::io::{BufRead as _, BufReader, PipeReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::sync::mpsc;

use crate::home::Home;
use crate::services::cargo;
use crate::settings::Settings;
use crate::summary::Summary;

pub(super) async fn run(home: &Home, stores: &Settings, summary: &mut Summary) -> Result<()> {
    compile(home, summary).await?;
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    let mut command = cargo(home);
    command.args(["test", "--workspace", "--no-fail-fast"]).envs(stores.iter());
    // One pipe for both: cargo names the test binary on one, and the binary reports on the other.
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("running cargo")?;
    // The command holds the pipe's other end, which must close with the child.
    drop(command);
    let mut lines = lines(reader);
    while let Some(line) = lines.recv().await {
        println!("{line}");
        summary.read(&line);
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("cargo test: {status}");
    }
    Ok(())
}

/// Builds the tests, and learns which binary is whose.
async fn compile(home: &Home, summary: &mut Summary) -> Result<()> {
    let mut command = cargo(home);
    command.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    let output = command.stderr(Stdio::inherit()).output().await.context("running cargo")?;
    String::from_utf8_lossy(&output.stdout).lines().for_each(|message| summary.learn(message));
    if !output.status.success() {
        bail!("cargo test --no-run: {}", output.status);
    }
    Ok(())
}

/// A pipe's lines, read on a thread of its own as pipes of the standard library block.
fn lines(reader: PipeReader) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}
