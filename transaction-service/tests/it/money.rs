//! What is quoted is what is charged, in every currency and class of goods; what cannot be charged is refused before.

use serde_json::{Value, json};
use testkit::{Answer, Client};
use transaction_service::router;

use crate::{KEY, Shop, Shopper, service_double::Instead, usd};

/// Shipping in currencies that Stripe counts in its own way.
const RATES: &str = "USD:500,JPY:800,KWD:1500,BHD:1500,MGA:200000,ISK:990,UGX:4000,HUF:99050,IDR:100,KES:100";

/// The same shop with other settings.
fn with(shop: &Shop, settings: &[(&str, &str)]) -> Client {
    Client::new(router(crate::app(&shop.postgres.url, &shop.services.url, &shop.stripe, settings)))
}

async fn quote(client: &Client, shopper: &Shopper, currency: &str, lines: Value) -> Answer {
    let mut quote = json!({"currency": currency, "shipping_method": "standard"});
    if !lines.is_null() {
        quote["lines"] = lines;
    }
    client.post("/quotes").token(&shopper.token).json(&quote).send().await
}

async fn order(client: &Client, shopper: &Shopper, key: &str, lines: Value, total: &Value) -> Answer {
    let mut request = shopper.request();
    request["lines"] = lines;
    request["expected_total"] = total.clone();
    client.post("/orders").token(&shopper.token).header(KEY, key).json(&request).send().await
}

fn one(sku: &str) -> Value {
    json!([{"sku": sku, "quantity": 1}])
}

#[tokio::test]
async fn what_is_charged_is_what_was_quoted_in_currencies_that_stripe_counts_otherwise() {
    let shop = Shop::open().await;
    let client = with(&shop, &[("SHIPPING_RATES", RATES), ("TAX_RATE", "5")]);
    // The price; the total with 5 % of tax on it and on shipping; and what Stripe calls the total.
    for (currency, price, total, charged) in [
        ("KWD", 1250, 1250 + 60 + 1500 + 80, 2890),
        ("BHD", 10, 10 + 1500 + 80, 1590),
        ("MGA", 199_900, 199_900 + 10_000 + 200_000 + 10_000, 4199),
        ("ISK", 1999, 1999 + 100 + 990 + 50, 313_900),
        ("UGX", 5000, 5000 + 250 + 4000 + 200, 945_000),
        ("JPY", 980, 980 + 49 + 800 + 40, 1869),
        ("HUF", 123_456, 123_456 + 6173 + 99_050 + 4952, 233_631),
        ("IDR", 900_000_000_000, 945_000_000_105_i64, 945_000_000_105_i64),
    ] {
        let ada = shop.customer("pm_card_visa").await;
        shop.services.set_price("TEE-1", price);
        let quoted = quote(&client, &ada, currency, one("TEE-1")).await.expect(200).json();
        assert_eq!(quoted["total"], json!({"amount": total, "currency": currency}));
        let order = order(&client, &ada, "k", one("TEE-1"), &quoted["total"]).await.expect(201).json();
        assert_eq!((&order["state"], &order["payment"]["captured"]), (&json!("paid"), &quoted["total"]), "{currency}");
        let charges = shop.stripe.charges();
        let charge = charges.iter().find(|charge| charge["currency"] == currency.to_lowercase()).unwrap();
        assert_eq!(charge["amount_captured"], charged, "{currency}");
        let booked: i64 = shop.booked(&order).await.iter().map(|(_, amount)| amount).sum();
        assert_eq!(booked, 0, "{currency}");
    }
}

#[tokio::test]
async fn a_total_that_no_payment_takes_is_not_quoted_and_holds_no_stock() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let client = with(&shop, &[("SHIPPING_RATES", "USD:0,GBP:0,JPY:0,KES:0")]);
    for (n, (currency, price, kind, member, limit)) in [
        ("USD", 0, "total_too_small", "minimum", 50),
        ("USD", 45, "total_too_small", "minimum", 50),
        ("GBP", 27, "total_too_small", "minimum", 30),
        ("KES", 0, "total_too_small", "minimum", 1),
        ("USD", 92_592_593, "total_too_large", "maximum", 99_999_999),
        ("JPY", 9_999_999_999, "total_too_large", "maximum", 9_999_999_999_i64),
    ]
    .into_iter()
    .enumerate()
    {
        shop.services.set_price("TEE-1", price);
        let refused = quote(&client, &guest, currency, one("TEE-1")).await.expect(422);
        assert_eq!(refused.problem(), kind);
        let body = refused.json();
        assert_eq!(body[member], json!({"amount": limit, "currency": currency}));
        assert!(body["detail"].as_str().unwrap().contains(currency), "{body}");
        let refused = order(&client, &guest, &format!("k{n}"), one("TEE-1"), &body["total"]).await.expect(422);
        assert_eq!((refused.problem(), &refused.json()["total"]), (kind.to_owned(), &body["total"]));
    }
    shop.relay().await;
    assert_eq!(shop.count("orders").await, 0);
    assert!(shop.services.mails().is_empty(), "no mail advises another card");
    let reserved = shop.services.seen("PUT /inventory/reservations/");
    assert_eq!(reserved.len(), 6);
    for line in reserved.iter().map(|seen| seen.line.clone()) {
        let id = line.rsplit('/').next().unwrap();
        assert_eq!(shop.services.reservation(id), Some("released"));
    }
}

