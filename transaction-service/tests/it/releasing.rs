//! However an attempt ends without an order, the stock that it may hold is released, durably.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::join};
use platform::{
    Service,
    client::{AccessToken, Credentials, ServiceClient},
    metrics::Metrics,
    telemetry::with_metrics,
};
use serde_json::{Value, json};
use sqlx::query;
use testkit::Client;
use transaction_service::{
    App,
    ids::{Owner, order_id},
    router,
};

use crate::{KEY, Shop, Shopper, TOTAL, service_double::Instead, usd};

impl Shop {
    /// Connections and tokens are there, so that what comes next reaches the other services well before its deadline.
    async fn warm(&self) {
        self.client.get("/health/transaction-service/ready").send().await.expect(200);
        let lines = json!([{"sku": "TEE-1", "quantity": 1}]);
        let quote = json!({"currency": "USD", "lines": lines, "shipping_method": "standard"});
        self.client.post("/quotes").token(&Shopper::guest().token).json(&quote).send().await.expect(200);
    }

    /// There is no order, and what is left of the attempt is a message that releases its stock.
    async fn holds_nothing(&mut self, attempt: &str) {
        self.app.cleanups.wait().await;
        assert_eq!((self.count("orders").await, self.count("outbox").await), (0, 1), "orders, messages");
        while self.count("outbox").await > 0 {
            self.relay().await;
        }
        assert_eq!(self.services.reservation(attempt), Some("released"));
    }
}

/// The id of the order that a customer's key would make.
fn attempt(shopper: &Shopper, key: &str) -> String {
    order_id(Owner::User(shopper.id), &key.parse().unwrap()).to_string()
}

/// What another service does in place of its usual, and what the shopper is answered.
async fn is_released_when(line: &str, times: usize, instead: Instead, status: u16) {
    is_released_within("20", line, times, instead, status).await;
}

/// The same where a request may take so many seconds; the call of another service may take two.
async fn is_released_within(deadline: &str, line: &str, times: usize, instead: Instead, status: u16) {
    let mut shop = Shop::open_with(&[("CHECKOUT_DEADLINE_SECONDS", deadline)]).await;
    let ada = shop.customer("pm_card_visa").await;
    shop.warm().await;
    shop.services.instead(line, times, instead);
    shop.order(&ada, "k").send().await.expect(status);
    shop.services.heal();
    shop.holds_nothing(&attempt(&ada, "k")).await;
    shop.ordered(&ada, "k2").await;
}

const USERS: &str = "GET /users";
const STOCK: &str = "PUT /inventory";

#[tokio::test]
async fn stock_is_released_when_user_service_is_slower_than_the_deadline() {
    is_released_within("2", USERS, 3, Instead::Hang, 503).await;
}

#[tokio::test]
async fn stock_is_released_when_user_service_answers_503() {
    is_released_when(USERS, 3, Instead::Problem(503, "unavailable", json!([])), 503).await;
}

#[tokio::test]
async fn stock_is_released_when_user_service_refuses_our_token() {
    is_released_when(USERS, 3, Instead::Problem(403, "forbidden", json!([])), 500).await;
}

#[tokio::test]
async fn stock_is_released_when_the_account_is_gone() {
    is_released_when(USERS, 1, Instead::Problem(404, "not_found", json!([])), 403).await;
}

#[tokio::test]
async fn stock_is_released_when_the_connection_to_user_service_breaks() {
    is_released_when(USERS, 3, Instead::ResetAfter, 503).await;
}

#[tokio::test]
async fn stock_is_released_when_user_service_answers_nonsense() {
    is_released_when(USERS, 1, Instead::NonsenseAfter, 500).await;
}

#[tokio::test]
async fn stock_is_released_when_its_reservation_is_slower_than_the_deadline() {
    is_released_within("2", STOCK, 3, Instead::HangAfter, 503).await;
}

#[tokio::test]
async fn stock_is_released_when_the_connection_breaks_within_the_answer_that_reserves_it() {
    is_released_when(STOCK, 3, Instead::ResetAfter, 503).await;
}

#[tokio::test]
async fn stock_is_released_when_its_reservation_is_answered_with_nonsense() {
    is_released_when(STOCK, 1, Instead::NonsenseAfter, 500).await;
}

#[tokio::test]
async fn stock_is_released_when_product_service_answers_503() {
    is_released_when(STOCK, 3, Instead::Problem(503, "unavailable", json!([])), 503).await;
}

