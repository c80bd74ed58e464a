use std::time::Duration;

use crate::{Shop, order};

const SOON: Duration = Duration::from_secs(41);
const TOMORROW: Duration = Duration::from_hours(25);

/// Cuts the network after every possible number of commands; whatever is left, the sweep and a repeat put right.
#[tokio::test]
async fn a_crash_between_any_two_commands_loses_no_unit_and_sells_none_twice() {
    let shop = Shop::open().await;
    let mut cases = 0;
    for event in ["reserve", "short", "commit", "release"] {
        for commands in 0..4 {
            let (a, b) = (format!("A{cases}"), format!("B{cases}"));
            cases += 1;
            shop.sell(&[(&a, 5), (&b, 1)]).await;
            let order = order();
            if ["commit", "release"].contains(&event) {
                shop.reserve(order, &[(&a, 2), (&b, 1)]).await.expect(200);
            }
            shop.network.cut_after(commands);
            let b_wanted = if event == "short" { 2 } else { 1 };
            let send = async || match event {
                "commit" => shop.commit(order).await,
                "release" => shop.release(order).await,
                _ => shop.reserve(order, &[(&a, 2), (&b, b_wanted)]).await,
            };
            let during = send().await;
            assert!([200, 409, 503].contains(&during.status.as_u16()), "{event} {commands}: {}", during.text());
            shop.network.heal();

            shop.sweep_after(SOON).await;
            shop.sweep_after(SOON).await;
            assert_eq!(shop.movements().await, 0, "{event} cut after {commands}");
            let after = send().await;
            let (status, stock_a, stock_b) = match event {
                "reserve" => (200, (5, 2, 3), (1, 1, 0)),
                "short" => (409, (5, 0, 5), (1, 0, 1)),
                "commit" => (200, (3, 0, 3), (0, 0, 0)),
                _ => (200, (5, 0, 5), (1, 0, 1)),
            };
            assert_eq!(after.status.as_u16(), status, "{event} cut after {commands}: {}", after.text());
            assert_eq!(shop.stock(&a).await, stock_a, "{event} cut after {commands}");
            assert_eq!(shop.stock(&b).await, stock_b, "{event} cut after {commands}");
            assert_eq!(shop.movements().await, 0, "{event} cut after {commands}");
        }
    }
}

/// What a server that dies inside a command may leave: the first writes of the list and not the rest.
#[tokio::test]
async fn a_command_that_a_dying_server_left_half_done_is_finished_or_unwound() {
    use mongodb::bson::{DateTime, Document, doc};
    let shop = Shop::open().await;
    let database = shop.mongo.database().await;
    let (stock, reservations) =
        (database.collection::<Document>("stock"), database.collection::<Document>("reservations"));
    let old = DateTime::from_millis(DateTime::now().timestamp_millis() - 60_000);
    for (n, (left, expected, state)) in [
        ("decision recorded on one SKU only", (5, 0, 5), "released"),
        ("decided, not settled", (5, 0, 5), "released"),
        ("decided, settled on one SKU only", (5, 0, 5), "released"),
    ]
    .into_iter()
    .enumerate()
    {
        let (a, b, order) = (format!("A{n}"), format!("B{n}"), order());
        shop.sell(&[(&a, 5), (&b, 5)]).await;
        shop.reserve(order, &[(&a, 2), (&b, 2)]).await.expect(200);
        let id = order_id();
        let movement =
            doc! { "id": &id, "order_id": order.to_string(), "kind": "release", "quantity": 2_i64, "at": old };
        let record = async |sku: &str| {
            stock.update_one(doc! { "_id": sku }, doc! { "$push": { "movements": movement.clone() } }).await.unwrap();
        };
        record(&a).await;
        if n > 0 {
            record(&b).await;
            let set = doc! { "$set": { "state": "released", "decision": &id } };
            reservations.update_one(doc! { "_id": order.to_string() }, set).await.unwrap();
        }
        if n > 1 {
            let settle = doc! { "$inc": { "available": 2_i64 }, "$pull": { "movements": { "id": &id } } };
            stock.update_one(doc! { "_id": &a }, settle).await.unwrap();
        }
        // Three sweeps at once, then one more: none settles twice.
        tokio::join!(shop.sweep_after(SOON), shop.sweep_after(SOON), shop.sweep_after(SOON));
        shop.sweep_after(SOON).await;
        assert_eq!(shop.stock(&a).await, expected, "{left}");
        assert_eq!(shop.stock(&b).await, expected, "{left}");
        let found = reservations.find_one(doc! { "_id": order.to_string() }).await.unwrap().unwrap();
        assert_eq!(found.get_str("state").unwrap(), state, "{left}");
    }
    assert_eq!(shop.movements().await, 0);
}

fn order_id() -> String {
    order().to_string()
}