#[tokio::test]
async fn a_total_beyond_any_number_is_too_large_as_well() {
    let shop = Shop::open().await;
    shop.services.set_price("TEE-1", 999_999_999_999);
    let refused = quote(&shop.client, &Shopper::guest(), "USD", json!([{"sku": "TEE-1", "quantity": 999}])).await;
    assert_eq!(refused.expect(422).problem(), "total_too_large");
}

#[tokio::test]
async fn the_least_and_the_most_that_a_payment_takes_are_charged() {
    let shop = Shop::open().await;
    let client = with(&shop, &[("SHIPPING_RATES", "USD:0"), ("TAX_RATE", "0")]);
    for (price, key) in [(50, "a"), (99_999_999, "b")] {
        let ada = shop.customer("pm_card_visa").await;
        shop.services.set_price("TEE-1", price);
        let order = order(&client, &ada, key, one("TEE-1"), &usd(price)).await.expect(201).json();
        assert_eq!(order["state"], "paid", "{price}");
    }
}

#[tokio::test]
async fn goods_of_the_class_zero_bring_no_tax_and_none_on_their_shipping() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.services.set_price("BOOK", 10_000);
    shop.services.set_tax_class("BOOK", "zero");
    let quoted = quote(&shop.client, &ada, "USD", one("BOOK")).await.expect(200).json();
    assert_eq!((&quoted["tax"], &quoted["shipping"]["tax"], &quoted["total"]), (&usd(0), &usd(0), &usd(10_500)));
    let made = order(&shop.client, &ada, "k", one("BOOK"), &usd(10_500)).await.expect(201).json();
    assert_eq!((&made["lines"][0]["tax_class"], &made["lines"][0]["tax"]), (&json!("zero"), &usd(0)));
    let read = shop.read(&ada, &made).await;
    assert_eq!(read["lines"], made["lines"]);
    assert_eq!(shop.charged(), (1, 10_500));
}

#[tokio::test]
async fn shipping_of_goods_of_several_classes_is_taxed_by_their_value() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let client = with(&shop, &[("REDUCED_TAX_RATE", "5"), ("TAX_RATE", "20")]);
    for (sku, price, class) in [("BOOK", 2000, "zero"), ("BREAD", 2000, "reduced"), ("PAN", 6000, "standard")] {
        shop.services.set_price(sku, price);
        shop.services.set_tax_class(sku, class);
    }
    let lines = json!([{"sku": "PAN", "quantity": 1}, {"sku": "BOOK", "quantity": 1}, {"sku": "BREAD", "quantity": 1}]);
    let quoted = quote(&client, &guest, "USD", lines).await.expect(200).json();
    let line = |line: &Value| (line["tax_class"].clone(), line["tax"]["amount"].clone());
    let lines: Vec<_> = quoted["lines"].as_array().unwrap().iter().map(line).collect();
    let expected = [("zero", 0), ("reduced", 100), ("standard", 1200)];
    assert_eq!(lines, expected.map(|(class, tax)| (json!(class), json!(tax))));
    // Of 5.00 one fifth is not taxed, one fifth at 5 %, three fifths at 20 %.
    assert_eq!(quoted["shipping"]["tax"], usd(5 + 60));
    assert_eq!(quoted["total"], usd(10_000 + 1300 + 500 + 65));
}

#[tokio::test]
async fn goods_at_a_rate_that_the_shop_has_not_set_are_not_sold_at_another() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.services.set_tax_class("BREAD", "reduced");
    let lines = json!([{"sku": "TEE-1", "quantity": 1}, {"sku": "BREAD", "quantity": 1}]);
    let refused = quote(&shop.client, &ada, "USD", lines.clone()).await.expect(422);
    assert_eq!(refused.refused_fields(), ["/lines/1/sku no_tax_rate"]);
    assert_eq!(refused.json()["errors"][0]["sku"], "BREAD");
    let refused = order(&shop.client, &ada, "k", lines.clone(), &usd(2700)).await.expect(422);
    assert_eq!(refused.refused_fields(), ["/lines/1/sku no_tax_rate"]);
    assert_eq!(shop.count("orders").await, 0);
    let client = with(&shop, &[("REDUCED_TAX_RATE", "8")]);
    quote(&client, &ada, "USD", lines).await.expect(200);
}

