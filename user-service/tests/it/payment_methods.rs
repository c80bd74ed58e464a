use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use platform::config::Env;
use serde_json::{Value, json};
use stripe::Stripe;
use stripe_double::{Options, StripeDouble};
use testkit::{Answer, Client, tokens};
use user_service::{App, limits::domain::Limits, router};
use uuid::Uuid;

use crate::{Home, Shopper, carts::guest, limited, looks};

const SETUP: &str = "/users/me/payment-methods/setup";
const LIST: &str = "/users/me/payment-methods";

/// A service with a Stripe of the test's own.
pub(crate) struct CardFixture {
    pub(crate) home: Home,
    pub(crate) stripe: StripeDouble,
}

impl CardFixture {
    pub(crate) async fn open() -> Self {
        let stripe = StripeDouble::start(Options::default()).await;
        let home = Home::open().await;
        let home = with_stripe(home, &stripe.base(), stripe.secret_key());
        Self { home, stripe }
    }

    pub(crate) async fn setup(&self, shopper: &Shopper) -> Answer {
        self.home.client.post(SETUP).token(&shopper.access).send().await
    }

    /// Saves a card, as the browser would; the list that shows it.
    pub(crate) async fn save(&self, shopper: &Shopper, card: &str) -> Value {
        let setup = self.setup(shopper).await.expect(201).json();
        let confirm = format!("/_double/setup_intents/{}/confirm", setup["setup_intent_id"].as_str().unwrap());
        self.control("POST", &confirm, json!({ "payment_method": card })).await;
        self.list(shopper, "").await
    }

    async fn list(&self, shopper: &Shopper, query: &str) -> Value {
        self.home.client.get(&format!("{LIST}{query}")).token(&shopper.access).send().await.expect(200).json()
    }

    async fn delete(&self, shopper: &Shopper, id: &str) -> Answer {
        self.home.client.delete(&format!("{LIST}/{id}")).token(&shopper.access).send().await
    }

    /// Breaks the next call to this path.
    pub(crate) async fn fault(&self, method: &str, path: &str, fault: Value) {
        let answer = self.control("POST", "/_double/faults", json!({"method": method, "path": path, "fault": fault}));
        assert!((200..300).contains(&answer.await.0), "the fault is taken");
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.stripe.base());
        let request = common::outbound::client().request(method.parse().unwrap(), url).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// How many customers Stripe has.
    async fn customers(&self) -> Value {
        self.control("GET", "/_double/state", Value::Null).await.1["customers"].clone()
    }
}

/// The same home with another Stripe.
fn with_stripe(home: Home, base: &str, key: &str) -> Home {
    let key = Env::from_pairs([("STRIPE_SECRET_KEY", key)]).secret("STRIPE_SECRET_KEY").unwrap();
    let app = App { stripe: Stripe::new(base, key).within(Duration::from_secs(2)), ..home.app.clone() };
    Home { client: Client::new(router(app.clone())), app, ..home }
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_card_that_the_browser_confirmed_is_listed_by_what_is_printed_on_it() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    assert_eq!(fixture.list(&ada, "").await, json!({"items": [], "next_cursor": null}));
    assert_eq!(fixture.customers().await, 0, "looking makes no customer");

    let answer = fixture.setup(&ada).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let setup = answer.json();
    let kept = fixture.stripe.all("setup_intent").remove(0);
    assert_eq!(kept["metadata"], json!({"user_id": ada.id}), "transaction-service counts declines by it");
    assert!(setup["setup_intent_id"].as_str().unwrap().starts_with("seti_"), "{setup}");
    assert_eq!(setup["status"], "requires_payment_method");
    assert_ne!(setup["client_secret"], "");
    assert_eq!(fixture.list(&ada, "").await["items"], json!([]), "nothing is saved before it is confirmed");

    let page = fixture.save(&ada, "pm_card_visa").await;
    let mut saved = page["items"][0].clone();
    assert!(saved["id"].take().as_str().unwrap().starts_with("pm_"), "{page}");
    assert!(saved["created_at"].take().as_str().unwrap().ends_with('Z'), "{page}");
    assert_eq!(
        (&saved["kind"], &saved["card"]["brand"], &saved["card"]["last4"]),
        (&json!("card"), &json!("visa"), &json!("4242"))
    );
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&saved), ["card", "created_at", "id", "kind"]);
    assert_eq!(members(&saved["card"]), ["brand", "exp_month", "exp_year", "last4"]);
}

