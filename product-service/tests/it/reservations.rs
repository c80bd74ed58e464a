use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{Shop, order, path, quotes::quote, service, staff};

#[tokio::test]
async fn a_reservation_is_priced_and_held_and_shows_in_the_stock() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 2)]).await;
    let order = order();
    let held = shop.reserve(order, &[("B", 1), ("A", 2), ("B", 1)]).await.expect(200).json();
    assert_eq!((held["state"].as_str(), held["currency"].as_str()), (Some("held"), Some("USD")));
    assert_eq!(held["lines"][0]["sku"], "A");
    assert_eq!(held["lines"][0]["unit_price"], json!({"amount": 1000, "currency": "USD"}));
    assert_eq!((held["lines"][1]["sku"].as_str(), held["lines"][1]["quantity"].as_u64()), (Some("B"), Some(2)));
    assert_eq!(shop.stock("A").await, (5, 2, 3));
    assert_eq!(shop.stock("B").await, (2, 2, 0));
    assert_eq!(shop.client.get(&path(order)).token(&service()).send().await.expect(200).json(), held);
    assert_eq!(shop.movements().await, 0, "markers leave once the reservation is held");
}

#[tokio::test]
async fn every_line_says_how_it_is_taxed_as_the_variant_did_when_it_was_reserved() {
    let shop = Shop::open().await;
    let variants: Vec<Value> =
        [("A", json!("zero")), ("B", json!("reduced")), ("C", json!("standard")), ("D", json!(null))]
            .into_iter()
            .map(|(sku, class)| {
                let mut variant =
                    json!({"sku": sku, "options": {"Kind": sku}, "prices": [{"amount": 900, "currency": "USD"}]});
                if !class.is_null() {
                    variant["tax_class"] = class;
                }
                variant
            })
            .collect();
    let book = json!({
        "title": "Book", "slug": "book", "description": "", "status": "active", "category_ids": [],
        "options": [{"name": "Kind", "values": ["A", "B", "C", "D"]}], "variants": variants
    });
    let made = shop.client.post("/admin/products").token(&staff()).json(&book).send().await.expect(201).json();
    let lines = [("A", 1), ("B", 1), ("C", 1), ("D", 1)];
    for (sku, _) in lines {
        shop.set_stock(sku, 5).await;
    }
    let classes = |answer: &Value| -> Vec<String> {
        let lines = answer["lines"].as_array().unwrap();
        lines.iter().map(|line| line["tax_class"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ["zero", "reduced", "standard", "standard"];
    assert_eq!(classes(&quote(&shop, "USD", &lines).await.expect(200).json()), expected);
    let order = order();
    assert_eq!(classes(&shop.reserve(order, &lines).await.expect(200).json()), expected);

    // The order keeps its class, as it keeps its price.
    let path_of_a = format!("/admin/products/{}/variants/A", made["id"].as_str().unwrap());
    shop.client.patch(&path_of_a).token(&staff()).json(&json!({"tax_class": "standard"})).send().await.expect(200);
    assert_eq!(classes(&quote(&shop, "USD", &lines).await.expect(200).json())[0], "standard");
    assert_eq!(classes(&shop.reserve(order, &lines).await.expect(200).json()), expected);
    assert_eq!(classes(&shop.client.get(&path(order)).token(&service()).send().await.expect(200).json()), expected);
    assert_eq!(classes(&shop.commit(order).await.expect(200).json()), expected);
}

#[tokio::test]
async fn a_reservation_that_was_stored_without_tax_classes_is_replayed_as_standard() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let order = order();
    let held = shop.reserve(order, &[("A", 1)]).await.expect(200).json();
    let reservations = shop.mongo.database().await.collection::<Document>("reservations");
    let forget = doc! { "$unset": { "lines.0.tax_class": "" } };
    assert_eq!(reservations.update_one(doc! {}, forget).await.unwrap().modified_count, 1);
    assert_eq!(held["lines"][0]["tax_class"], "standard");
    assert_eq!(shop.reserve(order, &[("A", 1)]).await.expect(200).json(), held);
    assert_eq!(shop.client.get(&path(order)).token(&service()).send().await.expect(200).json(), held);
}

#[tokio::test]
async fn a_committed_reservation_leaves_the_shelf_and_a_released_one_comes_back() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let (sold, dropped) = (order(), order());
    shop.reserve(sold, &[("A", 2)]).await.expect(200);
    shop.reserve(dropped, &[("A", 1)]).await.expect(200);
    assert_eq!(shop.commit(sold).await.expect(200).json()["state"], "committed");
    assert_eq!(shop.release(dropped).await.expect(200).json()["state"], "released");
    assert_eq!(shop.stock("A").await, (3, 0, 3));
    assert_eq!(shop.movements().await, 0);
}

/// What it is called, the events before, the event, its status and what it says, and the stock after.
type Row<'a> = (&'a str, &'a [&'a str], &'a str, u16, &'a str, (i64, i64));

