//! Batches of SQS messages, which an SNS topic or an `EventBridge` bus between sender and queue may have wrapped.

use common::{
    input::{MAX_DEPTH, read_json},
    problem::Problem,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A batch in Lambda's form ("Using Lambda with Amazon SQS" in its developer guide).
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub messages: Vec<Message>,
}

/// A message of a batch.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// The id that SQS gave it.
    #[serde(rename = "messageId")]
    pub id: String,
    /// The body, possibly wrapped.
    pub body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount")]
    receives: Option<String>,
}

impl Message {
    /// How often it was received, this time included.
    pub fn receives(&self) -> u32 {
        self.attributes.receives.as_deref().and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// The content as its sender wrote it. An SNS topic wraps messages, unless it delivers them raw.
    pub fn content(&self) -> Result<Value, UnreadableContent> {
        content(&self.body)
    }
}

/// Why the content of a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableContent {
    /// The message is not JSON.
    #[error("the message is not JSON")]
    NoJson,
    /// The message is nested deeper than a request body may be.
    #[error("the message is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// The content of a body, unwrapped if an SNS topic wrapped it.
pub fn content(body: &str) -> Result<Value, UnreadableContent> {
    let message = read(body)?;
    if message["Type"] == "Notification" && message["TopicArn"].is_string() {
        return read(message["Message"].as_str().ok_or(UnreadableContent::NoJson)?);
    }
    Ok(message)
}

fn read(text: &str) -> Result<Value, UnreadableContent> {
    let unread = |problem: Problem| {
        if problem.kind() == "too_deep" { UnreadableContent::TooDeep } else { UnreadableContent::NoJson }
    };
    read_json(text.as_bytes()).map_err(unread)
}

/// The content of a message, without the envelope of an `EventBridge` bus, which puts it under `detail` ("Events in
/// Amazon `EventBridge`" in its user guide). Other messages are returned unchanged.
pub fn without_bus(message: Value) -> Value {
    let is_from_bus = message["detail-type"].is_string() && message["source"].is_string();
    match message {
        Value::Object(mut members) if is_from_bus => members.remove("detail").unwrap_or_default(),
        message => message,
    }
}

/// The answer to a batch by which SQS delivers the messages with these ids again. The event source needs
/// `ReportBatchItemFailures`; without it SQS deletes the whole batch.
pub fn batch_item_failures(ids: impl IntoIterator<Item = String>) -> Value {
    let failures = ids.into_iter().map(|id| json!({ "itemIdentifier": id }));
    json!({ "batchItemFailures": failures.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_topic(message: &Value) -> Value {
        json!({
            "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:images", "Message": message.to_string(),
            "Timestamp": "2026-11-12T00:00:00.000Z", "SignatureVersion": "1"
        })
    }

    fn by_bus(message: &Value) -> Value {
        json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "notification",
            "source": "shop", "account": "111122223333", "time": "2026-11-12T00:00:00Z", "region": "eu-central-1",
            "resources": [], "detail": message
        })
    }

    #[test]
    fn a_message_says_the_same_whichever_way_it_came() {
        let message = json!({"a": 1, "detail": "its own", "Type": "its own"});
        let read = |body: &Value| content(&body.to_string()).map(without_bus);
        for body in [message.clone(), by_topic(&message), by_bus(&message), by_topic(&by_bus(&message))] {
            assert_eq!(read(&body), Ok(message.clone()), "{body}");
        }
        // Each wrapping is taken off once: what is below is the sender's.
        assert_eq!(read(&by_topic(&by_topic(&message))), Ok(by_topic(&message)));
        assert_eq!(read(&by_bus(&by_bus(&message))), Ok(by_bus(&message)));
        assert_eq!(read(&by_bus(&by_topic(&message))), Ok(by_topic(&message)));
    }

    #[test]
    fn what_is_no_json_says_nothing() {
        for body in ["", "{", "hello", &by_topic(&json!({})).to_string().replace("{}", "hello")] {
            assert_eq!(content(body), Err(UnreadableContent::NoJson), "{body}");
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(content(&nested(MAX_DEPTH)).is_ok());
        let deep = nested(MAX_DEPTH + 1);
        let wrapped = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:1:x", "Message": deep});
        for body in [deep.clone(), wrapped.to_string(), nested(100_000)] {
            assert_eq!(content(&body), Err(UnreadableContent::TooDeep));
        }
    }

    #[test]
    fn a_batch_is_read_as_lambda_writes_it() {
        let batch: Batch = serde_json::from_value(json!({"Records": [
            {"messageId": "a", "receiptHandle": "x", "body": "{}", "attributes": {"ApproximateReceiveCount": "7",
             "SentTimestamp": "1545082649183"}, "messageAttributes": {}, "eventSource": "aws:sqs"},
            {"messageId": "b", "body": ""}
        ]}))
        .unwrap();
        let read: Vec<_> = batch.messages.iter().map(|message| (message.id.as_str(), message.receives())).collect();
        assert_eq!(read, [("a", 7), ("b", 1)]);
        assert_eq!(batch_item_failures(["a".to_owned()]), json!({"batchItemFailures": [{"itemIdentifier": "a"}]}));
        assert_eq!(batch_item_failures([]), json!({"batchItemFailures": []}));
    }
}
