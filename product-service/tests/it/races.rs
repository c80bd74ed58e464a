use futures_util::future::join_all;
use testkit::Answer;

use crate::{OrderId, Shop, order};

/// Everything that must be true when nothing is under way.
async fn assert_consistent(shop: &Shop, skus: &[(&str, i64)]) {
    assert_eq!(shop.movements().await, 0, "nothing is stuck");
    let reservations = shop.mongo.all("reservations").await;
    for (sku, started_with) in skus {
        let sum = |state: &str| -> i64 {
            let of_state = reservations.iter().filter(|r| r.get_str("state").unwrap() == state);
            let lines = of_state.flat_map(|r| r.get_array("basket").unwrap());
            let lines =
                lines.map(|line| line.as_document().unwrap()).filter(|line| line.get_str("sku").unwrap() == *sku);
            lines
                .map(|line| line.get_i64("quantity").or_else(|_| line.get_i32("quantity").map(i64::from)).unwrap())
                .sum()
        };
        let (held, committed) = (sum("held"), sum("committed"));
        let expected = (started_with - committed, held, started_with - committed - held);
        assert_eq!(shop.stock(sku).await, expected, "{sku}");
    }
    assert!(reservations.iter().all(|r| r.get_str("state").unwrap() != "reserving"), "no attempt is left open");
}

/// Asks again while the last units are only taken by attempts that may still come to nothing.
async fn reserve_at_last(shop: &Shop, order: OrderId, lines: &[(&str, u32)]) -> Answer {
    for _ in 0..200 {
        let answer = shop.reserve(order, lines).await;
        if answer.status != 409 || answer.problem() != "stock_contended" {
            return answer;
        }
    }
    panic!("others are at the last units, for ever")
}

#[tokio::test]
async fn units_that_an_attempt_in_flight_has_taken_are_not_reported_as_sold_out() {
    use mongodb::bson::{DateTime, Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 2)]).await;
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    let taken = doc! { "id": order().to_string(), "order_id": order().to_string(), "kind": "hold", "quantity": 2_i64,
    "at": DateTime::now() };
    let update = doc! { "$inc": { "available": -2_i64 }, "$push": { "movements": taken } };
    stock.update_one(doc! { "_id": "A" }, update).await.unwrap();
    let (buyer, greedy) = (order(), order());
    let answer = shop.reserve(buyer, &[("A", 1)]).await.expect(409);
    assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("stock_contended", "1"));
    assert_eq!(shop.reserve(greedy, &[("A", 3)]).await.expect(409).problem(), "out_of_stock", "too few either way");
    let update = doc! { "$inc": { "available": 2_i64 }, "$set": { "movements": [] } };
    stock.update_one(doc! { "_id": "A" }, update).await.unwrap();
    shop.reserve(buyer, &[("A", 1)]).await.expect(200);
}

#[tokio::test]
async fn sixty_four_clients_sell_a_hundred_units_exactly_once() {
    let shop = Shop::open().await;
    shop.sell(&[("HOT", 100)]).await;
    let clients = (0..64).map(|_| async {
        let mut held = Vec::new();
        for _ in 0..3 {
            let order = order();
            let answer = reserve_at_last(&shop, order, &[("HOT", 1)]).await;
            match answer.status.as_u16() {
                200 => held.push(order),
                409 => assert_eq!(answer.problem(), "out_of_stock"),
                other => panic!("{other}: {}", answer.text()),
            }
        }
        held
    });
    let held: Vec<OrderId> = join_all(clients).await.into_iter().flatten().collect();
    assert_eq!(held.len(), 100, "of 192 requests for 100 units");
    assert_consistent(&shop, &[("HOT", 100)]).await;

    let decided = held.iter().enumerate().map(|(n, order)| {
        let shop = &shop;
        async move { if n % 2 == 0 { shop.commit(*order).await } else { shop.release(*order).await }.expect(200) }
    });
    join_all(decided).await;
    assert_eq!(shop.stock("HOT").await, (50, 0, 50));
    assert_consistent(&shop, &[("HOT", 100)]).await;
}

