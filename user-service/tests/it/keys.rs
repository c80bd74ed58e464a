use serde_json::{Value, json};
use testkit::{
    Client,
    tokens::{self, Signer},
};
use user_service::router;

use crate::{Home, Shopper, token_header};

fn kids(published: &Value) -> Vec<&str> {
    published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_public_keys_may_be_cached_and_hold_nothing_private() {
    let home = Home::open().await;
    let answer = home.client.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let key = answer.json()["keys"][0].clone();
    let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!((&key["alg"], &key["use"], &key["kty"]), (&json!("RS256"), &json!("sig"), &json!("RSA")));
}

#[tokio::test]
async fn discovery_says_where_keys_and_tokens_are() {
    let home = Home::open().await;
    let answer = home.client.get("/.well-known/openid-configuration").send().await.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let found = answer.json();
    assert_eq!(found["issuer"], tokens::ISSUER);
    assert_eq!(found["jwks_uri"], format!("{}/.well-known/jwks.json", tokens::ISSUER));
    assert_eq!(found["token_endpoint"], "http://127.0.0.1:9/oauth/token");
    assert_eq!(found["id_token_signing_alg_values_supported"], json!(["RS256"]));
    let scopes = found["scopes_supported"].as_array().unwrap();
    for scope in ["profile", "users:manage", "checkout:read"] {
        assert!(scopes.contains(&json!(scope)), "{scope}");
    }
}

#[tokio::test]
async fn keys_can_be_rotated_without_invalidating_tokens() {
    let home = Home::open().await;
    let (old, new) = (tokens::signing_key_base64(), Signer::generate().base64());
    let before = home.customer("ada@example.com").await;

    // Published before it signs.
    let client = Client::new(router(home.instance(&format!("{old},{new}"), "http://127.0.0.1:9")));
    let published = client.get("/.well-known/jwks.json").send().await.expect(200).json();
    let (old_kid, new_kid) = (kids(&published)[0].to_owned(), kids(&published)[1].to_owned());
    assert_eq!(token_header(&before.access)["kid"], old_kid);

    // Then it signs, and tokens of the old one stay good.
    let client = Client::new(router(home.instance(&format!("{new},{old}"), "http://127.0.0.1:9")));
    client.get("/users/me").token(&before.access).send().await.expect(200);
    let body = json!({ "refresh_token": before.refresh });
    let after = Shopper::of(&client.post("/auth/refresh").json(&body).send().await.expect(200));
    assert_eq!(token_header(&after.access)["kid"], new_kid);
    client.get("/users/me").token(&after.access).send().await.expect(200);

    // And when the old one is withdrawn, they are not.
    let client = Client::new(router(home.instance(&new, "http://127.0.0.1:9")));
    client.get("/users/me").token(&before.access).send().await.expect(401);
    client.get("/users/me").token(&after.access).send().await.expect(200);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_named_by_their_place_and_never_shown() {
    let home = Home::open().await;
    let captured = testkit::logs::Captured::default();
    let subscriber = platform::telemetry::subscriber("user-service", "debug", captured.writer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let setting = format!("{},bm90IGEga2V5", tokens::signing_key_base64());
    let client = Client::new(router(home.instance(&setting, "http://127.0.0.1:9")));
    let answer = client.get("/.well-known/jwks.json").send().await.expect(500);
    assert_eq!(answer.problem(), "internal");
    let ready = client.get("/health/user-service/ready").send().await.expect(503).json();
    assert_eq!(ready["dependencies"][1], json!({"name": "signing_keys", "status": "down"}));
    let logged = captured.text();
    assert!(logged.contains("key 2 is not an RSA private key"), "{logged}");
    assert!(!logged.contains("bm90IGEga2V5") && !logged.contains(&tokens::signing_key_base64()));
    assert!(!answer.text().contains("SIGNING_KEYS"));
}
