//! One run of the home stack: what it started, written down so that a later run can stop it after a `kill -9`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::process::{Process, marked};

/// Set for everything a run starts and inherited from there: `cargo lambda watch` puts each function into a session
/// of its own, where no process group of ours reaches it.
const MARK: &str = "BODEGA_RUN";

/// The content of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    supervisor: Option<Process>,
    mark: String,
    children: Vec<Started>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Started {
    name: String,
    process: Process,
}

/// A run under way. Only one at a time works in a folder.
#[derive(Debug)]
pub(crate) struct Run {
    file: PathBuf,
    /// Held until this process ends, however it ends.
    _lock: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    record: Record,
    children: Vec<Child>,
}

impl Run {
    /// Takes `folder` over: refuses when another run is at work there, and ends what a dead one left behind.
    pub(crate) async fn begin(folder: &Path) -> Result<Self> {
        let file = folder.join("run.json");
        let left: Option<Record> = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let lock = File::create(folder.join("lock")).context("taking the lock")?;
        if lock.try_lock().is_err() {
            let supervisor = left.and_then(|record| record.supervisor).map(|supervisor| supervisor.pid.to_string());
            bail!("it is running already (process {})", supervisor.as_deref().unwrap_or("unknown"));
        }
        if let Some(left) = left {
            left.clear_away().await;
        }
        let record =
            Record { supervisor: Process::this(), mark: uuid::Uuid::new_v4().to_string(), children: Vec::new() };
        write(&file, &record)?;
        Ok(Self { file, _lock: lock, state: Mutex::new(State { record, children: Vec::new() }) })
    }

    /// Makes `command` one of this run: in a process group of its own (Ctrl-C reaches us only), marked, without input.
    pub(crate) fn enlist(&self, command: &mut Command) {
        command.process_group(0).env(MARK, &self.state().record.mark).stdin(std::process::Stdio::null());
    }

    /// Starts a child of this run, with its output in `log`.
    pub(crate) fn start(&self, name: &str, mut command: Command, log: &Path) -> Result<Process> {
        let output = File::options()
            .append(true)
            .create(true)
            .open(log)
            .with_context(|| format!("writing {}", log.display()))?;
        self.enlist(&mut command);
        command.stdout(output.try_clone()?).stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.as_std().get_program().display()))?;
        let process = child.id().and_then(Process::of);
        let mut state = self.state();
        state.children.push(child);
        let Some(process) = process else { bail!("{name} ended at once; see {}", log.display()) };
        state.record.children.push(Started { name: name.to_owned(), process });
        write(&self.file, &state.record)?;
        Ok(process)
    }

    /// Ends all children, the last started first, and forgets the run.
    pub(crate) async fn stop(self) {
        let State { record, children } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        record.clear_away().await;
        for mut child in children {
            let _ = child.wait().await;
        }
        let _ = fs::remove_file(&self.file);
        if !record.children.is_empty() {
            println!("everything is stopped");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    async fn clear_away(&self) {
        for child in self.children.iter().rev() {
            if child.process.lives() {
                println!("stopping {} (process {})", child.name, child.process.pid);
            }
            child.process.stop().await;
        }
        for straggler in marked(MARK, &self.mark) {
            straggler.kill();
            straggler.ends().await;
        }
    }
}

/// In one step, so that a `kill -9` leaves the old record or the new one.
fn write(file: &Path, record: &Record) -> Result<()> {
    let fresh = file.with_extension("json.new");
    fs::write(&fresh, serde_json::to_vec_pretty(record)?).with_context(|| format!("writing {}", fresh.display()))?;
    Ok(fs::rename(&fresh, file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleep() -> Command {
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        sleep
    }

    /// What `kill -9` does to a supervisor: the lock is gone, nothing else is.
    fn abandon(run: Run) -> (Vec<Child>, Record) {
        let State { record, children } = run.state.into_inner().unwrap();
        (children, record)
    }

    #[tokio::test]
    async fn a_new_run_ends_what_a_killed_one_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let run = Run::begin(folder.path()).await.unwrap();
        let ours = run.start("ours", sleep(), &log).unwrap();
        let stranger = run.start("stranger", sleep(), &log).unwrap();
        let mut detached = sleep();
        run.enlist(&mut detached);
        let mut detached = detached.spawn().unwrap();
        let straggler = Process::of(detached.id().unwrap()).unwrap();

        // The stranger has the id of a child that ended: same id, other start, and no mark of ours.
        let (mut children, mut record) = abandon(run);
        children[1].kill().await.unwrap();
        let mut other = sleep().process_group(0).spawn().unwrap();
        let reused = Process::of(other.id().unwrap()).unwrap();
        let text = serde_json::to_string(&stranger).unwrap();
        let text = text.replace(&format!("\"pid\":{}", stranger.pid), &format!("\"pid\":{}", reused.pid));
        let text = text.replace("\"started\":", "\"started\":1");
        record.children[1].process = serde_json::from_str(&text).unwrap();
        write(&folder.path().join("run.json"), &record).unwrap();

        let next = Run::begin(folder.path()).await.unwrap();
        assert!(!ours.lives(), "a leftover lives");
        assert!(!straggler.lives(), "a marked process outside our groups lives");
        assert!(reused.lives(), "a process that only has a leftover's id was ended");
        next.stop().await;
        assert!(!folder.path().join("run.json").exists());
        other.kill().await.unwrap();
        detached.wait().await.unwrap();
    }

    #[tokio::test]
    async fn a_second_run_is_refused_while_the_first_lives_and_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::begin(folder.path()).await.unwrap();
        let child = run.start("child", sleep(), &folder.path().join("log")).unwrap();
        let refusal = Run::begin(folder.path()).await.unwrap_err().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        assert!(child.lives());
        run.stop().await;
        assert!(!child.lives());
    }
}
