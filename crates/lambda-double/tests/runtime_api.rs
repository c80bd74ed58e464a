//! The runtime API against a function made of a few HTTP calls.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::Duration;

use lambda_double::{Function, InvokeError, RuntimeApi};
use serde_json::{Value, json};
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(10);

/// A function, or an extension, as AWS's pages describe one.
struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    fn of(api: &RuntimeApi) -> Self {
        Self { base: format!("http://{}", api.address()), http: reqwest::Client::new() }
    }

    async fn next(&self) -> (String, reqwest::header::HeaderMap, Value) {
        let answer = self.http.get(format!("{}/2018-06-01/runtime/invocation/next", self.base)).send().await.unwrap();
        let headers = answer.headers().clone();
        let id = headers["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned();
        (id, headers, answer.json().await.unwrap())
    }

    async fn post(&self, path: &str, body: &Value) -> reqwest::Response {
        self.http.post(format!("{}{path}", self.base)).json(body).send().await.unwrap()
    }

    async fn respond(&self, id: &str, body: &Value) -> u16 {
        self.post(&format!("/2018-06-01/runtime/invocation/{id}/response"), body).await.status().as_u16()
    }

    async fn register(&self, events: &[&str]) -> reqwest::Response {
        self.post("/2020-01-01/extension/register", &json!({ "events": events })).await
    }

    async fn next_event(&self, extension: &str) -> Value {
        let request = self.http.get(format!("{}/2020-01-01/extension/event/next", self.base));
        request.header("Lambda-Extension-Identifier", extension).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn an_event_goes_to_the_function_and_its_answer_comes_back() {
    let api = RuntimeApi::start().await.unwrap();
    let client = Client::of(&api);
    let function = async {
        let (id, headers, event) = client.next().await;
        for name in ["deadline-ms", "invoked-function-arn", "trace-id"] {
            assert!(headers.contains_key(format!("lambda-runtime-{name}")), "{name}");
        }
        client.respond(&id, &json!({ "seen": event })).await
    };
    let (answer, status) = tokio::join!(api.invoke(json!({ "n": 1 }), SOON), function);
    assert_eq!(answer.unwrap(), json!({ "seen": { "n": 1 } }));
    assert_eq!(status, 202);
}

#[tokio::test]
async fn concurrent_invocations_are_queued_and_answered_each() {
    let api = RuntimeApi::start().await.unwrap();
    let client = Client::of(&api);
    let function = async {
        for _ in 0..3 {
            let (id, _, event) = client.next().await;
            client.respond(&id, &event).await;
        }
    };
    let (a, b, c, ()) =
        tokio::join!(api.invoke(json!(1), SOON), api.invoke(json!(2), SOON), api.invoke(json!(3), SOON), function);
    assert_eq!([a.unwrap(), b.unwrap(), c.unwrap()], [json!(1), json!(2), json!(3)]);
}

#[tokio::test]
async fn a_functions_error_carries_its_kind_and_message() {
    let api = RuntimeApi::start().await.unwrap();
    let client = Client::of(&api);
    let function = async {
        let (id, ..) = client.next().await;
        let report = json!({ "errorType": "Broken", "errorMessage": "on purpose" });
        client.post(&format!("/2018-06-01/runtime/invocation/{id}/error"), &report).await
    };
    let (answer, _) = tokio::join!(api.invoke(json!({}), SOON), function);
    let expected = InvokeError::Function { kind: "Broken".to_owned(), message: "on purpose".to_owned() };
    assert_eq!(answer.unwrap_err(), expected);
}

#[tokio::test]
async fn an_unanswered_invocation_times_out_and_is_not_handed_out_later() {
    let api = RuntimeApi::start().await.unwrap();
    let client = Client::of(&api);
    let short = Duration::from_millis(20);
    assert_eq!(api.invoke(json!("late"), short).await.unwrap_err(), InvokeError::TimedOut(short));
    let function = async {
        let (id, _, event) = client.next().await;
        client.respond(&id, &event).await;
    };
    let (answer, ()) = tokio::join!(api.invoke(json!("next"), SOON), function);
    assert_eq!(answer.unwrap(), json!("next"));
}

#[tokio::test]
async fn an_answer_to_an_unknown_invocation_is_refused() {
    let api = RuntimeApi::start().await.unwrap();
    assert_eq!(Client::of(&api).respond("nobody", &json!({})).await, 400);
}

#[tokio::test]
async fn the_caller_has_its_answer_while_an_extension_still_works_and_the_next_event_waits_for_it() {
    let api = RuntimeApi::start().await.unwrap();
    let client = Client::of(&api);
    let registered = client.register(&["INVOKE"]).await;
    let extension = registered.headers()["lambda-extension-identifier"].to_str().unwrap().to_owned();
    assert_eq!(registered.json::<Value>().await.unwrap()["handler"], "bootstrap");

    let function = async {
        let ((id, _, event), announced) = tokio::join!(client.next(), client.next_event(&extension));
        assert_eq!(
            (announced["eventType"].as_str(), announced["requestId"].as_str()),
            (Some("INVOKE"), Some(id.as_str()))
        );
        client.respond(&id, &event).await;
    };
    let (first, ()) = tokio::join!(api.invoke(json!(1), SOON), function);
    assert_eq!(first.unwrap(), json!(1));

    let second = api.invoke(json!(2), SOON);
    let function = async {
        let mut runtime = std::pin::pin!(client.next());
        let waits = tokio::time::timeout(Duration::from_millis(50), &mut runtime).await;
        assert!(waits.is_err(), "handed out while the extension was busy");
        // The extension also gets the event of the second invocation.
        let ((id, _, event), announced) = tokio::join!(runtime, client.next_event(&extension));
        assert_eq!(announced["requestId"].as_str(), Some(id.as_str()));
        client.respond(&id, &event).await;
    };
    let (second, ()) = tokio::join!(second, function);
    assert_eq!(second.unwrap(), json!(2));
}

#[tokio::test]
async fn an_extension_that_registers_after_the_first_poll_is_refused() {
    let api = RuntimeApi::start().await.unwrap();
    let client = Client::of(&api);
    let early = client.register(&[]).await;
    assert_eq!(early.status(), 200);
    let _ = tokio::time::timeout(Duration::from_millis(100), client.next()).await;
    api.first_poll().await;
    assert_eq!(client.register(&["INVOKE"]).await.status(), 403);
}

#[tokio::test]
async fn a_process_that_ends_fails_what_waits_and_what_is_asked_later() {
    let function = Function::launch(Command::new("false"), "short-lived").await.unwrap();
    let waiting = function.invoke(json!({}), SOON).await.unwrap_err();
    assert!(matches!(&waiting, InvokeError::ProcessGone(reason) if reason.contains('1')), "{waiting}");
    assert_eq!(function.invoke(json!({}), SOON).await.unwrap_err(), waiting);
    assert_eq!(function.cold_start().await.unwrap_err(), waiting);
}

#[tokio::test]
async fn a_dropped_function_has_no_process() {
    let mut command = Command::new("sleep");
    command.arg("60");
    let function = Function::launch(command, "sleeper").await.unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", function.process_id()));
    assert!(process.exists());
    drop(function);
    for _ in 0..200 {
        if !process.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the process outlived its owner");
}
