//! Many shoppers race for the last unit, the same order, the same customer at Stripe; all sums must be exact.
//!
//! `cargo xtask prove races`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a proof prints, and stops where it fails")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use e2e::{PASSWORD, Shop, Shopper, UNLIMITED};
use futures_util::{StreamExt, future::join_all, stream};
use platform::Service;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{query_as, query_scalar};
use uuid::Uuid;

/// Rounds in which so many units meet four times as many buyers.
const ROUNDS: usize = 200;
/// Rounds of overlapping baskets, and of one order sent many times.
const OTHER_ROUNDS: usize = 20;
/// How many send at once: more would only wait in the sockets of one machine.
const AT_ONCE: usize = 32;
/// Within this time everything that was paid is known to be.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let shop = Shop::open_with(&UNLIMITED).await;
    // As many instances as send at once would find in Lambda, half of them: each has connections of its own.
    shop.scale(AT_ONCE / 2);
    let staff = shop.admin().await;
    let mut random = fastrand::Rng::with_seed(seed());
    println!("{:<52} {:>7} {:>7} {:>7} {:>7}", "", "rounds", "asked", "sold", "refused");
    last_units(&shop, &staff, &mut random).await;
    overlapping_baskets(&shop, &staff, &mut random).await;
    one_order_many_times(&shop, &staff).await;
    one_cart_under_many_keys(&shop, &staff).await;
    customers_at_stripe(&shop).await;
    every_charge_is_an_orders(&shop).await;
    Box::pin(against_the_limits()).await;
}

/// Given as `SEED`, or else chosen; printed, so that a failing run can be repeated.
fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}\n");
    seed
}

fn line(what: &str, rounds: usize, asked: usize, sold: usize) {
    let refused = asked - sold;
    println!("{what:<52} {rounds:>7} {asked:>7} {sold:>7} {refused:>7}");
}

