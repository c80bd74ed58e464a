use serde_json::{Value, json};
use vendor_doubles::signing::sns::{Signer, Version, confirmation, notification};

use super::*;
use crate::webhooks::certificates::public_key;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail-events";
const CERTIFICATE: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem";
const AT: &str = "2026-11-30T09:00:00.000Z";

fn now() -> Timestamp {
    AT.parse().unwrap()
}

/// Making keys takes long enough to make one for all.
fn signer() -> &'static (Signer, Vec<u8>) {
    static SIGNER: std::sync::LazyLock<(Signer, Vec<u8>)> = std::sync::LazyLock::new(|| {
        let signer = Signer::generate().unwrap();
        let key = public_key(signer.certificate_pem().as_bytes()).unwrap().to_vec();
        (signer, key)
    });
    &SIGNER
}

fn signed(mut message: Value, version: Version) -> Value {
    signer().0.sign(&mut message, version, CERTIFICATE).unwrap();
    message
}

fn verified(message: &Value) -> Result<Verified, InvalidWebhook> {
    verified_at(message, now())
}

fn verified_at(message: &Value, now: Timestamp) -> Result<Verified, InvalidWebhook> {
    let envelope = Envelope::read(message.to_string().as_bytes())?;
    let topic = TOPIC.parse().unwrap();
    envelope.must_be_of(&topic)?;
    envelope.certificate(&topic)?;
    envelope.verify(&topic, &signer().1, now)
}

#[test]
fn what_sns_signed_is_taken_in_both_versions_with_and_without_a_subject() {
    for version in [Version::One, Version::Two] {
        for subject in [None, Some(json!(null)), Some(json!("")), Some(json!("Amazon SES Email Event"))] {
            let mut message = notification(TOPIC, "m-1", AT, "{\"eventType\": \"Send\"}\n");
            if let Some(subject) = subject {
                message["Subject"] = subject;
            }
            let message = signed(message, version);
            let message_inside = Verified::Notification("{\"eventType\": \"Send\"}\n".into());
            assert_eq!(verified(&message), Ok(message_inside), "{message}");
        }
    }
}

#[test]
fn confirmations_of_both_kinds_are_signed_with_their_address_and_token() {
    let address = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336";
    for version in [Version::One, Version::Two] {
        let of = |kind: &str| signed(confirmation(kind, TOPIC, "m-2", AT, address), version);
        let subscription = verified(&of("SubscriptionConfirmation")).unwrap();
        assert_eq!(subscription, Verified::SubscriptionConfirmation(SnsAddress::read(address).unwrap()));
        assert_eq!(verified(&of("UnsubscribeConfirmation")), Ok(Verified::UnsubscribeConfirmation));
        for member in ["SubscribeURL", "Token", "Timestamp", "MessageId", "Message"] {
            let mut tampered = of("SubscriptionConfirmation");
            let before = tampered[member].as_str().unwrap().to_owned();
            tampered[member] = json!(format!("{before}1"));
            assert_eq!(verified(&tampered), Err(InvalidWebhook::Mismatch), "{member}");
        }
    }
}

#[test]
fn a_message_that_was_changed_on_its_way_is_refused() {
    for version in [Version::One, Version::Two] {
        let good = signed(notification(TOPIC, "m-1", AT, "{}"), version);
        let with = |name: &str, value: Value| {
            let mut message = good.clone();
            message[name] = value;
            verified(&message)
        };
        for (name, value) in [
            ("Message", json!("{} ")),
            ("MessageId", json!("m-2")),
            ("Timestamp", json!("2026-11-30T09:00:00.001Z")),
            ("Subject", json!("new")),
            ("Subject", json!("")),
            ("SignatureVersion", json!(if version == Version::One { "2" } else { "1" })),
        ] {
            assert_eq!(with(name, value.clone()), Err(InvalidWebhook::Mismatch), "{name} {value}");
        }
        assert_eq!(with("TopicArn", json!(format!("{TOPIC}2"))), Err(InvalidWebhook::OtherTopic));
        for (name, value) in [
            ("SignatureVersion", json!("3")),
            ("Signature", json!("%%%")),
            ("Signature", json!(null)),
            ("Type", json!("Other")),
            ("Type", json!("SubscriptionConfirmation")),
        ] {
            assert_eq!(with(name, value.clone()), Err(InvalidWebhook::Malformed), "{name} {value}");
        }
    }
}

#[test]
fn old_and_future_messages_are_refused() {
    let message = signed(notification(TOPIC, "m-1", AT, "{}"), Version::Two);
    let (day, minute) = (Duration::from_hours(24), Duration::from_mins(1));
    assert!(verified_at(&message, now().plus(day)).is_ok());
    assert_eq!(verified_at(&message, now().plus(day + minute)), Err(InvalidWebhook::OutsideTolerance));
    assert!(verified_at(&message, now().minus(minute * 5)).is_ok());
    assert_eq!(verified_at(&message, now().minus(minute * 6)), Err(InvalidWebhook::OutsideTolerance));
}