#[tokio::test]
async fn stock_is_released_when_the_first_of_two_calls_may_have_reserved_it_and_the_second_is_refused() {
    for (kind, status) in
        [("reservation_in_progress", 409), ("out_of_stock", 409), ("stock_contended", 409), ("invalid_input", 422)]
    {
        let mut shop = Shop::open().await;
        let ada = shop.customer("pm_card_visa").await;
        shop.services.instead(STOCK, 1, Instead::ResetAfter);
        shop.services.instead(STOCK, 1, Instead::Problem(status, kind, json!([])));
        let answer = shop.order(&ada, "k").send().await.expect(status);
        assert_eq!(shop.services.seen(STOCK).len(), 2, "{kind}: {}", answer.text());
        shop.holds_nothing(&attempt(&ada, "k")).await;
    }
}

#[tokio::test]
async fn stock_is_released_when_the_shopper_hangs_up_while_it_is_reserved() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.warm().await;
    shop.services.instead(STOCK, 3, Instead::HangAfter);
    let is_reserved = async {
        while shop.services.reservation(&attempt(&ada, "k")).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let hung_up = futures_util::future::select(Box::pin(shop.order(&ada, "k").send()), Box::pin(is_reserved)).await;
    assert!(matches!(hung_up, futures_util::future::Either::Right(_)), "it was answered before it could hang up");
    drop(hung_up);
    shop.app.after_response().await;
    assert_eq!(shop.count("orders").await, 0);
    while shop.count("outbox").await > 0 {
        shop.relay().await;
    }
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), Some("released"));
}

#[tokio::test]
async fn stock_is_released_when_the_request_panics_while_it_is_reserved() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    // user-service is asked twice. The second time, the stock is reserved by then, and no token is made for the question.
    shop.services.instead(USERS, 1, Instead::Problem(503, "unavailable", json!([])));
    let (services, id, asked) = (shop.services.clone(), attempt(&ada, "k"), AtomicUsize::new(0));
    let mint = move || {
        let (services, id, nth) = (services.clone(), id.clone(), asked.fetch_add(1, Ordering::Relaxed) + 1);
        let minting = async move {
            if nth == 3 {
                while services.reservation(&id).is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                panic!("on purpose");
            }
            // One that is renewed for each call.
            Ok(AccessToken { access_token: "t".to_owned(), expires_in: 0 })
        };
        minting.boxed()
    };
    let client = ServiceClient::new(&*shop.services.url, Credentials::Issuer(Arc::new(mint)));
    let app = App { clients: transaction_service::service_clients::ServiceClients::new(client), ..shop.app.clone() };
    let order = Client::new(router(app)).post("/orders").token(&ada.token).header(KEY, "k").json(&ada.request());
    assert_eq!(order.send().await.expect(500).problem(), "internal");
    shop.holds_nothing(&attempt(&ada, "k")).await;
    assert_eq!(shop.order(&ada, "k").send().await.expect(409).problem(), "attempt_ended");
    assert_eq!(shop.ordered(&ada, "k2").await["state"], "paid");
    assert_eq!(shop.charged(), (1, TOTAL));
}

/// A log that cannot be written when an order is counted, right after it was saved: once, since what is written while a
/// panic unwinds repeats the line.
#[derive(Clone)]
struct Bomb(Arc<AtomicBool>);

impl io::Write for Bomb {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_fatal = String::from_utf8_lossy(line).contains("OrdersPlaced") && self.0.swap(false, Ordering::Relaxed);
        assert!(!is_fatal, "on purpose");
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_order_whose_request_panics_after_it_was_saved_keeps_its_stock_and_is_paid_by_who_comes_next() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    {
        let bomb = Bomb(Arc::new(AtomicBool::new(true)));
        let subscriber = with_metrics("transaction-service", "info", Metrics::Emf, move || bomb.clone());
        let _logging = tracing::subscriber::set_default(subscriber);
        // See `Logs`.
        let _second = tracing::Dispatch::new(with_metrics("other", "debug", Metrics::Emf, io::sink));
        assert_eq!(shop.order(&ada, "k").send().await.expect(500).problem(), "internal");
    }
    shop.app.cleanups.wait().await;
    let (saved, messages) = (shop.count("orders WHERE state = 'pending'").await, shop.count("outbox").await);
    assert_eq!((saved, messages), (1, 0));
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), Some("held"));
    assert_eq!(shop.order(&ada, "k").send().await.expect(409).problem(), "request_in_progress");
    shop.let_leases_end().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
    shop.relay().await;
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), Some("committed"));
    assert_eq!(shop.charged(), (1, TOTAL));
}

