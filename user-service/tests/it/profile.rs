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
async fn a_number_is_kept_as_it_can_be_dialled_from_anywhere() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    for (typed, kept) in [("+44 (0)20 7946 0000", "+442079460000"), ("+1 415 555 0123 ext. 7", "+14155550123;ext=7")] {
        let profile = patch(&home, &ada.access, None, &json!({ "phone": typed })).await.expect(200).json();
        assert_eq!(profile["phone"], kept);
    }
    for refused in ["020 7946 0000", "+44 999", "112"] {
        let answer = patch(&home, &ada.access, None, &json!({ "phone": refused })).await.expect(422);
        assert_eq!(answer.refused_fields(), ["/phone invalid_phone"], "{refused}");
    }
}

#[tokio::test]
async fn text_messages_are_chosen_with_a_number_that_takes_them_and_when_is_kept() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let change = async |body: Value| patch(&home, &ada.access, None, &body).await;
    let refused = async |body: Value| change(body).await.expect(422).refused_fields();

    let profile = home.client.get("/users/me").token(&ada.access).send().await.json();
    assert_eq!((&profile["notify_by"], &profile["sms_consent_at"]), (&json!(["email"]), &Value::Null));
    assert_eq!(refused(json!({"notify_by": ["sms"]})).await, ["/notify_by needs_phone"]);
    assert_eq!(refused(json!({"notify_by": ["sms"], "phone": null})).await, ["/notify_by needs_phone"]);
    assert_eq!(refused(json!({"notify_by": []})).await, ["/notify_by too_few"]);
    assert_eq!(refused(json!({"notify_by": ["fax"]})).await, ["/notify_by/0 unknown_channel"]);
    let premium = json!({"notify_by": ["sms"], "phone": "+19002345678"});
    assert_eq!(refused(premium).await, ["/phone takes_no_texts"]);
    change(json!({"phone": "+1 415 555 0123 ext. 7"})).await.expect(200);
    assert_eq!(refused(json!({"notify_by": ["email", "sms"]})).await, ["/notify_by takes_no_texts"]);
    let profile = home.client.get("/users/me").token(&ada.access).send().await.json();
    assert_eq!(profile["notify_by"], json!(["email"]), "what is refused changes nothing");

    let body = json!({"notify_by": ["sms", "email"], "phone": "+1 415 555 0123"});
    let agreed = change(body).await.expect(200).json();
    assert_eq!((&agreed["notify_by"], &agreed["phone"]), (&json!(["email", "sms"]), &json!("+14155550123")));
    assert_eq!(agreed["sms_consent_at"], agreed["updated_at"]);
}

#[tokio::test]
async fn consent_stays_as_it_was_given_until_the_number_is_another_and_goes_with_the_number() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let change = async |body: Value| patch(&home, &ada.access, None, &body).await.expect(200).json();
    change(json!({"notify_by": ["sms"], "phone": "+14155550123"})).await;
    home.sql("UPDATE users SET sms_consent_at = sms_consent_at - interval '1 hour'").await;
    let agreed = home.client.get("/users/me").token(&ada.access).send().await.json();
    for same in [json!({"notify_by": ["email", "sms"]}), json!({"phone": "+1 (415) 555-0123"}), json!({"name": "A"})] {
        let profile = change(same.clone()).await;
        assert_eq!(profile["sms_consent_at"], agreed["sms_consent_at"], "{same}");
        assert_eq!(profile["notify_by"], json!(["email", "sms"]), "{same}");
    }
    let other = change(json!({"phone": "+14155550124"})).await;
    assert_eq!((&other["notify_by"], &other["sms_consent_at"]), (&json!(["email", "sms"]), &other["updated_at"]));
    assert_ne!(other["sms_consent_at"], agreed["sms_consent_at"]);
    let refused = patch(&home, &ada.access, None, &json!({"phone": "+19002345678"})).await.expect(422);
    assert_eq!(refused.refused_fields(), ["/phone takes_no_texts"]);

    let gone = change(json!({"phone": null})).await;
    assert_eq!(gone["phone"], Value::Null);
    assert_eq!((&gone["notify_by"], &gone["sms_consent_at"]), (&json!(["email"]), &Value::Null));
    let back = change(json!({"phone": "+14155550123"})).await;
    assert_eq!(back["notify_by"], json!(["email"]), "a number that comes back brings no consent");
}

#[tokio::test]
async fn the_migration_before_takes_choices_and_extensions_away_and_keeps_numbers() {
    use platform::{Service, trigger::Direction};
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    patch(&home, &ada.access, None, &json!({"phone": "+1 415 555 0123 ext. 7"})).await.expect(200);
    home.app.migrate(Direction::Down { to: 9 }).await.unwrap();
    assert_eq!(home.number("SELECT count(*) FROM users WHERE phone = '+14155550123'").await, 1);
    home.app.migrate(Direction::Up).await.unwrap();
    let profile = home.client.get("/users/me").token(&ada.access).send().await.expect(200).json();
    assert_eq!((&profile["phone"], &profile["notify_by"]), (&json!("+14155550123"), &json!(["email"])));
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
    let absent = testkit::tokens::user(uuid::Uuid::now_v7(), "profile");
    home.client.get("/users/me").token(&absent).send().await.expect(404);
    assert_eq!(patch(&home, &absent, None, &json!({"name": "A"})).await.expect(404).problem(), "not_found");
    home.client.get("/users/me/addresses").token(&absent).send().await.expect(200);
    let address = json!({"name": "A", "line1": "1", "city": "C", "country": "GB"});
    home.client.post("/users/me/addresses").token(&absent).json(&address).send().await.expect(404);
}
