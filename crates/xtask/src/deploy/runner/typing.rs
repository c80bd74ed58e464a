//! Starts programs, and reads what they print.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use super::super::line::{Line, Program};
use super::Runner;
use crate::home::Home;
use crate::python::last_lines;

/// Words in which AWS says that a resource does not exist.
const ABSENT: [&str; 3] = ["ResourceNotFoundException", "ParameterNotFound", "does not exist"];

/// The output of a line.
struct Said {
    is_success: bool,
    out: String,
    err: String,
}

impl Runner<'_> {
    pub(super) async fn run_all(&self, lines: &[Line]) -> Result<()> {
        for line in lines {
            self.run(line).await?;
        }
        Ok(())
    }

    /// Runs a line that a person watches.
    pub(in crate::deploy) async fn run(&self, line: &Line) -> Result<()> {
        println!("$ {}", line.shown(self.home.root()));
        let status = self.command(line).status().await.with_context(|| line.to_string())?;
        ensure!(status.success(), "{line}: {status}");
        Ok(())
    }

    /// Runs a line for what it prints; it has to succeed.
    pub(in crate::deploy) async fn ask(&self, line: &Line) -> Result<String> {
        println!("$ {}", line.shown(self.home.root()));
        let said = self.output(line).await?;
        ensure!(said.is_success, "{line}: {}", last_lines(&said.err, 20));
        Ok(said.out)
    }

    /// The same, of something that may not exist.
    pub(in crate::deploy) async fn lookup(&self, line: &Line) -> Result<Option<String>> {
        println!("$ {}", line.shown(self.home.root()));
        let said = self.output(line).await?;
        if said.is_success {
            return Ok(Some(said.out).filter(|out| !out.is_empty() && out != "None"));
        }
        ensure!(ABSENT.iter().any(|absent| said.err.contains(absent)), "{line}: {}", last_lines(&said.err, 20));
        Ok(None)
    }

    async fn output(&self, line: &Line) -> Result<Said> {
        let output = self.command(line).stderr(Stdio::piped()).output().await.with_context(|| line.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(Said { is_success: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) })
    }

    fn command(&self, line: &Line) -> Command {
        process(self.home, &self.path, &self.myself, line)
    }
}

pub(super) fn process(home: &Home, path: &OsStr, myself: &Path, line: &Line) -> Command {
    let mut command = match line.program {
        Program::Git => Command::new("git"),
        Program::Cargo => Command::new("cargo"),
        Program::Npm => Command::new("npm"),
        Program::Npx => Command::new("npx"),
        Program::Node => Command::new("node"),
        Program::Aws => Command::new("aws"),
        Program::Xtask => Command::new(myself),
    };
    command.args(&line.arguments).envs(line.environment.iter().map(|(name, value)| (*name, value.as_str())));
    command.env("PATH", path).env("AWS_PAGER", "").current_dir(home.root().join(line.folder));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}
