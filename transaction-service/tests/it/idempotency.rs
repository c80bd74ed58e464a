//! `Idempotency-Key` at `POST /orders`, case by case: what draft-ietf-httpapi-idempotency-key-header asks for, what Stripe
//! documents of its own keys, and what a shop needs on top. Each case is a test, its name the rule.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, client::Sending, tokens};

use crate::{KEY, Shop, Shopper, TOTAL, app, service_double::Instead, usd};

/// A shop with a customer whose card works.
async fn shop() -> (Shop, Shopper) {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    (shop, ada)
}

impl Shop {
    fn send(&self, shopper: &Shopper, key: &str, body: &Value) -> Sending {
        self.client.post("/orders").token(&shopper.token).header(KEY, key).json(body)
    }

    /// One order and one charge of the whole total, whatever was sent how often.
    async fn sold_once(&mut self) {
        assert_eq!(self.charged(), (1, TOTAL), "charges");
        assert_eq!(self.count("orders").await, 1, "orders");
    }
}

fn same(first: &Answer, again: &Answer) {
    assert_eq!(first.status, again.status);
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.header("content-type"), again.header("content-type"));
    assert_eq!(first.body, again.body, "byte for byte");
}

/// The request with one member set to something else.
fn with(request: &Value, member: &str, value: Value) -> Value {
    let mut changed = request.clone();
    changed[member] = value;
    changed
}

// Keys.

#[tokio::test]
async fn a_request_without_a_key_is_refused() {
    let (mut shop, ada) = shop().await;
    let request = shop.client.post("/orders").token(&ada.token).json(&ada.request());
    assert_eq!(request.send().await.expect(400).problem(), "idempotency_key_missing");
    assert_eq!(shop.count("orders").await, 0);
}

#[tokio::test]
async fn an_empty_key_is_refused() {
    let (shop, ada) = shop().await;
    assert_eq!(shop.order(&ada, "").send().await.expect(400).problem(), "idempotency_key_malformed");
}

#[tokio::test]
async fn a_key_of_256_characters_is_refused() {
    let (shop, ada) = shop().await;
    assert_eq!(shop.order(&ada, &"k".repeat(256)).send().await.expect(400).problem(), "idempotency_key_malformed");
}

#[tokio::test]
async fn a_key_of_255_characters_is_taken() {
    let (shop, ada) = shop().await;
    shop.ordered(&ada, &"k".repeat(255)).await;
}

#[tokio::test]
async fn a_key_with_a_control_character_is_refused() {
    let (shop, ada) = shop().await;
    assert_eq!(shop.order(&ada, "a\tb").send().await.expect(400).problem(), "idempotency_key_malformed");
}

#[tokio::test]
async fn an_unfinished_quoted_key_is_refused() {
    let (shop, ada) = shop().await;
    assert_eq!(shop.order(&ada, "\"a").send().await.expect(400).problem(), "idempotency_key_malformed");
}

#[tokio::test]
async fn a_quoted_key_and_the_bare_one_are_the_same_key() {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "8e03").send().await.expect(201);
    same(&first, &shop.order(&ada, "\"8e03\"").send().await);
    shop.sold_once().await;
}

#[tokio::test]
async fn keys_that_differ_by_case_are_two_keys() {
    let (mut shop, ada) = shop().await;
    shop.ordered(&ada, "key").await;
    shop.ordered(&ada, "KEY").await;
    assert_eq!((shop.count("orders").await, shop.charged().0), (2, 2));
}

#[tokio::test]
async fn without_a_token_the_key_is_not_looked_at() {
    let (shop, ada) = shop().await;
    let request = shop.client.post("/orders").json(&ada.request());
    assert_eq!(request.send().await.expect(401).problem(), "unauthorized");
}

#[tokio::test]
async fn two_keys_are_two_orders_of_the_same_thing() {
    let (mut shop, ada) = shop().await;
    let (first, second) = (shop.ordered(&ada, "a").await, shop.ordered(&ada, "b").await);
    assert_ne!(first["id"], second["id"]);
    assert_eq!((shop.count("orders").await, shop.charged().0), (2, 2));
}

// The same request again.

#[tokio::test]
async fn a_paid_order_is_answered_again_byte_for_byte() {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    assert_eq!(first.json()["state"], "paid");
    for _ in 0..3 {
        same(&first, &shop.order(&ada, "k").send().await);
    }
    shop.sold_once().await;
}