#[tokio::test]
async fn a_card_that_was_declined_is_not_saved() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    assert_eq!(fixture.save(&ada, "pm_card_chargeDeclined").await["items"], json!([]));
    assert_eq!(fixture.save(&ada, "pm_card_visa").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn saved_cards_are_read_page_by_page_newest_first() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    for _ in 0..5 {
        fixture.save(&ada, "pm_card_visa").await;
    }
    let all = ids(&fixture.list(&ada, "?limit=100").await);
    assert_eq!(all.len(), 5);
    let (mut query, mut seen) = ("?limit=2".to_owned(), Vec::new());
    for _ in 0..3 {
        let page = fixture.list(&ada, &query).await;
        seen.extend(ids(&page));
        query = page["next_cursor"].as_str().map_or(String::new(), |cursor| format!("?limit=2&cursor={cursor}"));
    }
    assert_eq!((seen, query.as_str()), (all, ""));
}

#[tokio::test]
async fn a_made_up_cursor_of_saved_cards_is_refused_or_read_and_never_fails() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    for _ in 0..2 {
        fixture.save(&ada, "pm_card_visa").await;
    }
    let page = fixture.list(&ada, "?limit=1").await;
    let list = |cursor: &str| fixture.home.client.get(&format!("{LIST}?limit=1&cursor={cursor}")).token(&ada.access);
    testkit::cursors::assert_safe(page["next_cursor"].as_str().unwrap(), list).await;
}

#[tokio::test]
async fn a_cursor_of_cards_is_none_of_addresses_and_the_other_way_round() {
    const ADDRESSES: &str = "/users/me/addresses";
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    for line in ["1", "2"] {
        fixture.save(&ada, "pm_card_visa").await;
        let address = json!({"name": "Ada", "line1": line, "city": "London", "country": "GB"});
        fixture.home.client.post(ADDRESSES).token(&ada.access).json(&address).send().await.expect(201);
    }
    let list = |path: String| fixture.home.client.get(&path).token(&ada.access);
    for (own, other) in [(LIST, ADDRESSES), (ADDRESSES, LIST)] {
        let page = list(format!("{own}?limit=1")).send().await.expect(200).json();
        let cursor = page["next_cursor"].as_str().unwrap();
        list(format!("{own}?cursor={cursor}")).send().await.expect(200);
        let refused = list(format!("{other}?cursor={cursor}")).send().await.expect(400);
        assert_eq!((refused.problem(), &refused.json()["parameter"]), ("invalid_query".to_owned(), &json!("cursor")));
    }
}

#[tokio::test]
async fn a_cursor_at_a_card_that_stripe_does_not_know_is_refused() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.save(&ada, "pm_card_visa").await;
    for place in ["pm_1PgafTB7WZ01zgkW5mhKPw9q", "no id of a card"] {
        let cursor = URL_SAFE_NO_PAD.encode(json!([LIST, place]).to_string());
        let answer = fixture.home.client.get(&format!("{LIST}?cursor={cursor}")).token(&ada.access).send().await;
        assert_eq!(answer.expect(400).problem(), "invalid_query", "{place}");
    }
}

#[tokio::test]
async fn a_deleted_card_cannot_be_saved_again() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.save(&ada, "pm_card_visa").await;
    let both = ids(&fixture.save(&ada, "pm_card_mastercard").await);
    assert!(fixture.delete(&ada, &both[0]).await.expect(204).body.is_empty());
    assert_eq!(ids(&fixture.list(&ada, "").await), both[1..]);
    assert_eq!(fixture.delete(&ada, &both[0]).await.expect(404).problem(), "not_found");
}

#[tokio::test]
async fn simultaneous_deletions_of_a_card_answer_no_server_error() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    let id = ids(&fixture.save(&ada, "pm_card_visa").await).remove(0);
    let delete = || fixture.delete(&ada, &id);
    let answers = tokio::join!(delete(), delete(), delete(), delete());
    let mut found = [answers.0, answers.1, answers.2, answers.3].map(|answer| answer.status.as_u16());
    found.sort_unstable();
    assert_eq!(found, [204, 404, 404, 404]);
}

