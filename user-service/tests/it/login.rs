use common::auth::Verifier;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection};
use testkit::Answer;

use crate::{Home, PASSWORD, Shopper, claims, looks};

#[tokio::test]
async fn an_access_token_says_who_may_do_what_for_fifteen_minutes() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    let answer = home.login("ada@example.com", PASSWORD).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["scope"], "profile cart orders");
    let said = claims(body["access_token"].as_str().unwrap());
    assert_eq!((&said["iss"], &said["aud"]), (&json!(testkit::tokens::ISSUER), &json!("bodega")));
    assert_eq!(said["scope"], body["scope"]);
    assert!(said["sub"].as_str().unwrap().starts_with("user:"));
    let number = |claim: &str| said[claim].as_i64().unwrap();
    assert_eq!((number("nbf"), number("exp")), (number("iat"), number("iat") + 900));
    let other = home.login("ada@example.com", PASSWORD).await.json();
    assert_ne!(claims(other["access_token"].as_str().unwrap())["jti"], said["jti"]);
}

#[tokio::test]
async fn a_wrong_password_an_unknown_address_and_a_closed_account_look_alike() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    home.register("closed@example.com").await.expect(202);
    home.sql("UPDATE users SET disabled_at = now() WHERE email = 'closed@example.com'").await;
    let wrong = home.login("ada@example.com", "a small boat on a grey lake").await;
    let unknown = home.login("eve@example.com", PASSWORD).await;
    let closed = home.login("closed@example.com", PASSWORD).await;
    assert_eq!((wrong.status.as_u16(), wrong.problem().as_str()), (401, "invalid_credentials"));
    assert!(!wrong.header("www-authenticate").is_empty());
    assert_eq!(looks(&wrong), looks(&unknown));
    assert_eq!(looks(&wrong), looks(&closed));
}

#[tokio::test]
async fn ten_wrong_passwords_lock_known_and_unknown_addresses_alike() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    let mut seen = Vec::new();
    for email in ["ada@example.com", "eve@example.com"] {
        let mut answers: Vec<Answer> = Vec::new();
        for _ in 0..11 {
            answers.push(home.login(email, "a small boat on a grey lake").await);
        }
        // The right password is refused too.
        answers.push(home.login(email, PASSWORD).await);
        let refused = &answers[10];
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (429, "too_many_requests"));
        assert!((895..=900).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
        seen.push(answers.iter().map(|answer| (answer.status, answer.problem())).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    home.login("ADA@example.com", PASSWORD).await.expect(429);
    home.sql("UPDATE attempts SET window_ends_at = now()").await;
    home.login("ada@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_success_resets_the_count_of_failed_attempts() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    for _ in 0..3 {
        for _ in 0..9 {
            home.login("ada@example.com", "a small boat on a grey lake").await.expect(401);
        }
        home.login("ada@example.com", PASSWORD).await.expect(200);
    }
    // The one registration is counted still.
    assert_eq!(home.number("SELECT count(*) FROM attempts").await, 1);
}

#[tokio::test]
async fn a_login_whose_account_changes_meanwhile_opens_no_session() {
    for change in ["password_hash = password_hash || 'x'", "disabled_at = now()"] {
        let home = Home::open().await;
        home.register("ada@example.com").await.expect(202);
        let mut connection = home.postgres.connect().await;
        let mut changing = connection.begin().await.unwrap();
        sqlx::query(AssertSqlSafe(format!("UPDATE users SET {change}"))).execute(&mut *changing).await.unwrap();
        let body = json!({"email": "ada@example.com", "password": PASSWORD});
        let login = tokio::spawn(home.client.post("/auth/login").json(&body).send());
        home.until_one_waits().await;
        changing.commit().await.unwrap();
        assert_eq!(login.await.unwrap().expect(401).problem(), "invalid_credentials", "{change}");
        assert_eq!(home.number("SELECT count(*) FROM sessions").await, 0, "{change}");
        assert_eq!(home.number("SELECT count(*) FROM refresh_tokens").await, 0, "{change}");
        // It counts as a failed attempt.
        assert_eq!(home.number("SELECT count(*) FROM attempts").await, 2, "{change}");
    }
}

#[tokio::test]
async fn a_password_is_right_however_the_keyboard_composes_its_characters() {
    let home = Home::open().await;
    let forms = ["ein grüner Baum am See", "ein gru\u{308}ner Baum am See"];
    for (email, chosen) in [("ada@example.com", forms[0]), ("bob@example.com", forms[1])] {
        let body = json!({"email": email, "password": chosen, "name": "Ada"});
        home.client.post("/auth/register").json(&body).send().await.expect(202);
        for typed in forms {
            home.login(email, typed).await.expect(200);
        }
        home.login(email, "ein gruner Baum am See").await.expect(401);
    }
}

#[tokio::test]
async fn simultaneous_attempts_cannot_exceed_the_limit_together() {
    let home = Home::open().await;
    let guesses: Vec<_> = (0..14)
        .map(|_| {
            let body = json!({"email": "ada@example.com", "password": "a small boat on a grey lake"});
            tokio::spawn(home.client.post("/auth/login").json(&body).send())
        })
        .collect();
    let mut statuses = Vec::new();
    for guess in guesses {
        statuses.push(guess.await.unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 4]].concat());
}

#[tokio::test]
async fn the_token_of_a_login_is_valid_for_any_service_that_reads_the_published_keys() {
    let home = Home::open().await;
    let shopper: Shopper = home.customer("ada@example.com").await;
    let published = home.client.get("/.well-known/jwks.json").send().await.expect(200).json();
    let keys = common::auth::Keys::fixed(&serde_json::from_value(published).unwrap());
    let verifier = Verifier::new(testkit::tokens::ISSUER, "bodega", keys);
    let claims = verifier.verify(&shopper.access).await.unwrap();
    assert_eq!(claims.sub, format!("user:{}", shopper.id));
}