#[tokio::test]
async fn a_declined_order_is_answered_again_byte_for_byte() {
    let shop = Shop::open().await;
    let bob = shop.customer("pm_card_chargeCustomerFail").await;
    let first = shop.order(&bob, "k").send().await.expect(201);
    assert_eq!(first.json()["state"], "payment_failed");
    same(&first, &shop.order(&bob, "k").send().await);
    assert_eq!(shop.charged().0, 0);
}

#[tokio::test]
async fn an_order_that_requires_3d_secure_is_answered_again_byte_for_byte() {
    let shop = Shop::open().await;
    let eve = shop.customer("pm_card_threeDSecure2Required").await;
    let first = shop.order(&eve, "k").send().await.expect(201);
    assert_eq!(first.json()["state"], "requires_action");
    same(&first, &shop.order(&eve, "k").send().await);
}

#[tokio::test]
async fn an_order_for_the_frontend_is_answered_again_with_the_same_client_secret() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let first = shop.order(&guest, "k").send().await.expect(201);
    assert!(first.json()["payment"]["client_secret"].as_str().unwrap().contains("_secret_"));
    same(&first, &shop.order(&guest, "k").send().await);
}

#[tokio::test]
async fn the_first_answer_stays_when_the_order_is_paid_later() {
    let shop = Shop::open().await;
    let eve = shop.customer("pm_card_threeDSecure2Required").await;
    let first = shop.order(&eve, "k").send().await.expect(201);
    shop.authenticate(&first.json(), "approve").await;
    shop.sweep().await;
    assert_eq!(shop.read(&eve, &first.json()).await["state"], "paid");
    same(&first, &shop.order(&eve, "k").send().await);
    assert_eq!(shop.charged(), (1, TOTAL));
}

#[tokio::test]
async fn the_first_answer_stays_when_the_order_is_cancelled_later() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let first = shop.order(&guest, "k").send().await.expect(201);
    shop.cancel(&guest, &first.json()).await.expect(200);
    same(&first, &shop.order(&guest, "k").send().await);
}

#[tokio::test]
async fn the_first_answer_stays_when_the_order_expires_later() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let first = shop.order(&guest, "k").send().await.expect(201);
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &first.json()).await["state"], "expired");
    same(&first, &shop.order(&guest, "k").send().await);
}

