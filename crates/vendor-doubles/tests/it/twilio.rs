use serde_json::Value;
use vendor_doubles::{Vendor, VendorDoubles};

use crate::{Received, doubles, http, post, receive};

const TO: &str = "+442079460000";

fn path(doubles: &VendorDoubles) -> String {
    format!("/2010-04-01/Accounts/{}/Messages.json", doubles.twilio().account_sid)
}

async fn send(doubles: &VendorDoubles, form: &[(&str, &str)]) -> Received {
    let account = doubles.twilio();
    let request =
        post(doubles, Vendor::Twilio, &path(doubles)).header("content-type", "application/x-www-form-urlencoded");
    let text = form.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect::<Vec<_>>();
    receive(request.basic_auth(&account.account_sid, Some(&account.auth_token)).body(text.join("&"))).await
}

async fn get(doubles: &VendorDoubles, path: &str) -> Received {
    let account = doubles.twilio();
    let request = http().get(format!("{}{path}", doubles.base(Vendor::Twilio)));
    receive(request.basic_auth(&account.key_sid, Some(&account.key_secret))).await
}

#[tokio::test]
async fn a_message_is_taken_with_201_and_can_be_read() {
    let doubles = doubles().await;
    let received = send(&doubles, &[("To", TO), ("From", "+15005550006"), ("Body", "Hi")]).await;
    assert_eq!(received.status, 201);
    assert_eq!((received.body["status"].as_str(), received.body["date_sent"].is_null()), (Some("queued"), true));
    let again = get(&doubles, received.body["uri"].as_str().unwrap()).await;
    assert_eq!((again.status, again.body), (200, received.body));
}

#[tokio::test]
async fn what_twilio_refuses_has_twilios_code() {
    let doubles = doubles().await;
    let long = "x".repeat(1_601);
    for (form, code) in [
        (vec![("From", "Bodega"), ("Body", "Hi")], 21604),
        (vec![("To", "0207"), ("From", "Bodega"), ("Body", "Hi")], 21211),
        (vec![("To", TO), ("Body", "Hi")], 21603),
        (vec![("To", TO), ("From", "Bodega")], 21602),
        (vec![("To", TO), ("From", "Bodega"), ("Body", &long)], 21617),
        (vec![("To", TO), ("From", "Bodega"), ("Body", "Hi"), ("StatusCallback", "https://a_b.example/x")], 21609),
        (vec![("To", TO), ("MessagingServiceSid", "MG12"), ("Body", "Hi")], 20001),
        (vec![("To", TO), ("From", "Bodega"), ("Body", "Hi"), ("body", "Hi")], 20001),
        (vec![("To", TO), ("From", "Bodega"), ("Body", "Hi"), ("ValidityPeriod", "soon")], 20001),
        (vec![("To", "+15005550001"), ("From", "Bodega"), ("Body", "Hi")], 21211),
        (vec![("To", "+15005550009"), ("From", "Bodega"), ("Body", "Hi")], 21614),
        (vec![("To", "+15005550004"), ("From", "Bodega"), ("Body", "Hi")], 21610),
    ] {
        let received = send(&doubles, &form).await;
        assert_eq!((received.status, received.body["code"].as_u64()), (400, Some(code)), "{form:?}");
        assert!(received.body["more_info"].as_str().unwrap().ends_with(&code.to_string()));
    }
    let wrong = post(&doubles, Vendor::Twilio, &path(&doubles)).basic_auth("AC", Some("x")).body("To=1");
    let received = receive(wrong).await;
    assert_eq!((received.status, received.body["code"].as_u64()), (401, Some(20003)));
    assert_eq!(doubles.records(), []);
}

#[tokio::test]
async fn a_number_that_said_stop_is_refused() {
    let doubles = doubles().await;
    doubles.suppress(Vendor::Twilio, TO);
    let received = send(&doubles, &[("To", TO), ("From", "Bodega"), ("Body", "Hi")]).await;
    assert_eq!((received.status, received.body["code"].as_u64()), (400, Some(21610)));
}

#[tokio::test]
async fn the_list_has_pages_newest_first_and_filters() {
    let doubles = doubles().await;
    for body in ["1", "2", "3"] {
        assert_eq!(send(&doubles, &[("To", TO), ("From", "Bodega"), ("Body", body)]).await.status, 201);
    }
    send(&doubles, &[("To", "+15005550006"), ("From", "Bodega"), ("Body", "other")]).await;
    let bodies = |page: &Value| -> Vec<String> {
        page["messages"].as_array().unwrap().iter().map(|m| m["body"].as_str().unwrap().to_owned()).collect()
    };
    let list = path(&doubles);
    let first = get(&doubles, &format!("{list}?To=%2B442079460000&PageSize=2")).await.body;
    assert_eq!(bodies(&first), ["3", "2"]);
    let second = get(&doubles, first["next_page_uri"].as_str().unwrap()).await.body;
    assert_eq!(bodies(&second), ["1"]);
    assert!(second["next_page_uri"].is_null());
    // Nothing has left Twilio yet, so nothing has a day.
    let on_days = format!("{list}?To=%2B442079460000&DateSent%3E=2026-01-01");
    assert_eq!(bodies(&get(&doubles, &on_days).await.body), [""; 0]);
    assert!(doubles.set_status(&doubles.records()[1].id, "sent"));
    assert_eq!(bodies(&get(&doubles, &on_days).await.body), ["2"]);
    assert_eq!(bodies(&get(&doubles, &format!("{list}?DateSent=%3C%3D2026-01-01")).await.body), [""; 0]);
    assert_eq!(get(&doubles, &format!("{list}?Recipient=1")).await.status, 400);
    assert_eq!(get(&doubles, &format!("{list}?PageSize=0")).await.status, 400);
}
