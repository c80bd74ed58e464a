use serde_json::{Value, json};
use testkit::Answer;

use crate::{Shop, order, service};

pub(crate) async fn quote(shop: &Shop, currency: &str, lines: &[(&str, u32)]) -> Answer {
    let lines: Vec<Value> = lines.iter().map(|(sku, n)| json!({"sku": sku, "quantity": n})).collect();
    let body = json!({"currency": currency, "lines": lines});
    shop.client.post("/inventory/quotes").token(&service()).json(&body).send().await
}

#[tokio::test]
async fn a_quote_says_what_a_reservation_would_and_how_many_could_be_had() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 2)]).await;
    let quoted = quote(&shop, "USD", &[("B", 1), ("A", 2), ("B", 1)]).await.expect(200).json();
    assert_eq!(quoted["currency"], "USD");
    let mut lines = quoted["lines"].clone();
    assert_eq!((lines[0]["available"].take(), lines[1]["available"].take()), (json!(5), json!(2)));
    let mut held = shop.reserve(order(), &[("B", 1), ("A", 2), ("B", 1)]).await.expect(200).json()["lines"].clone();
    for line in held.as_array_mut().unwrap() {
        line["available"] = Value::Null;
    }
    assert_eq!(lines, held);
}

#[tokio::test]
async fn a_quote_promises_nothing_and_shows_what_others_have_left() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let available = async || quote(&shop, "USD", &[("A", 9)]).await.expect(200).json()["lines"][0]["available"].clone();
    assert_eq!(available().await, 5, "more are asked for than there are");
    assert_eq!(shop.stock("A").await, (5, 0, 5));
    shop.reserve(order(), &[("A", 4)]).await.expect(200);
    assert_eq!(available().await, 1);
    assert_eq!(shop.mongo.all("reservations").await.len(), 1, "a quote leaves nothing behind");
    assert_eq!(shop.movements().await, 0);
}

#[tokio::test]
async fn a_sku_whose_stock_was_never_set_cannot_be_had() {
    use mongodb::bson::{Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    stock.delete_one(doc! { "_id": "A" }).await.unwrap();
    let quoted = quote(&shop, "USD", &[("A", 1)]).await.expect(200).json();
    assert_eq!(quoted["lines"][0]["available"], 0);
    assert!(shop.mongo.all("stock").await.is_empty());
}

#[tokio::test]
async fn a_line_without_a_price_is_refused_like_in_a_reservation() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    for (currency, expected) in [
        ("USD", vec!["/lines/1/sku unknown_sku"]),
        ("EUR", vec!["/lines/0/sku not_sold_in_currency", "/lines/1/sku unknown_sku"]),
    ] {
        let answer = quote(&shop, currency, &[("A", 1), ("ZZ", 1), ("A", 1)]).await.expect(422);
        assert_eq!(
            (answer.problem().as_str(), answer.refused_fields()),
            ("invalid_input", expected.iter().map(ToString::to_string).collect())
        );
    }
    assert_eq!(quote(&shop, "USD", &[]).await.expect(422).refused_fields(), ["/lines too_few"]);
    assert_eq!(quote(&shop, "usd", &[("A", 1)]).await.expect(422).refused_fields(), ["/currency unknown_currency"]);
}

#[tokio::test]
async fn quoting_takes_one_round_trip() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 5), ("C", 5)]).await;
    shop.network.take_commands();
    quote(&shop, "USD", &[("A", 1), ("B", 1), ("C", 1)]).await.expect(200);
    assert_eq!(shop.network.take_commands(), ["find", "find"], "the stock is read beside the prices");
}
