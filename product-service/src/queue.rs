//! The `queue` trigger: the bucket's notifications, which SQS delivers in batches.

use std::time::{Duration, Instant};

use common::timestamp::Timestamp;
use percent_encoding::percent_decode_str;
use platform::{
    TriggerError,
    queue::{Batch, Message, batch_item_failures, content},
};
use serde_json::Value;

use crate::{app::App, error::Error, exports, images, imports};

/// How long imports and exports of one batch run; they may exceed this by one step. The function's own limit is 30 s.
const BUDGET: Duration = Duration::from_secs(15);

/// Handles a batch and answers which messages shall be delivered again. A message that cannot be read is among them: after some
/// deliveries SQS moves it to the dead-letter queue.
pub(crate) async fn work_off(app: &App, batch: Value, now: Timestamp) -> Result<Value, TriggerError> {
    let batch: Batch = serde_json::from_value(batch)?;
    let until = Instant::now() + BUDGET;
    let mut failures = Vec::new();
    for message in batch.messages {
        match take(app, &message, until, now).await {
            Ok(true) => continue,
            Ok(false) => tracing::info!(message_id = message.id, "job not finished; the message is delivered again"),
            Err(Unhandled::Unreadable) => {
                tracing::error!(message_id = message.id, "message cannot be read; it ends in the dead-letter queue");
            }
            Err(Unhandled::Failed(error)) => {
                tracing::error!(%error, message_id = message.id, "message not handled; it is delivered again");
            }
        }
        failures.push(message.id);
    }
    Ok(batch_item_failures(failures))
}

/// Why a message was not handled.
enum Unhandled {
    Unreadable,
    Failed(Error),
}

