use std::fmt;

use platform::telemetry::subscriber;
use serde_json::{Value, json};
use testkit::logs::Captured;
use tracing::{info_span, subscriber::with_default};

/// What is logged by `work`, without the time of each line.
fn logged(level: &str, work: impl FnOnce()) -> Vec<Value> {
    let captured = Captured::default();
    with_default(subscriber("sample-service", level, captured.writer()), work);
    let mut lines = captured.lines();
    for line in &mut lines {
        let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        let time = time.as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() >= "2026-11-22T09:30:00Z".len(), "{time}");
    }
    lines
}

#[test]
fn a_line_is_one_flat_object_of_the_event_and_the_spans_around_it() {
    let lines = logged("info", || {
        let _request = info_span!("request", request_id = "gateway-id-1", attempt = 1).entered();
        let _order = info_span!("order", order_id = %"o-1", attempt = 2).entered();
        tracing::info!(count = 3, negative = -1, done = true, label = "x", shown = ?Some(1), "saved");
        tracing::info!(attempt = 3, missing = Option::<&str>::None, "again");
    });
    let spans = |attempt: i32| {
        json!({"level": "INFO", "service": "sample-service", "request_id": "gateway-id-1", "order_id": "o-1",
               "attempt": attempt})
    };
    let mut saved = spans(2);
    saved.as_object_mut().unwrap().extend(
        json!({"message": "saved", "count": 3, "negative": -1, "done": true, "label": "x", "shown": "Some(1)"})
            .as_object()
            .unwrap()
            .clone(),
    );
    let mut again = spans(3);
    again["message"] = json!("again");
    assert_eq!(lines, [saved, again]);
}

#[test]
fn nothing_that_is_logged_can_break_a_line() {
    let lines = logged("info", || tracing::info!(label = "a\n{\"level\":\"ERROR\"}", "first\r\nsecond\u{0}"));
    let expected = json!({"level": "INFO", "service": "sample-service", "label": "a\n{\"level\":\"ERROR\"}",
                          "message": "first\r\nsecond\u{0}"});
    assert_eq!(lines, [expected]);
}

#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is full")
    }
}

impl std::error::Error for Failed {}

#[test]
fn warnings_and_errors_say_where_they_come_from() {
    let lines = logged("info", || {
        tracing::warn!(error = &Failed as &dyn std::error::Error, "slow");
        tracing::error!(error = %Failed, "broken");
    });
    for line in lines {
        assert_eq!((&line["error"], &line["target"]), (&json!("the disk is full"), &json!(module_path!())));
    }
}

#[test]
fn the_level_says_what_is_left_out_and_statements_are_unless_asked_for() {
    let work = || {
        tracing::debug!("debug");
        tracing::info!("info");
        tracing::warn!("warn");
        tracing::info!(target: "sqlx::query", "SELECT hunter2");
        tracing::info!(target: "lambda_http", "hunter2");
        tracing::info!(target: "lambda_runtime", "hunter2");
    };
    for (level, expected) in
        [("debug", 3), ("info", 2), ("warn", 1), ("error", 0), ("info,platform=debug", 2), ("info,sqlx=info", 3)]
    {
        let lines = logged(level, work);
        assert_eq!(lines.len(), expected, "{level}: {lines:?}");
    }
}