/// Orders, again with the same key while another request with it runs, and with a new one where the attempt of the last
/// gave its stock back; the final status and answer.
async fn buy(shopper: &Shopper, key: &str, request: &Value) -> (u16, Value) {
    // A request that this machine gave up half way leaves its order to a lease, which the next ones wait for.
    let started = Instant::now();
    let mut key = key.to_owned();
    let mut heard = Vec::new();
    while started.elapsed() < PATIENCE {
        let (status, body) = shopper.order(&key, request).await;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let is_over = match body["type"].as_str() {
            Some("request_in_progress" | "stock_contended" | "unavailable") => false,
            Some("attempt_ended") => {
                key = Uuid::new_v4().to_string();
                false
            }
            _ => status != 0,
        };
        if is_over {
            return (status, body);
        }
        heard.push(format!("{status} {}", body["type"]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("an order that never gets an answer: {heard:?}")
}

/// N units and 4N buyers, and where a machine that is too slow made attempts give stock back while others were refused,
/// one more for each such unit; N from 1 to 50: exactly N orders, and what they hold is what is missing on the shelf.
async fn last_units(shop: &Shop, staff: &str, random: &mut fastrand::Rng) {
    let started = Instant::now();
    let (mut asked, mut sold) = (0, 0);
    for round in 0..ROUNDS {
        let units = random.usize(1..=50);
        let sku = format!("R{round}");
        shop.sell(staff, &sku, i64::try_from(units).unwrap()).await;
        let sku = &sku;
        let buyers = (0..units * 4).map(|_| async move {
            let shopper = shop.anonymous();
            buy(&shopper, "once", &shopper.request(&[sku])).await
        });
        let mut answers: Vec<(u16, Value)> = stream::iter(buyers).buffer_unordered(AT_ONCE).collect().await;
        let made = |answers: &[(u16, Value)]| answers.iter().filter(|(status, _)| *status == 201).count();
        if made(&answers) < units {
            deliver(shop).await;
            for _ in made(&answers)..units {
                let shopper = shop.anonymous();
                answers.push(buy(&shopper, "once", &shopper.request(&[sku])).await);
            }
        }
        let short = answers.iter().filter(|(_, body)| body["type"] == "out_of_stock").count();
        assert_eq!((made(&answers), made(&answers) + short), (units, answers.len()), "round {round}: {answers:?}");
        let all = i64::try_from(units).unwrap();
        assert_eq!(shop.stock_of(staff, sku).await, (all, all), "round {round}");
        asked += answers.len();
        sold += units;
    }
    line("N units and 4N buyers, N in 1..50", ROUNDS, asked, sold);
    println!(
        "  {:.0} orders asked for a second",
        f64::from(u32::try_from(asked).unwrap()) / started.elapsed().as_secs_f64()
    );
}

/// Baskets of two of four SKUs: no unit sold twice, no basket half sold, nothing left that a refused basket needed.
async fn overlapping_baskets(shop: &Shop, staff: &str, random: &mut fastrand::Rng) {
    let (mut asked, mut sold) = (0, 0);
    for round in 0..OTHER_ROUNDS {
        let skus: Vec<String> = (0..4).map(|nth| format!("B{round}-{nth}")).collect();
        let units = random.usize(1..=12);
        for sku in &skus {
            shop.sell(staff, sku, i64::try_from(units).unwrap()).await;
        }
        let baskets: Vec<[&str; 2]> = (0..units * 8)
            .map(|_| {
                let first = random.usize(0..4);
                [&*skus[first], &*skus[(first + random.usize(1..4)) % 4]]
            })
            .collect();
        let orders = baskets.iter().map(|basket| async move {
            let shopper = shop.anonymous();
            (basket, buy(&shopper, "once", &shopper.request(basket)).await)
        });
        let mut answers: Vec<_> = stream::iter(orders).buffer_unordered(AT_ONCE).collect().await;
        // What attempts gave back that a slow machine made too late may have been refused to others meanwhile.
        deliver(shop).await;
        let mut free = BTreeMap::new();
        for sku in &skus {
            let (on_hand, reserved) = shop.stock_of(staff, sku).await;
            free.insert(&**sku, on_hand - reserved);
        }
        for (basket, answer) in answers.iter_mut().filter(|(_, (status, _))| *status != 201) {
            if basket.iter().all(|sku| free[sku] > 0) {
                let shopper = shop.anonymous();
                *answer = buy(&shopper, "once", &shopper.request(&basket[..])).await;
                basket.iter().for_each(|sku| *free.entry(sku).or_default() -= 1);
            }
        }
        let mut taken = BTreeMap::<&str, i64>::new();
        for (basket, (status, _)) in &answers {
            assert!([201, 409].contains(status), "round {round}: {answers:?}");
            if *status == 201 {
                basket.iter().for_each(|sku| *taken.entry(sku).or_default() += 1);
                sold += 1;
            }
        }
        asked += answers.len();
        let mut left = BTreeMap::new();
        for sku in &skus {
            let (on_hand, reserved) = shop.stock_of(staff, sku).await;
            assert_eq!(reserved, taken.get(&**sku).copied().unwrap_or(0), "round {round}: {sku}");
            left.insert(&**sku, on_hand - reserved);
        }
        for (basket, (status, _)) in &answers {
            let is_short = basket.iter().any(|sku| left[sku] == 0);
            assert!(*status == 201 || is_short, "round {round}: {basket:?} was refused and {left:?} is left");
        }
    }
    line("overlapping baskets of two of four SKUs", OTHER_ROUNDS, asked, sold);
}

/// One order sent 16 times at once, paid with a saved card: one charge; every answer is identical, or 409 while it runs.
async fn one_order_many_times(shop: &Shop, staff: &str) {
    shop.sell(staff, "SIXTEEN", 10_000).await;
    let ada = shop.customer("ada", e2e::Card::Saved).await;
    let mut running = 0;
    for round in 0..OTHER_ROUNDS {
        let (before, _) = shop.charged();
        let (key, request) = (Uuid::new_v4().to_string(), ada.request(&["SIXTEEN"]));
        let answers = join_all((0..16).map(|_| ada.order(&key, &request))).await;
        let (status, first) = ada.order(&key, &request).await;
        assert_eq!(status, 201, "round {round}");
        for (status, body) in &answers {
            if *status == 201 {
                assert_eq!(*body, first, "round {round}: two answers to one order");
                continue;
            }
            let problem: Value = serde_json::from_slice(body).unwrap();
            assert_eq!((*status, &problem["type"]), (409, &json!("request_in_progress")), "round {round}");
            running += 1;
        }
        let (charges, _) = shop.charged();
        assert_eq!(charges, before + 1, "round {round}");
    }
    let asked = OTHER_ROUNDS * 16;
    println!("{:<52} {OTHER_ROUNDS:>7} {asked:>7} {OTHER_ROUNDS:>7} {:>7}", "one order sent 16 times at once", "-");
    println!("  {} heard the one answer, byte for byte, and {running} heard 409 while it ran", asked - running);
}

/// One version of a cart ordered under 16 keys at once: one order, which all the other answers name, and one hold.
async fn one_cart_under_many_keys(shop: &Shop, staff: &str) {
    shop.sell(staff, "CART", 10_000).await;
    for round in 0..OTHER_ROUNDS {
        let guest = shop.anonymous();
        let item = Some(json!({"quantity": 1}));
        let cart = shop.ask(Method::PUT, "/carts/mine/items/CART", &guest.token, item).await;
        let mut request = guest.request(&["CART"]);
        request.as_object_mut().unwrap().remove("lines");
        request["cart_version"] = cart["version"].clone();
        let keys: Vec<String> = (0..16).map(|_| Uuid::new_v4().to_string()).collect();
        let answers = join_all(keys.iter().map(|key| buy(&guest, key, &request))).await;
        let made: Vec<&Value> = answers.iter().filter(|(status, _)| *status == 201).map(|(_, order)| order).collect();
        assert_eq!(made.len(), 1, "round {round}: {answers:?}");
        for (status, body) in answers.iter().filter(|(status, _)| *status != 201) {
            let heard = (*status, &body["type"], &body["order_id"]);
            assert_eq!(heard, (409, &json!("cart_already_ordered"), &made[0]["id"]), "round {round}: {body}");
        }
    }
    deliver(shop).await;
    let made = i64::try_from(OTHER_ROUNDS).unwrap();
    assert_eq!(shop.stock_of(staff, "CART").await, (10_000, made), "units on hold");
    line("one cart under 16 keys at once", OTHER_ROUNDS, OTHER_ROUNDS * 16, OTHER_ROUNDS);
}

/// Sweeps until no message is left.
async fn deliver(shop: &Shop) {
    let mut db = shop.orders.connect().await;
    let started = Instant::now();
    loop {
        shop.transactions.sweep().await.unwrap();
        let left: i64 = query_scalar("SELECT count(*) FROM outbox").fetch_one(&mut db).await.unwrap();
        if left == 0 {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{left} messages are not taken");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A shop with the limits that a shop has unless it chooses others.
async fn against_the_limits() {
    let shop = Shop::open().await;
    shop.scale(AT_ONCE / 2);
    let staff = shop.admin().await;
    println!();
    guests_of_one_address(&shop, &staff).await;
    declines_at_once(&shop, &staff).await;
    let counters = &shop.transactions.sweep().await.unwrap()["counters"];
    assert_eq!(counters["repaired"], 0, "counters and open orders agree");
}

/// 64 new guests at one source address, at once: 20 orders, and one more from another address.
async fn guests_of_one_address(shop: &Shop, staff: &str) {
    const MOST: usize = 20;
    shop.sell(staff, "OFFICE", 10_000).await;
    for round in 0..OTHER_ROUNDS {
        let guests: Vec<Shopper> = (0..64).map(|_| shop.anonymous().at(&format!("203.0.113.{round}"))).collect();
        let request = |guest: &Shopper| guest.request(&["OFFICE"]);
        let orders = guests.iter().map(|guest| async { buy(guest, "once", &request(guest)).await });
        let answers: Vec<(u16, Value)> = stream::iter(orders).buffer_unordered(AT_ONCE).collect().await;
        let made = answers.iter().filter(|(status, _)| *status == 201).count();
        assert_eq!(made, MOST, "round {round}: {answers:?}");
        for (status, body) in answers.iter().filter(|(status, _)| *status != 201) {
            let heard = (*status, &body["type"], &body["counted_by"]);
            assert_eq!(heard, (409, &json!("too_many_open_orders"), &json!("source")), "round {round}: {body}");
        }
        let neighbour = shop.anonymous().at(&format!("198.51.100.{round}"));
        assert_eq!(buy(&neighbour, "once", &request(&neighbour)).await.0, 201, "round {round}: next door");
    }
    deliver(shop).await;
    let held = i64::try_from(OTHER_ROUNDS * (MOST + 1)).unwrap();
    assert_eq!(shop.stock_of(staff, "OFFICE").await, (10_000, held), "units on hold");
    line("64 guests of one address, and one next door", OTHER_ROUNDS, OTHER_ROUNDS * 65, OTHER_ROUNDS * (MOST + 1));
}

/// A card that is declined, ordered with 25 times at once and then again and again: ten tries, not one more.
async fn declines_at_once(shop: &Shop, staff: &str) {
    const MOST: usize = 10;
    const CUSTOMERS: usize = 4;
    shop.sell(staff, "DECLINED", 10_000).await;
    let mut asked = 0;
    for nth in 0..CUSTOMERS {
        let bob = shop.customer(&format!("bob-{nth}"), e2e::Card::SavedAndDeclined).await;
        let before = shop.stripe.charges().len();
        let request = bob.request(&["DECLINED"]);
        let keys: Vec<String> = (0..25).map(|_| Uuid::new_v4().to_string()).collect();
        let mut answers = join_all(keys.iter().map(|key| buy(&bob, key, &request))).await;
        assert!(shop.stripe.charges().len() - before <= MOST, "{nth}: {answers:?}");
        for _ in 0..MOST + 5 {
            answers.push(buy(&bob, &Uuid::new_v4().to_string(), &request).await);
        }
        for (status, body) in &answers {
            let kind = body["type"].as_str().unwrap_or_default();
            let is_right = match *status {
                201 => body["state"] == "payment_failed",
                409 => kind == "too_many_open_orders",
                429 => kind == "too_many_declines",
                _ => false,
            };
            assert!(is_right, "{nth}: {status} {body}");
        }
        assert_eq!(shop.stripe.charges().len() - before, MOST, "{nth}: cards tried");
        asked += answers.len();
    }
    deliver(shop).await;
    assert_eq!(shop.stock_of(staff, "DECLINED").await, (10_000, 0), "nothing stays on hold");
    println!("{:<52} {CUSTOMERS:>7} {asked:>7} {:>7} {asked:>7}", "declined cards, 25 at once", 0);
    println!("  {} cards were tried at Stripe, {MOST} a customer", CUSTOMERS * MOST);
}

/// Two customers begin to save a card 16 times each, at once: one customer each at Stripe.
async fn customers_at_stripe(shop: &Shop) {
    let before = shop.stripe.all("customer").len();
    let mut tokens = Vec::new();
    for name in ["carol", "dave"] {
        let account = json!({"email": format!("{name}@example.com"), "password": PASSWORD, "name": name});
        assert_eq!(shop.send(Method::POST, "/auth/register", None, Some(account)).await.0, 202);
        tokens.push(shop.log_in(&format!("{name}@example.com"), PASSWORD).await);
    }
    let setups = tokens.iter().flat_map(|token| {
        (0..16).map(move |_| shop.send(Method::POST, "/users/me/payment-methods/setup", Some(token), None))
    });
    let answers = join_all(setups).await;
    let made = answers.iter().filter(|(status, _)| *status == 201).count();
    assert!(answers.iter().all(|(status, _)| [201, 503].contains(status)), "{answers:?}");
    assert_eq!(shop.stripe.all("customer").len(), before + 2);
    println!("{:<52} {:>7} {:>7} {:>7} {:>7}", "two customers saving a card 16 times each", 1, 32, "-", "-");
    println!(
        "  2 customers at Stripe; {made} got a SetupIntent, {} were answered that they should try again",
        32 - made
    );
}

/// Pays some of the orders that wait for it, all at once and twice each, and then compares what Stripe took with the orders.
async fn every_charge_is_an_orders(shop: &Shop) {
    let mut db = shop.orders.connect().await;
    let waiting = "SELECT stripe_payment_intent FROM payments JOIN orders ON id = order_id
                   WHERE state = 'requires_action' ORDER BY id LIMIT 200";
    let waiting: Vec<String> = query_scalar(waiting).fetch_all(&mut db).await.unwrap();
    let http = reqwest::Client::new();
    let pay = |intent: &String| {
        let confirm = format!("{}/_double/payment_intents/{intent}/confirm", shop.stripe.base());
        http.post(confirm).json(&json!({"payment_method": "pm_card_visa"})).send()
    };
    let payments = stream::iter(waiting.iter().chain(&waiting).map(pay)).buffer_unordered(AT_ONCE);
    payments.for_each(|answer| async { drop(answer.unwrap()) }).await;
    let paid = "SELECT count(*), coalesce(sum(captured), 0)::bigint FROM payments JOIN orders ON id = order_id
                WHERE state = 'paid'";
    let expected = waiting.len() + OTHER_ROUNDS;
    let started = Instant::now();
    let (count, captured): (i64, i64) = loop {
        shop.transactions.sweep().await.unwrap();
        let (count, captured) = query_as(paid).fetch_one(&mut db).await.unwrap();
        if usize::try_from(count).unwrap() >= expected || started.elapsed() > PATIENCE {
            break (count, captured);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let (charges, taken) = shop.charged();
    assert_eq!(
        (usize::try_from(count).unwrap(), captured),
        (charges, taken),
        "orders that are paid, charges at Stripe"
    );
    assert_eq!(charges, expected);
    println!(
        "\n{} orders were paid, twice each at once: {charges} charges of {taken} cents, as the orders say",
        waiting.len()
    );
}