impl From<Error> for Unhandled {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Handles a message; answers whether all that it asks for is done.
async fn take(app: &App, message: &Message, until: Instant, now: Timestamp) -> Result<bool, Unhandled> {
    let keys = created_keys(&message.body, app.bucket.name()).ok_or(Unhandled::Unreadable)?;
    let mut is_over = true;
    for key in keys {
        is_over &= match key.split_once('/') {
            Some(("imports", _)) => Box::pin(imports::on_object_created(app, &key, until, now)).await?,
            Some(("exports", _)) => Box::pin(exports::on_object_created(app, &key, until, now)).await?,
            _ => Box::pin(images::on_object_created(app, &key, now)).await.map(|()| true)?,
        };
    }
    Ok(is_over)
}

/// The keys of the objects that a message says were created in this bucket; `None` when the message cannot be read. Messages of
/// other buckets and of other events have no keys.
fn created_keys(body: &str, bucket: &str) -> Option<Vec<String>> {
    keys_of(&content(body).ok()?, bucket)
}

/// Reads an event in either of the forms that S3 sends.
fn keys_of(event: &Value, bucket: &str) -> Option<Vec<String>> {
    // Sent once, when the notification is set up.
    if event["Event"] == "s3:TestEvent" {
        return Some(Vec::new());
    }
    if event["source"] == "aws.s3" {
        return bridged_key(event, bucket).map(|key| key.into_iter().collect());
    }
    let keys = event["Records"].as_array()?.iter().map(|record| notified_key(record, bucket));
    Some(keys.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What the bucket itself sends ("Event message structure" in Amazon S3's user guide). Keys are encoded like forms: a blank
/// is `+`, and what is no plain letter is `%` and two digits.
#[expect(clippy::option_option, reason = "unreadable, not of this bucket, the key")]
fn notified_key(record: &Value, bucket: &str) -> Option<Option<String>> {
    let (event, name) = (record["eventName"].as_str()?, record["s3"]["bucket"]["name"].as_str()?);
    let key = record["s3"]["object"]["key"].as_str()?.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8().ok()?.into_owned();
    Some((event.starts_with("ObjectCreated:") && name == bucket).then_some(key))
}

/// What `EventBridge` makes of it ("Event message structure" of its own in that guide). Keys are as they are.
#[expect(clippy::option_option, reason = "unreadable, not of this bucket, the key")]
fn bridged_key(event: &Value, bucket: &str) -> Option<Option<String>> {
    let (kind, name) = (event["detail-type"].as_str()?, event["detail"]["bucket"]["name"].as_str()?);
    let key = event["detail"]["object"]["key"].as_str()?.to_owned();
    Some((kind == "Object Created" && name == bucket).then_some(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(event: &str, bucket: &str, key: &str) -> Value {
        json!({ "eventName": event, "s3": { "bucket": { "name": bucket }, "object": { "key": key, "size": 1 } } })
    }

    fn bridged(kind: &str, bucket: &str, key: &str) -> Value {
        json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": kind, "source": "aws.s3",
            "account": "111122223333", "time": "2026-11-12T00:00:00Z", "region": "eu-central-1",
            "resources": [format!("arn:aws:s3:::{bucket}")],
            "detail": {
                "version": "0", "bucket": {"name": bucket},
                "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "00617F08299329D189"},
                "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "reason": "PostObject"
            }
        })
    }

    fn by_topic(message: &Value) -> Value {
        json!({
            "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:images", "Subject": "Amazon S3 Notification",
            "Message": message.to_string(), "Timestamp": "2026-11-12T00:00:00.000Z", "SignatureVersion": "1"
        })
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
        for (kind, bucket, expected) in [
            ("Object Created", "images", vec!["a"]),
            ("Object Created", "others", vec![]),
            ("Object Deleted", "images", vec![]),
        ] {
            let event = bridged(kind, bucket, "a");
            for message in [event.clone(), by_topic(&event)] {
                assert_eq!(created_keys(&message.to_string(), "images").unwrap(), expected, "{message}");
            }
        }
    }

    #[test]
    fn a_key_is_the_same_whichever_way_the_message_came() {
        // As each sender writes it: the bucket encodes, EventBridge does not.
        for (key, encoded) in [
            ("uploads/a/b.png", "uploads/a/b.png"),
            ("uploads/a b+c%d.png", "uploads/a+b%2Bc%25d.png"),
            ("uploads/Küche (1)&x=y.png", "uploads/K%C3%BCche+%281%29%26x%3Dy.png"),
            ("a+b", "a%2Bb"),
        ] {
            let event = json!({ "Records": [record("ObjectCreated:Post", "images", encoded)] });
            let bridged = bridged("Object Created", "images", key);
            for message in [event.clone(), by_topic(&event), bridged.clone(), by_topic(&bridged)] {
                assert_eq!(created_keys(&message.to_string(), "images").unwrap(), [key], "{message}");
            }
        }
        // Not decoded twice, nor where nothing was encoded.
        let event = bridged("Object Created", "images", "a%2Bb+c");
        assert_eq!(created_keys(&event.to_string(), "images").unwrap(), ["a%2Bb+c"]);
    }

    #[test]
    fn the_message_that_sets_it_up_has_nothing_in_it() {
        let event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"});
        for message in [event.clone(), by_topic(&event)] {
            assert_eq!(created_keys(&message.to_string(), "images").unwrap(), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_no_notification_is_known_as_such() {
        let subscription =
            json!({"Type": "SubscriptionConfirmation", "Message": "You have chosen", "SubscribeURL": "https://"});
        let scheduled = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
        let mut keyless = bridged("Object Created", "images", "a");
        keyless["detail"]["object"] = json!({});
        let half =
            json!({ "Records": [record("ObjectCreated:Post", "images", "a"), {"eventName": "ObjectCreated:Post"}] });
        let no_text = json!({ "Records": [record("ObjectCreated:Post", "images", "%ff")] });
        let twice = by_topic(&by_topic(&json!({ "Records": [] })));
        let text = json!({"Type": "Notification", "Message": "hello"});
        for message in [subscription, scheduled, keyless, half, no_text, twice, text] {
            assert_eq!(created_keys(&message.to_string(), "images"), None, "{message}");
        }
        for body in ["", "{", "[]", "{}", "{\"Records\":5}", "\"text\"", "5", "null"] {
            assert_eq!(created_keys(body, "images"), None, "{body}");
        }
    }
}
