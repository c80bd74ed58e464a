//! Triggers: what invokes a function. One binary serves several functions; `TRIGGER` says which one this is.

use std::{env, process::ExitCode, str::FromStr};

use common::cause::chain;
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

pub use self::service::{Direction, Service, TriggerError};
use crate::{after_response, config::Env, entry::Entry, metrics::Metrics, telemetry};

pub(crate) mod service;

/// What invokes this function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// HTTP requests from API Gateway.
    Http,
    /// Messages from SQS.
    Queue,
    /// A schedule.
    Sweep,
    /// A deployment.
    Migrate,
    /// An operator.
    Admin,
}

impl FromStr for Trigger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Self::Http),
            "queue" => Ok(Self::Queue),
            "sweep" => Ok(Self::Sweep),
            "migrate" => Ok(Self::Migrate),
            "admin" => Ok(Self::Admin),
            _ => Err("must be http, queue, sweep, migrate or admin".into()),
        }
    }
}

/// Runs a service: the whole of its `main`. Exits with 1 and one message when settings are missing or malformed.
pub fn run<S: Service>() -> ExitCode {
    let mut arguments = env::args().skip_while(|argument| argument != "--openapi");
    if arguments.next().is_some() {
        return print_openapi(&S::openapi(), &arguments.next().unwrap_or_default());
    }
    let mut env = Env::from_process();
    let level = env.parsed_or("LOG_LEVEL", telemetry::Level::default());
    let metrics = env.parsed_or("METRICS", Metrics::EmfByRoute);
    telemetry::start_measured(S::NAME, &level.clone().unwrap_or_default(), metrics.unwrap_or(Metrics::Off));
    env.secret_age();
    let trigger = env.parsed_or("TRIGGER", Trigger::Http);
    let entry = Entry::configure(&mut env);
    let service = S::configure(&mut env);
    let (Some(service), Some(trigger), Some(entry), true) = (service, trigger, entry, env.is_complete()) else {
        tracing::error!("{}", env.report());
        return ExitCode::FAILURE;
    };
    // An instance handles one request at a time: one thread, and a pool for blocking work.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        tracing::error!("async runtime could not start");
        return ExitCode::FAILURE;
    };
    match runtime.block_on(serve(service, trigger, entry)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "Lambda runtime loop stopped");
            ExitCode::FAILURE
        }
    }
}

async fn serve<S: Service>(service: S, trigger: Trigger, entry: Entry) -> Result<(), lambda_runtime::Error> {
    if trigger == Trigger::Http {
        return after_response::serve(service, entry).await;
    }
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handle(&service, trigger, event.payload))).await
}

async fn handle<S: Service>(service: &S, trigger: Trigger, payload: Value) -> Result<Value, Diagnostic> {
    // Boxed: the futures of a whole service are large, and a trigger runs rarely.
    let work: BoxFuture<'_, Result<Value, TriggerError>> = match trigger {
        // `serve` handles this trigger itself.
        Trigger::Http => ready(Err("HTTP requests are served by the router".into())).boxed(),
        Trigger::Queue => service.queue(payload).boxed(),
        Trigger::Sweep => service.sweep().boxed(),
        Trigger::Admin => service.admin(payload).boxed(),
        Trigger::Migrate => match serde_json::from_value(payload) {
            Ok(direction) => service.migrate(direction).boxed(),
            Err(error) => {
                let help = "send {\"direction\":\"up\"} or {\"direction\":\"down\",\"to\":N}";
                ready(Err(format!("{help}: {error}").into())).boxed()
            }
        },
    };
    work.await.map_err(|error| {
        tracing::error!(error = %chain(&*error), trigger = ?trigger, "trigger failed");
        Diagnostic { error_type: "TriggerFailed".into(), error_message: chain(&*error) }
    })
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the only output for people")]
fn print_openapi(document: &OpenApi, format: &str) -> ExitCode {
    let text = match format {
        "json" => document.to_pretty_json().map_err(|error| error.to_string()),
        "yaml" => document.to_yaml().map_err(|error| error.to_string()),
        _ => Err("--openapi takes json or yaml".to_owned()),
    };
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// An answer for operators: `{"service": ..., ...}`.
pub fn report(service: &str, fields: Value) -> Value {
    let mut answer = json!({ "service": service });
    if let (Some(answer), Value::Object(fields)) = (answer.as_object_mut(), fields) {
        answer.extend(fields);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_says_which_way_and_how_far() {
        let read = |text: &str| serde_json::from_str::<Direction>(text).ok();
        assert_eq!(read(r#"{"direction":"up"}"#), Some(Direction::Up));
        assert_eq!(read(r#"{"direction":"down","to":2}"#), Some(Direction::Down { to: 2 }));
        assert_eq!(read(r#"{"direction":"down"}"#), None);
        assert_eq!(read("{}"), None);
    }

    #[test]
    fn a_failure_names_its_causes() {
        let error = std::io::Error::other(std::io::Error::other("disk full"));
        assert_eq!(chain(&error), "disk full");
        assert!("HTTP".parse::<Trigger>().is_err());
    }
}
