use http::header;
use serde_json::{Value, json};
use testkit::Answer;

use crate::Home;

async fn patch(home: &Home, token: &str, if_match: Option<&str>, body: &Value) -> Answer {
    let request = home.client.patch("/users/me").token(token).body("application/merge-patch+json", body.to_string());
    match if_match {
        Some(tag) => request.header(header::IF_MATCH, tag).send().await,
        None => request.send().await,
    }
}

/// The tag of a version of a user's profile.
fn tag(id: uuid::Uuid, version: i64) -> String {
    common::etag::ETag::new(id, version).to_string()
}

#[tokio::test]
async fn a_profile_is_read_with_its_version() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let answer = home.client.get("/users/me").token(&ada.access).send().await.expect(200);
    assert_eq!(answer.header("etag"), tag(ada.id, 1));
    let profile = answer.json();
    assert_eq!((&profile["version"], &profile["phone"]), (&json!(1), &Value::Null));
    assert_eq!(profile["created_at"], profile["updated_at"]);
    assert!(profile.get("password_hash").is_none());
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_removes() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let body = json!({"phone": "+1 (415) 555-0123"});
    let profile = patch(&home, &ada.access, None, &body).await.expect(200).json();
    assert_eq!((&profile["name"], &profile["phone"]), (&json!("Ada Lovelace"), &json!("+14155550123")));
    let answer = patch(&home, &ada.access, None, &json!({"name": "Ada King", "phone": null})).await.expect(200);
    assert_eq!(answer.header("etag"), tag(ada.id, 3));
    let profile = answer.json();
    assert_eq!((&profile["name"], &profile["phone"]), (&json!("Ada King"), &Value::Null));
    let read = home.client.get("/users/me").token(&ada.access).send().await.expect(200);
    assert_eq!(read.json(), profile);
}

#[tokio::test]
async fn an_empty_patch_changes_nothing() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    assert_eq!(patch(&home, &ada.access, None, &json!({})).await.expect(200).header("etag"), tag(ada.id, 1));
    assert_eq!(patch(&home, &ada.access, Some(&tag(ada.id, 9)), &json!({})).await.expect(412).problem(), "stale");
}

#[tokio::test]
async fn a_change_of_what_was_not_seen_is_refused() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let body = json!({"name": "Ada King"});
    let seen = tag(ada.id, 1);
    let (one, two) =
        tokio::join!(patch(&home, &ada.access, Some(&seen), &body), patch(&home, &ada.access, Some(&seen), &body));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    // A weak one, that of another account, and one without an account.
    for stale in [format!("W/{}", tag(ada.id, 2)), tag(uuid::Uuid::now_v7(), 2), "\"2\"".to_owned()] {
        assert_eq!(patch(&home, &ada.access, Some(&stale), &body).await.expect(412).problem(), "stale");
    }
    patch(&home, &ada.access, Some(&tag(ada.id, 2)), &body).await.expect(200);
    patch(&home, &ada.access, Some("*"), &body).await.expect(200);
}

#[tokio::test]
async fn what_is_not_ones_own_to_change_is_refused() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let body = json!({"name": null, "phone": "12", "email": "eve@example.com", "role": "admin", "version": 7});
    let answer = patch(&home, &ada.access, None, &body).await.expect(422);
    let mut fields = answer.refused_fields();
    fields.sort();
    let expected =
        ["/email unknown_field", "/name required", "/phone too_short", "/role unknown_field", "/version unknown_field"];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn a_token_of_an_account_that_is_gone_finds_nothing() {
    let home = Home::open().await;
    let nobody = testkit::tokens::user(uuid::Uuid::now_v7(), "profile");
    home.client.get("/users/me").token(&nobody).send().await.expect(404);
    assert_eq!(patch(&home, &nobody, None, &json!({"name": "A"})).await.expect(404).problem(), "not_found");
    home.client.get("/users/me/addresses").token(&nobody).send().await.expect(200);
    let address = json!({"name": "A", "line1": "1", "city": "C", "country": "GB"});
    home.client.post("/users/me/addresses").token(&nobody).json(&address).send().await.expect(404);
}