#[tokio::test]
async fn overlapping_baskets_of_three_are_all_or_nothing() {
    let shop = Shop::open().await;
    let skus = [("A", 20), ("B", 20), ("C", 20), ("D", 20), ("E", 20)];
    shop.sell(&skus).await;
    let names = skus.map(|(name, _)| name);
    let clients = (0..60).map(|n| {
        let (shop, order) = (&shop, order());
        let basket = [(names[n % 5], 1), (names[(n + 1) % 5], 1), (names[(n + 2) % 5], 1)];
        async move {
            let answer = reserve_at_last(shop, order, &basket).await;
            match (answer.status.as_u16(), n % 3) {
                (200, 0) => {
                    shop.release(order).await.expect(200);
                }
                (200, _) => {}
                (409, _) => assert_eq!(answer.problem(), "out_of_stock"),
                other => panic!("{other:?}: {}", answer.text()),
            }
        }
    });
    join_all(clients).await;
    assert_consistent(&shop, &skus).await;
}

#[tokio::test]
async fn of_two_baskets_for_the_last_units_one_gets_them_all() {
    let shop = Shop::open().await;
    for round in 0..20 {
        let (a, b) = (format!("A{round}"), format!("B{round}"));
        shop.sell(&[(&a, 1), (&b, 1)]).await;
        let (one, other) = (order(), order());
        let (left, right) = (&[(a.as_str(), 1), (b.as_str(), 1)], &[(b.as_str(), 1), (a.as_str(), 1)]);
        let answers = tokio::join!(shop.reserve(one, left), shop.reserve(other, right));
        let won = [answers.0.status, answers.1.status].iter().filter(|status| status.is_success()).count();
        assert_eq!(won, 1, "round {round}");
        assert_consistent(&shop, &[(&a, 1), (&b, 1)]).await;
    }
}

#[tokio::test]
async fn one_order_sent_sixteen_times_at_once_is_reserved_once() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 100)]).await;
    let order = order();
    let answers = join_all((0..16).map(|_| shop.reserve(order, &[("A", 2)]))).await;
    let good: Vec<_> = answers.iter().filter(|answer| answer.status == 200).map(testkit::Answer::json).collect();
    assert!(
        !good.is_empty() && good.iter().all(|answer| *answer == good[0]),
        "all that are answered are answered alike"
    );
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.problem(), "reservation_in_progress");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(shop.stock("A").await, (100, 2, 98));
    assert_consistent(&shop, &[("A", 100)]).await;
}

#[tokio::test]
async fn commit_and_release_of_one_order_at_once_decide_it_once() {
    let shop = Shop::open().await;
    let skus: Vec<String> = (0..12).map(|n| format!("S{n}")).collect();
    for sku in &skus {
        shop.sell(&[(sku, 5)]).await;
        let order = order();
        shop.reserve(order, &[(sku, 2)]).await.expect(200);
        let answers = tokio::join!(
            shop.commit(order),
            shop.release(order),
            shop.commit(order),
            shop.release(order),
            shop.commit(order)
        );
        let commits = [&answers.0, &answers.2, &answers.4].iter().filter(|answer| answer.status == 200).count();
        let releases = [&answers.1, &answers.3].iter().filter(|answer| answer.status == 200).count();
        assert!(
            (commits == 3 && releases == 0) || (commits == 0 && releases == 2),
            "{commits} commits, {releases} releases"
        );
        let expected = if commits > 0 { (3, 0, 3) } else { (5, 0, 5) };
        assert_eq!(shop.stock(sku).await, expected);
        assert_consistent(&shop, &[(sku, 5)]).await;
    }
}

#[tokio::test]
async fn a_release_that_overtakes_its_reserve_wins_or_is_seen() {
    let shop = Shop::open().await;
    for round in 0..20 {
        let sku = format!("S{round}");
        shop.sell(&[(&sku, 1)]).await;
        let order = order();
        let lines = [(sku.as_str(), 1)];
        let (reserved, released) = tokio::join!(shop.reserve(order, &lines), shop.release(order));
        assert!([200, 409].contains(&reserved.status.as_u16()), "{}", reserved.text());
        released.expect(200);
        assert_eq!(shop.stock(&sku).await, (1, 0, 1), "round {round}: a released order holds nothing");
        assert_consistent(&shop, &[(&sku, 1)]).await;
    }
}