#[tokio::test]
async fn a_price_that_was_set_with_more_digits_than_can_be_charged_is_not_sold_at() {
    let shop = Shop::open().await;
    let client = with(&shop, &[("SHIPPING_RATES", RATES)]);
    for (currency, price) in [("KWD", 1312), ("MGA", 1999)] {
        shop.services.set_price("TEE-1", price);
        let refused = quote(&client, &Shopper::guest(), currency, one("TEE-1")).await.expect(422);
        assert_eq!(refused.refused_fields(), ["/lines/0/sku price_not_chargeable"], "{currency}");
    }
}

#[tokio::test]
async fn amounts_and_currencies_that_cannot_be_charged_are_named_in_requests() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    for (currency, code) in [
        ("HRK", "withdrawn_currency"),
        ("BGN", "withdrawn_currency"),
        ("XTS", "not_money"),
        ("XAU", "not_money"),
        ("XYZ", "unknown_currency"),
        ("VES", "not_shipped_in_currency"),
    ] {
        let refused = quote(&shop.client, &guest, currency, one("TEE-1")).await.expect(422);
        assert_eq!(refused.refused_fields(), [format!("/currency {code}")]);
        let total = json!({"amount": 1000, "currency": currency});
        let refused = order(&shop.client, &guest, currency, one("TEE-1"), &total).await.expect(422);
        assert_eq!(refused.refused_fields(), [format!("/expected_total/currency {code}")]);
    }
    for (amount, currency) in [(1312, "KWD"), (1999, "MGA")] {
        let total = json!({"amount": amount, "currency": currency});
        let refused = order(&shop.client, &guest, currency, one("TEE-1"), &total).await.expect(422);
        assert_eq!(refused.refused_fields(), ["/expected_total/amount not_chargeable"]);
    }
}

#[tokio::test]
async fn an_order_in_a_currency_that_was_withdrawn_since_is_still_read() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    sqlx::query("UPDATE orders SET currency = 'BGN'").execute(&mut shop.db).await.unwrap();
    let total = json!({"amount": crate::TOTAL, "currency": "BGN"});
    assert_eq!(shop.read(&ada, &order).await["total"], total);
}

#[tokio::test]
async fn what_is_wrong_with_a_line_is_said_of_what_was_sent() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let in_cart = json!([{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]);
    shop.services.set_cart(&ada.id.to_string(), 2, &in_cart);
    let gone = || json!([{"pointer": "/lines/1/sku", "code": "unknown_sku", "message": "is not on sale"}]);
    let entry = |refused: &Answer| refused.json()["errors"].clone();
    let entries =
        |pointer: &str| json!([{"pointer": pointer, "code": "unknown_sku", "message": "is not on sale", "sku": "B"}]);
    let quotes = || shop.services.instead("POST /inventory/quotes", 1, Instead::Problem(422, "invalid_input", gone()));
    let reserves = || shop.services.instead("PUT /inventory", 1, Instead::Problem(422, "invalid_input", gone()));

    quotes();
    assert_eq!(entry(&quote(&shop.client, &ada, "USD", Value::Null).await.expect(422)), entries(""));
    quotes();
    assert_eq!(entry(&quote(&shop.client, &ada, "USD", in_cart.clone()).await.expect(422)), entries("/lines/1/sku"));
    reserves();
    let refused = order(&shop.client, &ada, "a", in_cart.clone(), &usd(2700)).await.expect(422);
    assert_eq!(entry(&refused), entries("/lines/1/sku"));
    reserves();
    let mut request = ada.request();
    request.as_object_mut().unwrap().remove("lines");
    request["cart_version"] = json!(2);
    let refused = shop.client.post("/orders").token(&ada.token).header(KEY, "b").json(&request).send().await;
    assert_eq!(entry(&refused.expect(422)), entries("/cart_version"));
}

#[tokio::test]
async fn a_class_that_the_cart_holds_is_named_by_its_sku() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.services.set_cart(&ada.id.to_string(), 2, &one("BREAD"));
    shop.services.set_tax_class("BREAD", "reduced");
    let refused = quote(&shop.client, &ada, "USD", Value::Null).await.expect(422);
    assert_eq!(
        (refused.refused_fields(), &refused.json()["errors"][0]["sku"]),
        (vec![" no_tax_rate".to_owned()], &json!("BREAD"))
    );
}

#[tokio::test]
async fn a_currency_that_product_service_refuses_is_said_of_the_expected_total() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let errors = json!([{"pointer": "/currency", "code": "unknown_currency", "message": "must be an ISO 4217 code"}]);
    shop.services.instead("PUT /inventory", 1, Instead::Problem(422, "invalid_input", errors));
    let refused = order(&shop.client, &guest, "k", one("TEE-1"), &usd(crate::TOTAL)).await.expect(422);
    assert_eq!(refused.refused_fields(), ["/expected_total/currency unknown_currency"]);
}
