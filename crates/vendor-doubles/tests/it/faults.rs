//! Each thing that can go wrong on purpose.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use vendor_doubles::{Answer, Fault, Kind, Options, Vendor, VendorDoubles};

use crate::{doubles, http, post, receive};

fn send(doubles: &VendorDoubles) -> RequestBuilder {
    let account = doubles.twilio();
    let path = format!("/2010-04-01/Accounts/{}/Messages.json", account.account_sid);
    let request = post(doubles, Vendor::Twilio, &path).header("content-type", "application/x-www-form-urlencoded");
    request.basic_auth(&account.account_sid, Some(&account.auth_token)).body("To=%2B442079460000&From=Bodega&Body=Hi")
}

async fn control(doubles: &VendorDoubles, path: &str, body: &Value) -> u16 {
    receive(http().post(format!("{}/{path}", doubles.control())).json(body)).await.status
}

#[tokio::test]
async fn a_reset_and_a_silence_have_their_effect_or_not() {
    for (kind, is_taken) in [
        (Kind::Reset { after_effect: false }, false),
        (Kind::Reset { after_effect: true }, true),
        (Kind::Hang { after_effect: false }, false),
        (Kind::Hang { after_effect: true }, true),
    ] {
        let doubles = doubles().await;
        doubles.inject(Vendor::Twilio, Fault::next(kind.clone()));
        let error = send(&doubles).timeout(Duration::from_secs(2)).send().await.unwrap_err();
        assert_eq!(error.is_timeout(), matches!(kind, Kind::Hang { .. }), "{kind:?}: {error:?}");
        assert!(!error.is_connect(), "{kind:?}");
        assert_eq!(doubles.records().len(), usize::from(is_taken), "{kind:?}");
        let call = doubles.calls().remove(0);
        assert_eq!((call.status, call.is_taken), (0, is_taken), "{kind:?}");
        assert_eq!(receive(send(&doubles)).await.status, 201, "{kind:?}: the next call");
    }
}

#[tokio::test]
async fn an_error_is_in_the_vendors_form_and_says_when_to_come_again() {
    let doubles = doubles().await;
    let busy = Answer { retry_after: Some(7), ..Answer::status(429) };
    doubles.inject(Vendor::Twilio, Fault::next(Kind::Answer(busy)));
    let received = receive(send(&doubles)).await;
    assert_eq!((received.status, received.body["code"].as_u64()), (429, Some(20429)));
    assert_eq!(received.headers["retry-after"], "7");
    let taken = Answer { after_effect: true, ..Answer::status(500) };
    doubles.inject(Vendor::Twilio, Fault::next(Kind::Answer(taken)));
    assert_eq!(receive(send(&doubles)).await.status, 500);
    assert_eq!(doubles.records().len(), 1);
    let mail = post(&doubles, Vendor::Sendgrid, "/v3/mail/send");
    doubles.inject(Vendor::Sendgrid, Fault::next(Kind::Answer(Answer::coded(400, "personalizations.0.to.0.email"))));
    assert_eq!(receive(mail).await.body["errors"][0]["field"], "personalizations.0.to.0.email");
}

#[tokio::test]
async fn an_answer_may_be_late() {
    let doubles = doubles().await;
    doubles.inject(Vendor::Twilio, Fault::next(Kind::Late { ms: 60_000 }));
    let late = send(&doubles).timeout(Duration::from_secs(2)).send();
    assert!(late.await.unwrap_err().is_timeout());
    assert_eq!((doubles.records().len(), doubles.calls()[0].status), (1, 201));
}

#[tokio::test]
async fn connections_are_refused_until_they_are_not() {
    let doubles = VendorDoubles::start(Options::default()).await;
    for _ in 0..2 {
        assert_eq!(control(&doubles, "connections/twilio", &json!({"refused": true})).await, 200);
        assert!(send(&doubles).send().await.unwrap_err().is_connect());
        assert_eq!(receive(post(&doubles, Vendor::Sendgrid, "/v3/mail/send")).await.status, 401, "the others go on");
        let healed = http().delete(format!("{}/faults", doubles.control()));
        assert_eq!(receive(healed).await.status, 200);
        assert_eq!(receive(send(&doubles)).await.status, 201);
    }
}

#[tokio::test]
async fn an_open_connection_ends_when_connections_are_refused() {
    let doubles = doubles().await;
    doubles.inject(Vendor::Twilio, Fault::next(Kind::Hang { after_effect: false }));
    let waiting = tokio::spawn(send(&doubles).send());
    while doubles.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    doubles.refuse_connections(Vendor::Twilio, true).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the connection ends");
    assert!(ended.unwrap().is_err());
}

#[tokio::test]
async fn a_fault_is_planned_over_http_and_one_that_is_not_understood_is_refused() {
    let doubles = doubles().await;
    let fault = json!({"times": 1, "fault": {"kind": "answer", "status": 503}});
    assert_eq!(control(&doubles, "faults/twilio", &fault).await, 200);
    assert_eq!(receive(send(&doubles)).await.status, 503);
    let some = json!({"chance": {"percent": 100, "seed": 1}, "fault": {"kind": "reset"}});
    assert_eq!(control(&doubles, "faults/twilio", &some).await, 200);
    assert!(send(&doubles).send().await.is_err());
    for (path, body, status) in [
        ("faults/pigeon", json!({"fault": {"kind": "reset"}}), 404),
        ("faults/ses", json!({"fault": {"kind": "explode"}}), 422),
        ("faults/ses", json!({"fault": {"kind": "reset"}, "tims": 1}), 422),
        ("connections/ses", json!({}), 422),
        ("records/SM1", json!({"status": "sent"}), 404),
    ] {
        assert_eq!(control(&doubles, path, &body).await, status, "{path} {body}");
    }
}

#[tokio::test]
async fn the_certificate_is_served() {
    let doubles = doubles().await;
    let received = http().get(doubles.certificate_url()).send().await.unwrap().text().await.unwrap();
    assert_eq!(received, doubles.sns().certificate_pem());
}
