//! transaction-service as a process of its own, which can be killed.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use e2e::Settings;
use lambda_double::{Function, HttpAnswer, InvokeError, http_event};
use serde_json::{Value, json};

/// Far more than any deadline of the service.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running process.
#[derive(Debug)]
pub(crate) struct Instance(Function);

impl Instance {
    /// Starts the binary that was built beside this one.
    pub(crate) async fn start(settings: &Settings, trigger: Option<&str>) -> Self {
        let mut command = tokio::process::Command::new(binary());
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        if let Some(trigger) = trigger {
            command.env("TRIGGER", trigger);
        }
        // Each start writes log lines; only the stores are checked.
        command.env("LOG_LEVEL", "error").stdout(Stdio::null()).stderr(Stdio::null());
        Self(Function::launch(command, "transaction-service").await.unwrap())
    }

    /// One request, as API Gateway hands it over. An error where the process died of it.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<HttpAnswer, InvokeError> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let event = http_event(method, path, headers, body);
        self.0.invoke(event, PATIENCE).await.map(HttpAnswer::from)
    }

    /// Waits until the work after the last answer is done; false when the process has ended.
    pub(crate) async fn is_idle(&self) -> bool {
        let live = ("GET", "/health/transaction-service/live");
        self.request(live.0, live.1, &[("host", "127.0.0.1")], &Value::Null).await.is_ok()
    }

    /// One sweep.
    pub(crate) async fn sweep(&self) {
        // What fails in a sweep is tried again by the next one.
        let _ = self.0.invoke(json!({}), PATIENCE).await;
    }

    /// A function that sends the process `SIGKILL`.
    pub(crate) fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let process = self.0.process_id().to_string();
        move || {
            let killed = Command::new("kill").args(["-9", &process]).status().unwrap();
            assert!(killed.success(), "process {process} was not there to be killed");
        }
    }
}

/// The program in the folder above that of the benchmark.
fn binary() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.ancestors().nth(2).unwrap();
    folder.join("transaction-service")
}
