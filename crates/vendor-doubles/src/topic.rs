//! SES's events, as a configuration set publishes them to a topic of SNS, and SNS, which posts them to the shop once the shop
//! has confirmed its subscription.
//!
//! Events: <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>. Posting:
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{
    controls::{CERTIFICATE, Controls},
    options::SesTopic,
    posting::{HTTP, post, until_taken},
    records::{Record, digits},
    signing::sns::{self, TOKEN, Version},
};

const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Posts an event of a mail, where SES has a topic and the mail a configuration set that publishes to it.
pub(crate) async fn publish(controls: &Controls, record: &Record, status: &str) -> Result<(), String> {
    let Some(topic) = controls.shared.options.ses_topic.as_ref().filter(|_| record.set.is_some()) else {
        return Ok(());
    };
    let Some(event) = event(record, status) else { return Ok(()) };
    if !controls.subscription.is_confirmed() {
        let url = format!("{}/?Action=ConfirmSubscription&TopicArn={}&Token={TOKEN}", controls.control, topic.arn);
        let id = digits(32);
        let confirmation = sns::confirmation("SubscriptionConfirmation", &topic.arn, &id, &now(), &url);
        deliver(controls, topic, confirmation).await?;
        if !controls.subscription.is_confirmed() {
            return Err("the shop has not confirmed its subscription".to_owned());
        }
    }
    deliver(controls, topic, sns::notification(&topic.arn, &digits(32), &now(), &event.to_string())).await
}

/// Signs a message, and posts it until it is taken.
async fn deliver(controls: &Controls, topic: &SesTopic, mut message: Value) -> Result<(), String> {
    let signer = controls.sns().ok_or("no key can be made here")?;
    let certificate = format!("{}{}", controls.control, CERTIFICATE);
    signer.sign(&mut message, Version::Two, &certificate).map_err(|_| "the message cannot be signed")?;
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let (kind, id, body) = (text("Type"), text("MessageId"), message.to_string());
    let request = || {
        let request = HTTP.post(&topic.webhook).header("content-type", "text/plain; charset=UTF-8");
        let request = request.header("x-amz-sns-message-type", &kind).header("x-amz-sns-message-id", &id);
        post(request.header("x-amz-sns-topic-arn", &topic.arn).body(body.clone()))
    };
    until_taken(request).await
}

/// `None` for what SES has no event for.
fn event(record: &Record, status: &str) -> Option<Value> {
    let at = now();
    let bounce = |kind: &str, sub: &str, code: &str| {
        json!({"bounceType": kind, "bounceSubType": sub, "feedbackId": digits(32), "timestamp": at,
            "bouncedRecipients": [{"emailAddress": record.to, "action": "failed", "status": code}]})
    };
    let (kind, member, details) = match status {
        "delivered" => {
            let delivery = json!({"timestamp": at, "recipients": [record.to], "smtpResponse": "250 2.0.0 OK"});
            ("Delivery", "delivery", delivery)
        }
        "deferred" => {
            let delayed = json!([{"emailAddress": record.to, "status": "4.4.1"}]);
            let delay =
                json!({"timestamp": at, "delayType": "TransientCommunicationFailure", "delayedRecipients": delayed});
            ("DeliveryDelay", "deliveryDelay", delay)
        }
        "bounced" => ("Bounce", "bounce", bounce("Permanent", "General", "5.1.1")),
        "blocked" => ("Bounce", "bounce", bounce("Transient", "General", "4.7.1")),
        "dropped" => ("Bounce", "bounce", bounce("Permanent", "OnAccountSuppressionList", "5.1.1")),
        "complained" => {
            let complained = json!([{"emailAddress": record.to}]);
            let complaint = json!({"timestamp": at, "feedbackId": digits(32), "complainedRecipients": complained});
            ("Complaint", "complaint", complaint)
        }
        _ => return None,
    };
    let mut tags: serde_json::Map<String, Value> =
        record.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    tags.insert("ses:configuration-set".to_owned(), json!([record.set]));
    let mail = json!({"timestamp": written(record.at), "messageId": record.id, "source": record.from,
        "destination": [record.to], "tags": tags});
    Some(json!({"eventType": kind, "mail": mail, (member): details}))
}

fn now() -> String {
    written(OffsetDateTime::now_utc())
}

fn written(at: OffsetDateTime) -> String {
    at.format(MOMENT).unwrap_or_default()
}