/// The state table of `reservations::domain`, line by line, through HTTP: an event, its status and slug, and the stock
/// (on hand, available) of a SKU that started with five, of which each order wants two.
#[tokio::test]
async fn the_state_table_holds_line_by_line() {
    let table: &[Row<'_>] = &[
        ("absent, reserve", &[], "reserve", 200, "held", (5, 3)),
        ("absent, commit", &[], "commit", 404, "not_found", (5, 5)),
        ("absent, release", &[], "release", 200, "released", (5, 5)),
        ("tombstone, reserve", &["release"], "reserve", 409, "reservation_released", (5, 5)),
        ("tombstone, commit", &["release"], "commit", 409, "reservation_released", (5, 5)),
        ("tombstone, release", &["release"], "release", 200, "released", (5, 5)),
        ("void, reserve", &["too many"], "reserve", 200, "held", (5, 3)),
        ("void, reserve other lines", &["too many"], "reserve other", 200, "held", (5, 4)),
        ("void, commit", &["too many"], "commit", 404, "not_found", (5, 5)),
        ("void, release", &["too many"], "release", 200, "released", (5, 5)),
        ("void and buried, reserve", &["too many", "release"], "reserve", 409, "reservation_released", (5, 5)),
        ("held, reserve", &["reserve"], "reserve", 200, "held", (5, 3)),
        ("held, reserve other lines", &["reserve"], "reserve other", 409, "reservation_differs", (5, 3)),
        ("held, commit", &["reserve"], "commit", 200, "committed", (3, 3)),
        ("held, release", &["reserve"], "release", 200, "released", (5, 5)),
        ("committed, reserve", &["reserve", "commit"], "reserve", 200, "committed", (3, 3)),
        ("committed, reserve other lines", &["reserve", "commit"], "reserve other", 409, "reservation_differs", (3, 3)),
        ("committed, commit", &["reserve", "commit"], "commit", 200, "committed", (3, 3)),
        ("committed, release", &["reserve", "commit"], "release", 409, "reservation_committed", (3, 3)),
        ("released, reserve", &["reserve", "release"], "reserve", 409, "reservation_released", (5, 5)),
        (
            "released, reserve other lines",
            &["reserve", "release"],
            "reserve other",
            409,
            "reservation_released",
            (5, 5),
        ),
        ("released, commit", &["reserve", "release"], "commit", 409, "reservation_released", (5, 5)),
        ("released, release", &["reserve", "release"], "release", 200, "released", (5, 5)),
    ];
    let shop = Shop::open().await;
    for (number, (name, before, event, status, said, (on_hand, available))) in table.iter().enumerate() {
        let (sku, order) = (format!("SKU{number}"), order());
        shop.sell(&[(&sku, 5)]).await;
        for earlier in *before {
            send(&shop, order, &sku, earlier).await;
        }
        let answer = send(&shop, order, &sku, event).await;
        let found =
            if answer.status == 200 { answer.json()["state"].as_str().unwrap().to_owned() } else { answer.problem() };
        assert_eq!((answer.status.as_u16(), found.as_str()), (*status, *said), "{name}");
        assert_eq!(shop.stock(&sku).await, (*on_hand, on_hand - available, *available), "{name}");
    }
    assert_eq!(shop.movements().await, 0);
}

async fn send(shop: &Shop, order: crate::OrderId, sku: &str, event: &str) -> testkit::Answer {
    match event {
        "reserve" => shop.reserve(order, &[(sku, 2)]).await,
        "reserve other" => shop.reserve(order, &[(sku, 1)]).await,
        "too many" => shop.reserve(order, &[(sku, 6)]).await,
        "commit" => shop.commit(order).await,
        "release" => shop.release(order).await,
        other => panic!("no event {other}"),
    }
}

