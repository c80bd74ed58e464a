//! Prints webhooks as our doubles sign them, for `cargo xtask prove webhooks`: SendGrid's and SNS's own libraries are to take
//! them, and to refuse them once they are changed.

#![allow(clippy::print_stdout, reason = "a program for a pipe")]

use std::error::Error;

use serde_json::{Value, json};
use vendor_doubles::signing::{sendgrid, sns};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail-events";
const CERTIFICATE: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem";

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let now = time::OffsetDateTime::now_utc();
    let at = now.format(&time::format_description::well_known::Rfc3339)?;
    let all = json!({ "sendgrid": of_sendgrid(&now.unix_timestamp().to_string())?, "sns": of_sns(&at)? });
    println!("{all}");
    Ok(())
}

fn of_sendgrid(at: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let signer = sendgrid::Signer::generate()?;
    let bounce = json!({"event": "bounce", "email": "ada@example.com", "sg_event_id": "a", "timestamp": 1_796_000_000});
    let bodies = [
        sendgrid::body(std::slice::from_ref(&bounce)),
        sendgrid::body(&[bounce, json!({"event": "delivered", "reason": "Grüße € \u{1f6d2}", "sg_event_id": "b"})]),
        b"[]".to_vec(),
    ];
    let mut cases = Vec::new();
    for body in bodies {
        let signature = signer.sign(at, &body)?;
        cases.push(json!({"timestamp": at, "signature": signature, "body": String::from_utf8(body)?}));
    }
    Ok(json!({ "key": signer.public_key(), "cases": cases }))
}

fn of_sns(at: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let signer = sns::Signer::generate()?;
    let mut plain = sns::notification(TOPIC, "m-1", at, "{\"eventType\": \"Send\"}\n");
    let mut messages = vec![plain.clone()];
    plain["Subject"] = json!("Grüße €");
    messages.push(plain.clone());
    plain["Subject"] = json!("");
    messages.push(plain);
    let subscribe = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336";
    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        messages.push(sns::confirmation(kind, TOPIC, "m-2", at, subscribe));
    }
    let mut all = Vec::new();
    for version in [sns::Version::One, sns::Version::Two] {
        for mut message in messages.clone() {
            signer.sign(&mut message, version, CERTIFICATE)?;
            all.push(message);
        }
    }
    Ok(json!({ "topic": TOPIC, "certificate": signer.certificate_pem(), "messages": all }))
}