#[tokio::test]
async fn the_first_answer_stays_when_the_order_is_refunded_later() {
    let (shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    let intent = shop.for_staff(&first.json()).await["payment_intent"].as_str().unwrap().to_owned();
    shop.ask_stripe("refunds", &[("payment_intent", &intent), ("amount", "100")]).await;
    shop.sweep().await;
    assert_eq!(shop.read(&ada, &first.json()).await["payment"]["refunded"], usd(100));
    same(&first, &shop.order(&ada, "k").send().await);
}

#[tokio::test]
async fn a_repetition_calls_no_other_service() {
    let (shop, ada) = shop().await;
    shop.ordered(&ada, "k").await;
    let (services, stripe) = (shop.services.seen("").len(), shop.stripe.calls().len());
    shop.ordered(&ada, "k").await;
    assert_eq!((shop.services.seen("").len(), shop.stripe.calls().len()), (services, stripe));
}

#[tokio::test]
async fn a_repetition_costs_one_statement_and_no_commit_of_its_own() {
    let (shop, ada) = shop().await;
    shop.ordered(&ada, "k").await;
    shop.network.take_commands();
    shop.ordered(&ada, "k").await;
    let commands = shop.network.take_commands();
    assert_eq!(commands.len(), 1, "{commands:?}");
}

#[tokio::test]
async fn spaces_and_the_order_of_members_make_no_other_request() {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    let request = ada.request();
    let members: Vec<String> =
        request.as_object().unwrap().iter().rev().map(|(name, value)| format!("{name:?} :\n {value}")).collect();
    let body = format!("{{ {} }}", members.join(" , "));
    let again = shop.client.post("/orders").token(&ada.token).header(KEY, "k").body("application/json", body);
    same(&first, &again.send().await);
    shop.sold_once().await;
}

#[tokio::test]
async fn a_member_that_is_null_is_the_same_as_an_absent_one() {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    let request = with(&with(&ada.request(), "cart_version", Value::Null), "shipping_address_id", Value::Null);
    same(&first, &shop.send(&ada, "k", &request).send().await);
    shop.sold_once().await;
}

#[tokio::test]
async fn a_restarted_service_knows_the_answer() {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    let restarted = app(&shop.postgres.url, &shop.services.url, &shop.stripe, &[]);
    shop.client = testkit::Client::new(transaction_service::router(restarted));
    same(&first, &shop.order(&ada, "k").send().await);
    shop.sold_once().await;
}

#[tokio::test]
async fn the_answer_is_known_while_stripe_is_down() {
    let (shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    shop.break_stripe("*", "/v1/*", json!({"kind": "drop"}), 100).await;
    same(&first, &shop.order(&ada, "k").send().await);
}

#[tokio::test]
async fn the_answer_is_known_while_the_other_services_are_down() {
    let (shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    shop.services.instead("", 100, Instead::Problem(503, "unavailable", json!([])));
    same(&first, &shop.order(&ada, "k").send().await);
}

#[tokio::test]
async fn an_order_of_the_cart_is_known_after_the_cart_was_emptied() {
    let (mut shop, ada) = shop().await;
    shop.services.set_cart(&ada.id.to_string(), 4, &json!([{"sku": "TEE-1", "quantity": 1}]));
    let mut request = with(&ada.request(), "cart_version", json!(4));
    request.as_object_mut().unwrap().remove("lines");
    let first = shop.send(&ada, "k", &request).send().await.expect(201);
    shop.relay().await;
    assert_eq!(shop.services.seen("POST /carts/").len(), 1);
    same(&first, &shop.send(&ada, "k", &request).send().await);
    shop.sold_once().await;
}

// Another request with the same key.

/// Another request with the key of a paid order is refused, and changes nothing.
async fn is_another_request(member: &str, value: Value) {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    let other = with(&ada.request(), member, value);
    assert_eq!(shop.send(&ada, "k", &other).send().await.expect(422).problem(), "idempotency_key_reused");
    same(&first, &shop.order(&ada, "k").send().await);
    shop.sold_once().await;
}

#[tokio::test]
async fn another_expected_total_is_another_request() {
    is_another_request("expected_total", usd(TOTAL + 1)).await;
}

#[tokio::test]
async fn another_quantity_is_another_request() {
    is_another_request("lines", json!([{"sku": "TEE-1", "quantity": 2}])).await;
}

#[tokio::test]
async fn another_sku_is_another_request() {
    is_another_request("lines", json!([{"sku": "TEE-2", "quantity": 1}])).await;
}

#[tokio::test]
async fn the_same_units_on_two_lines_are_another_request() {
    is_another_request("lines", json!([{"sku": "TEE-1", "quantity": 1}, {"sku": "TEE-1", "quantity": 1}])).await;
}

#[tokio::test]
async fn another_address_is_another_request() {
    is_another_request("shipping_address", with(&crate::address(), "city", json!("Oxford"))).await;
}

#[tokio::test]
async fn another_payment_method_is_another_request() {
    is_another_request("payment", json!({"method": "client"})).await;
}

#[tokio::test]
async fn another_email_is_another_request() {
    is_another_request("email", json!("eve@example.com")).await;
}

#[tokio::test]
async fn another_locale_is_another_request() {
    is_another_request("locale", json!("de-DE")).await;
}

#[tokio::test]
async fn another_request_is_refused_after_a_decline_too() {
    let shop = Shop::open().await;
    let bob = shop.customer("pm_card_chargeCustomerFail").await;
    shop.ordered(&bob, "k").await;
    let other = with(&bob.request(), "locale", json!("de-DE"));
    assert_eq!(shop.send(&bob, "k", &other).send().await.expect(422).problem(), "idempotency_key_reused");
}

#[tokio::test]
async fn another_request_is_refused_while_the_first_is_running() {
    let (mut shop, ada) = shop().await;
    shop.leave_half_way(&ada).await;
    shop.start_leases_again().await;
    let other = with(&ada.request(), "locale", json!("de-DE"));
    assert_eq!(shop.send(&ada, "k", &other).send().await.expect(422).problem(), "idempotency_key_reused");
}

#[tokio::test]
async fn a_request_that_is_not_well_formed_is_refused_for_that_whatever_its_key() {
    let (shop, ada) = shop().await;
    shop.ordered(&ada, "k").await;
    let other = with(&ada.request(), "surprise", json!(1));
    assert_eq!(shop.send(&ada, "k", &other).send().await.expect(422).problem(), "invalid_input");
}

// Callers.

#[tokio::test]
async fn the_same_key_of_another_caller_is_another_key() {
    let (mut shop, ada) = shop().await;
    let bob = shop.customer("pm_card_visa").await;
    let (of_ada, of_bob) = (shop.ordered(&ada, "k").await, shop.ordered(&bob, "k").await);
    assert_ne!(of_ada["id"], of_bob["id"]);
    assert_eq!((shop.count("orders").await, shop.charged().0), (2, 2));
}

#[tokio::test]
async fn a_guest_and_a_customer_of_one_id_have_keys_of_their_own() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let customer = Shopper { id: guest.id, token: tokens::user(guest.id, "orders"), payment_method: None };
    let (of_guest, of_customer) = (shop.ordered(&guest, "k").await, shop.ordered(&customer, "k").await);
    assert_ne!(of_guest["id"], of_customer["id"]);
    assert_eq!(shop.count("orders").await, 2);
}

#[tokio::test]
async fn another_token_of_the_same_caller_has_the_same_keys() {
    let (mut shop, ada) = shop().await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    let renewed = Shopper { token: tokens::user(ada.id, "orders"), ..ada };
    same(&first, &shop.order(&renewed, "k").send().await);
    shop.sold_once().await;
}

#[tokio::test]
async fn a_token_without_the_scope_gets_no_stored_answer() {
    let (shop, ada) = shop().await;
    shop.ordered(&ada, "k").await;
    let narrow = Shopper { token: tokens::user(ada.id, "profile"), ..ada };
    assert_eq!(shop.order(&narrow, "k").send().await.expect(403).problem(), "forbidden");
}

// Still running.

#[tokio::test]
async fn sixteen_at_once_make_one_order_and_get_its_answer_or_that_it_is_being_made() {
    let (mut shop, ada) = shop().await;
    let answers = join_all((0..16).map(|_| shop.order(&ada, "k").send())).await;
    let first = shop.order(&ada, "k").send().await.expect(201);
    for answer in &answers {
        match answer.status.as_u16() {
            201 => same(&first, answer),
            _ => assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("request_in_progress", "1")),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 201));
    shop.sold_once().await;
}

#[tokio::test]
async fn while_an_order_is_being_made_its_key_is_answered_409_with_retry_after() {
    let (mut shop, ada) = shop().await;
    shop.leave_half_way(&ada).await;
    shop.start_leases_again().await;
    let running = shop.order(&ada, "k").send().await.expect(409);
    assert_eq!((running.problem().as_str(), running.header("retry-after")), ("request_in_progress", "1"));
}

#[tokio::test]
async fn an_order_that_was_left_half_way_is_finished_by_the_next_request_once_its_lease_is_over() {
    let (mut shop, ada) = shop().await;
    shop.leave_half_way(&ada).await;
    shop.let_leases_end().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
    shop.sold_once().await;
}

#[tokio::test]
async fn sixteen_who_find_an_order_left_half_way_finish_it_once() {
    let (mut shop, ada) = shop().await;
    shop.leave_half_way(&ada).await;
    shop.let_leases_end().await;
    let answers = join_all((0..16).map(|_| shop.order(&ada, "k").send())).await;
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status.as_u16())));
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
    shop.sold_once().await;
}

