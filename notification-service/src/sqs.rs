//! A minimal client of SQS for dead letters: three calls of its JSON protocol, signed by AWS's own crate. The SDK's client for
//! SQS would be far larger (`docs/decisions/0031-queue-door-and-dead-letters.md`).

use std::{fmt, time::Duration};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use common::{outbound, timestamp::Timestamp};
use platform::config::Env;
use serde_json::{Value, json};

use crate::aws::{Aws, Failure};

/// Time limit of one call. [`Queue::receive`] waits a second for messages.
const CALL: Duration = Duration::from_secs(4);
/// The most messages of one call, which is SQS's limit.
const BATCH: u8 = 10;
/// How long received messages are hidden from other receivers.
const VISIBILITY: Duration = Duration::from_mins(1);

/// The queue whose messages wake this service, and its dead-letter queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queues {
    /// `NOTIFICATION_QUEUE_URL`
    pub main: Option<Queue>,
    /// `NOTIFICATION_DEAD_LETTER_QUEUE_URL`
    pub dead_letters: Option<Queue>,
}

impl Queues {
    /// Reads the addresses of both queues, which may be absent.
    pub fn configure(env: &mut Env, aws: &Aws) -> Option<Self> {
        let mut queue = |name: &str| {
            if env.optional(name).is_none() {
                Some(None)
            } else {
                let url = env.url(name)?;
                Some(Some(Queue { url, aws: aws.clone() }))
            }
        };
        let (main, dead_letters) = (queue("NOTIFICATION_QUEUE_URL"), queue("NOTIFICATION_DEAD_LETTER_QUEUE_URL"));
        Some(Self { main: main?, dead_letters: dead_letters? })
    }
}

/// A queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    url: String,
    aws: Aws,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({})", self.url)
    }
}

/// A received message, which SQS hides from other receivers for a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The content.
    pub body: String,
    /// The receipt handle, by which it is deleted.
    pub receipt: String,
    /// When it was sent to the queue.
    pub sent_at: Timestamp,
}

impl Queue {
    /// Sends a message with text attributes. Retries once: a duplicate message is harmless, a lost one is not.
    pub async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), Failure> {
        let attributes = attributes.iter().map(|(name, text)| {
            let text = attribute(text);
            ((*name).to_owned(), json!({ "DataType": "String", "StringValue": text }))
        });
        let attributes = Value::Object(attributes.collect());
        let message = json!({ "QueueUrl": self.url, "MessageBody": body, "MessageAttributes": attributes });
        match self.call("SendMessage", &message).await {
            Err(Failure::Unavailable(_)) => self.call("SendMessage", &message).await.map(drop),
            answered => answered.map(drop),
        }
    }

    /// Receives up to ten messages, waiting for a second at most.
    pub async fn receive(&self) -> Result<Vec<Received>, Failure> {
        let body = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": 1,
            "VisibilityTimeout": VISIBILITY.as_secs(), "MessageSystemAttributeNames": ["SentTimestamp"]
        });
        let answer = self.call("ReceiveMessage", &body).await?;
        let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(messages.iter().filter_map(received).collect())
    }

    /// Deletes a received message.
    pub async fn delete(&self, receipt: &str) -> Result<(), Failure> {
        let body = json!({ "QueueUrl": self.url, "ReceiptHandle": receipt });
        self.call("DeleteMessage", &body).await.map(drop)
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Value, Failure> {
        let unavailable = |error: &dyn fmt::Display| Failure::Unavailable(error.to_string());
        let body = body.to_string();
        let target = format!("AmazonSQS.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        let address = origin(&self.url);
        let signature = self.sign(address, &headers, body.as_bytes()).await?;
        let mut request = outbound::client().post(address).timeout(CALL).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in &signature {
            request = request.header(*name, value.as_str());
        }
        let answered = request.send().await.map_err(|error| unavailable(&error.without_url()))?;
        let status = answered.status();
        let answer = answered.bytes().await.map_err(|error| unavailable(&error.without_url()))?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        // Never the message: it may repeat what was sent.
        let code = answer["__type"].as_str().and_then(|code| code.rsplit('#').next()).unwrap_or("no code");
        let words = format!("{code} (status {})", status.as_u16());
        let is_busy = status.is_server_error() || status.as_u16() == 429 || code.contains("Throttl");
        Err(if is_busy { Failure::Unavailable(words) } else { Failure::Refused(words) })
    }

    /// The headers that sign a call (Signature Version 4).
    async fn sign(
        &self,
        address: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(&'static str, String)>, Failure> {
        let no_credentials = |what: String| Failure::Unavailable(format!("no credentials: {what}"));
        let provider = self.aws.config().credentials_provider().await;
        let provider = provider.ok_or_else(|| no_credentials("the SDK knows none".into()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| no_credentials(error.to_string()))?;
        let identity = credentials.into();
        let unsigned = |error: &dyn fmt::Display| Failure::Refused(format!("a call could not be signed: {error}"));
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.aws.config().region())
            .name("sqs")
            .time(std::time::SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let request = SignableRequest::new("POST", address, headers.iter().copied(), SignableBody::Bytes(body));
        let request = request.map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(request, &parameters).map_err(|error| unsigned(&error))?.into_parts();
        let (headers, _) = instructions.into_parts();
        Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }
}

/// The address of the host that serves a queue.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |path| &url[..=host + path])
}

/// A text that SQS accepts as an attribute: not empty, without characters that XML does not allow.
fn attribute(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() || c > '\u{fffd}' { ' ' } else { c }).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

fn received(message: &Value) -> Option<Received> {
    let sent_at = message["Attributes"]["SentTimestamp"].as_str()?.parse().ok()?;
    Some(Received {
        body: message["Body"].as_str()?.to_owned(),
        receipt: message["ReceiptHandle"].as_str()?.to_owned(),
        sent_at: Timestamp::from_unix_millis(sent_at)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_to_the_host_that_serves_the_queue() {
        for (url, expected) in [
            ("https://sqs.eu-central-1.amazonaws.com/123456789012/name", "https://sqs.eu-central-1.amazonaws.com/"),
            ("https://sqs.cn-north-1.amazonaws.com.cn/1/name", "https://sqs.cn-north-1.amazonaws.com.cn/"),
            ("http://127.0.0.1:9000/1/name", "http://127.0.0.1:9000/"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }

    #[test]
    fn a_reason_is_written_so_that_sqs_takes_it() {
        assert_eq!(attribute("not_understood: /a\u{0}b\u{ffff} too_long"), "not_understood: /a b  too_long");
        assert_eq!(attribute(""), "-");
    }
}
