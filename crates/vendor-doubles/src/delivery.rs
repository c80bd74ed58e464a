//! Delivery of accepted messages, where it is switched on: after a moment a message is `sent`, then `delivered`, and the vendor
//! posts signed reports to the shop's webhooks. Twilio calls the address that came with the message, SendGrid that of its settings,
//! and SES that of its topic ([`topic`]); the last two repeat a report that was not accepted.

use std::{sync::Arc, time::Duration};

use form_urlencoded::Serializer;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use crate::{
    controls::Controls,
    posting::{HTTP, post, until_taken},
    records::{Record, digits},
    signing::{sendgrid, twilio},
    topic,
    vendor::Vendor,
};

/// The time from one state to the next.
const STEP: Duration = Duration::from_millis(400);

/// Delivers accepted messages concurrently, until the doubles stop.
pub(crate) async fn deliver(controls: Arc<Controls>, mut taken: mpsc::UnboundedReceiver<Record>) {
    let mut under_way = JoinSet::new();
    while let Some(record) = taken.recv().await {
        under_way.spawn(deliver_message(Arc::clone(&controls), record));
        while under_way.try_join_next().is_some() {}
    }
}

/// Passes a message through its states. A dropped one is only reported.
async fn deliver_message(controls: Arc<Controls>, record: Record) {
    let steps: &[&str] = match (record.vendor, record.status.as_str()) {
        (_, "dropped") => &["dropped"],
        (Vendor::Twilio, _) => &["sent", "delivered"],
        (Vendor::Sendgrid | Vendor::Ses, _) => &["delivered"],
    };
    for status in steps {
        sleep(STEP).await;
        if !controls.shared.set_status(&record.id, status) {
            return;
        }
        notify_shop(&controls, &record, status).await;
    }
}

/// Sets the state of a message and reports it to the shop. `false` for an unknown id.
pub(crate) async fn report(controls: &Controls, id: &str, status: &str) -> bool {
    let is_there = controls.shared.set_status(id, status);
    let found = controls.shared.state().records.iter().find(|record| record.id == id).cloned();
    if let Some(record) = found {
        notify_shop(controls, &record, status).await;
    }
    is_there
}

/// Reports a message's status to the shop, where the vendor would.
pub(crate) async fn notify_shop(controls: &Controls, record: &Record, status: &str) {
    let notified = match record.vendor {
        Vendor::Twilio => call_back(controls, record, status).await,
        Vendor::Sendgrid => post_event(controls, record, status).await,
        Vendor::Ses => topic::publish(controls, record, status).await,
    };
    if let Err(error) = notified {
        tracing::warn!(vendor = %record.vendor, id = record.id, status, error, "report not delivered to the shop");
    }
}

/// <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>
async fn call_back(controls: &Controls, record: &Record, status: &str) -> Result<(), String> {
    let Some(url) = &record.callback else { return Ok(()) };
    let account = &controls.shared.options.twilio;
    let mut fields = vec![
        ("AccountSid", account.account_sid.as_str()),
        ("ApiVersion", "2010-04-01"),
        ("From", &record.from),
        ("MessageSid", &record.id),
        ("MessageStatus", status),
        ("SmsSid", &record.id),
        ("SmsStatus", status),
        ("To", &record.to),
    ];
    if ["failed", "undelivered"].contains(&status) {
        // "Unknown destination handset"
        fields.push(("ErrorCode", "30005"));
    }
    fields.extend(record.set.as_deref().map(|service| ("MessagingServiceSid", service)));
    let signature = twilio::sign_form(twilio::Algorithm::HmacSha1, &account.auth_token, url, &fields);
    let form = Serializer::new(String::new()).extend_pairs(&fields).finish();
    let request = HTTP.post(url).header(twilio::SIGNATURE_HEADER, signature);
    post(request.header("content-type", "application/x-www-form-urlencoded; charset=UTF-8").body(form)).await
}

async fn post_event(controls: &Controls, record: &Record, status: &str) -> Result<(), String> {
    let Some(url) = &controls.shared.options.sendgrid_webhook else { return Ok(()) };
    let Some(event) = event(record, status) else { return Ok(()) };
    let signer = controls.sendgrid().ok_or("no key can be made here")?;
    let body = sendgrid::body(&[event]);
    let attempt = async || {
        let timestamp = OffsetDateTime::now_utc().unix_timestamp().to_string();
        let signature = signer.sign(&timestamp, &body).map_err(|_| "the event cannot be signed")?;
        let request = HTTP.post(url).header(sendgrid::SIGNATURE_HEADER, signature);
        let request = request.header(sendgrid::TIMESTAMP_HEADER, timestamp);
        post(request.header("content-type", "application/json; charset=utf-8").body(body.clone())).await
    };
    until_taken(attempt).await
}

/// <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>; `None` for what SendGrid has no event for.
fn event(record: &Record, status: &str) -> Option<Value> {
    let mut event = match status {
        "delivered" => json!({"event": "delivered", "response": "250 2.0.0 OK"}),
        "deferred" => json!({"event": "deferred", "response": "400 try again later", "attempt": "1"}),
        "bounced" => {
            json!({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"})
        }
        "blocked" => json!({"event": "bounce", "type": "blocked", "status": "5.7.1", "reason": "550 5.7.1 blocked"}),
        "dropped" => json!({"event": "dropped", "reason": "Bounced Address"}),
        "complained" => json!({"event": "spamreport"}),
        _ => return None,
    };
    for (name, value) in &record.tags {
        event[name] = json!(value);
    }
    event["email"] = json!(record.to);
    event["timestamp"] = json!(OffsetDateTime::now_utc().unix_timestamp());
    event["sg_event_id"] = json!(digits(22));
    event["sg_message_id"] = json!(record.id);
    Some(event)
}