// Refusals before anything was saved leave the key unused, as with Stripe's keys.

#[tokio::test]
async fn refused_input_leaves_the_key_unused() {
    let (mut shop, ada) = shop().await;
    let wrong = with(&ada.request(), "shipping_method", json!("pigeon"));
    assert_eq!(shop.send(&ada, "k", &wrong).send().await.expect(422).problem(), "invalid_input");
    shop.ordered(&ada, "k").await;
    shop.sold_once().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_leaves_the_key_unused() {
    let (mut shop, ada) = shop().await;
    let broken = shop.client.post("/orders").token(&ada.token).header(KEY, "k").body("application/json", "{");
    assert_eq!(broken.send().await.expect(400).problem(), "malformed_json");
    shop.ordered(&ada, "k").await;
    shop.sold_once().await;
}

/// After this trouble the attempt may hold stock: it ends, its stock is released, and a new key is needed.
async fn ends_the_attempt(line: &str, times: usize, instead: Instead, status: u16, kind: &str) {
    let (mut shop, ada) = shop().await;
    shop.services.instead(line, times, instead);
    assert_eq!(shop.order(&ada, "k").send().await.expect(status).problem(), kind);
    assert_eq!(shop.order(&ada, "k").send().await.expect(409).problem(), "attempt_ended");
    shop.relay().await;
    assert_eq!(shop.order(&ada, "k").send().await.expect(409).problem(), "attempt_ended");
    assert_eq!(shop.count("orders").await, 0);
    shop.ordered(&ada, "k2").await;
    shop.sold_once().await;
}

/// The attempt is refused so; with the same key and request it succeeds once the trouble is over.
async fn leaves_the_key_unused(line: &str, times: usize, instead: Instead, status: u16, kind: &str) {
    let (mut shop, ada) = shop().await;
    shop.services.instead(line, times, instead);
    assert_eq!(shop.order(&ada, "k").send().await.expect(status).problem(), kind);
    assert_eq!(shop.count("orders").await, 0);
    shop.ordered(&ada, "k").await;
    shop.sold_once().await;
}

#[tokio::test]
async fn an_attempt_that_found_too_little_in_stock_leaves_the_key_unused() {
    let short = json!([{"pointer": "/lines/0/quantity", "code": "out_of_stock", "message": "exceeds the 0 available units of TEE-1"}]);
    leaves_the_key_unused("PUT /inventory", 1, Instead::Problem(409, "out_of_stock", short), 409, "out_of_stock").await;
}

#[tokio::test]
async fn contended_last_units_are_refused_as_such_and_leave_the_key_unused() {
    let contended = Instead::Problem(409, "stock_contended", json!([]));
    leaves_the_key_unused("PUT /inventory", 1, contended, 409, "stock_contended").await;
}

#[tokio::test]
async fn an_unknown_sku_leaves_the_key_unused() {
    let unknown = json!([{"pointer": "/lines/0/sku", "code": "unknown_sku", "message": "is not on sale"}]);
    leaves_the_key_unused("PUT /inventory", 1, Instead::Problem(422, "invalid_input", unknown), 422, "invalid_input")
        .await;
}

#[tokio::test]
async fn a_product_service_that_answers_503_may_have_reserved_and_ends_the_attempt() {
    ends_the_attempt("PUT /inventory", 3, Instead::Problem(503, "unavailable", json!([])), 503, "unavailable").await;
}

#[tokio::test]
async fn a_user_service_that_is_down_ends_the_attempt() {
    ends_the_attempt("GET /users", 3, Instead::Problem(503, "unavailable", json!([])), 503, "unavailable").await;
}

#[tokio::test]
async fn a_reservation_whose_answer_was_lost_ends_the_attempt() {
    ends_the_attempt("PUT /inventory", 1, Instead::HangAfter, 503, "unavailable").await;
}

#[tokio::test]
async fn a_cart_that_has_changed_leaves_the_key_unused() {
    let (mut shop, ada) = shop().await;
    shop.services.set_cart(&ada.id.to_string(), 5, &json!([{"sku": "TEE-1", "quantity": 1}]));
    let mut request = with(&ada.request(), "cart_version", json!(4));
    request.as_object_mut().unwrap().remove("lines");
    assert_eq!(shop.send(&ada, "k", &request).send().await.expect(409).problem(), "cart_changed");
    shop.send(&ada, "k", &with(&request, "cart_version", json!(5))).send().await.expect(201);
    shop.sold_once().await;
}

#[tokio::test]
async fn an_attempt_whose_price_had_changed_gave_its_stock_back_and_needs_a_new_key() {
    let (mut shop, ada) = shop().await;
    shop.services.set_price("TEE-1", 1100);
    let changed = shop.order(&ada, "k").send().await.expect(409);
    assert_eq!((changed.problem().as_str(), &changed.json()["quote"]["total"]), ("quote_changed", &usd(1728)));
    shop.relay().await;
    assert_eq!(shop.order(&ada, "k").send().await.expect(409).problem(), "attempt_ended");
    let request = with(&ada.request(), "expected_total", usd(1728));
    assert_eq!(shop.send(&ada, "k2", &request).send().await.expect(201).json()["state"], "paid");
    assert_eq!(shop.charged(), (1, 1728));
}

// Trouble on the way.

/// Whatever breaks so, the shopper is charged once: by this request, or by repeating it.
async fn is_charged_once(path: &str, fault: Value, times: usize, first: u16) {
    let (mut shop, ada) = shop().await;
    shop.break_stripe("POST", path, fault, times).await;
    shop.order(&ada, "k").send().await.expect(first);
    shop.break_stripe("POST", path, Value::Null, 0).await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
    shop.sold_once().await;
}

const CREATE: &str = "/v1/payment_intents";
const CONFIRM: &str = "/v1/payment_intents/*/confirm";

#[tokio::test]
async fn a_payment_whose_creation_is_cut_off_before_its_effect_is_made_by_the_same_request() {
    is_charged_once(CREATE, json!({"kind": "drop"}), 1, 201).await;
}

#[tokio::test]
async fn a_payment_whose_creation_is_cut_off_after_its_effect_is_found_by_the_same_request() {
    is_charged_once(CREATE, json!({"kind": "drop_after"}), 1, 201).await;
}

#[tokio::test]
async fn a_payment_that_cannot_be_created_for_a_while_is_made_by_a_repetition() {
    is_charged_once(CREATE, json!({"kind": "drop"}), 50, 503).await;
}

#[tokio::test]
async fn a_confirmation_that_is_cut_off_before_its_effect_is_repeated() {
    is_charged_once(CONFIRM, json!({"kind": "drop"}), 1, 201).await;
}

#[tokio::test]
async fn a_confirmation_that_is_cut_off_after_its_effect_is_read() {
    is_charged_once(CONFIRM, json!({"kind": "drop_after"}), 5, 201).await;
}

#[tokio::test]
async fn a_confirmation_that_hangs_after_its_effect_is_read() {
    is_charged_once(CONFIRM, json!({"kind": "hang", "after_effect": true}), 1, 201).await;
}

#[tokio::test]
async fn a_confirmation_that_fails_after_its_effect_is_read() {
    is_charged_once(CONFIRM, json!({"kind": "error", "status": 500, "after_effect": true}), 1, 201).await;
}

#[tokio::test]
async fn a_confirmation_that_fails_without_effect_is_tried_under_the_next_key() {
    is_charged_once(CONFIRM, json!({"kind": "error", "status": 500, "after_effect": false}), 1, 201).await;
}

#[tokio::test]
async fn a_payment_that_stripe_has_no_time_for_is_made_by_a_repetition() {
    is_charged_once(CONFIRM, json!({"kind": "rate_limit"}), 50, 503).await;
}

/// The database goes away after so many commands of the request; a repetition finishes it.
async fn survives_the_database_going_away_after(commands: usize) {
    let (mut shop, ada) = shop().await;
    shop.client.get("/health/transaction-service/ready").send().await.expect(200);
    shop.network.cut_after(commands);
    let cut = shop.order(&ada, "k").send().await;
    shop.network.heal();
    assert!([503, 201].contains(&cut.status.as_u16()), "{}", cut.text());
    shop.let_leases_end().await;
    let answer = answered(&shop, &ada).await;
    assert_eq!(answer["state"], "paid");
    shop.sold_once().await;
}

/// A pool may have to notice first that its connections are gone.
async fn answered(shop: &Shop, shopper: &Shopper) -> Value {
    for _ in 0..5 {
        let answer = shop.order(shopper, "k").send().await;
        if answer.status == 201 {
            return answer.json();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no answer after five repetitions")
}

#[tokio::test]
async fn a_database_that_goes_away_before_the_first_commit_is_survived() {
    survives_the_database_going_away_after(1).await;
}

#[tokio::test]
async fn a_database_that_goes_away_at_the_first_commit_is_survived() {
    survives_the_database_going_away_after(2).await;
}

#[tokio::test]
async fn a_database_that_goes_away_before_the_second_commit_is_survived() {
    survives_the_database_going_away_after(4).await;
}

#[tokio::test]
async fn a_database_that_goes_away_at_the_second_commit_is_survived() {
    survives_the_database_going_away_after(6).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_half_way_is_charged_once() {
    let (mut shop, ada) = shop().await;
    shop.break_stripe("POST", CONFIRM, json!({"kind": "delay", "ms": 300}), 1).await;
    let hung_up = tokio::time::timeout(Duration::from_millis(150), shop.order(&ada, "k").send()).await;
    assert!(hung_up.is_err(), "it was answered before it could hang up");
    let mut again = shop.order(&ada, "k").send().await;
    // However far the first one came, on a machine with much to do.
    for _ in 0..50 {
        if again.status == 201 {
            break;
        }
        assert!([409, 503].contains(&again.status.as_u16()), "{}", again.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
        shop.let_leases_end().await;
        again = shop.order(&ada, "k").send().await;
    }
    assert_eq!(again.expect(201).json()["state"], "paid");
    shop.sold_once().await;
}
