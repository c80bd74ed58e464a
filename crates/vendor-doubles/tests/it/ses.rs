use serde_json::{Value, json};
use vendor_doubles::{Vendor, VendorDoubles};

use crate::{Received, doubles, post, receive};

fn mail() -> Value {
    json!({
        "FromEmailAddress": "\"Bodega\" <shop@bodega.example>", "Destination": {"ToAddresses": ["ada@example.com"]},
        "ConfigurationSetName": "shop", "EmailTags": [{"Name": "event_id", "Value": "e-1"}],
        "Content": {"Simple": {
            "Subject": {"Data": "Hello", "Charset": "UTF-8"}, "Body": {"Text": {"Data": "Hi"}, "Html": {"Data": "<p>Hi"}},
            "Headers": [{"Name": "X-Bodega-Event", "Value": "e-1"}]
        }}
    })
}

async fn send(doubles: &VendorDoubles, body: &Value) -> Received {
    let signed =
        "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/ses/aws4_request, SignedHeaders=host, Signature=0";
    receive(post(doubles, Vendor::Ses, "/v2/email/outbound-emails").header("authorization", signed).json(body)).await
}

#[tokio::test]
async fn a_mail_is_taken_with_its_tags_headers_and_configuration_set() {
    let doubles = doubles().await;
    let received = send(&doubles, &mail()).await;
    assert_eq!(received.status, 200);
    let [record] = &doubles.records()[..] else { panic!("not one record") };
    assert_eq!(received.body["MessageId"], record.id.as_str());
    assert_eq!((record.to.as_str(), record.set.as_deref()), ("ada@example.com", Some("shop")));
    assert_eq!((record.tags["event_id"].as_str(), record.headers["X-Bodega-Event"].as_str()), ("e-1", "e-1"));
}

#[tokio::test]
async fn what_the_reference_forbids_is_refused_by_the_name_of_an_exception() {
    let doubles = doubles().await;
    let with = |pointer: &str, value: Value| {
        let mut mail = mail();
        *mail.pointer_mut(pointer).unwrap() = value;
        mail
    };
    for (body, status, kind) in [
        (with("/ConfigurationSetName", json!("other")), 404, "NotFoundException"),
        (with("/FromEmailAddress", json!("shop")), 400, "BadRequestException"),
        (with("/Destination/ToAddresses", json!([])), 400, "BadRequestException"),
        (with("/EmailTags/0/Value", json!("two words")), 400, "BadRequestException"),
        (with("/Content/Simple/Subject", json!({})), 400, "BadRequestException"),
        (with("/Content/Simple/Headers/0/Name", json!("Subject")), 400, "BadRequestException"),
        (with("/Content/Simple/Headers/0/Value", json!("a\nb")), 400, "BadRequestException"),
    ] {
        let received = send(&doubles, &body).await;
        assert_eq!((received.status, received.headers["x-amzn-errortype"].to_str().unwrap()), (status, kind), "{body}");
    }
    let unsigned = receive(post(&doubles, Vendor::Ses, "/v2/email/outbound-emails").json(&mail())).await;
    assert_eq!(unsigned.status, 403);
    assert_eq!(doubles.records(), []);
}