#[tokio::test]
async fn a_reservation_that_arrives_after_its_release_is_refused() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let late = Duration::from_millis(1_500);
    shop.services.instead(STOCK, 1, Instead::EffectAfter(late));
    // Tried three times, so that the reservation is under way when it is given up.
    shop.services.instead(USERS, 3, Instead::Problem(503, "unavailable", json!([])));
    shop.order(&ada, "k").send().await.expect(503);
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), None, "not there yet");
    shop.holds_nothing(&attempt(&ada, "k")).await;
    tokio::time::sleep(late * 2).await;
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), Some("released"));
}

#[tokio::test]
async fn nothing_is_released_where_nothing_was_asked_for() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let mut request = guest.request();
    request.as_object_mut().unwrap().remove("lines");
    request["cart_version"] = json!(1);
    let order = shop.client.post("/orders").token(&guest.token).header(KEY, "k").json(&request);
    assert_eq!(order.send().await.expect(409).problem(), "cart_changed");
    let short = Instead::Problem(409, "out_of_stock", json!([]));
    shop.services.instead(STOCK, 1, short);
    shop.order(&guest, "k2").send().await.expect(409);
    assert_eq!(shop.count("outbox").await, 0);
}

#[tokio::test]
async fn the_stock_of_an_order_is_not_released_by_a_slower_request_of_its_key() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.services.instead(USERS, 1, Instead::Hang);
    let quicker = async {
        while shop.services.seen(USERS).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shop.order(&ada, "k").send().await.expect(201)
    };
    let (slower, quicker) = join(shop.order(&ada, "k").send(), quicker).await;
    assert_eq!((slower.status.as_u16(), &slower.body), (201, &quicker.body), "both get the one order");
    shop.relay().await;
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), Some("committed"));
    assert_eq!(shop.charged().0, 1);
}

#[tokio::test]
async fn an_attempt_that_is_ended_while_its_order_is_being_saved_makes_none() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let id = order_id(Owner::Guest(guest.id), &"k".parse().unwrap());
    // Another request of the key is about to give the stock back, and has not committed that yet.
    query("BEGIN").execute(&mut shop.db).await.unwrap();
    let end = "INSERT INTO limit_counters (kind, key, ended_attempts, expires_at)
               VALUES ('guest', uuid_send($1), ARRAY[$2], now() + interval '1 hour')";
    query(end).bind(guest.id).bind(id.uuid()).execute(&mut shop.db).await.unwrap();
    let client = shop.client.clone();
    let (token, request) = (guest.token.clone(), guest.request());
    let order =
        tokio::spawn(async move { client.post("/orders").token(&token).header(KEY, "k").json(&request).send().await });
    while shop.services.seen(STOCK).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!order.is_finished(), "it waits for its counter");
    query("COMMIT").execute(&mut shop.db).await.unwrap();
    assert_eq!(order.await.unwrap().expect(409).problem(), "attempt_ended");
    shop.holds_nothing(&id.to_string()).await;
}

#[tokio::test]
async fn while_the_database_does_not_answer_a_repetition_takes_the_hold_over() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.client.get("/health/transaction-service/ready").send().await.expect(200);
    shop.network.cut_after(1);
    shop.order(&ada, "k").send().await.expect(503);
    assert_eq!(shop.services.reservation(&attempt(&ada, "k")), Some("held"), "product-service frees it after a day");
    shop.network.heal();
    let mut answer = shop.order(&ada, "k").send().await;
    for _ in 0..20 {
        if answer.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = shop.order(&ada, "k").send().await;
    }
    assert_eq!(answer.expect(201).json()["state"], "paid");
}

#[tokio::test]
async fn a_total_that_has_changed_and_an_address_that_is_unknown_release_the_stock() {
    for (member, value, status) in [
        ("expected_total", usd(1), 409),
        ("email", json!("stranger@example.com"), 422),
        ("payment", json!({"method": "saved", "payment_method_id": "pm_1"}), 422),
        ("expected_total", json!({"amount": 1, "currency": "CHF"}), 422),
    ] {
        let mut shop = Shop::open().await;
        let ada = Shopper::customer_at_the_frontend();
        let mut request: Value = ada.request();
        request[member] = value;
        shop.client.post("/orders").token(&ada.token).header(KEY, "k").json(&request).send().await.expect(status);
        shop.holds_nothing(&attempt(&ada, "k")).await;
    }
}
