use base64::{Engine, engine::general_purpose::STANDARD};
use http::header;
use platform::Service;
use serde_json::{Value, json};
use testkit::Answer;

use crate::{Home, claims};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "grant_type=client_credentials";

/// Makes a client; its secret.
async fn client(home: &Home, scopes: &[&str]) -> String {
    let command = json!({"command": "create_service_client", "name": "transaction-service", "scopes": scopes});
    home.app.admin(command).await.unwrap()["client_secret"].as_str().unwrap().to_owned()
}

async fn ask(home: &Home, credentials: Option<(&str, &str)>, form: &str) -> Answer {
    let mut request = home.client.post("/oauth/token").body(FORM, form);
    if let Some((id, secret)) = credentials {
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        request = request.header(header::AUTHORIZATION, &basic);
    }
    request.send().await
}

/// The status and `error` of a refusal, which must be as RFC 6749 has it.
fn refusal(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body: Value = answer.json();
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()));
    (answer.status.as_u16(), body["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_service_gets_a_token_for_what_it_may_do() {
    let home = Home::open().await;
    let secret = client(&home, &["inventory:reserve", "checkout:read"]).await;
    let answer = ask(&home, Some(("transaction-service", &secret)), GRANT).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["scope"], "inventory:reserve checkout:read");
    assert!(body.get("refresh_token").is_none());
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["sub"], "service:transaction-service");
    let ada = home.customer("ada@example.com").await;
    home.client.get(&format!("/users/{}/checkout-context", ada.id)).token(token).send().await.expect(200);
}

#[tokio::test]
async fn the_client_may_name_itself_in_the_body_and_ask_for_less() {
    let home = Home::open().await;
    let secret = client(&home, &["inventory:reserve", "checkout:read"]).await;
    let form = format!("{GRANT}&client_id=transaction-service&client_secret={secret}&scope=checkout%3Aread");
    let body = ask(&home, None, &form).await.expect(200).json();
    assert_eq!(body["scope"], "checkout:read");
    assert_eq!(claims(body["access_token"].as_str().unwrap())["scope"], "checkout:read");
}

#[tokio::test]
async fn a_client_that_is_not_who_it_says_is_refused() {
    let home = Home::open().await;
    let secret = client(&home, &["checkout:read"]).await;
    let wrong = ask(&home, Some(("transaction-service", "wrong")), GRANT).await;
    let unknown = ask(&home, Some(("product-service", &secret)), GRANT).await;
    let anonymous = ask(&home, None, GRANT).await;
    for answer in [&wrong, &unknown, &anonymous] {
        assert_eq!(refusal(answer), (401, "invalid_client".to_owned()));
        assert!(answer.header("www-authenticate").starts_with("Basic "));
        assert_eq!(crate::looks(answer), crate::looks(&wrong));
    }
}

#[tokio::test]
async fn credentials_that_are_sent_twice_are_refused_in_two_lines_and_as_a_gateway_joins_them() {
    let home = Home::open().await;
    let secret = client(&home, &["checkout:read"]).await;
    let right = format!("Basic {}", STANDARD.encode(format!("transaction-service:{secret}")));
    for other in [right.as_str(), "Basic YTpi", "Bearer x"] {
        for [first, second] in [[right.as_str(), other], [other, &right]] {
            let ask = || home.client.post("/oauth/token").body(FORM, GRANT);
            let twice =
                ask().header(header::AUTHORIZATION, first).and_header(header::AUTHORIZATION, second).send().await;
            assert_eq!(refusal(&twice), (400, "invalid_request".to_owned()), "{first} {second}");
            let joined = ask().header(header::AUTHORIZATION, &format!("{first},{second}")).send().await;
            assert_eq!(refusal(&joined), (400, "invalid_request".to_owned()), "{first} {second}");
        }
    }
    let types = home.client.post("/oauth/token").body(FORM, GRANT).header(header::AUTHORIZATION, &right);
    types.and_header(header::CONTENT_TYPE, FORM).send().await.expect(415);
}

#[tokio::test]
async fn a_request_that_is_not_as_rfc_6749_has_it_is_refused() {
    let home = Home::open().await;
    let secret = client(&home, &["checkout:read"]).await;
    let me = Some(("transaction-service", secret.as_str()));
    let both = format!("{GRANT}&client_id=transaction-service&client_secret={secret}");
    let cases = [
        ("", "invalid_request"),
        ("scope=checkout%3Aread", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        (both.as_str(), "invalid_request"),
        ("grant_type=password&username=ada&password=x", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=users%3Amanage", "invalid_scope"),
        ("grant_type=client_credentials&scope=checkout%3Aread+inventory%3Areserve", "invalid_scope"),
    ];
    for (form, error) in cases {
        assert_eq!(refusal(&ask(&home, me, form).await), (400, error.to_owned()), "{form}");
    }
}

#[tokio::test]
async fn failures_below_oauth_are_answered_as_problems() {
    let home = Home::open().await;
    let answer = home.client.post("/oauth/token").json(&json!({"grant_type": "client_credentials"})).send().await;
    assert_eq!(answer.expect(415).problem(), "unsupported_media_type");
    let answer = home.client.post("/oauth/token").body(FORM, vec![b'a'; 300 * 1024]).send().await;
    assert_eq!(answer.expect(413).problem(), "too_large");
    home.network.cut();
    let answer = ask(&home, Some(("transaction-service", "secret")), GRANT).await;
    assert_eq!(answer.expect(503).problem(), "unavailable");
}

#[tokio::test]
async fn a_new_secret_replaces_the_one_before_and_a_deleted_client_gets_nothing() {
    let home = Home::open().await;
    let first = client(&home, &["checkout:read"]).await;
    let second = client(&home, &["carts:clear"]).await;
    ask(&home, Some(("transaction-service", &first)), GRANT).await.expect(401);
    let body = ask(&home, Some(("transaction-service", &second)), GRANT).await.expect(200).json();
    assert_eq!(body["scope"], "carts:clear");
    let delete = json!({"command": "delete_service_client", "name": "transaction-service"});
    assert_eq!(home.app.admin(delete.clone()).await.unwrap()["deleted"], true);
    ask(&home, Some(("transaction-service", &second)), GRANT).await.expect(401);
    assert_eq!(home.app.admin(delete).await.unwrap()["deleted"], false);
}
