//! Verifies webhooks from standard input, a JSON object a line, and prints `true` or `false` for each. `cargo xtask prove webhooks`
//! feeds it webhooks that the vendors' own libraries signed.

#![allow(clippy::print_stdout, reason = "a program for a pipe")]

use std::{error::Error, io::BufRead};

use common::timestamp::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use notification_service::webhooks::{
    certificates::public_key,
    sendgrid::VerificationKey,
    sns::Envelope,
    twilio::{self, Secrets},
};
use serde_json::Value;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        println!("{}", is_taken(&case)?);
    }
    Ok(())
}

fn is_taken(case: &Value) -> Result<bool, Failure> {
    let text = |name: &str| case[name].as_str().ok_or_else(|| format!("{name} is missing"));
    let body = text("body")?.as_bytes();
    let now = Timestamp::now();
    Ok(match text("vendor")? {
        "twilio" => {
            let secrets = Secrets {
                token: text("token")?.to_owned(),
                shared_key: case["shared_key"].as_str().map(str::to_owned),
            };
            let (address, query) = text("url")?.split_once('?').unwrap_or((text("url")?, ""));
            twilio::verify(&secrets, &headers(case)?, address, query, body).is_ok()
        }
        "sendgrid" => text("key")?.parse::<VerificationKey>()?.verify(&headers(case)?, body, now).is_ok(),
        "sns" => {
            let key = public_key(text("certificate")?.as_bytes()).ok_or("the certificate cannot be read")?;
            let topic = text("topic")?.parse()?;
            let envelope = Envelope::read(body)?;
            envelope
                .must_be_of(&topic)
                .and(envelope.certificate(&topic))
                .and(envelope.verify(&topic, &key, now))
                .is_ok()
        }
        other => return Err(format!("no vendor is called {other}").into()),
    })
}

fn headers(case: &Value) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().ok_or("headers are missing")? {
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default())?;
        headers.insert(HeaderName::try_from(name.as_str())?, value);
    }
    Ok(headers)
}
