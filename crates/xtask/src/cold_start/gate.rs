//! Programs that wait at a gate until they are held and the clock runs: a shell is started and moved wherever it is to
//! be, and becomes the program when the gate opens. So no code of ours runs between a fork and an exec, and what the shell
//! needed for its own start is not measured.

use std::io::{PipeReader, PipeWriter, Write as _, pipe};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lambda_double::Function;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::give;
use crate::settings::Settings;

/// Says that it is there, waits for a line, and becomes the program.
const SHELL: [&str; 2] = ["-c", r#"echo && read -r line && exec "$0" > /dev/null"#];
/// How long a shell may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A function whose process waits.
#[derive(Debug)]
pub(super) struct Waiting {
    function: Function,
    gate: PipeWriter,
}

/// Starts `program` as the function `name`, up to the gate.
pub(super) async fn wait(program: &Path, name: &str, settings: &Settings) -> Result<Waiting> {
    let ((input, gate), (said, output)) = (pipe()?, pipe()?);
    let mut command = Command::new("sh");
    command.args(SHELL).arg(program).stdin(input).stdout(output);
    give(settings, &mut command);
    let function = Function::launch(command, name).await.with_context(|| format!("starting {name}"))?;
    ensure!(is_there(said).await?, "the shell that starts {name} has ended");
    Ok(Waiting { function, gate })
}

/// Whether the other end says something. Its own end of the pipe is all that keeps it open.
async fn is_there(said: PipeReader) -> Result<bool> {
    let mut said = Receiver::from_owned_fd(OwnedFd::from(said)).context("listening to the shell")?;
    let mut line = [0];
    let heard = timeout(PATIENCE, said.read(&mut line)).await.context("the shell does not start")?;
    Ok(heard.context("listening to the shell")? > 0)
}

impl Waiting {
    /// The id that the process has now and keeps.
    pub(super) fn process_id(&self) -> u32 {
        self.function.process_id()
    }

    /// Opens the gate: the function, and when that was.
    pub(super) fn open(mut self) -> Result<(Function, Instant)> {
        let opened = Instant::now();
        self.gate.write_all(b"\n").context("opening the gate")?;
        Ok((self.function, opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_starts_when_the_gate_opens_under_the_id_of_the_shell() {
        let waiting = wait(Path::new("cat"), "cat", &Settings::default()).await.unwrap();
        let name = |process: u32| std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap();
        let process = waiting.process_id();
        assert_ne!(name(process), "cat\n");
        let (function, _) = waiting.open().unwrap();
        // The gate was closed behind it, so it finds the end of its input and ends.
        assert!(timeout(PATIENCE, function.cold_start()).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_program_that_does_not_exist_ends_at_the_gate() {
        let waiting = wait(Path::new("/nowhere/at/all"), "nothing", &Settings::default()).await.unwrap();
        let (function, _) = waiting.open().unwrap();
        assert!(timeout(PATIENCE, function.cold_start()).await.unwrap().is_err());
    }
}