/// A document that lacks what its state needs was changed by hand; the reservations of other orders cannot wait for it.
#[tokio::test]
async fn a_reservation_that_cannot_be_read_keeps_no_other_from_being_swept() {
    use mongodb::bson::{DateTime, Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 2), ("B", 2)]).await;
    let broken = order();
    shop.reserve(broken, &[("A", 1)]).await.expect(200);
    let reservations = shop.mongo.database().await.collection::<Document>("reservations");
    for state in ["reserving", "held"] {
        let lacking = doc! { "state": state, "currency": null, "lease_until": DateTime::from_millis(0) };
        reservations.update_one(doc! { "_id": broken.to_string() }, doc! { "$set": lacking }).await.unwrap();
        let whole = order();
        shop.reserve(whole, &[("B", 1)]).await.expect(200);
        let swept = shop.sweep_after(TOMORROW).await;
        assert_eq!((swept.expired, swept.failed), (1, 1), "{state}");
        assert_eq!(shop.stock("B").await, (2, 0, 2), "{state}");
        assert_eq!(shop.stock("A").await, (2, 1, 1), "the units stay reserved until an operator decides: {state}");
    }
}

#[tokio::test]
async fn an_attempt_whose_lease_ran_out_is_unwound_by_a_repeat_too() {
    use mongodb::bson::{DateTime, Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 2)]).await;
    let order = order();
    shop.network.cut_after(2);
    shop.reserve(order, &[("A", 2)]).await;
    shop.network.heal();
    assert_eq!(shop.stock("A").await, (2, 2, 0), "the units are taken, the reservation is not held");
    let waiting = shop.reserve(order, &[("A", 2)]).await.expect(409);
    assert_eq!(waiting.problem(), "reservation_in_progress");
    let reservations = shop.mongo.database().await.collection::<Document>("reservations");
    reservations.update_many(doc! {}, doc! { "$set": { "lease_until": DateTime::from_millis(0) } }).await.unwrap();
    assert_eq!(shop.reserve(order, &[("A", 1)]).await.expect(200).json()["state"], "held");
    assert_eq!(shop.stock("A").await, (2, 1, 1));
    assert_eq!(shop.movements().await, 0);
}

#[tokio::test]
async fn a_release_ends_an_attempt_under_way_and_its_late_end_gives_everything_back() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 2)]).await;
    let order = order();
    shop.network.cut_after(2);
    shop.reserve(order, &[("A", 2)]).await;
    shop.network.heal();
    assert_eq!(shop.release(order).await.expect(200).json()["state"], "released");
    assert_eq!(shop.stock("A").await, (2, 0, 2));
    assert_eq!(shop.reserve(order, &[("A", 2)]).await.expect(409).problem(), "reservation_released");
}

#[tokio::test]
async fn a_held_reservation_is_released_after_a_day_and_a_committed_one_never() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let (forgotten, sold) = (order(), order());
    shop.reserve(forgotten, &[("A", 1)]).await.expect(200);
    shop.reserve(sold, &[("A", 1)]).await.expect(200);
    shop.commit(sold).await.expect(200);
    assert_eq!(shop.sweep_after(SOON).await, product_service::reservations::Swept::default());
    assert_eq!(shop.sweep_after(TOMORROW).await.expired, 1);
    assert_eq!(shop.stock("A").await, (4, 0, 4));
    assert_eq!(shop.commit(forgotten).await.expect(409).problem(), "reservation_released");
}

#[tokio::test]
async fn sweeps_that_run_at_once_release_once() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 50)]).await;
    for _ in 0..10 {
        shop.reserve(order(), &[("A", 1)]).await.expect(200);
    }
    tokio::join!(shop.sweep_after(TOMORROW), shop.sweep_after(TOMORROW), shop.sweep_after(TOMORROW));
    assert_eq!(shop.stock("A").await, (50, 0, 50));
    assert_eq!(shop.movements().await, 0);
}

/// The number was changed in the database, so that the server refuses to settle what was decided.
#[tokio::test]
async fn a_decision_stands_even_when_its_last_step_is_refused_and_is_settled_once_the_number_is_mended() {
    use mongodb::bson::{Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let order = order();
    shop.reserve(order, &[("A", 2)]).await.expect(200);
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    let set = async |on_hand: i64| {
        stock.update_one(doc! { "_id": "A" }, doc! { "$set": { "on_hand": on_hand } }).await.unwrap();
    };
    set(1).await;
    assert_eq!(shop.commit(order).await.expect(200).json()["state"], "committed");
    assert_eq!(shop.release(order).await.expect(409).problem(), "reservation_committed");
    assert_eq!(shop.movements().await, 1, "what could not be settled stays to be seen");
    set(5).await;
    shop.sweep_after(SOON).await;
    assert_eq!(shop.stock("A").await, (3, 0, 3));
    assert_eq!(shop.movements().await, 0);
}

#[tokio::test]
async fn a_movement_whose_reservation_is_gone_is_left_for_a_person_and_stops_nothing_else() {
    use mongodb::bson::{DateTime, Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 5)]).await;
    shop.reserve(order(), &[("B", 1)]).await.expect(200);
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    let orphan = doc! {
        "id": order_id(), "order_id": order_id(), "kind": "hold", "quantity": 2_i64, "at": DateTime::from_millis(0)
    };
    stock.update_one(doc! { "_id": "A" }, doc! { "$push": { "movements": orphan } }).await.unwrap();
    let swept = shop.sweep_after(TOMORROW).await;
    assert_eq!((swept.failed, swept.expired), (1, 1));
    assert_eq!(shop.stock("A").await, (5, 0, 5), "no unit appears");
    assert_eq!(shop.stock("B").await, (5, 0, 5));
}
