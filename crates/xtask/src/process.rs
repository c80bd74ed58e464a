//! Processes by id. An id is used again by the system, so a process is its id *and* the moment it was started.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

/// How long a process may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// One process, for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Clock ticks after boot: field 22 of `/proc/<pid>/stat`.
    started: u64,
}

impl Process {
    /// The process that has this id now; none when it has ended, also when its status was not collected yet.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name stands in parentheses and may itself hold spaces and parentheses.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { pid, started })
    }

    pub(crate) fn this() -> Option<Self> {
        Self::of(std::process::id())
    }

    pub(crate) fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// The command line, for messages.
    pub(crate) fn command(self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned()
    }

    /// Ends the process and its group: asks first, and does not ask twice. Does nothing when this process has ended,
    /// whoever has its id now. Every child is started as the leader of a group of its own.
    pub(crate) async fn stop(self) {
        if !self.lives() {
            return;
        }
        self.signal(Signal::TERM);
        if !self.ends().await {
            self.signal(Signal::KILL);
            self.ends().await;
        }
    }

    /// Waits for its end, [`PATIENCE`] at most; whether it came.
    pub(crate) async fn ends(self) -> bool {
        let asked = tokio::time::Instant::now();
        while self.lives() {
            if asked.elapsed() > PATIENCE {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Sends `SIGINT` to this one process, as Ctrl-C does.
    pub(crate) fn interrupt(self) {
        if let (true, Some(pid)) = (self.lives(), self.id()) {
            let _ = kill_process(pid, Signal::INT);
        }
    }

    /// Ends this one process without asking; the system takes a moment to carry that out.
    pub(crate) fn kill(self) {
        if let (true, Some(pid)) = (self.lives(), self.id()) {
            // It may end by itself between the two lines.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn signal(self, signal: Signal) {
        if let Some(pid) = self.id() {
            let _ = kill_process_group(pid, signal);
        }
    }

    fn id(self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }
}

/// All living processes whose environment holds `variable=value`. Those of others cannot be read and are left out.
pub(crate) fn marked(variable: &str, value: &str) -> Vec<Process> {
    let wanted = format!("{variable}={value}");
    let is_marked = |folder: &PathBuf| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    ids().into_iter().filter(|(_, folder)| is_marked(folder)).filter_map(|(pid, _)| Process::of(pid)).collect()
}

/// Every process id there is, with its folder in `/proc`.
pub(crate) fn ids() -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()))).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_process_is_ended_only_when_it_is_still_the_one_that_was_started() {
        let mut sleep = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let process = Process::of(sleep.id()).unwrap();

        let earlier = Process { pid: process.pid, started: process.started - 1 };
        earlier.stop().await;
        earlier.kill();
        assert!(process.lives(), "another process of the same id was ended");

        process.stop().await;
        assert!(!process.lives());
        sleep.wait().unwrap();
    }

    #[test]
    fn a_name_with_parentheses_does_not_hide_the_start() {
        assert!(Process::this().is_some_and(|process| process.lives() && process.started > 0));
        assert!(Process::of(u32::MAX).is_none());
    }
}