#[tokio::test]
async fn a_user_cannot_see_or_delete_the_cards_of_another() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    let eve = fixture.home.customer("eve@example.com").await;
    let id = ids(&fixture.save(&ada, "pm_card_visa").await).remove(0);
    // Without a customer of her own at Stripe, and with one.
    for _ in 0..2 {
        let of_another = fixture.delete(&eve, &id).await.expect(404);
        let of_nobody = fixture.delete(&eve, "pm_1PgafTB7WZ01zgkW5mhKPw9q").await;
        assert_eq!(looks(&of_another), looks(&of_nobody));
        assert_eq!(fixture.list(&eve, "").await["items"], json!([]));
        fixture.setup(&eve).await.expect(201);
    }
    assert_eq!(ids(&fixture.list(&ada, "").await), [id]);
    for malformed in ["pm_1%2Fdetach", "pm_1%3Fa"] {
        assert_eq!(fixture.delete(&ada, malformed).await.expect(400).problem(), "invalid_path", "{malformed}");
    }
    // Stripe may change prefixes: an id of another type is one that the customer does not have.
    for absent in ["cus_1", "pm_", &Uuid::now_v7().to_string()] {
        fixture.delete(&ada, absent).await.expect(404);
    }
}

#[tokio::test]
async fn guests_and_accounts_that_are_gone_save_no_cards() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.home.client.post(SETUP).token(&guest()).send().await.expect(403);
    let scoped = tokens::guest(Uuid::now_v7(), "profile");
    fixture.home.client.post(SETUP).token(&scoped).send().await.expect(403);
    fixture.home.sql("DELETE FROM users").await;
    fixture.setup(&ada).await.expect(404);
    fixture.home.client.get(LIST).token(&ada.access).send().await.expect(404);
    assert_eq!(fixture.customers().await, 0);
}

#[tokio::test]
async fn accounts_that_set_up_sixteen_cards_at_once_have_one_customer_each() {
    let CardFixture { home, stripe } = CardFixture::open().await;
    let fixture = CardFixture { home: limited(home, Limits { setups: 100, ..Limits::default() }), stripe };
    let ada = fixture.home.customer("ada@example.com").await;
    let bob = fixture.home.customer("bob@example.com").await;
    let setup = |shopper: &Shopper| tokio::spawn(fixture.home.client.post(SETUP).token(&shopper.access).send());
    let setups = (0..16).flat_map(|_| [setup(&ada), setup(&bob)]);
    for answer in join_all(setups).await {
        let answer = answer.unwrap();
        // While the key is in use Stripe says so, and so do we.
        if answer.status != 201 {
            assert_eq!(answer.expect(503).problem(), "unavailable");
        }
    }
    for shopper in [&ada, &bob] {
        fixture.setup(shopper).await.expect(201);
    }
    assert_eq!(fixture.customers().await, 2);
    assert_eq!(fixture.home.number("SELECT count(DISTINCT stripe_customer_id) FROM users").await, 2);
    let made: Vec<_> = fixture.stripe.calls().into_iter().filter(|call| call.path == "/v1/customers").collect();
    for call in &made {
        let key = call.idempotency_key.as_deref().unwrap();
        assert!([ada.id, bob.id].iter().any(|id| key == format!("customer:{id}")), "{key}");
    }
    assert!(made.len() >= 2, "{made:?}");
}

#[tokio::test]
async fn a_customer_is_known_to_stripe_by_its_account_alone() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.setup(&ada).await.expect(201);
    fixture.setup(&ada).await.expect(201);
    let calls = fixture.stripe.calls();
    let made: Vec<_> = calls.iter().filter(|call| call.path == "/v1/customers").collect();
    assert_eq!(made.len(), 1);
    let params = json!(made[0].params).to_string();
    assert!(params.contains(&ada.id.to_string()), "{params}");
    let all = format!("{calls:?}");
    for personal in ["ada@", "Lovelace"] {
        assert!(!all.contains(personal), "{all}");
    }
}

#[tokio::test]
async fn a_stripe_that_cannot_be_reached_is_a_503_in_time() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    let id = ids(&fixture.save(&ada, "pm_card_visa").await).remove(0);
    let CardFixture { home, stripe } = fixture;
    let fixture = CardFixture { home: with_stripe(home, "http://127.0.0.1:9", "sk_test_nobody"), stripe };
    for answer in [
        fixture.setup(&ada).await,
        fixture.home.client.get(LIST).token(&ada.access).send().await,
        fixture.delete(&ada, &id).await,
    ] {
        assert_eq!(answer.problem(), "unavailable");
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"));
    }
    // Other routes are not affected.
    fixture.home.client.get("/users/me").token(&ada.access).send().await.expect(200);
}

