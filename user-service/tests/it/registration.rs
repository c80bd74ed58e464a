use serde_json::json;

use crate::{Home, PASSWORD, Shopper, claims, looks};

#[tokio::test]
async fn a_registered_shopper_can_log_in_as_a_customer() {
    let home = Home::open().await;
    let answer = home.register("ada@example.com").await.expect(202);
    assert_eq!(answer.json(), json!({"status": "accepted"}));
    let shopper = Shopper::of(&home.login("ada@example.com", PASSWORD).await.expect(200));
    assert_eq!(claims(&shopper.access)["scope"], "profile cart orders");
    let profile = home.client.get("/users/me").token(&shopper.access).send().await.expect(200).json();
    assert_eq!((&profile["email"], &profile["role"]), (&json!("ada@example.com"), &json!("customer")));
    assert_eq!(profile["id"], shopper.id.to_string());
}

#[tokio::test]
async fn an_address_that_has_an_account_is_answered_like_one_that_has_none() {
    let home = Home::open().await;
    let unknown = home.register("ada@example.com").await;
    let known = home.register("ada@example.com").await;
    assert_eq!(looks(&known), looks(&unknown));
}

#[tokio::test]
async fn registering_again_in_other_capitals_changes_nothing() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    let body = json!({"email": "ADA@Example.com", "password": "another boat on a lake", "name": "Eve"});
    home.client.post("/auth/register").json(&body).send().await.expect(202);
    assert_eq!(home.number("SELECT count(*) FROM users WHERE name = 'Ada Lovelace'").await, 1);
    assert_eq!(home.number("SELECT count(*) FROM users").await, 1);
    home.login("Ada@Example.COM", PASSWORD).await.expect(200);
    home.login("ada@example.com", "another boat on a lake").await.expect(401);
}

#[tokio::test]
async fn registering_one_address_many_times_at_once_makes_one_account() {
    let home = Home::open().await;
    let register = || home.register("ada@example.com");
    let answers = tokio::join!(register(), register(), register(), register(), register(), register());
    for answer in [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5] {
        answer.expect(202);
    }
    assert_eq!(home.number("SELECT count(*) FROM users").await, 1);
    let of = |template: &str| format!("SELECT count(*) FROM outbox WHERE body->>'template' = '{template}'");
    assert_eq!(home.number(&of("account_created")).await, 1);
    assert_eq!(home.number(&of("account_exists")).await, 5);
}

#[tokio::test]
async fn registering_an_address_again_and_again_does_not_fill_its_inbox() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    home.sql("DELETE FROM attempts; DELETE FROM outbox;").await;
    for email in ["ada@example.com", "eve@example.com"] {
        for _ in 0..9 {
            home.register(email).await.expect(202);
        }
        // Logging in meanwhile does not reset the limit.
        home.login(email, PASSWORD).await.expect(200);
        home.register(&email.to_uppercase()).await.expect(202);
        let refused = home.register(email).await.expect(429);
        assert_eq!(refused.problem(), "too_many_requests");
        assert!((895..=900).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
        // The owner of an account can still log in.
        home.login(email, PASSWORD).await.expect(200);
    }
    assert_eq!(home.number("SELECT count(*) FROM outbox").await, 20);
    home.sql("UPDATE attempts SET window_ends_at = now()").await;
    home.register("ada@example.com").await.expect(202);
}

#[tokio::test]
async fn a_registration_that_is_refused_makes_no_account() {
    let home = Home::open().await;
    for _ in 0..10 {
        home.register("ada@example.com").await.expect(202);
    }
    home.sql("DELETE FROM users").await;
    home.register("ada@example.com").await.expect(429);
    assert_eq!(home.number("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn every_bad_field_of_a_registration_is_named_at_once() {
    let home = Home::open().await;
    let body = json!({"email": "nobody", "password": "short", "name": "", "role": "admin"});
    let answer = home.client.post("/auth/register").json(&body).send().await.expect(422);
    assert_eq!(answer.problem(), "invalid_input");
    let expected = ["/email invalid_email", "/password too_short", "/name too_short", "/role unknown_field"];
    assert_eq!(answer.refused_fields(), expected);
    assert!(!answer.text().contains("nobody"));
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused() {
    let home = Home::open().await;
    for password in ["passwordpassword", "ada.lovelace@example.com", "123456789012345"] {
        let body = json!({"email": "ada.lovelace@example.com", "password": password, "name": "Ada"});
        let answer = home.client.post("/auth/register").json(&body).send().await.expect(422);
        assert_eq!(answer.refused_fields(), ["/password too_easy"], "{password}");
    }
}

#[tokio::test]
async fn an_address_with_an_international_domain_is_one_account_and_gets_its_mail_in_ascii() {
    let home = Home::open().await;
    for typed in ["ada@exämple.com", "ADA@EXÄMPLE.COM", "ada@xn--exmple-cua.com"] {
        home.register(typed).await.expect(202);
        home.login(typed, PASSWORD).await.expect(200);
    }
    assert_eq!(home.number("SELECT count(*) FROM users WHERE email = 'ada@xn--exmple-cua.com'").await, 1);
    assert_eq!(home.number("SELECT count(*) FROM users").await, 1);
    let mailed = "SELECT count(*) FROM outbox WHERE lower(body->'recipient'->>'email') = 'ada@xn--exmple-cua.com'";
    assert_eq!(home.number(mailed).await, 3);
    let answer = home.register("ädä@example.com").await.expect(422);
    assert_eq!(answer.refused_fields(), ["/email invalid_email"]);
    assert!(answer.text().contains("ASCII"), "{}", answer.text());
}

#[tokio::test]
async fn a_name_that_mails_would_carry_as_a_link_or_that_cannot_be_seen_is_refused() {
    let home = Home::open().await;
    let refused = async |name: &str| {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
        home.client.post("/auth/register").json(&body).send().await.expect(422).refused_fields()
    };
    for name in ["evil.example", "You won: bit.ly/x", "www.evil", "ｅｖｉｌ。ｃｏｍ", "https://evil.example"] {
        assert_eq!(refused(name).await, ["/name web_address"], "{name}");
    }
    assert_eq!(refused("\u{3164}").await, ["/name invisible_character"]);
    assert_eq!(refused("\u{200B}").await, ["/name invisible_character"]);
    assert_eq!(refused("\u{2800}").await, ["/name nothing_visible"]);
    assert_eq!(refused("Ada\u{202E}x").await, ["/name invisible_character"]);
    for name in ["Dr.med. Anna Weiß", "J.R.R. Tolkien", "علی\u{200C}رضا"] {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
        home.client.post("/auth/register").json(&body).send().await.expect(202);
    }
    assert_eq!(home.number("SELECT count(*) FROM outbox").await, 3);
}
