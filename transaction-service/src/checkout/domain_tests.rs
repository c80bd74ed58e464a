use std::time::Duration;

use common::{input::Fields, money::Money};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::tax::{TaxClass, TaxRates};

fn request() -> Value {
    json!({
        "lines": [{"sku": "TEE-1", "quantity": 2}], "shipping_method": "standard", "payment": {"method": "client"},
        "shipping_address": {"name": "Ada", "line1": "1 High St", "city": "Oxford", "country": "GB"},
        "expected_total": {"amount": 2540, "currency": "USD"}, "email": "ada@example.com"
    })
}

fn read(body: Value) -> OrderRequest {
    Fields::read(body).unwrap()
}

fn settings() -> ShopSettings {
    let (shipping, standard) = ("USD:500".parse().unwrap(), "1.6".parse().unwrap());
    let tax = TaxRates { standard, reduced: None };
    ShopSettings { shipping, tax, payment_window: Duration::from_mins(30), lease: Duration::from_secs(20) }
}

fn items(unit_price: i64) -> Vec<PricedItem> {
    let unit_price = Money { amount: unit_price, currency: "USD".parse().unwrap() };
    let (sku, options) = ("TEE-1".parse().unwrap(), std::collections::BTreeMap::new());
    vec![PricedItem {
        sku,
        quantity: 2,
        product_id: Uuid::nil(),
        title: "Tee".into(),
        options,
        unit_price,
        tax_class: TaxClass::Standard,
    }]
}

fn drafted(body: Value, unit_price: i64) -> Result<Order, Refused> {
    let request = read(body);
    let attempt = Attempt { id: Uuid::nil().into(), owner: Owner::Guest(Uuid::nil()), request: &request };
    let now = Timestamp::from_unix_millis(1_800_000_000_000).unwrap();
    draft(attempt, None, items(unit_price), &settings(), now)
}

#[test]
fn requests_that_mean_the_same_have_one_hash_and_others_another() {
    let hash = read(request()).hash();
    let mut same = request();
    same["locale"] = Value::Null;
    same["email"] = json!(" ada@example.com ");
    assert_eq!(read(same).hash(), hash);
    for (member, value) in [
        ("lines", json!([{"sku": "TEE-1", "quantity": 1}])),
        ("expected_total", json!({"amount": 2540, "currency": "EUR"})),
        ("email", json!("eve@example.com")),
        ("locale", json!("en")),
        ("notify_by", json!(["email"])),
        ("phone", json!("+442079460000")),
        ("payment", json!({"method": "saved", "payment_method_id": "pm_1"})),
    ] {
        let mut other = request();
        other[member] = value;
        assert_ne!(read(other).hash(), hash, "{member}");
    }
}

#[test]
fn what_a_request_does_not_say_is_not_in_its_hash_so_that_a_release_changes_no_key() {
    let canonical = serde_json::to_value(read(request())).unwrap();
    let members: Vec<&str> = canonical.as_object().unwrap().keys().map(String::as_str).collect();
    let before = ["basket", "destination", "email", "expected_total", "locale", "payment", "shipping_method"];
    assert_eq!(members, before, "a key that was used stays the same request's while a release is rolled out");
}

#[test]
fn the_number_of_a_guest_is_kept_only_where_it_is_used() {
    let mut body = request();
    body["phone"] = json!("+442079460000");
    let order = drafted(body.clone(), 1000).unwrap();
    assert_eq!((order.notify_by, order.phone), (Channels::EMAIL, None));
    body["notify_by"] = json!(["sms"]);
    let order = drafted(body, 1000).unwrap();
    assert_eq!((order.notify_by.names(), order.phone.unwrap().as_str()), (vec!["sms"], "+442079460000"));
}

#[test]
fn an_order_is_pending_until_its_lease_ends_and_can_be_paid_until_its_window_closes() {
    let order = drafted(request(), 1000).unwrap();
    assert_eq!((order.state, order.version), (State::Pending, 1));
    assert_eq!(order.due_at, Some(order.created_at.plus(Duration::from_secs(20))));
    assert_eq!(order.expires_at, order.created_at.plus(Duration::from_mins(30)));
    assert_eq!(order.pricing.total, order.payment_total());
    assert!(order.is_in_progress(order.created_at) && !order.is_overdue(order.created_at));
}

impl Order {
    fn payment_total(&self) -> Money {
        Money { amount: 2540, currency: self.pricing.currency() }
    }
}

#[test]
fn a_total_that_the_shopper_did_not_see_is_not_charged() {
    let Err(Refused::QuoteChanged(quote)) = drafted(request(), 1001) else { panic!("it was taken") };
    assert_eq!(quote.total.amount, 2542);
    let mut cheaper = request();
    cheaper["expected_total"]["amount"] = json!(2541);
    assert!(matches!(drafted(cheaper, 1000), Err(Refused::QuoteChanged(_))), "not even less than expected");
}
