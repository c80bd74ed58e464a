use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Answer, Client, client::Sending};
use user_service::{App, auth::passwords::Passwords, limits::domain::Limits, router};

use crate::{Home, PASSWORD, Shopper, limited, looks, payment_methods::CardFixture};

const SETUP: &str = "/users/me/payment-methods/setup";

fn registration(home: &Home, email: &str) -> Sending {
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
    home.client.post("/auth/register").json(&body)
}

fn login(home: &Home, email: &str) -> Sending {
    home.client.post("/auth/login").json(&json!({"email": email, "password": "a wrong guess"}))
}

fn count_of(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn wait(answer: &Answer) -> u32 {
    answer.header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn a_registration_that_is_one_too_many_is_refused_before_its_password_is_hashed() {
    let home = Home::open().await;
    home.customer("known@example.com").await;
    home.sql("DELETE FROM attempts; DELETE FROM outbox").await;
    let mut seen = Vec::new();
    for email in ["known@example.com", "unknown@example.com"] {
        let before = home.app.passwords.hashes_computed().await;
        let answers = join_all((0..30).map(|_| tokio::spawn(registration(&home, email).send()))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!((count_of(&answers, 202), count_of(&answers, 429)), (10, 20));
        assert_eq!(home.app.passwords.hashes_computed().await - before, 10, "twenty were never hashed");
        let mut last = looks(&registration(&home, &email.to_uppercase()).send().await.expect(429));
        last.1.retain(|(name, _)| name != "retry-after");
        seen.push(last);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(home.number("SELECT count(*) FROM outbox").await, 20);
}

#[tokio::test]
async fn one_source_address_registers_a_limited_number_of_mailboxes_and_hinders_no_other() {
    let home = limited(Home::open().await, Limits { registrations_from_source: 3, ..Limits::default() });
    for n in 0..3 {
        registration(&home, &format!("{n}@example.com")).from("203.0.113.7").send().await.expect(202);
    }
    let before = home.app.passwords.hashes_computed().await;
    for _ in 0..20 {
        let refused = registration(&home, "ada@example.com").from("203.0.113.7").send().await.expect(429);
        assert!((895..=900).contains(&wait(&refused)));
    }
    assert_eq!(home.app.passwords.hashes_computed().await, before);
    // The twenty used up no attempts of the mailbox, and another source address can register it.
    for _ in 0..3 {
        registration(&home, "ada@example.com").from("203.0.113.8").send().await.expect(202);
    }
    registration(&home, "bob@example.com").from("203.0.113.8").send().await.expect(429);
    // Where no source address is known, the mailbox is counted.
    registration(&home, "ada@example.com").send().await.expect(202);
    home.sql("UPDATE attempts SET window_ends_at = now()").await;
    registration(&home, "bob@example.com").from("203.0.113.7").send().await.expect(202);
}

#[tokio::test]
async fn a_client_cannot_choose_the_source_address_it_is_counted_under() {
    let home = limited(Home::open().await, Limits { guests_from_source: 2, ..Limits::default() });
    let guest = |forwarded: &str| {
        let request = home.client.post("/auth/guest").from("203.0.113.7");
        let request = request.header("x-forwarded-for".parse().unwrap(), forwarded);
        request.header("cloudfront-viewer-address".parse().unwrap(), &format!("{forwarded}:443")).send()
    };
    guest("198.51.100.1").await.expect(201);
    guest("198.51.100.2").await.expect(201);
    guest("198.51.100.3").await.expect(429);
}

#[tokio::test]
async fn guests_of_one_source_address_are_limited_however_many_come_at_once() {
    let home = limited(Home::open().await, Limits { guests_from_source: 5, ..Limits::default() });
    let guest = |source: &'static str| tokio::spawn(home.client.post("/auth/guest").from(source).send());
    // One subscriber has a whole network of IPv6.
    let sources = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3", "2001:db8:1:2:1:2:3:4"];
    let answers = join_all((0..16).map(|n| guest(sources[n % 4]))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!((count_of(&answers, 201), count_of(&answers, 429)), (5, 11));
    assert_eq!(home.number("SELECT count(*) FROM sessions").await, 5);
    guest("2001:db8:1:3::1").await.unwrap().expect(201);
}

#[tokio::test]
async fn attempts_at_many_mailboxes_from_one_source_address_are_limited_and_a_success_does_not_reset_them() {
    let home = limited(Home::open().await, Limits { logins_from_source: 4, ..Limits::default() });
    home.register("ada@example.com").await.expect(202);
    let right = json!({"email": "ada@example.com", "password": PASSWORD});
    for n in 0..3 {
        login(&home, &format!("{n}@example.com")).from("203.0.113.7").send().await.expect(401);
    }
    home.client.post("/auth/login").json(&right).from("203.0.113.7").send().await.expect(200);
    let before = home.app.passwords.hashes_computed().await;
    login(&home, "another@example.com").from("203.0.113.7").send().await.expect(429);
    assert_eq!(home.app.passwords.hashes_computed().await, before);
    home.client.post("/auth/login").json(&right).from("203.0.113.8").send().await.expect(200);
}

#[tokio::test]
async fn cards_are_begun_to_be_saved_ten_times_an_hour_by_one_account_however_many_at_once() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.setup(&ada).await.expect(201);
    let setup = || tokio::spawn(fixture.home.client.post(SETUP).token(&ada.access).from("203.0.113.7").send());
    let answers: Vec<_> = join_all((0..24).map(|_| setup())).await.into_iter().map(Result::unwrap).collect();
    assert_eq!((count_of(&answers, 201), count_of(&answers, 429)), (9, 15));
    let refused = setup().await.unwrap().expect(429);
    assert_eq!(refused.problem(), "too_many_requests");
    assert!((3_590..=3_600).contains(&wait(&refused)), "{}", wait(&refused));
    let begun = fixture.stripe.calls().into_iter().filter(|call| call.path == "/v1/setup_intents").count();
    assert_eq!(begun, 10, "what is refused does not reach Stripe");
    // Another account at the same source address, and all other routes, are not affected.
    let bob = fixture.home.customer("bob@example.com").await;
    fixture.home.client.post(SETUP).token(&bob.access).from("203.0.113.7").send().await.expect(201);
    fixture.home.client.get("/users/me/payment-methods").token(&ada.access).send().await.expect(200);
    fixture.home.sql("UPDATE attempts SET window_ends_at = now()").await;
    fixture.setup(&ada).await.expect(201);
}

#[tokio::test]
async fn accounts_made_at_one_source_address_or_again_for_one_mailbox_save_no_more_cards_than_one() {
    let fixture = CardFixture::open().await;
    let home = limited(fixture.home, Limits { setups: 2, setups_from_source: 3, ..Limits::default() });
    let setup = |shopper: &Shopper, source: &str| home.client.post(SETUP).token(&shopper.access).from(source).send();
    let (ada, bob) = (home.customer("ada@example.com").await, home.customer("bob@example.com").await);
    for shopper in [&ada, &ada, &bob] {
        setup(shopper, "203.0.113.7").await.expect(201);
    }
    setup(&bob, "203.0.113.7").await.expect(429);
    // Refused for its source address, it is not counted for the account.
    setup(&bob, "203.0.113.8").await.expect(201);
    // The account is another; the mailbox is not.
    home.sql("DELETE FROM users WHERE email = 'ada@example.com'").await;
    let ada = home.customer("ADA@example.com").await;
    setup(&ada, "203.0.113.8").await.expect(429);
}

#[tokio::test]
async fn a_password_that_waits_too_long_for_its_turn_is_answered_with_503_and_when_to_come_again() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    let app = App { passwords: Passwords::waiting(Duration::ZERO), ..home.app.clone() };
    let home = Home { client: Client::new(router(app.clone())), app, ..home };
    let logins = (0..8).map(|n| tokio::spawn(login(&home, &format!("{n}@example.com")).send()));
    let registrations = (0..8).map(|n| tokio::spawn(registration(&home, &format!("{n}@example.com")).send()));
    let answers: Vec<_> = join_all(logins.chain(registrations)).await.into_iter().map(Result::unwrap).collect();
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && busy.len() < 16, "{} of 16", busy.len());
    for answer in busy {
        assert_eq!((answer.problem().as_str(), wait(answer)), ("passwords_busy", 2));
    }
    home.login("ada@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn counters_name_neither_mailboxes_nor_source_addresses() {
    let home = Home::open().await;
    registration(&home, "ada@example.com").from("203.0.113.7").send().await.expect(202);
    home.sql("DELETE FROM users; DELETE FROM outbox").await;
    assert_eq!(home.number("SELECT count(*) FROM attempts").await, 2);
    let unkeyed = "SELECT count(*) FROM attempts WHERE
        position(key in sha256('ada@example.com'::bytea)) > 0 OR position(key in sha256('203.0.113.7'::bytea)) > 0
        OR position('203.0.113.7'::bytea in key) > 0 OR position('ada@'::bytea in key) > 0";
    assert_eq!(home.number(unkeyed).await, 0);
}
