//! What SQS brings: the bucket's notifications, in batches.

use std::time::{Duration, Instant};

use common::timestamp::Timestamp;
use platform::TriggerError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{App, error::Error, exports, images, imports};

/// How long imports and exports of one batch are worked off, give or take a step: the function's own limit is 30 s.
const BUDGET: Duration = Duration::from_secs(15);

/// A batch, as Lambda hands it over. See "Using Lambda with Amazon SQS" in its developer guide.
#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    body: String,
}

/// Works off a batch and answers which messages shall come again. A message that can never succeed is logged and dropped.
pub(crate) async fn work_off(app: &App, batch: Value, now: Timestamp) -> Result<Value, TriggerError> {
    let batch: Batch = serde_json::from_value(batch)?;
    let until = Instant::now() + BUDGET;
    let mut failures = Vec::new();
    for message in batch.messages {
        match take(app, &message, until, now).await {
            Ok(true) => continue,
            Ok(false) => tracing::info!(message_id = message.id, "message comes again to go on"),
            Err(error) => tracing::error!(%error, message_id = message.id, "message comes again"),
        }
        failures.push(json!({ "itemIdentifier": message.id }));
    }
    Ok(json!({ "batchItemFailures": failures }))
}

/// Whether nothing is left to do.
async fn take(app: &App, message: &Message, until: Instant, now: Timestamp) -> Result<bool, Error> {
    let Some(keys) = created_keys(&message.body, app.bucket.name()) else {
        tracing::error!(message_id = message.id, "message is no notification of the bucket; dropped");
        return Ok(true);
    };
    let mut is_over = true;
    for key in keys {
        is_over &= match key.split_once('/') {
            Some(("imports", _)) => Box::pin(imports::notice(app, &key, until, now)).await?,
            Some(("exports", _)) => Box::pin(exports::notice(app, &key, until, now)).await?,
            _ => images::notice(app, &key, now).await.map(|()| true)?,
        };
    }
    Ok(is_over)
}

/// The keys of the objects that a notification says were made in this bucket; `None` when it is no notification. Keys come
/// percent-encoded, but ours have nothing to encode. See "Event message structure" in Amazon S3's user guide.
fn created_keys(body: &str, bucket: &str) -> Option<Vec<String>> {
    let event: Value = serde_json::from_str(body).ok()?;
    // Sent once, when the notification is set up.
    if event["Event"] == "s3:TestEvent" {
        return Some(Vec::new());
    }
    let is_ours = |record: &&Value| {
        let made = record["eventName"].as_str().is_some_and(|name| name.starts_with("ObjectCreated:"));
        made && record["s3"]["bucket"]["name"] == bucket
    };
    let key = |record: &Value| record["s3"]["object"]["key"].as_str().map(str::to_owned);
    Some(event["Records"].as_array()?.iter().filter(is_ours).filter_map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str, bucket: &str, key: &str) -> Value {
        json!({ "eventName": event, "s3": { "bucket": { "name": bucket }, "object": { "key": key, "size": 1 } } })
    }

    #[test]
    fn only_objects_that_were_made_in_our_bucket_are_taken() {
        let event = json!({ "Records": [
            record("ObjectCreated:Post", "images", "a"),
            record("ObjectRemoved:Delete", "images", "b"),
            record("ObjectCreated:Put", "others", "c"),
            record("ObjectCreated:Put", "images", "d"),
        ]});
        assert_eq!(created_keys(&event.to_string(), "images").unwrap(), ["a", "d"]);
    }

    #[test]
    fn the_message_that_sets_it_up_has_nothing_in_it() {
        let event = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"images"}"#;
        assert_eq!(created_keys(event, "images").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_notification_is_known_as_such() {
        for body in ["", "{", "[]", "{}", "{\"Records\":5}", "\"text\""] {
            assert_eq!(created_keys(body, "images"), None, "{body}");
        }
    }
}
