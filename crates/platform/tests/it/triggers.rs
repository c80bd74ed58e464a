use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use lambda_double::InvokeError;
use serde_json::{Value, json};
use sqlx::query_scalar;
use testkit::postgres;

use crate::{
    function::{Sample, command, migrate, output, settings},
    gateway::{CLIENT_SECRET, Gateway},
};

fn message(error: &InvokeError) -> &str {
    match error {
        InvokeError::Function { kind, message } if kind == "TriggerFailed" => message,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn migrate_admin_and_sweep_do_their_work_and_say_what_they_did() {
    let (postgres, gateway) = (postgres::empty().await, Gateway::friendly().await);
    let done = migrate(&postgres).await;
    assert_eq!(done, json!({"service": "sample-service", "direction": "Up"}));
    let mut connection = postgres.connect().await;
    let id: uuid::Uuid = query_scalar("INSERT INTO outbox VALUES (gen_random_uuid(), '/quick', '{}') RETURNING id")
        .fetch_one(&mut connection)
        .await
        .unwrap();

    let changes = [("DATABASE_URL", postgres.url.as_str()), ("GATEWAY_URL", &gateway.url)];
    let sweep = Sample::start(&[&changes[..], &[("TRIGGER", "sweep")]].concat()).await;
    let swept = json!({"service": "sample-service", "delivered": 1, "deferred": 0, "given_up": 0});
    assert_eq!(sweep.invoke(json!({"source": "aws.events"})).await.unwrap(), swept);
    assert_eq!(sweep.invoke(json!({})).await.unwrap()["delivered"], 0, "one process sweeps again and again");
    assert_eq!(gateway.seen_at("POST /quick")[0].header("idempotency-key"), id.to_string());

    let admin = Sample::start(&[("TRIGGER", "admin")]).await;
    let read = admin.invoke(json!({"read": ["CLIENT_SECRET"]})).await.unwrap();
    assert_eq!(read, json!({"CLIENT_SECRET": CLIENT_SECRET}));
    assert!(!admin.log_text().contains(CLIENT_SECRET));
}

#[tokio::test]
async fn a_trigger_without_work_in_a_service_says_so_by_name() {
    let queue = Sample::start(&[("TRIGGER", "queue")]).await;
    let error = queue.invoke(json!({"Records": [{"body": "hunter2"}]})).await.unwrap_err();
    assert!(message(&error).starts_with("sample-service has no work for the trigger queue"), "{error}");
    assert!(!queue.log_text().contains("hunter2"), "{}", queue.log_text());
}

#[tokio::test]
async fn work_that_fails_is_a_function_error_and_logged_once() {
    let admin = Sample::start(&[("TRIGGER", "admin")]).await;
    let error = admin.invoke(json!({"read": ["NOTHING"]})).await.unwrap_err();
    assert_eq!(message(&error), "no such secret");
    let lines = admin.log();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["error"], &lines[0]["level"]), (&json!("no such secret"), &json!("ERROR")));
    let again = admin.invoke(json!({"read": []})).await.unwrap();
    assert_eq!(again, json!({}), "the process lives on");
}

#[tokio::test]
async fn a_migration_that_says_not_which_way_is_refused_with_help() {
    let migrating = Sample::start(&[("TRIGGER", "migrate")]).await;
    for event in [json!({}), json!({"direction": "down"}), json!({"direction": "sideways"}), json!([])] {
        let error = migrating.invoke(event).await.unwrap_err();
        assert!(message(&error).contains("{\"direction\":\"up\"}"), "{error}");
    }
}

/// The one log line of a process that does not start.
async fn refusal(variables: &[(&str, &str)]) -> String {
    let ended = output(command(variables)).await;
    assert_eq!(ended.status.code(), Some(1));
    let text = String::from_utf8(ended.stdout).unwrap();
    assert_eq!((text.lines().count(), ended.stderr.len()), (1, 0), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["level"], &line["service"]), (&json!("ERROR"), &json!("sample-service")));
    line["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everything_missing_or_malformed_is_named_in_one_line_without_values() {
    let report = refusal(&[]).await;
    assert!(report.starts_with("cannot start, 3 setting(s)"), "{report}");
    for name in ["GATEWAY_URL is missing", "DATABASE_URL is missing", "CLIENT_SECRET is missing"] {
        assert!(report.contains(name), "{report}");
    }
    let malformed = [
        ("TRIGGER", "hunter2-trigger"),
        ("LOG_LEVEL", "hunter2-level"),
        ("GATEWAY_URL", "ftp://hunter2"),
        ("RETRIES", "hunter2-retries"),
        ("DATABASE_URL", ""),
        ("SECRET_NAMES", "FIRST,SECOND"),
        ("FIRST", "hunter2-first"),
        ("CLIENT_SECRET", "hunter2-secret"),
    ];
    let report = refusal(&malformed).await;
    for name in ["TRIGGER", "LOG_LEVEL", "GATEWAY_URL", "RETRIES", "DATABASE_URL is missing", "SECOND is missing"] {
        assert!(report.contains(name), "{report}");
    }
    assert!(report.starts_with("cannot start, 6 setting(s)") && !report.contains("hunter2"), "{report}");
}

#[tokio::test]
async fn each_setting_alone_stops_the_start() {
    for (name, value) in
        [("TRIGGER", "HTTP"), ("TRIGGER", "cron"), ("LOG_LEVEL", "loud"), ("RETRIES", "256"), ("GATEWAY_URL", "shop")]
    {
        let report = refusal(&settings(&[(name, value)])).await;
        assert!(report.starts_with("cannot start, 1 setting(s)") && report.contains(name), "{report}");
    }
}

#[tokio::test]
async fn variables_of_others_do_not_stop_the_start() {
    let mut stranger = command(&[]);
    stranger.env("LS_COLORS", OsStr::from_bytes(b"\xff\xfe"));
    let ended = output(stranger).await;
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.contains("CLIENT_SECRET is missing"), "{text} {}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn the_description_of_the_routes_is_printed_without_any_setting() {
    for (format, start) in [("json", "{"), ("yaml", "openapi: 3.1.0")] {
        let mut printing = command(&[]);
        printing.args(["--openapi", format]);
        let ended = output(printing).await;
        let text = String::from_utf8(ended.stdout).unwrap();
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{text}");
        assert!(text.starts_with(start) && text.contains("sample-service"), "{text}");
    }
    for wrong in [&["--openapi", "html"][..], &["--openapi"]] {
        let mut printing = command(&[]);
        printing.args(wrong);
        let ended = output(printing).await;
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0));
        assert!(String::from_utf8_lossy(&ended.stderr).contains("json or yaml"));
    }
}
