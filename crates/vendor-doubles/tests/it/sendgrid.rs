use serde_json::{Value, json};
use vendor_doubles::{Vendor, VendorDoubles};

use crate::{Received, doubles, http, post, receive};

fn mail() -> Value {
    json!({
        "personalizations": [{"to": [{"email": "ada@example.com"}], "custom_args": {"event_id": "e-1"}}],
        "from": {"email": "shop@bodega.example", "name": "Bodega"}, "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi</p>"}],
        "headers": {"X-Bodega-Event": "e-1"}
    })
}

async fn send(doubles: &VendorDoubles, body: &Value) -> Received {
    receive(post(doubles, Vendor::Sendgrid, "/v3/mail/send").bearer_auth(doubles.sendgrid_key()).json(body)).await
}

#[tokio::test]
async fn a_mail_is_taken_with_202_and_no_body_and_is_in_the_records() {
    let doubles = doubles().await;
    let received = send(&doubles, &mail()).await;
    assert_eq!((received.status, received.body), (202, Value::Null));
    let [record] = &doubles.records()[..] else { panic!("not one record") };
    assert!(record.id.starts_with(received.headers["x-message-id"].to_str().unwrap()));
    assert_eq!((record.from.as_str(), record.to.as_str()), ("Bodega <shop@bodega.example>", "ada@example.com"));
    assert_eq!((record.text.as_str(), record.html.as_deref()), ("Hi", Some("<p>Hi</p>")));
    assert_eq!((record.tags["event_id"].as_str(), record.headers["X-Bodega-Event"].as_str()), ("e-1", "e-1"));
    let shown = receive(http().get(format!("{}/records", doubles.control()))).await.body;
    assert_eq!((&shown[0]["to"], &shown[0]["vendor"]), (&json!("ada@example.com"), &json!("sendgrid")));
}

#[tokio::test]
async fn a_wrong_key_is_401_and_another_path_404() {
    let doubles = doubles().await;
    let wrong = post(&doubles, Vendor::Sendgrid, "/v3/mail/send").bearer_auth("SG.wrong").json(&mail());
    let received = receive(wrong).await;
    assert_eq!(received.status, 401);
    assert!(received.body["errors"][0]["message"].is_string() && received.body["errors"][0]["field"].is_null());
    let lost = post(&doubles, Vendor::Sendgrid, "/v3/mail").bearer_auth(doubles.sendgrid_key()).json(&mail());
    assert_eq!(receive(lost).await.status, 404);
    let form = post(&doubles, Vendor::Sendgrid, "/v3/mail/send").bearer_auth(doubles.sendgrid_key()).body("a=b");
    assert_eq!(receive(form).await.status, 415);
    assert_eq!(doubles.records(), []);
}

#[tokio::test]
async fn what_the_description_or_its_prose_forbids_is_400_with_the_field() {
    let doubles = doubles().await;
    let with = |pointer: &str, value: Value| {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut mail = mail();
        mail.pointer_mut(parent).unwrap()[name] = value;
        mail
    };
    let many = json!(vec!["shop"; 2]);
    let html = json!({"type": "text/html", "value": "<p>"});
    let text = json!({"type": "text/plain", "value": "Hi"});
    for (body, field) in [
        (with("/from", json!({"name": "Bodega"})), "from.email"),
        (with("/personalizations", json!([])), "personalizations"),
        (with("/personalizations", json!([{}])), "personalizations.0.to"),
        (with("/personalizations", json!([{"to": []}])), "personalizations.0.to"),
        (with("/personalizations", json!([{"to": [{"email": "ada"}]}])), "personalizations.0.to.0.email"),
        (
            with("/personalizations", json!([{"to": [{"email": "a@b.example"}], "cc": [{"email": "A@b.example"}]}])),
            "personalizations.0.to",
        ),
        (with("/subject", json!(null)), "subject"),
        (with("/subject", json!("")), "subject"),
        (with("/content", json!([])), "content"),
        (with("/content", json!([html, text])), "content"),
        (with("/content", json!([{"type": "text/plain", "value": ""}])), "content.0.value"),
        (with("/categories", many), "categories"),
        (with("/headers", json!({"Subject": "x"})), "headers.Subject"),
        (with("/headers", json!({"X-A": "x\r\nBcc: y"})), "headers.X-A"),
        (
            with("/personalizations", json!([{"to": [{"email": "a@b.example"}], "custom_args": {"a": 1}}])),
            "personalizations.0.custom_args",
        ),
        (with("/custom_args", json!({"a": "b"})), "custom_args"),
        (with("/replyTo", json!({"email": "a@b.example"})), "replyTo"),
    ] {
        let received = send(&doubles, &body).await;
        assert_eq!((received.status, received.body["errors"][0]["field"].as_str()), (400, Some(field)), "{body}");
    }
    assert_eq!(doubles.records(), []);
}

#[tokio::test]
async fn an_address_on_sendgrids_own_list_is_taken_and_dropped() {
    let doubles = doubles().await;
    doubles.suppress(Vendor::Sendgrid, "Ada@example.com");
    assert_eq!(send(&doubles, &mail()).await.status, 202);
    assert_eq!(doubles.records()[0].status, "dropped");
}