#[tokio::test]
async fn all_lines_are_reserved_or_none_and_every_short_line_is_named() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 1), ("C", 0), ("D", 5)]).await;
    let answer = shop.reserve(order(), &[("D", 1), ("C", 1), ("B", 2), ("A", 1)]).await.expect(409);
    assert_eq!(answer.problem(), "out_of_stock");
    assert_eq!(answer.refused_fields(), ["/lines/2/quantity out_of_stock", "/lines/1/quantity out_of_stock"]);
    for (sku, on_hand) in [("A", 5), ("B", 1), ("C", 0), ("D", 5)] {
        assert_eq!(shop.stock(sku).await, (on_hand, 0, on_hand));
    }
    assert_eq!(shop.movements().await, 0);
}

#[tokio::test]
async fn a_sku_that_is_unknown_or_has_no_price_in_the_currency_is_refused_and_nothing_is_taken() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let lines = json!([{"sku": "A", "quantity": 1}, {"sku": "ZZ", "quantity": 1}]);
    for (currency, expected) in [
        ("USD", vec!["/lines/1/sku unknown_sku"]),
        ("EUR", vec!["/lines/0/sku not_sold_in_currency", "/lines/1/sku unknown_sku"]),
    ] {
        let body = json!({"currency": currency, "lines": lines});
        let answer = shop.client.put(&path(order())).token(&service()).json(&body).send().await.expect(422);
        assert_eq!(answer.refused_fields(), expected);
    }
    let body = json!({"currency": "EUR", "lines": [{"sku": "A", "quantity": 1}]});
    let answer = shop.client.put(&path(order())).token(&service()).json(&body).send().await.expect(422);
    assert_eq!(answer.refused_fields(), ["/lines/0/sku not_sold_in_currency"]);
    assert_eq!(shop.stock("A").await, (5, 0, 5));
    assert_eq!(shop.mongo.all("stock").await.len(), 1, "an unknown SKU leaves no stock behind");
    assert_eq!(shop.movements().await, 0);
}

#[tokio::test]
async fn quantities_and_lines_are_limited() {
    let shop = Shop::open().await;
    let refused = |body: serde_json::Value| {
        let request = shop.client.put(&path(order())).token(&service()).json(&body);
        async move { request.send().await.expect(422).refused_fields() }
    };
    assert_eq!(refused(json!({"currency": "USD", "lines": []})).await, ["/lines too_few"]);
    let lines: Vec<_> = (0..101).map(|n| json!({"sku": format!("S{n}"), "quantity": 1})).collect();
    assert_eq!(refused(json!({"currency": "USD", "lines": lines})).await, ["/lines too_many"]);
    let lines =
        json!([{"sku": "A", "quantity": 0}, {"sku": "A", "quantity": 1000}, {"sku": {"$ne": 1}, "quantity": 1}]);
    let expected = ["/lines/0/quantity out_of_range", "/lines/1/quantity out_of_range", "/lines/2/sku wrong_type"];
    assert_eq!(refused(json!({"currency": "USD", "lines": lines})).await, expected);
}

#[tokio::test]
async fn the_price_of_a_reservation_stays_when_the_catalogue_changes() {
    use mongodb::bson::{Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let order = order();
    let held = shop.reserve(order, &[("A", 1)]).await.expect(200).json();
    let products = shop.mongo.database().await.collection::<Document>("products");
    products.update_one(doc! {}, doc! { "$set": { "variants.0.prices.0.amount": 1_i64 } }).await.unwrap();
    assert_eq!(shop.reserve(order, &[("A", 1)]).await.expect(200).json(), held);
}

#[tokio::test]
async fn reserving_takes_two_round_trips_and_deciding_two() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 5), ("C", 5)]).await;
    let order = order();
    shop.network.take_commands();
    shop.reserve(order, &[("A", 1), ("B", 1), ("C", 1)]).await.expect(200);
    let mut commands = shop.network.take_commands();
    assert_eq!(commands.pop().as_deref(), Some("bulkWrite"), "the second");
    commands.sort();
    assert_eq!(commands, ["bulkWrite", "find"], "the first: prices are read beside the claim");
    shop.commit(order).await.expect(200);
    assert_eq!(shop.network.take_commands(), ["find", "bulkWrite"]);
}

