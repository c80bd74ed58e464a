//! The queue of notifications at home: two queues of moto, and what AWS does between a queue and the function that it wakes.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Client;
use serde_json::{Value, json};

use crate::home::{Home, from_env};
use crate::settings::Settings;
use crate::trigger::Standing;

const SERVICE: &str = "notification-service";
/// The settings that name the queues, and what they are called at home.
const QUEUES: [(&str, &str); 2] = [
    ("NOTIFICATION_QUEUE_URL", "bodega-notifications"),
    ("NOTIFICATION_DEAD_LETTER_QUEUE_URL", "bodega-notifications-dead-letters"),
];
/// How long a message is hidden while it is worked off.
const VISIBILITY_SECONDS: u32 = 30;
const BETWEEN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(1);
/// moto reads the region and the service out of it, and checks nothing.
const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";

/// Makes the queues in the stand-in for SQS. An account of the environment is left as it is; its queues are those of
/// the environment.
pub(crate) async fn make_queues(settings: &mut Settings) -> Result<()> {
    for (setting, name) in QUEUES {
        let url = match (from_env(setting), from_env("AWS_ENDPOINT_URL")) {
            (Some(url), _) => url,
            (None, Some(_)) => continue,
            (None, None) => {
                let made = sqs(settings, "CreateQueue", json!({ "QueueName": name })).await?;
                made["QueueUrl"].as_str().context("SQS made a queue without an address")?.to_owned()
            }
        };
        settings.set(setting, url);
    }
    Ok(())
}

/// Hands what is in the queue to the function that it wakes, until dropped. Queues of the environment wake functions
/// there. A failure is reported once.
pub(crate) async fn keep_delivering(home: &Home, settings: &Settings) -> Result<()> {
    let queue = settings.get(QUEUES[0].0).filter(|_| from_env(QUEUES[0].0).is_none());
    let Some(queue) = queue else { return std::future::pending().await };
    let mut function = Standing::new(home, settings, SERVICE, "queue");
    let mut is_broken = false;
    loop {
        let delivered = deliver(settings, queue, &mut function).await;
        match &delivered {
            Ok(_) if is_broken => println!("{SERVICE}: its queue is worked off again"),
            Err(error) if !is_broken => println!("{SERVICE}: its queue is not worked off, and tried again: {error:#}"),
            _ => {}
        }
        is_broken = delivered.is_err();
        if delivered.unwrap_or_default() == 0 {
            tokio::time::sleep(BETWEEN).await;
        }
    }
}

/// Hands over one batch and deletes the messages that succeeded. Returns how many messages it had.
async fn deliver(settings: &Settings, queue: &str, function: &mut Standing<'_>) -> Result<usize> {
    let wish = json!({
        "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": VISIBILITY_SECONDS, "AttributeNames": ["All"]
    });
    let received = sqs(settings, "ReceiveMessage", wish).await?;
    let messages = received["Messages"].as_array().cloned().unwrap_or_default();
    if messages.is_empty() {
        return Ok(0);
    }
    let answer = function.invoke(event(&messages), PATIENCE).await?;
    for message in messages.iter().filter(|message| !comes_again(&answer, message)) {
        let done = json!({ "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"] });
        sqs(settings, "DeleteMessage", done).await?;
    }
    Ok(messages.len())
}

/// The batch as Lambda hands it over.
fn event(messages: &[Value]) -> Value {
    let records = messages.iter().map(|message| {
        json!({
            "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
            "attributes": message["Attributes"], "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1"
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn comes_again(answer: &Value, message: &Value) -> bool {
    let mut failures = answer["batchItemFailures"].as_array().into_iter().flatten();
    failures.any(|failure| failure["itemIdentifier"] == message["MessageId"])
}

async fn sqs(settings: &Settings, operation: &str, body: Value) -> Result<Value> {
    let address = settings.get("AWS_ENDPOINT_URL").context("AWS_ENDPOINT_URL is not set")?;
    let http = Client::builder().timeout(Duration::from_secs(10)).build()?;
    let call = http.post(address).header("x-amz-target", format!("AmazonSQS.{operation}"));
    let call = call.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
    let answered = call.body(body.to_string()).send().await?;
    let (status, text) = (answered.status(), answered.text().await?);
    if !status.is_success() {
        bail!("SQS answers {operation} with {status}: {text}");
    }
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_handed_over_as_lambda_does_and_what_failed_stays_in_the_queue() {
        let message = |id: &str| json!({"MessageId": id, "ReceiptHandle": "h", "Body": "{}", "Attributes": {"ApproximateReceiveCount": "2"}});
        let event = event(&[message("a"), message("b")]);
        assert_eq!(event["Records"][1]["messageId"], "b");
        assert_eq!(event["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
        let answer = json!({"batchItemFailures": [{"itemIdentifier": "b"}]});
        assert!(comes_again(&answer, &message("b")) && !comes_again(&answer, &message("a")));
        assert!(!comes_again(&json!({"batchItemFailures": []}), &message("b")));
    }
}
