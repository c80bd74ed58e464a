//! Waking a service by something else than HTTP. `cargo lambda watch` has no way to; AWS invokes a function of its own.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use lambda_double::Function;
use serde_json::Value;
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::settings::Settings;

/// A migration of much data takes its time; Lambda allows 15 minutes.
const PATIENCE: Duration = Duration::from_mins(15);

/// Starts `service` as the function that `trigger` wakes. Its log is `.local/logs/<service>-<trigger>.log`.
pub(crate) async fn start(home: &Home, settings: &Settings, service: &str, trigger: &str) -> Result<Function> {
    home.local_folder("logs")?;
    let name = format!("{service}-{trigger}");
    let log = OpenOptions::new().create(true).append(true).open(home.log(&name)).context("opening its log")?;
    let mut command = Command::new(home.binary(Profile::Dev, service));
    command.envs(settings.iter()).env("TRIGGER", trigger);
    // Out of the terminal's group: Ctrl-C is for us, and we end what we started in order.
    command.process_group(0).stdin(std::process::Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Function::launch(command, &name).await.with_context(|| format!("starting {service}: build it first"))
}

/// Wakes `service` once and returns its answer.
pub(crate) async fn once(
    home: &Home,
    settings: &Settings,
    service: &str,
    trigger: &str,
    event: Value,
) -> Result<Value> {
    let function = start(home, settings, service, trigger).await?;
    let answer = function.invoke(event, PATIENCE).await;
    answer.with_context(|| {
        format!("{service}, {trigger}; its log: {}", home.show(&home.log(&format!("{service}-{trigger}"))))
    })
}

/// A function that is woken again and again. Its process is kept, as Lambda keeps one, until it fails or its binary was built
/// anew.
pub(crate) struct Standing<'a> {
    home: &'a Home,
    settings: &'a Settings,
    service: &'a str,
    trigger: &'a str,
    running: Option<(Function, Option<SystemTime>)>,
}

impl<'a> Standing<'a> {
    pub(crate) fn new(home: &'a Home, settings: &'a Settings, service: &'a str, trigger: &'a str) -> Self {
        Self { home, settings, service, trigger, running: None }
    }

    /// Wakes it and returns its answer.
    pub(crate) async fn invoke(&mut self, event: Value, patience: Duration) -> Result<Value> {
        let built = modified(&self.home.binary(Profile::Dev, self.service));
        let (function, built) = match self.running.take() {
            Some((function, of)) if of == built => (function, built),
            _ => (start(self.home, self.settings, self.service, self.trigger).await?, built),
        };
        let answer = function.invoke(event, patience).await.with_context(|| {
            let log = self.home.log(&format!("{}-{}", self.service, self.trigger));
            format!("see {}", self.home.show(&log))
        })?;
        self.running = Some((function, built));
        Ok(answer)
    }
}

fn modified(binary: &Path) -> Option<SystemTime> {
    std::fs::metadata(binary).and_then(|file| file.modified()).ok()
}
