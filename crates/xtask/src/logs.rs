//! Logs for people: the services write JSON, one object a line; a terminal gets one readable line of each.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Prints what is appended to `log` from now on, for ever.
pub(crate) async fn follow(log: PathBuf) -> Result<()> {
    let mut file = File::open(&log).await.with_context(|| format!("reading {}", log.display()))?;
    let mut pending = Vec::new();
    // What led to this moment is in the file; the table of URLs stays in sight.
    tokio::io::AsyncSeekExt::seek(&mut file, std::io::SeekFrom::End(0)).await?;
    loop {
        if file.read_buf(&mut pending).await? == 0 {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            continue;
        }
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            println!("{}", readable(String::from_utf8_lossy(&line).trim_end()));
        }
    }
}

/// `21:03:11 INFO  product-service GET /products/{product} 200 3 ms caller=...`; a line that is no log line stays as it is.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else { return line.to_owned() };
    let Some(time) = take(&mut fields, "timestamp") else { return line.to_owned() };
    let mut parts = vec![
        time.get(11..19).unwrap_or(&time).to_owned(),
        format!("{:<5}", take(&mut fields, "level").unwrap_or_default()),
        take(&mut fields, "service").unwrap_or_default(),
    ];
    // A request is shown by its route and status; its message is the same in all such lines.
    let message = take(&mut fields, "message").unwrap_or_default();
    // Members of metrics repeat what the line says.
    if fields.remove("_aws").is_some() {
        fields.retain(|name, _| !name.starts_with(|first: char| first.is_ascii_uppercase()));
    }
    let request = ["method", "route", "status"].map(|name| take(&mut fields, name));
    if let [Some(method), Some(route), Some(status)] = &request {
        // The path itself is not logged: people put anything there.
        let what = if route == "unmatched" { format!("{method} (no route)") } else { route.clone() };
        let request = [what, status.clone()];
        parts.extend(request);
        parts.extend(take(&mut fields, "latency_ms").map(|latency| format!("{latency} ms")));
    } else {
        parts.push(message);
        for (name, value) in ["method", "route", "status"].iter().zip(request) {
            parts.extend(value.map(|value| format!("{name}={value}")));
        }
    }
    parts.extend(fields.iter().map(|(name, value)| format!("{name}={}", text(value))));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    fields.remove(name).map(|value| text(&value))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_readable_line() {
        let line = r#"{"timestamp":"2026-11-22T21:03:11.123Z","level":"INFO","service":"product-service",
            "message":"request","request_id":"r1","method":"GET","route":"GET /products/{product}","status":200,"latency_ms":3}"#;
        assert_eq!(
            readable(&line.replace('\n', "")),
            "21:03:11 INFO  product-service GET /products/{product} 200 3 ms request_id=r1"
        );
    }

    #[test]
    fn a_request_to_no_route_looks_like_any_other() {
        let line = r#"{"timestamp":"2026-11-22T21:03:11.123Z","level":"INFO","service":"user-service","message":"request","method":"GET","route":"unmatched","status":404,"latency_ms":0,"Requests":1,"Latency":0,"_aws":{"Timestamp":1}}"#;
        assert_eq!(readable(line), "21:03:11 INFO  user-service GET (no route) 404 0 ms");
    }

    #[test]
    fn another_event_keeps_its_message_and_fields() {
        let line = r#"{"timestamp":"2026-11-22T21:03:11.123Z","level":"ERROR","service":"user-service","message":"trigger failed","trigger":"Sweep"}"#;
        assert_eq!(readable(line), "21:03:11 ERROR user-service trigger failed trigger=Sweep");
    }

    #[test]
    fn what_is_not_a_log_line_stays_as_it_is() {
        for line in ["    Finished `dev` profile", r#"{"a":1}"#, ""] {
            assert_eq!(readable(line), line);
        }
    }
}
