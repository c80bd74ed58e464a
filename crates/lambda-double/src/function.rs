//! A function's process, started against a runtime API of its own.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::invocations::InvokeError;
use crate::runtime_api::RuntimeApi;

/// A running function. Its process is killed when this is dropped.
#[derive(Debug)]
pub struct Function {
    api: RuntimeApi,
    process: u32,
    started: Instant,
    _stop: oneshot::Sender<()>,
}

impl Function {
    /// Starts `binary` under `name` with `variables` on top of this process's own; its output goes where ours goes.
    pub async fn spawn<I, K, V>(binary: &Path, variables: I, name: &str) -> io::Result<Self>
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<std::ffi::OsStr>,
        V: AsRef<std::ffi::OsStr>,
    {
        let mut command = Command::new(binary);
        command.envs(variables);
        Self::launch(command, name).await
    }

    /// Like [`Function::spawn`], for callers that configure output or process group.
    /// Variables that `command` sets take precedence over those that Lambda would set.
    pub async fn launch(mut command: Command, name: &str) -> io::Result<Self> {
        let api = RuntimeApi::start().await?;
        let chosen: Vec<_> = command.as_std().get_envs().map(|(name, _)| name.to_owned()).collect();
        let given = api.environment(name).into_iter();
        command.envs(given.filter(|(name, _)| !chosen.iter().any(|chosen| chosen == name.as_str())));
        let started = Instant::now();
        let mut child = command.kill_on_drop(true).spawn()?;
        let process = child.id().unwrap_or_default();
        let (stop, stopped) = oneshot::channel();
        let invocations = api.invocations();
        tokio::spawn(async move {
            tokio::select! {
                ended = child.wait() => {
                    let reason = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                    invocations.abandon(InvokeError::ProcessGone(reason));
                }
                // Reached when the `Function` is dropped: dropping the child kills it.
                _ = stopped => drop(child),
            }
        });
        Ok(Self { api, process, started, _stop: stop })
    }

    /// Hands an event to the function and waits for its answer, `timeout` at most.
    pub async fn invoke(&self, event: Value, timeout: Duration) -> Result<Value, InvokeError> {
        self.api.invoke(event, timeout).await
    }

    /// The process's id, as it was when it started.
    pub fn process_id(&self) -> u32 {
        self.process
    }

    /// The time from just before the process was started to its first call for an event: its cold start.
    /// Waits for that call, or for the process to end without it.
    pub async fn cold_start(&self) -> Result<Duration, InvokeError> {
        Ok(self.first_poll().await? - self.started)
    }

    /// When the process called for its first event, for callers that measure from another start.
    /// Waits for that call, or for the process to end without it.
    pub async fn first_poll(&self) -> Result<Instant, InvokeError> {
        let invocations = self.api.invocations();
        tokio::select! {
            biased;
            polled = self.api.first_poll() => Ok(polled),
            gone = invocations.gone() => Err(gone),
        }
    }
}
