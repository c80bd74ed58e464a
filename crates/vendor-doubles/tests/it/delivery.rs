//! What becomes of messages once they are taken, and the pages that show them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::Request, routing::post as post_route};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vendor_doubles::{
    Options, Vendor, VendorDoubles,
    signing::twilio::{Algorithm, sign_form},
};

use crate::{http, post, receive};

type Posted = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A shop that takes whatever is posted.
async fn shop() -> (String, Posted) {
    let posted = Posted::default();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::clone(&posted);
    let take = async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        taken.lock().unwrap().push((parts.uri.to_string(), parts.headers, body));
    };
    let router = Router::new().route("/{*path}", post_route(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, posted)
}

async fn until(posted: &Posted, count: usize) -> Vec<(String, HeaderMap, Bytes)> {
    for _ in 0..1_000 {
        if posted.lock().unwrap().len() >= count {
            return posted.lock().unwrap().clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the shop got {} reports, not {count}", posted.lock().unwrap().len());
}

fn sms(doubles: &VendorDoubles, body: &str, callback: &str) -> reqwest::RequestBuilder {
    let account = doubles.twilio();
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("To", "+442079460000"), ("From", "Bodega"), ("Body", body), ("StatusCallback", callback)])
        .finish();
    post(doubles, Vendor::Twilio, &format!("/2010-04-01/Accounts/{}/Messages.json", account.account_sid))
        .basic_auth(&account.account_sid, Some(&account.auth_token))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
}

fn mail(doubles: &VendorDoubles, subject: &str, html: &str) -> reqwest::RequestBuilder {
    let body = json!({
        "personalizations": [{"to": [{"email": "ada@example.com"}], "custom_args": {"event_id": "e-1"}}],
        "from": {"email": "shop@bodega.example"}, "subject": subject,
        "content": [{"type": "text/plain", "value": "Hello, text"}, {"type": "text/html", "value": html}]
    });
    post(doubles, Vendor::Sendgrid, "/v3/mail/send").bearer_auth(doubles.sendgrid_key()).json(&body)
}

#[tokio::test]
async fn a_text_is_sent_and_then_delivered_and_its_callback_hears_both_signed_over_its_whole_address() {
    let (shop, posted) = shop().await;
    let doubles = VendorDoubles::start(Options { delivers: true, ..Options::default() }).await;
    let callback = format!("{shop}/webhooks/twilio?event_id=e-1");
    assert_eq!(receive(sms(&doubles, "Hi", &callback)).await.status, 201);
    let calls = until(&posted, 2).await;
    let statuses = calls.iter().map(|(uri, headers, body)| {
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        assert_eq!(uri, "/webhooks/twilio?event_id=e-1");
        let signature = sign_form(Algorithm::HmacSha1, &doubles.twilio().auth_token, &callback, &fields);
        assert_eq!(headers["x-twilio-signature"], signature);
        fields.into_iter().find(|(name, _)| name == "MessageStatus").unwrap().1
    });
    assert_eq!(statuses.collect::<Vec<_>>(), ["sent", "delivered"]);
    assert_eq!(doubles.records()[0].status, "delivered");
}

#[tokio::test]
async fn a_mail_is_delivered_and_a_bounce_on_request_is_told_with_its_custom_arguments() {
    let (shop, posted) = shop().await;
    let sendgrid_webhook = Some(format!("{shop}/webhooks/sendgrid"));
    let doubles = VendorDoubles::start(Options { delivers: true, sendgrid_webhook, ..Options::default() }).await;
    assert_eq!(receive(mail(&doubles, "Hi", "<p>Hi</p>")).await.status, 202);
    until(&posted, 1).await;
    let bounced = format!("{}/records/{}", doubles.control(), doubles.records()[0].id);
    assert_eq!(receive(http().post(bounced).json(&json!({"status": "bounced"}))).await.status, 200);
    let events = until(&posted, 2).await.into_iter().map(|(_, headers, body)| {
        assert!(headers.contains_key("x-twilio-email-event-webhook-signature"));
        let events: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(events[0]["event_id"], "e-1");
        events[0]["event"].as_str().unwrap().to_owned()
    });
    assert_eq!(events.collect::<Vec<_>>(), ["delivered", "bounce"]);
    assert!(!doubles.sendgrid_webhook_key().is_empty());
}

#[tokio::test]
async fn doubles_that_do_not_deliver_tell_nothing_and_leave_messages_as_they_were_taken() {
    let (shop, posted) = shop().await;
    let doubles = VendorDoubles::start(Options::default()).await;
    receive(sms(&doubles, "Hi", &format!("{shop}/webhooks/twilio"))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((doubles.records()[0].status.as_str(), posted.lock().unwrap().len()), ("queued", 0));
}

#[tokio::test]
async fn the_inbox_shows_what_was_taken_and_nothing_of_it_is_markup_of_the_page() {
    let doubles = VendorDoubles::start(Options::default()).await;
    let evil = "<script>alert(1)</script>";
    receive(mail(&doubles, evil, &format!("<p title=\"\">Hello</p>{evil}"))).await;
    receive(sms(&doubles, &format!("Your order {evil}"), "https://shop.example/webhooks/twilio?event_id=e-2")).await;
    let get = async |path: &str| {
        let answer = http().get(format!("{}{path}", doubles.control())).send().await.unwrap();
        let policy = answer.headers().get("content-security-policy").unwrap().to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, list) = get("/inbox").await;
    assert_eq!(status, 200);
    let records = doubles.records();
    for record in &records {
        let (status, page) = get(&format!("/inbox/{}", record.id)).await;
        assert_eq!(status, 200);
        for page in [&list, &page] {
            assert!(page.contains(&record.id) && page.contains(&record.to) && page.contains(&record.status), "{page}");
            assert!(!page.contains("<script"), "{page}");
        }
    }
    let (_, mail) = get(&format!("/inbox/{}", records[0].id)).await;
    let frame = mail.split_once("<iframe sandbox=\"\" ").unwrap().1.split_once("</iframe>").unwrap().0;
    assert!(frame.contains("srcdoc=\"&#60;p title=&#34;&#34;&#62;Hello"), "{frame}");
    assert!(mail.contains("Hello, text") && mail.contains("e-1"));
    let (_, text) = get(&format!("/inbox/{}", records[1].id)).await;
    assert!(text.contains("Your order &#60;script&#62;") && text.contains("e-2"), "{text}");
    assert_eq!(get("/inbox/nothing").await.0, 404);
}
