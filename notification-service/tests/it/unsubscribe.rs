use common::contact::Channel;
use notification_service::unsubscribe;
use serde_json::{Value, json};
use testkit::Answer;

use crate::{
    address, event,
    webhooks::{WebhookFixture, staff},
};

/// The path of the link for a mailbox.
async fn path_for(webhooks: &WebhookFixture, email: &str) -> String {
    let app = &webhooks.fixture.app;
    let recipient = app.fingerprints.recipient(&email.parse().unwrap()).await.unwrap();
    let link = unsubscribe::link(&app.fingerprints, &app.public_url, Channel::Email, recipient).await.unwrap();
    link.strip_prefix("https://shop.example").unwrap().to_owned()
}

async fn one_click(webhooks: &WebhookFixture, path: &str) -> Answer {
    let form = "application/x-www-form-urlencoded";
    webhooks.client.post(path).body(form, "List-Unsubscribe=One-Click").send().await
}

#[tokio::test]
async fn opening_the_link_changes_nothing_and_one_click_unsubscribes() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    let path = path_for(&webhooks, address(&body)).await;
    let page = webhooks.client.get(&path).send().await.expect(200);
    assert!(page.text().contains("<form method=\"post\">"), "{}", page.text());
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!((page.header("referrer-policy"), page.header("cache-control")), ("no-referrer", "no-store"));
    assert!(webhooks.suppressed(&json!({"email": address(&body)})).await.is_empty());

    for _ in 0..2 {
        let done = one_click(&webhooks, &path).await.expect(200);
        assert!(!done.text().contains("<form"), "{}", done.text());
        assert_eq!(webhooks.suppressed(&json!({"email": address(&body)})).await, ["unsubscribed"]);
    }
}

#[tokio::test]
async fn any_body_of_a_mail_program_will_do() {
    let webhooks = WebhookFixture::open().await;
    let multipart = "multipart/form-data; boundary=x";
    for (media, body) in [("text/plain", ""), (multipart, "--x\r\n\r\nOne-Click\r\n--x--")] {
        let email = event("account_created")["recipient"]["email"].clone();
        let path = path_for(&webhooks, email.as_str().unwrap()).await;
        webhooks.client.post(&path).body(media, body).send().await.expect(200);
        assert_eq!(webhooks.suppressed(&json!({ "email": email })).await, ["unsubscribed"]);
    }
}

#[tokio::test]
async fn who_unsubscribed_gets_what_is_transactional_and_nothing_else() {
    let webhooks = WebhookFixture::open().await;
    let paid = event("order_confirmation");
    one_click(&webhooks, &path_for(&webhooks, address(&paid)).await).await.expect(200);
    assert_eq!(webhooks.fixture.status(&paid).await, "sent");
    let direct = |email: &str| json!({"event_id": uuid::Uuid::now_v7(), "email": email, "subject": "News", "text": "We are open on Sunday."});
    let send = async |mail: Value| {
        let request = webhooks.client.post("/admin/notifications/email").token(&staff()).json(&mail);
        request.send().await.expect(200).json()["channels"][0]["state"].clone()
    };
    assert_eq!(send(direct(address(&paid))).await, "suppressed");
    assert_eq!(send(direct(address(&event("account_created")))).await, "sent");
}

#[tokio::test]
async fn only_what_is_not_transactional_carries_the_link_and_the_link_works() {
    let webhooks = WebhookFixture::open().await;
    let paid = event("order_confirmation");
    webhooks.fixture.status(&paid).await;
    let mail = json!({"event_id": uuid::Uuid::now_v7(), "email": address(&paid), "subject": "News", "text": "Open on Sunday."});
    webhooks.client.post("/admin/notifications/email").token(&staff()).json(&mail).send().await.expect(200);
    let calls = webhooks.fixture.network.seen().into_iter().filter(|seen| seen.operation == "SendEmail");
    let headers = calls.map(|call| call.body["Content"]["Simple"]["Headers"].as_array().unwrap().clone());
    let of = |headers: &[Value], name: &str| {
        let header = headers.iter().find(|header| header["Name"] == name);
        header.map(|header| header["Value"].as_str().unwrap().to_owned())
    };
    let lists: Vec<_> =
        headers.map(|headers| (of(&headers, "List-Unsubscribe"), of(&headers, "List-Unsubscribe-Post"))).collect();
    let [(None, None), (Some(link), Some(post))] = &lists[..] else { panic!("{lists:?}") };
    assert_eq!(post, "List-Unsubscribe=One-Click");
    let path = link.strip_prefix("<https://shop.example").unwrap().strip_suffix('>').unwrap();
    one_click(&webhooks, path).await.expect(200);
    assert_eq!(webhooks.suppressed(&json!({"email": address(&paid)})).await, ["unsubscribed"]);
}

#[tokio::test]
async fn a_bounce_that_is_lifted_does_not_lose_that_its_owner_unsubscribed() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    let found = json!({"email": address(&body)});
    one_click(&webhooks, &path_for(&webhooks, address(&body)).await).await.expect(200);
    let bounce = json!({"event": "bounce", "email": address(&body), "timestamp": 1_796_000_000, "sg_event_id": "b"});
    webhooks.sendgrid(&[bounce]).await.expect(200);
    let request = webhooks.client.post("/admin/suppressions/find").token(&staff()).json(&found);
    let items = request.send().await.expect(200).json()["items"].clone();
    let everything = items.as_array().unwrap().iter().find(|item| item["scope"] == "everything").unwrap();
    let path = format!("/admin/suppressions/{}", everything["id"].as_str().unwrap());
    webhooks.client.delete(&path).token(&staff()).send().await.expect(204);
    assert_eq!(webhooks.suppressed(&found).await, ["unsubscribed"]);
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_no_token() {
    let webhooks = WebhookFixture::open().await;
    let path = path_for(&webhooks, "ada@example.com").await;
    let other = path_for(&webhooks, "bob@example.com").await;
    // Another recipient under this seal.
    let mixed = format!("{}{}", &other[..other.len() - 22], &path[path.len() - 22..]);
    let before = webhooks.fixture.network.seen().len();
    for bad in ["/unsubscribe/x".to_owned(), mixed, format!("{path}A"), path.to_lowercase()] {
        webhooks.client.get(&bad).send().await.expect(404);
        assert_eq!(one_click(&webhooks, &bad).await.expect(404).problem(), "not_found", "{bad}");
    }
    assert_eq!(webhooks.fixture.network.seen().len(), before, "nothing reached the table");
}