#[tokio::test]
async fn a_stripe_that_hangs_or_has_too_much_to_do_is_a_503() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.setup(&ada).await.expect(201);
    for fault in [json!({"kind": "hang", "after_effect": false}), json!({"kind": "rate_limit"})] {
        fixture.fault("POST", "/v1/setup_intents", fault).await;
        assert_eq!(fixture.setup(&ada).await.expect(503).problem(), "unavailable");
        fixture.setup(&ada).await.expect(201);
    }
}

#[tokio::test]
async fn a_customer_whose_making_was_not_answered_is_the_same_one_afterwards() {
    let fixture = CardFixture::open().await;
    for (email, fault) in [
        ("ada@example.com", json!({"kind": "hang", "after_effect": true})),
        ("bob@example.com", json!({"kind": "hang", "after_effect": false})),
    ] {
        let shopper = fixture.home.customer(email).await;
        fixture.fault("POST", "/v1/customers", fault).await;
        assert_eq!(fixture.setup(&shopper).await.expect(503).problem(), "unavailable");
        fixture.setup(&shopper).await.expect(201);
    }
    // A connection that broke is tried again at once, under the same key.
    let eve = fixture.home.customer("eve@example.com").await;
    fixture.fault("POST", "/v1/customers", json!({"kind": "drop_after"})).await;
    fixture.setup(&eve).await.expect(201);
    assert_eq!(fixture.customers().await, 3);
}

/// Stripe repeats a 500 for a day (`payment_methods::customer`).
#[tokio::test]
async fn a_500_hides_a_customer_for_good_and_the_next_request_makes_the_one_that_stays() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.fault("POST", "/v1/customers", json!({"kind": "error", "status": 500, "after_effect": true})).await;
    assert_eq!(fixture.setup(&ada).await.expect(503).problem(), "unavailable");
    assert_eq!(fixture.home.number("SELECT count(*) FROM users WHERE stripe_customer_id IS NOT NULL").await, 0);
    fixture.setup(&ada).await.expect(201);
    for hours in [0, 25] {
        fixture.stripe.advance(Duration::from_hours(hours));
        fixture.save(&ada, "pm_card_visa").await;
    }
    assert_eq!(fixture.save(&ada, "pm_card_visa").await["items"].as_array().unwrap().len(), 3, "all are its cards");
    assert_eq!(fixture.customers().await, 2, "and the one that the 500 hid has none");
    assert_eq!(fixture.home.number("SELECT count(*) FROM users WHERE stripe_customer_id IS NOT NULL").await, 1);
}

#[tokio::test]
async fn an_account_whose_customer_is_gone_at_stripe_has_no_cards_and_can_save_others() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    fixture.save(&ada, "pm_card_visa").await;
    // As after a deletion in Stripe's dashboard.
    let mut db = fixture.home.postgres.connect().await;
    sqlx::query("UPDATE users SET stripe_customer_id = 'cus_deleted'").execute(&mut db).await.unwrap();
    assert_eq!(fixture.list(&ada, "").await["items"], json!([]));
    let setups = join_all((0..4).map(|_| fixture.setup(&ada))).await;
    assert!(setups.iter().all(|answer| answer.status == 201), "{setups:?}");
    assert_eq!(fixture.customers().await, json!(2), "one in its place");
    fixture.save(&ada, "pm_card_visa").await;
    assert_eq!(fixture.list(&ada, "").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_card_whose_deletion_was_not_answered_can_be_deleted_again() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    let id = ids(&fixture.save(&ada, "pm_card_visa").await).remove(0);
    fixture
        .fault("POST", "/v1/payment_methods/*/detach", json!({"kind": "error", "status": 500, "after_effect": false}))
        .await;
    fixture.delete(&ada, &id).await.expect(503);
    fixture.fault("POST", "/v1/payment_methods/*/detach", json!({"kind": "hang", "after_effect": true})).await;
    fixture.delete(&ada, &id).await.expect(503);
    fixture.delete(&ada, &id).await.expect(404);
    assert_eq!(fixture.list(&ada, "").await["items"], json!([]));
}

#[tokio::test]
async fn a_wrong_secret_key_is_an_internal_error() {
    let fixture = CardFixture::open().await;
    let ada = fixture.home.customer("ada@example.com").await;
    let home = with_stripe(fixture.home, &fixture.stripe.base(), "sk_test_somebody_else");
    let answer = home.client.post(SETUP).token(&ada.access).send().await.expect(500);
    assert_eq!(answer.problem(), "internal");
    assert!(!answer.text().contains("sk_test"), "{}", answer.text());
}