#[tokio::test]
async fn a_draft_cannot_be_reserved() {
    use mongodb::bson::{Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let products = shop.mongo.database().await.collection::<Document>("products");
    products.update_one(doc! {}, doc! { "$set": { "status": "draft" } }).await.unwrap();
    let answer = shop.reserve(order(), &[("A", 1)]).await.expect(422);
    assert_eq!(answer.refused_fields(), ["/lines/0/sku unknown_sku"]);
    assert_eq!(shop.stock("A").await, (5, 0, 5));
}

#[tokio::test]
async fn options_with_dots_and_dollars_in_their_names_survive_a_reservation() {
    let shop = Shop::open().await;
    let product = json!({
        "title": "Tee", "slug": "tee", "description": "", "status": "active", "category_ids": [],
        "options": [{"name": "$size.of it", "values": ["S"]}],
        "variants": [{"sku": "TEE", "options": {"$size.of it": "S"}, "prices": [{"amount": 5, "currency": "USD"}]}]
    });
    shop.client.post("/admin/products").token(&crate::staff()).json(&product).send().await.expect(201);
    shop.set_stock("TEE", 1).await;
    let order = order();
    let held = shop.reserve(order, &[("TEE", 1)]).await.expect(200).json();
    assert_eq!(held["lines"][0]["options"], json!({"$size.of it": "S"}));
    assert_eq!(shop.reserve(order, &[("TEE", 1)]).await.expect(200).json(), held);
}

/// The lease, whether it ran out, the event, its status and what it says, and the stock after.
type AttemptRow<'a> = (&'a str, bool, &'a str, u16, &'a str, (i64, i64));

/// The rows of the state table in which an attempt is under way: its units are taken, and it is not held.
#[tokio::test]
async fn the_state_table_holds_while_an_attempt_is_under_way() {
    use mongodb::bson::{DateTime, Document, doc};
    let table: &[AttemptRow<'_>] = &[
        ("lease runs", false, "reserve", 409, "reservation_in_progress", (5, 3)),
        ("lease runs", false, "reserve other", 409, "reservation_in_progress", (5, 3)),
        ("lease runs", false, "commit", 409, "reservation_in_progress", (5, 3)),
        ("lease runs", false, "release", 200, "released", (5, 5)),
        ("lease ran out", true, "reserve", 200, "held", (5, 3)),
        ("lease ran out", true, "reserve other", 200, "held", (5, 4)),
        ("lease ran out", true, "commit", 409, "reservation_in_progress", (5, 3)),
        ("lease ran out", true, "release", 200, "released", (5, 5)),
    ];
    let shop = Shop::open().await;
    let reservations = shop.mongo.database().await.collection::<Document>("reservations");
    for (number, (name, over, event, status, said, (on_hand, available))) in table.iter().enumerate() {
        let (sku, order) = (format!("SKU{number}"), order());
        shop.sell(&[(&sku, 5)]).await;
        shop.network.cut_after(2);
        shop.reserve(order, &[(&sku, 2)]).await;
        shop.network.heal();
        assert_eq!(shop.stock(&sku).await, (5, 2, 3), "an attempt is under way");
        if *over {
            let lapse = doc! { "$set": { "lease_until": DateTime::from_millis(0) } };
            reservations.update_one(doc! { "_id": order.to_string() }, lapse).await.unwrap();
        }
        let answer = send(&shop, order, &sku, event).await;
        let found =
            if answer.status == 200 { answer.json()["state"].as_str().unwrap().to_owned() } else { answer.problem() };
        assert_eq!((answer.status.as_u16(), found.as_str()), (*status, *said), "{name}, {event}");
        assert_eq!(shop.stock(&sku).await, (*on_hand, on_hand - available, *available), "{name}, {event}");
    }
}

#[tokio::test]
async fn refusals_for_want_of_stock_are_counted_and_so_is_each_time_that_the_condition_on_it_held() {
    use platform::{metrics::Metrics, telemetry::with_metrics};
    let captured = testkit::logs::Captured::default();
    let subscriber = with_metrics("product-service", "info", Metrics::Emf, captured.writer());
    let _logging = tracing::subscriber::set_default(subscriber);
    // With a single subscriber, tracing asks the first thread that comes to a line, and believes it for ever.
    let _second = tracing::Dispatch::new(with_metrics("nobody", "info", Metrics::Emf, std::io::sink));
    let counted = || -> Vec<String> {
        let lines = captured.take_lines();
        let business = lines.iter().filter(|line| line.get("Requests").is_none());
        business.flat_map(testkit::emf::data).map(|datum| format!("{} {}", datum.name, datum.value)).collect()
    };
    let shop = Shop::open().await;
    shop.sell(&[("A", 1)]).await;
    counted();
    shop.reserve(order(), &[("A", 1)]).await.expect(200);
    assert_eq!(counted(), Vec::<String>::new());
    shop.reserve(order(), &[("A", 1)]).await.expect(409);
    assert_eq!(counted(), ["OversellPrevented 1", "OutOfStock 1"]);
}