#[test]
fn addresses_on_hosts_of_sns_are_told_from_all_others() {
    for good in [
        CERTIFICATE,
        "https://sns.us-east-1.amazonaws.com:443/a.pem",
        "https://SNS.eu-central-1.amazonaws.com/a.pem",
        "https://sns.us-gov-west-1.amazonaws.com/a.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/a.pem",
    ] {
        assert!(SnsAddress::read(good).is_some(), "{good}");
    }
    for bad in [
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://user@sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com\\@evil.example/a.pem",
        "https://evil.example\\.sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.evil.example/a.pem",
        "https://sns.a.b.amazonaws.com/a.pem",
        // A bucket called sns has these addresses at S3.
        "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.s3-accelerate.amazonaws.com/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "https://sns.amazonaws.com/a.pem",
        "https://xsns.us-east-1.amazonaws.com/a.pem",
        "https://s3.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com./a.pem",
        "https://sns.us-east-1.amazonaws.eu/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem#b",
        "https://sns.us-east-1.amazonaws.com/a\n.pem",
        " https://sns.us-east-1.amazonaws.com/a.pem",
        "//sns.us-east-1.amazonaws.com/a.pem",
        "",
    ] {
        assert!(SnsAddress::read(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_certificate_is_a_file_of_a_host_of_sns() {
    let of = |address: &str| {
        let mut message = notification(TOPIC, "m-1", AT, "{}");
        signer().0.sign(&mut message, Version::Two, address).unwrap();
        Envelope::read(message.to_string().as_bytes()).unwrap().certificate(&TOPIC.parse().unwrap())
    };
    assert!(of(CERTIFICATE).is_ok());
    for bad in [
        "https://evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/?x=.pem",
        "https://sns.us-east-1.amazonaws.com/a.txt",
    ] {
        assert_eq!(of(bad), Err(InvalidWebhook::CertificateHost), "{bad}");
    }
}

#[test]
fn a_subscription_is_confirmed_on_the_host_of_the_topics_region_only() {
    for (address, invalid) in [
        ("https://evil.example/?Token=1", InvalidWebhook::CertificateHost),
        ("https://sns.eu-central-1.amazonaws.com/?Token=1", InvalidWebhook::OtherRegion),
    ] {
        let message = confirmation("SubscriptionConfirmation", TOPIC, "m-2", AT, address);
        assert_eq!(verified(&signed(message, Version::Two)), Err(invalid), "{address}");
    }
}

#[test]
fn a_certificate_is_on_the_host_of_the_topics_own_region() {
    let of = |topic: &str, address: &str| {
        let mut message = notification(topic, "m-1", AT, "{}");
        signer().0.sign(&mut message, Version::Two, address).unwrap();
        Envelope::read(message.to_string().as_bytes()).unwrap().certificate(&topic.parse().unwrap()).map(drop)
    };
    let (european, chinese) = ("arn:aws:sns:eu-central-1:1:a", "arn:aws-cn:sns:cn-north-1:1:a");
    let american = "arn:aws-us-gov:sns:us-gov-west-1:1:a";
    for (topic, host) in [
        (TOPIC, "sns.us-east-1.amazonaws.com"),
        (european, "sns.eu-central-1.amazonaws.com"),
        (chinese, "sns.cn-north-1.amazonaws.com.cn"),
        (american, "sns.us-gov-west-1.amazonaws.com"),
    ] {
        assert_eq!(of(topic, &format!("https://{host}/a.pem")), Ok(()), "{topic}");
    }
    for (topic, host) in [
        (TOPIC, "sns.us-east-2.amazonaws.com"),
        (TOPIC, "sns.eu-central-1.amazonaws.com"),
        (TOPIC, "sns.us-east-1.amazonaws.com.cn"),
        (european, "sns.us-east-1.amazonaws.com"),
        (chinese, "sns.cn-north-1.amazonaws.com"),
        (chinese, "sns.cn-northwest-1.amazonaws.com.cn"),
    ] {
        assert_eq!(of(topic, &format!("https://{host}/a.pem")), Err(InvalidWebhook::OtherRegion), "{topic} {host}");
    }
}

#[test]
fn what_is_no_envelope_is_refused() {
    for body in ["", "{}", "[]", "{\"Type\": 1}", "{\"eventType\": \"Bounce\"}"] {
        assert_eq!(Envelope::read(body.as_bytes()).map(drop), Err(InvalidWebhook::Malformed), "{body}");
    }
    let twice = signed(notification(TOPIC, "m-1", AT, "{}"), Version::Two).to_string();
    let twice = twice.replacen('{', "{\"Message\": \"other\", ", 1);
    assert_eq!(Envelope::read(twice.as_bytes()).map(drop), Err(InvalidWebhook::Malformed));
}

#[test]
fn a_topic_has_the_form_of_its_name() {
    for good in [TOPIC, "arn:aws-cn:sns:cn-north-1:123456789012:a", "arn:aws-us-gov:sns:us-gov-west-1:1:b.fifo"] {
        assert!(good.parse::<TopicArn>().is_ok(), "{good}");
    }
    for bad in ["", "mail", "arn:aws:sqs:us-east-1:123456789012:a", "arn:aws:sns::1:a", "arn:aws:sns:us-east-1:1:a:sub"]
    {
        assert!(bad.parse::<TopicArn>().is_err(), "{bad}");
    }
}
