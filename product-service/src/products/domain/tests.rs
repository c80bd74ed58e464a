use common::money::Money;
use serde_json::{Value, json};

use super::*;

fn body() -> Value {
    json!({
        "title": "Tee", "slug": "tee", "description": "", "status": "active", "category_ids": [],
        "options": [{"name": "Size", "values": ["S", "M"]}],
        "variants": [
            {"sku": "TEE-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]},
            {"sku": "TEE-M", "options": {"Size": "M"}, "prices": [{"amount": 0, "currency": "USD"}]}
        ]
    })
}

fn refused(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut body = body();
    change(&mut body);
    let errors = Fields::read::<NewProduct>(body).unwrap_err();
    errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
}

#[test]
fn a_product_with_options_and_variants_is_read() {
    let new = Fields::read::<NewProduct>(body()).unwrap();
    let usd = "USD".parse().unwrap();
    assert_eq!(new.variants[0].price_in(usd), Some(Money { amount: 1999, currency: usd }));
    assert_eq!(new.variants[0].price_in("EUR".parse().unwrap()), None);
}

#[test]
fn every_variant_names_each_option_with_a_listed_value() {
    assert_eq!(refused(|b| b["variants"][1]["options"] = json!({"Size": "XL"})), ["/variants/1/options not_an_option"]);
    assert_eq!(refused(|b| b["variants"][1]["options"] = json!({})), ["/variants/1/options not_an_option"]);
    let surplus = json!({"Size": "M", "Colour": "red"});
    assert_eq!(refused(|b| b["variants"][1]["options"] = surplus), ["/variants/1/options not_an_option"]);
}

#[test]
fn no_two_variants_are_the_same() {
    assert_eq!(refused(|b| b["variants"][1]["options"] = json!({"Size": "S"})), ["/variants/1/options not_distinct"]);
    assert_eq!(refused(|b| b["variants"][1]["sku"] = json!("TEE-S")), ["/variants/1/sku not_distinct"]);
}

#[test]
fn prices_are_whole_positive_and_one_a_currency() {
    let price = |amount: Value, currency: &str| json!([{"amount": amount, "currency": currency}]);
    let at = |prices: Value| refused(|b| b["variants"][0]["prices"] = prices);
    assert_eq!(at(price(json!(-1), "USD")), ["/variants/0/prices/0/amount out_of_range"]);
    assert_eq!(at(price(json!(19.99), "USD")), ["/variants/0/prices/0/amount wrong_type"]);
    assert_eq!(at(price(json!(1), "XXQ")), ["/variants/0/prices/0/currency unknown_currency"]);
    assert_eq!(at(json!([])), ["/variants/0/prices not_distinct"]);
    let twice = json!([{"amount": 1, "currency": "USD"}, {"amount": 2, "currency": "USD"}]);
    assert_eq!(at(twice), ["/variants/0/prices not_distinct"]);
}

#[test]
fn a_product_without_variants_is_refused() {
    assert_eq!(refused(|b| b["variants"] = json!([])), ["/variants too_few"]);
}

#[test]
fn slugs_and_skus_have_one_form() {
    for bad in ["", "Tee", "tee-", "-tee", "a--b", "tee shirt", "tée", "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"] {
        assert!(bad.parse::<Slug>().is_err(), "{bad} was taken as a slug");
    }
    for bad in ["", "tee", "TEE_S", "TEE-", "$GT", &"A".repeat(41)] {
        assert!(bad.parse::<Sku>().is_err(), "{bad} was taken as a SKU");
    }
}

#[test]
fn a_path_means_an_id_or_a_slug_and_never_both() {
    let id = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
    assert_eq!(ProductKey::from(id.to_owned()), ProductKey::Id(id.parse().unwrap()));
    assert_eq!(ProductKey::from("tee".to_owned()), ProductKey::Slug("tee".into()));
}

#[test]
fn a_barcode_has_a_right_check_digit() {
    for gtin in ["4006381333931", "96385074", "036000291452", "00012345600012"] {
        assert!(gtin.parse::<Barcode>().is_ok(), "{gtin}");
    }
    for refused in ["", "4006381333932", "400638133393", "40063813339311", "４００６３８１３３３９３１", "ABCDEFGH"]
    {
        assert_eq!(refused.parse::<Barcode>().unwrap_err().code, "invalid_barcode", "{refused}");
    }
}

#[test]
fn a_price_to_compare_with_is_above_the_price_in_its_currency() {
    let compare = |prices: Value| refused(|b| b["variants"][0]["compare_at_prices"] = prices);
    assert_eq!(
        compare(json!([{"amount": 1999, "currency": "USD"}])),
        ["/variants/0/compare_at_prices/0/amount not_above_price"]
    );
    assert_eq!(
        compare(json!([{"amount": 9999, "currency": "EUR"}])),
        ["/variants/0/compare_at_prices/0/amount not_above_price"]
    );
    assert!(
        Fields::read::<NewProduct>({
            let mut body = body();
            body["variants"][0]["compare_at_prices"] = json!([{"amount": 2000, "currency": "USD"}]);
            body
        })
        .is_ok()
    );
}
