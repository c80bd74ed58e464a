use serde_json::{Value, json};

use crate::{Fixture, event};

/// The refused fields of a body made wrong by `change`.
async fn refused(fixture: &Fixture, template: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut body = event(template);
    change(&mut body);
    let answer = fixture.send(&body).await.expect(422);
    assert_eq!(answer.problem(), "invalid_input");
    answer.refused_fields()
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let fixture = Fixture::open().await;
    let fields = refused(&fixture, "order_confirmation", |body| {
        body["event_id"] = json!("01938f6e2b7c7d3a9c415f0e8a1b2c3d");
        body["recipient"] = json!({"email": "ada", "name": "Ada", "locale": "en_GB"});
        body["surprise"] = json!(1);
        let order = &mut body["data"]["order"];
        order["id"] = json!(7);
        order["placed_at"] = json!("yesterday");
        order["lines"] = json!([
            {"title": "two\nlines", "options": {"": "M"}, "quantity": 0, "total": {"amount": -1, "currency": "gbp"}},
            {"title": "", "options": [], "quantity": 99_901, "total": 5, "sku": "tee", "vendor": "x"}
        ]);
        order["tax"] = json!({"amount": 1.5, "currency": "GBP"});
        order["shipping_address"]["country"] = json!("UK");
        order.as_object_mut().unwrap().remove("total");
    });
    let mut fields = fields.await;
    fields.sort();
    assert_eq!(
        fields,
        [
            "/data/order/id wrong_type",
            "/data/order/lines/0/options/ too_short",
            "/data/order/lines/0/quantity out_of_range",
            "/data/order/lines/0/title control_character",
            "/data/order/lines/0/total/amount out_of_range",
            "/data/order/lines/0/total/currency unknown_currency",
            "/data/order/lines/1/options wrong_type",
            "/data/order/lines/1/quantity out_of_range",
            "/data/order/lines/1/sku invalid_sku",
            "/data/order/lines/1/title too_short",
            "/data/order/lines/1/total wrong_type",
            "/data/order/lines/1/vendor unknown_field",
            "/data/order/placed_at invalid_timestamp",
            "/data/order/shipping_address/country unknown_country",
            "/data/order/tax/amount wrong_type",
            "/data/order/total missing",
            "/event_id invalid_id",
            "/recipient/email invalid_email",
            "/recipient/locale invalid_locale",
            "/recipient/name unknown_field",
            "/surprise unknown_field",
        ]
    );
}

#[tokio::test]
async fn an_empty_request_is_told_all_that_is_missing() {
    let fixture = Fixture::open().await;
    let fields = refused(&fixture, "account_created", |body| *body = json!({})).await;
    assert_eq!(fields, ["/event_id missing", "/recipient missing", "/template missing"]);
}

#[tokio::test]
async fn a_template_needs_what_it_is_about_and_takes_nothing_else() {
    let fixture = Fixture::open().await;
    for template in ["order_confirmation", "payment_failed", "order_cancelled"] {
        let without = |body: &mut Value| drop(body.as_object_mut().unwrap().remove("data"));
        assert_eq!(refused(&fixture, template, without).await, ["/data/order missing"]);
    }
    for template in ["account_created", "account_exists"] {
        let with = |body: &mut Value| body["data"] = event("order_confirmation")["data"].clone();
        assert_eq!(refused(&fixture, template, with).await, ["/data/order unknown_field"]);
    }
    let empty = |body: &mut Value| body["data"] = json!({});
    assert_eq!(refused(&fixture, "low_stock", empty).await, ["/data/stock missing"]);
    let with = |body: &mut Value| body["data"]["order"] = event("order_confirmation")["data"]["order"].clone();
    assert_eq!(refused(&fixture, "low_stock", with).await, ["/data/order unknown_field"]);
    let with = |body: &mut Value| body["data"]["stock"] = event("low_stock")["data"]["stock"].clone();
    assert_eq!(refused(&fixture, "order_confirmation", with).await, ["/data/stock unknown_field"]);
    let unknown = refused(&fixture, "order_confirmation", |body| body["template"] = json!("newsletter")).await;
    assert_eq!(unknown, ["/template unknown_template"]);
}

#[tokio::test]
async fn a_channel_needs_its_address_and_is_named_once() {
    let fixture = Fixture::open().await;
    let refused = async |change: fn(&mut Value)| refused(&fixture, "account_created", change).await;
    assert_eq!(refused(|body| body["recipient"] = json!({})).await, ["/recipient/email missing"]);
    assert_eq!(refused(|body| body["channels"] = json!([])).await, ["/channels too_few"]);
    assert_eq!(refused(|body| body["channels"] = json!(["email", "email"])).await, ["/channels/1 repeated"]);
    assert_eq!(refused(|body| body["channels"] = json!(["pigeon"])).await, ["/channels/0 unknown_channel"]);
    assert_eq!(refused(|body| body["channels"] = json!(["email", "sms"])).await, ["/channels/1 no_sms_form"]);
}

#[tokio::test]
async fn what_belongs_into_the_recipient_or_the_data_is_refused_beside_them() {
    let fixture = Fixture::open().await;
    for template in ["order_confirmation", "low_stock", "account_created"] {
        let beside = |body: &mut Value| {
            body["locale"] = json!("de-DE");
            body["order"] = event("order_confirmation")["data"]["order"].clone();
            body["stock"] = event("low_stock")["data"]["stock"].clone();
        };
        let expected = ["/locale unknown_field", "/order unknown_field", "/stock unknown_field"];
        assert_eq!(refused(&fixture, template, beside).await, expected, "{template}");
    }
}

#[tokio::test]
async fn a_reason_is_for_orders_that_came_to_nothing() {
    let fixture = Fixture::open().await;
    let reason = |body: &mut Value| body["data"]["order"]["reason"] = json!("sold_out");
    assert_eq!(refused(&fixture, "order_confirmation", reason).await, ["/data/order/reason not_allowed"]);
    for template in ["payment_failed", "order_cancelled"] {
        let mut body = event(template);
        reason(&mut body);
        fixture.send(&body).await.expect(200);
    }
    let lines = |body: &mut Value| body["data"]["order"]["reason"] = json!("Declined.\r\nBcc: everybody@example.com");
    assert_eq!(refused(&fixture, "payment_failed", lines).await, ["/data/order/reason control_character"]);
}

#[tokio::test]
async fn an_order_has_from_one_to_a_hundred_lines() {
    let fixture = Fixture::open().await;
    let line = event("order_confirmation")["data"]["order"]["lines"][0].clone();
    let lines =
        |count: usize| move |body: &mut Value| body["data"]["order"]["lines"] = vec![line.clone(); count].into();
    assert_eq!(refused(&fixture, "order_confirmation", lines.clone()(0)).await, ["/data/order/lines too_few"]);
    assert_eq!(refused(&fixture, "order_confirmation", lines.clone()(101)).await, ["/data/order/lines too_many"]);
    let mut body = event("order_confirmation");
    lines(100)(&mut body);
    fixture.send(&body).await.expect(200);
}

#[tokio::test]
async fn nothing_that_could_begin_another_header_is_taken() {
    let fixture = Fixture::open().await;
    let to = |body: &mut Value| body["recipient"]["email"] = json!("ada@example.com\r\nBcc: eve@example.com");
    assert_eq!(refused(&fixture, "account_created", to).await, ["/recipient/email control_character"]);
    let several = |body: &mut Value| body["recipient"]["email"] = json!("ada@example.com,eve@example.com");
    assert_eq!(refused(&fixture, "account_created", several).await, ["/recipient/email invalid_email"]);
}
