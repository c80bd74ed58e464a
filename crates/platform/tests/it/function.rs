//! The sample service as a whole process, as Lambda would run it.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use lambda_double::{Function, HttpAnswer, InvokeError, http_event};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testkit::postgres::Postgres;
use tokio::process::Command;

use crate::{PATIENCE, gateway::CLIENT_SECRET};

/// Beside this test's own binary, where cargo puts examples.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let binary = own.parent().unwrap().with_file_name("examples").join("sample-service");
    assert!(
        binary.is_file(),
        "the sample service is not built: run `cargo test -p platform`, which builds examples too"
    );
    binary
}

/// A command that runs the sample service with nothing but these settings.
pub(crate) fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().envs(settings.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the process to its end, which must come by itself.
pub(crate) async fn output(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the process ends by itself").unwrap()
}

/// Settings that are right, with `changes`.
pub(crate) fn settings<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut settings = vec![
        ("GATEWAY_URL", "http://127.0.0.1:9"),
        ("DATABASE_URL", "postgres://127.0.0.1:9/none"),
        ("CLIENT_SECRET", CLIENT_SECRET),
    ];
    settings.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    settings.extend(changes);
    settings
}

/// A running sample service.
pub(crate) struct Sample {
    function: Function,
    out: NamedTempFile,
    err: NamedTempFile,
}

impl Sample {
    /// Starts the service with settings that are right, but for `changes`.
    pub(crate) async fn start(changes: &[(&str, &str)]) -> Self {
        let (out, err) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let mut command = command(&settings(changes));
        command.stdout(out.reopen().unwrap()).stderr(err.reopen().unwrap());
        let function = Function::launch(command, "sample-service").await.unwrap();
        function.cold_start().await.unwrap();
        Self { function, out, err }
    }

    /// Hands it an event of another trigger.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Value, InvokeError> {
        self.function.invoke(event, PATIENCE).await
    }

    /// Sends it a request, as API Gateway would.
    pub(crate) async fn request(&self, method: &str, path: &str, body: &Value) -> HttpAnswer {
        self.send(http_event(method, path, &[("content-type", "application/json")], body.to_string())).await
    }

    /// Sends it a request that is wrapped already.
    pub(crate) async fn send(&self, event: Value) -> HttpAnswer {
        self.invoke(event).await.unwrap_or_else(|error| panic!("{error}\n{}", self.log_text())).into()
    }

    /// Asks it to send a message to `path`.
    pub(crate) async fn message(&self, path: &str) {
        let answer = self.request("POST", "/messages", &json!({ "path": path })).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }

    /// What it wrote to standard output.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.out.path()).unwrap()
    }

    /// Its log lines.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log_text().lines().map(|line| serde_json::from_str(line).expect("log lines are JSON")).collect()
    }

    /// What it wrote to standard error.
    pub(crate) fn err_text(&self) -> String {
        std::fs::read_to_string(self.err.path()).unwrap()
    }
}

/// Makes the outbox in `postgres` by the `migrate` trigger.
pub(crate) async fn migrate(postgres: &Postgres) -> Value {
    let migrating = Sample::start(&[("TRIGGER", "migrate"), ("DATABASE_URL", &postgres.url)]).await;
    migrating.invoke(json!({"direction": "up"})).await.unwrap()
}

/// How long the process may hold an instance awake: the budget, and what a busy machine adds.
pub(crate) const AWAKE: Duration = Duration::from_secs(8);
