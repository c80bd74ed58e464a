//! A process of user-service: the function, one request at a time, or the server, all that come.

use std::{process::Stdio, time::Duration};

use futures_util::future::join_all;
use lambda_double::Function;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::build::Build;

const SERVICE: &str = "user-service";

/// A running one, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) enum Process {
    Function(Function),
    Server { server: Child, address: String, http: reqwest::Client },
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: String,
}

impl Process {
    /// The function of a build, connected to its database and with its keys read.
    pub(crate) async fn function(build: &Build) -> Self {
        let process = Self::Function(e2e::launch(&build.folder, SERVICE, &build.settings, None).await);
        process.is_ready().await;
        process
    }

    /// The same of the server.
    pub(crate) async fn server(build: &Build) -> Self {
        let mut command = Command::new(build.folder.join("user-service-at-once"));
        command.envs(build.settings.iter().map(|(name, value)| (*name, value))).env("LOG_LEVEL", "info");
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut server = command.spawn().unwrap();
        let mut said = BufReader::new(server.stderr.take().unwrap()).lines();
        let address = said.next_line().await.unwrap().expect("the server says where it listens");
        // It must not wait for a reader of what else it says.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        let process = Self::Server { server, address: format!("http://{address}"), http: reqwest::Client::new() };
        process.is_ready().await;
        process
    }

    pub(crate) fn id(&self) -> u32 {
        match self {
            Self::Function(function) => function.process_id(),
            Self::Server { server, .. } => server.id().unwrap(),
        }
    }

    /// Opens the accounts of a build by its own registration.
    pub(crate) async fn register_all(build: &Build) {
        let process = Self::server(build).await;
        for account in build.accounts() {
            process.register(account).await;
        }
    }

    async fn register(&self, account: &Value) {
        let mut request = account.clone();
        request["name"] = json!("A customer");
        let answer = self.send(Method::POST, "/auth/register", &request).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    /// One login that succeeds; how often the client had to come back for it.
    pub(crate) async fn log_in(&self, account: &Value) -> usize {
        let mut later = 0;
        loop {
            let answer = self.send(Method::POST, "/auth/login", account).await;
            if answer.status == 200 {
                return later;
            }
            assert_eq!(answer.status, 503, "{}", answer.body);
            later += 1;
            sleep(Duration::from_secs(answer.retry_after.unwrap_or(1))).await;
        }
    }

    /// One login of each of so many accounts, all at once; how often clients had to come back.
    pub(crate) async fn log_in_at_once(&self, build: &Build, clients: usize) -> usize {
        join_all((0..clients).map(|nth| self.log_in(build.account(nth)))).await.into_iter().sum()
    }

    /// The same by clients that close their connections after this time.
    pub(crate) async fn hang_up_at_once(&self, build: &Build, clients: usize, patience: Duration) {
        let logins = (0..clients).map(|nth| timeout(patience, self.log_in(build.account(nth))));
        join_all(logins).await;
    }

    async fn is_ready(&self) {
        let answer = self.send(Method::GET, "/health/user-service/ready", &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        match self {
            Self::Function(function) => {
                let answer = e2e::ask(function, method.as_str(), path, body).await.unwrap();
                let retry_after = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
                Answer { status: answer.status, retry_after, body: answer.text() }
            }
            Self::Server { address, http, .. } => {
                let mut request = http.request(method, format!("{address}{path}"));
                if !body.is_null() {
                    request = request.json(body);
                }
                let answer = request.send().await.unwrap();
                let retry_after =
                    answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                Answer { status: answer.status().as_u16(), retry_after, body: answer.text().await.unwrap() }
            }
        }
    }
}
