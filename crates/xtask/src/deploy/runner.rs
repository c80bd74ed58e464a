//! Types what the plan says, reads the answers, and goes back where a step fails.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::task::JoinSet;

use self::typing::process;
use super::command::{self, Known, RELEASE, UNDONE};
use super::contracts::{self, Migration};
use super::line::{Line, Program};
use super::plan::{self, Before, Step, Wanted, function, shifted};
use super::templates::{self, compare, is_kept};
use super::{artifacts, report, secrets};
use crate::home::Home;
use crate::python::last_lines;
use crate::secrets::write_private;
use crate::{python, up};

mod first;
mod typing;
mod versions;

/// The alarm that holds the others back looks at three minutes (`infra/lib/watch.ts`).
const BETWEEN_SIGNS: Duration = Duration::from_mins(1);
/// `CloudFormation` and `CodeDeploy` go back within minutes.
const UNTIL_SETTLED: Duration = Duration::from_mins(30);
const BETWEEN_LOOKS: Duration = Duration::from_secs(10);

/// A running deployment.
pub(super) struct Runner<'a> {
    pub(super) home: &'a Home,
    pub(super) wanted: Wanted,
    known: Known,
    before: Vec<Before>,
    path: OsString,
    myself: PathBuf,
    between_looks: Duration,
    /// Services that `CloudFormation` took back itself.
    went_back: Vec<&'static str>,
    /// Says that a deployment is under way, until it is dropped.
    signs: JoinSet<()>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(home: &'a Home, wanted: Wanted) -> Self {
        // Also when cargo has put another program in its place meanwhile.
        let myself = PathBuf::from("/proc/self/exe");
        Self {
            home,
            wanted,
            known: Known::default(),
            before: Vec::new(),
            path: home.path(),
            myself,
            between_looks: BETWEEN_LOOKS,
            went_back: Vec::new(),
            signs: JoinSet::new(),
        }
    }

    /// All of it; what was changed is taken back where a step fails, or Ctrl-C comes.
    pub(super) async fn deploy(&mut self) -> Result<()> {
        self.carry_out(&plan::steps(&self.wanted)).await
    }

    pub(super) async fn carry_out(&mut self, steps: &[Step]) -> Result<()> {
        let outcome = self.each(steps).await;
        self.signs.abort_all();
        outcome
    }

    async fn each(&mut self, steps: &[Step]) -> Result<()> {
        for (number, step) in steps.iter().enumerate() {
            println!("\n--- {}/{} {}", number + 1, steps.len(), step.description(&self.wanted));
            let outcome = tokio::select! {
                outcome = self.step(step) => outcome,
                outcome = up::interrupted() => outcome.and_then(|()| bail!("interrupted")),
            };
            if let Err(error) = outcome {
                println!("FAILED: {error:#}");
                let undone = self.take_back(&steps[..=number]).await;
                return Err(error.context(format!("{step}: failed; {undone}")));
            }
        }
        Ok(())
    }

    /// Says what became of it. One step that fails does not keep the others from being tried.
    async fn take_back(&mut self, begun: &[Step]) -> String {
        let steps = plan::undo(begun, &self.before);
        let changed = steps.iter().any(|step| matches!(step, Step::Back { .. }));
        let mut failed = Vec::new();
        for step in &steps {
            println!("\n--- undo: {step}");
            if let Err(error) = self.step(step).await {
                println!("FAILED: {error:#}");
                failed.push(step.to_string());
            }
        }
        match (failed.is_empty(), changed) {
            (true, true) => "the versions before serve again".to_owned(),
            (true, false) => "no version that serves was changed".to_owned(),
            (false, _) => format!("AND THIS COULD NOT BE UNDONE, DO IT BY HAND: {}", failed.join("; ")),
        }
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<()> {
        let lines = command::lines(step, &self.wanted, &self.known);
        match step {
            Step::CleanTree => self.clean_tree(&lines).await,
            Step::Tools => self.tools(&lines).await,
            Step::Account => self.account(&lines[0]).await,
            Step::Fresh => self.fresh(&lines).await,
            Step::Room => self.room(&lines[0]).await,
            Step::Past => self.past().await,
            Step::Synthesize => {
                artifacts::gather(&self.wanted.services(), self.wanted.artifacts(), &self.wanted.gathered())?;
                self.run_all(&lines).await
            }
            Step::Diff(stacks) => {
                self.run(&lines[0]).await?;
                self.nothing_is_lost(stacks).await
            }
            Step::Remember(service) => self.remember(service).await,
            Step::Secrets => self.secrets().await,
            Step::Settle(service) => self.settle(service).await,
            Step::RecordUndo(service) if self.went_back.contains(service) => {
                println!("CloudFormation went back itself: the next deployment shifts as always");
                Ok(())
            }
            Step::Publish => self.publish().await,
            Step::Migrate(service) => self.migrate(service, &lines[0]).await,
            Step::Buy | Step::BuyAgain => self.buy().await,
            Step::Record(service) => self.record(service).await,
            Step::Prune(service) => self.prune(service).await,
            Step::Quiet => {
                self.quiet(&lines).await;
                Ok(())
            }
            Step::Deploy(_) | Step::Build | Step::Install | Step::Back { .. } | Step::RecordUndo(_) => {
                self.run_all(&lines).await
            }
        }
    }

    async fn clean_tree(&mut self, lines: &[Line]) -> Result<()> {
        let changed = self.ask(&lines[0]).await?;
        ensure!(changed.is_empty(), "commit first; these are changed:\n{changed}");
        let commit = self.ask(&lines[1]).await?;
        println!("commit {commit}");
        self.known.commit = Some(commit);
        Ok(())
    }

    async fn tools(&self, lines: &[Line]) -> Result<()> {
        if self.wanted.artifacts.is_none() {
            python::ensure_tools(self.home).await?;
        }
        for line in lines {
            let version = self.ask(line).await?;
            println!("{version}");
            // Version 1 reads payloads otherwise, and is not developed any more.
            ensure!(
                line.program != Program::Aws || version.starts_with("aws-cli/2"),
                "the AWS CLI, version 2, is needed"
            );
        }
        Ok(())
    }

    async fn account(&self, line: &Line) -> Result<()> {
        let (account, wanted) = (self.ask(line).await?, self.wanted.account.as_deref().unwrap_or_default());
        let stage = self.wanted.stage.name();
        ensure!(account == wanted, "these credentials are for account {account}, and {stage} is in {wanted}");
        println!("account {account}");
        Ok(())
    }

    async fn past(&mut self) -> Result<()> {
        for service in self.wanted.services() {
            let undone = self.lookup(&command::get_parameter(&self.wanted, service, UNDONE)).await?;
            let released = self.lookup(&command::get_parameter(&self.wanted, service, RELEASE)).await?;
            if undone.is_some() {
                // What was undone by hand is what was released last.
                let is_again = [&undone, &released].contains(&&self.known.commit);
                ensure!(
                    !is_again || self.wanted.again,
                    "{service} was taken back at this very commit: deploy one that reverts or mends it, or --again"
                );
                println!("{service} was taken back by its last deployment: its alias moves at once this time");
                self.known.undone.push(service);
            }
            let Some(commit) = released else {
                println!("{service} was never deployed");
                continue;
            };
            println!("{service} runs {commit}");
            if let [new, had] = &command::migrations_since(service, &commit)[..] {
                let hint = "a deployment needs the whole history of the clone (git fetch --unshallow)";
                let (new, had) = (self.ask(new).await.context(hint)?, self.ask(had).await?);
                let read = |name: &str| -> Result<Migration> {
                    Ok(Migration { name: name.to_owned(), text: fs::read_to_string(self.home.root().join(name))? })
                };
                let new: Result<Vec<Migration>> = new.lines().map(read).collect();
                contracts::check(&new?, &had.lines().map(str::to_owned).collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    async fn nothing_is_lost(&self, stacks: &[plan::Stack]) -> Result<()> {
        let mut lost = Vec::new();
        for stack in stacks {
            let name = stack.name(self.wanted.stage);
            let after = templates::read(&self.wanted.assembly, &name)?;
            let before = match self.lookup(&command::template_of(&self.wanted, *stack)).await? {
                Some(text) => serde_json::from_str(&text).with_context(|| format!("the template of {name}"))?,
                None => Value::Null,
            };
            let changes = compare(&before, &after);
            report::print_changes(&name, &before, &after, &changes);
            for (id, kind) in changes.lost {
                let fate = if is_kept(&before, &id) { "left behind, in no stack" } else { "deleted" };
                lost.push(format!("{name}: {id} ({kind}) would be {fate}"));
            }
        }
        if !lost.is_empty() && !self.wanted.accept_loss {
            bail!("{}; if that is meant: --accept-loss", lost.join("; "));
        }
        Ok(())
    }

    async fn remember(&mut self, service: &'static str) -> Result<()> {
        for &trigger in shifted(service) {
            let name = function(self.wanted.stage, service, trigger);
            let version = self.lookup(&command::get_alias(&self.wanted, &name)).await?;
            println!("{name}: {}", version.as_deref().unwrap_or("does not exist yet"));
            self.before.push(Before { service, trigger, version });
        }
        Ok(())
    }

    async fn secrets(&mut self) -> Result<()> {
        let mut unset = secrets::needed(&self.wanted, &self.wanted.assembly)?;
        self.known.secrets = unset.keys().cloned().collect();
        let lines = command::lines(&Step::Secrets, &self.wanted, &self.known);
        for (id, line) in self.known.secrets.iter().zip(&lines) {
            let labels = self.lookup(line).await?;
            let labels = labels.with_context(|| format!("{id} does not exist: deploy the whole stage first"))?;
            if secrets::is_set(&serde_json::from_str(&labels).with_context(|| format!("the versions of {id}"))?) {
                unset.remove(id);
            }
        }
        ensure!(unset.is_empty(), "{}", secrets::complaint(&self.wanted, &unset));
        Ok(())
    }

    async fn migrate(&self, service: &str, line: &Line) -> Result<()> {
        let printed: Value =
            serde_json::from_str(&self.ask(line).await?).context("aws lambda invoke printed no JSON")?;
        let answer = fs::read_to_string(command::answer_file(&self.wanted, service)).unwrap_or_default();
        if let Some(error) = printed["FunctionError"].as_str() {
            let log = printed["LogResult"].as_str().and_then(|log| STANDARD.decode(log).ok()).unwrap_or_default();
            bail!("{error}: {answer}\nthe end of its log:\n{}", last_lines(&String::from_utf8_lossy(&log), 20));
        }
        ensure!(printed["StatusCode"] == 200, "{printed}");
        println!("{service}: {answer}");
        Ok(())
    }

    /// Where the stack of the edge says that the shop is.
    pub(super) async fn address(&self) -> Result<String> {
        let address = self.lookup(&command::address(&self.wanted)).await?;
        let address = address.filter(|address| address.starts_with("http"));
        address.context("the stack of the edge has no output ApiUrl: the shop's address is unknown")
    }

    /// Keeps a secret; it is on no line.
    pub(super) async fn keep(&self, name: &str, secret: &str) -> Result<()> {
        let folder = command::private(&self.wanted);
        fs::create_dir_all(&folder)?;
        let file = folder.join(name);
        write_private(&file, secret)?;
        let outcome = self.ask(&command::keep_secret(&self.wanted, name)).await;
        fs::remove_file(file)?;
        outcome.map(drop)
    }

    async fn buy(&mut self) -> Result<()> {
        if self.wanted.api.is_none() && self.known.api.is_none() {
            self.known.api = Some(self.address().await?);
        }
        if self.known.origin.is_none() {
            self.known.origin = self.origin().await?;
        }
        self.run(&command::smoke(&self.wanted, &self.known)).await
    }

    /// By the stack that is deployed: of a service alone the templates at hand may have another list.
    async fn origin(&self) -> Result<Option<String>> {
        let template = self.lookup(&command::template_of(&self.wanted, plan::Stack::Data)).await?;
        let Some(template) = template else { return Ok(None) };
        let template = serde_json::from_str(&template).context("the template of the data stack")?;
        Ok(templates::origin(&template))
    }

    /// Alarms are held back where possible; a failure stops no deployment.
    async fn quiet(&mut self, lines: &[Line]) {
        if let Err(error) = self.run_all(lines).await {
            println!("did not run: {error:#}");
        }
        self.say_that_it_deploys();
    }

    fn say_that_it_deploys(&mut self) {
        let (home, path, myself) = (self.home.clone(), self.path.clone(), self.myself.clone());
        let line = command::deploying(&self.wanted);
        self.signs.spawn(async move {
            loop {
                tokio::time::sleep(BETWEEN_SIGNS).await;
                let _ =
                    process(&home, &path, &myself, &line).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
            }
        });
    }

    /// A command that is gone, or has lost its credentials, stops neither `CloudFormation` nor `CodeDeploy`.
    async fn settle(&mut self, service: &'static str) -> Result<()> {
        let started = Instant::now();
        let mut is_cancelling = false;
        loop {
            let status = self.lookup(&command::status(&self.wanted, service)).await?.unwrap_or_default();
            println!("{service}: {status}");
            if status == "UPDATE_IN_PROGRESS" && !is_cancelling {
                is_cancelling = true;
                // It may have ended between the two.
                if let Err(error) = self.run(&command::cancel(&self.wanted, service)).await {
                    println!("did not run: {error:#}");
                }
            }
            if !status.ends_with("_IN_PROGRESS") {
                if status.contains("ROLLBACK_COMPLETE") {
                    self.went_back.push(service);
                }
                return Ok(());
            }
            ensure!(started.elapsed() < UNTIL_SETTLED, "still {status}");
            tokio::time::sleep(self.between_looks).await;
        }
    }
}

#[cfg(test)]
mod tests;
