use std::collections::HashSet;

use common::timestamp::Timestamp;
use serde_json::json;
use user_service::{
    opaque::OpaqueToken,
    sessions::{domain::Decision, store},
};

use crate::{Home, Shopper, claims, looks};

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_session() {
    let home = Home::open().await;
    let before = home.customer("ada@example.com").await;
    let answer = home.refresh(&before.refresh).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let after = Shopper::of(&answer);
    assert_eq!(after.id, before.id);
    assert_ne!((&after.access, &after.refresh), (&before.access, &before.refresh));
    home.client.get("/users/me").token(&after.access).send().await.expect(200);
    assert_eq!(home.number("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_can_be_repeated_for_ten_seconds() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    home.refresh(&shopper.refresh).await.expect(200);
    home.let_pass(8).await;
    let second = Shopper::of(&home.refresh(&shopper.refresh).await.expect(200));
    home.refresh(&second.refresh).await.expect(200);
}

#[tokio::test]
async fn using_a_refresh_token_again_ends_the_session() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    let elsewhere = home.login("ada@example.com", crate::PASSWORD).await.expect(200);
    let newest = Shopper::of(&home.refresh(&shopper.refresh).await.expect(200));
    home.let_pass(11).await;
    assert_eq!(home.refresh(&shopper.refresh).await.expect(401).problem(), "invalid_refresh_token");
    home.refresh(&newest.refresh).await.expect(401);
    // Other sessions of the same user are not concerned.
    home.refresh(&Shopper::of(&elsewhere).refresh).await.expect(200);
}

#[tokio::test]
async fn a_token_from_many_generations_ago_still_ends_the_session() {
    let home = Home::open().await;
    let stolen = home.customer("ada@example.com").await.refresh;
    let mut newest = stolen.clone();
    for _ in 0..4 {
        newest = Shopper::of(&home.refresh(&newest).await.expect(200)).refresh;
        home.let_pass(900).await;
    }
    home.refresh(&stolen).await.expect(401);
    home.refresh(&newest).await.expect(401);
    assert_eq!(home.number("SELECT count(*) FROM refresh_tokens").await, 0);
}

#[tokio::test]
async fn of_two_tokens_issued_side_by_side_the_one_used_later_gives_the_theft_away() {
    let home = Home::open().await;
    let first = home.customer("ada@example.com").await.refresh;
    let (one, two) = tokio::join!(home.refresh(&first), home.refresh(&first));
    let (one, two) = (Shopper::of(&one.expect(200)).refresh, Shopper::of(&two.expect(200)).refresh);
    home.let_pass(900).await;
    let newest = Shopper::of(&home.refresh(&one).await.expect(200)).refresh;
    home.let_pass(900).await;
    home.refresh(&two).await.expect(401);
    home.refresh(&newest).await.expect(401);
}

#[tokio::test]
async fn sixteen_refreshes_of_one_token_at_once_stay_one_session() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    let body = json!({ "refresh_token": shopper.refresh });
    let refreshes: Vec<_> =
        (0..16).map(|_| tokio::spawn(home.client.post("/auth/refresh").json(&body).send())).collect();
    let mut tokens = HashSet::new();
    for refresh in refreshes {
        tokens.insert(Shopper::of(&refresh.await.unwrap().expect(200)).refresh);
    }
    assert_eq!(tokens.len(), 16);
    assert_eq!(home.number("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(home.number("SELECT generation::bigint FROM sessions").await, 1);
    assert_eq!(home.number("SELECT count(*) FROM refresh_tokens WHERE generation = 1").await, 16);
    home.refresh(tokens.iter().next().unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_of_rest() {
    const DAY: i64 = 24 * 60 * 60;
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    home.let_pass(29 * DAY).await;
    let shopper = Shopper::of(&home.refresh(&shopper.refresh).await.expect(200));
    home.let_pass(31 * DAY).await;
    assert_eq!(home.refresh(&shopper.refresh).await.expect(401).problem(), "invalid_refresh_token");
}

#[tokio::test]
async fn a_session_ends_after_ninety_days_however_busy() {
    const DAY: i64 = 24 * 60 * 60;
    let home = Home::open().await;
    let mut newest = home.customer("ada@example.com").await.refresh;
    for _ in 0..4 {
        home.let_pass(22 * DAY).await;
        newest = Shopper::of(&home.refresh(&newest).await.expect(200)).refresh;
    }
    home.let_pass(3 * DAY).await;
    home.refresh(&newest).await.expect(401);
}

#[tokio::test]
async fn a_refresh_gives_the_scopes_of_the_role_at_that_moment() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    home.sql("UPDATE users SET role = 'order_manager'").await;
    let shopper = Shopper::of(&home.refresh(&shopper.refresh).await.expect(200));
    assert_eq!(claims(&shopper.access)["scope"], "profile cart orders orders:manage notifications:manage");
}

#[tokio::test]
async fn a_closed_account_cannot_refresh() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    home.sql("UPDATE users SET disabled_at = now()").await;
    home.refresh(&shopper.refresh).await.expect(401);
}

#[tokio::test]
async fn a_token_that_was_never_issued_looks_like_one_that_was_used_up() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    home.refresh(&shopper.refresh).await.expect(200);
    home.let_pass(11).await;
    let used = home.refresh(&shopper.refresh).await;
    let made_up = home.refresh("made-up").await;
    assert_eq!(looks(&used), looks(&made_up));
    assert_eq!(home.refresh("").await.expect(422).refused_fields(), ["/refresh_token too_short"]);
}

#[tokio::test]
async fn logging_out_ends_the_session_and_can_be_repeated() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    let newest = Shopper::of(&home.refresh(&shopper.refresh).await.expect(200)).refresh;
    for token in [newest.as_str(), &newest, "made-up"] {
        let body = json!({ "refresh_token": token });
        let answer = home.client.post("/auth/logout").json(&body).send().await.expect(204);
        assert!(answer.body.is_empty());
    }
    home.refresh(&newest).await.expect(401);
}

#[tokio::test]
async fn a_step_that_was_decided_before_the_session_moved_on_is_not_taken() {
    let home = Home::open().await;
    let shopper = home.customer("ada@example.com").await;
    let db = &home.app.database;
    let (now, token) = (Timestamp::now(), shopper.refresh.parse::<OpaqueToken>().unwrap());
    let known = store::find(db, token.hashed()).await.unwrap().unwrap();
    let Decision::Renew(late) = known.decide(now) else { panic!("the newest token is renewed") };
    let newest = Shopper::of(&home.refresh(&shopper.refresh).await.expect(200));
    Shopper::of(&home.refresh(&newest.refresh).await.expect(200));
    let other = OpaqueToken::random().unwrap().hashed();
    assert!(!store::advance(db, known.session_id, late, other, now).await.unwrap());
    assert_eq!(home.number("SELECT generation::bigint FROM sessions").await, 2);
    assert_eq!(home.number("SELECT count(*) FROM refresh_tokens").await, 3);
}
