//! What no client means and attackers try: each is refused with a pointer to it, before the database hears of it.

use serde_json::{Value, json};

use crate::{Shop, staff};

fn mug() -> Value {
    json!({
        "title": "Mug", "slug": "mug", "description": "Holds coffee.", "brand": "Nordlys", "tags": ["kitchen"],
        "attributes": {"Material": "stoneware"}, "status": "active", "category_ids": [],
        "options": [{"name": "Colour", "values": ["Red"]}],
        "variants": [{
            "sku": "MUG", "options": {"Colour": "Red"}, "prices": [{"amount": 900, "currency": "USD"}],
            "compare_at_prices": [{"amount": 1000, "currency": "USD"}], "barcode": "4006381333931"
        }]
    })
}

/// Where the mug is spoiled, by what, and what is said of it.
fn spoilt() -> Vec<(&'static str, Value, &'static str)> {
    let (operator, many) = (json!({"$gt": ""}), 10_000);
    vec![
        // Regex metacharacters, where text has a form; elsewhere they are letters like others.
        ("/slug", json!("^mug.*$"), "/slug invalid_slug"),
        ("/variants/0/sku", json!("M.*"), "/variants/0/sku invalid_sku"),
        ("/variants/0/barcode", json!("[0-9]{13}"), "/variants/0/barcode invalid_barcode"),
        ("/status", json!("activ."), "/status unknown_status"),
        ("/category_ids", json!([".*"]), "/category_ids/0 invalid_id"),
        // Operators.
        ("/title", operator.clone(), "/title wrong_type"),
        ("/slug", operator.clone(), "/slug wrong_type"),
        ("/description", operator.clone(), "/description wrong_type"),
        ("/brand", operator.clone(), "/brand wrong_type"),
        ("/status", json!({"$ne": "draft"}), "/status wrong_type"),
        ("/tags", json!([operator]), "/tags/0 wrong_type"),
        ("/tags", json!({"$each": []}), "/tags wrong_type"),
        ("/attributes/Material", operator.clone(), "/attributes/Material wrong_type"),
        ("/category_ids", json!([operator]), "/category_ids/0 wrong_type"),
        ("/options/0/values", json!([operator]), "/options/0/values/0 wrong_type"),
        ("/variants/0/sku", json!({"$regex": ".*"}), "/variants/0/sku wrong_type"),
        ("/variants/0/options/Colour", operator.clone(), "/variants/0/options/Colour wrong_type"),
        ("/variants/0/prices/0/amount", operator.clone(), "/variants/0/prices/0/amount wrong_type"),
        ("/variants/0/prices/0/currency", operator, "/variants/0/prices/0/currency wrong_type"),
        ("/$where", json!("sleep(1000)"), "/$where unknown_field"),
        ("/variants/0/$set", json!({"sku": "X"}), "/variants/0/$set unknown_field"),
        // NUL, and what else controls a terminal.
        ("/title", json!("Mu\0g"), "/title control_character"),
        ("/title", json!("Mu\u{1b}[31mg"), "/title control_character"),
        ("/slug", json!("mu\0g"), "/slug invalid_slug"),
        ("/description", json!("Holds\0coffee"), "/description control_character"),
        ("/brand", json!("\0"), "/brand control_character"),
        ("/tags", json!(["kit\0chen"]), "/tags/0 control_character"),
        ("/attributes", json!({"Mate\0rial": "x"}), "/attributes/Mate\0rial control_character"),
        ("/attributes/Material", json!("st\0ne"), "/attributes/Material control_character"),
        ("/options/0/name", json!("Col\0ur"), "/options/0/name control_character"),
        ("/options/0/values", json!(["R\0d"]), "/options/0/values/0 control_character"),
        ("/variants/0/sku", json!("M\0G"), "/variants/0/sku invalid_sku"),
        // Too long.
        ("/title", json!("x".repeat(201)), "/title too_long"),
        ("/title", json!("x".repeat(200_000)), "/title too_long"),
        ("/slug", json!("x".repeat(101)), "/slug invalid_slug"),
        ("/description", json!("x".repeat(5_001)), "/description too_long"),
        ("/brand", json!("x".repeat(101)), "/brand too_long"),
        ("/tags", json!(["x".repeat(51)]), "/tags/0 too_long"),
        // Too many.
        ("/tags", json!(vec!["x"; many]), "/tags too_many"),
        ("/category_ids", json!(vec!["x"; many]), "/category_ids too_many"),
        ("/options", json!(vec![json!({}); many]), "/options too_many"),
        ("/options/0/values", json!(vec!["x"; many]), "/options/0/values too_many"),
        ("/variants", json!(vec![json!({}); many]), "/variants too_many"),
        ("/variants/0/prices", json!(vec![json!({}); many]), "/variants/0/prices too_many"),
        ("/attributes/Material", json!(vec!["x"; many]), "/attributes/Material too_many"),
        ("/attributes", (0..many).map(|n| (n.to_string(), json!(1))).collect(), "/attributes too_many"),
        // Prices.
        ("/variants/0/prices/0/amount", json!(-1), "/variants/0/prices/0/amount out_of_range"),
        ("/variants/0/prices/0/amount", json!(i64::MIN), "/variants/0/prices/0/amount out_of_range"),
        ("/variants/0/prices/0/amount", json!(1_000_000_000_000_i64), "/variants/0/prices/0/amount out_of_range"),
        ("/variants/0/prices/0/amount", json!(u64::MAX), "/variants/0/prices/0/amount out_of_range"),
        ("/variants/0/prices/0/amount", json!(9.5), "/variants/0/prices/0/amount wrong_type"),
        ("/variants/0/prices/0/amount", json!("900"), "/variants/0/prices/0/amount wrong_type"),
        ("/variants/0/prices/0/currency", json!("XXQ"), "/variants/0/prices/0/currency unknown_currency"),
        ("/variants/0/prices/0/currency", json!("usd"), "/variants/0/prices/0/currency unknown_currency"),
        ("/variants/0/prices/0/currency", json!("$"), "/variants/0/prices/0/currency unknown_currency"),
        ("/variants/0/compare_at_prices/0/amount", json!(-1), "/variants/0/compare_at_prices/0/amount out_of_range"),
    ]
}

/// Puts a value into a document, where there was one or not.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
}

#[tokio::test]
async fn what_is_no_product_is_refused_where_it_is_wrong_and_the_database_is_not_asked() {
    let shop = Shop::open().await;
    shop.network.take_commands();
    for (pointer, value, expected) in spoilt() {
        let mut product = mug();
        put(&mut product, pointer, value);
        let answer = shop.client.post("/admin/products").token(&staff()).json(&product).send().await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "invalid_input"), "{expected}");
        assert_eq!(answer.refused_fields(), [expected]);
        assert!(answer.body.len() < 2_000, "{expected}: a problem repeats nothing that is large");
    }
    assert_eq!(shop.network.take_commands(), Vec::<String>::new());
    assert!(shop.mongo.all("products").await.is_empty());
    shop.client.post("/admin/products").token(&staff()).json(&mug()).send().await.expect(201);
}

#[tokio::test]
async fn what_is_no_change_of_a_product_is_refused_and_the_product_stays() {
    let shop = Shop::open().await;
    let made = shop.client.post("/admin/products").token(&staff()).json(&mug()).send().await.expect(201).json();
    let path = format!("/admin/products/{}", made["id"].as_str().unwrap());
    let variant = format!("{path}/variants/MUG");
    shop.network.take_commands();
    for (pointer, value, expected) in spoilt() {
        let mut product = mug();
        put(&mut product, pointer, value);
        let (path, prefix, field) = match pointer.strip_prefix("/variants/0/") {
            Some(below) => (&variant, "/variants/0", below.split('/').next().unwrap()),
            None => (&path, "", pointer[1..].split('/').next().unwrap()),
        };
        if ["sku", "variants"].contains(&field) {
            continue;
        }
        let changed = product.pointer(&format!("{prefix}/{field}")).unwrap();
        let answer = shop.client.patch(path).token(&staff()).json(&json!({ field: changed })).send().await;
        assert_eq!(answer.clone().expect(422).refused_fields(), [expected.strip_prefix(prefix).unwrap()]);
    }
    assert_eq!(shop.network.take_commands(), Vec::<String>::new());
    assert_eq!(shop.client.get(&path).token(&staff()).send().await.expect(200).json(), made);
}

#[tokio::test]
async fn a_body_that_is_too_large_too_deep_or_no_json_is_refused_unread() {
    let shop = Shop::open().await;
    shop.network.take_commands();
    let megabyte = json!({"title": "x".repeat(1 << 20)}).to_string();
    let nested = |levels: usize| format!("{{\"title\": {}{}}}", "[".repeat(levels), "]".repeat(levels));
    for (body, expected) in [
        (megabyte, (413, "too_large")),
        (nested(16), (400, "too_deep")),
        (nested(100_000), (400, "too_deep")),
        (r#"{"a":"#.repeat(20_000), (400, "too_deep")),
        (r#"{"title": "Mug"#.to_owned(), (400, "malformed_json")),
        ("{\"title\": \"\u{0}\"}".to_owned(), (400, "malformed_json")),
        (r#"{"title": "\ud800"}"#.to_owned(), (400, "malformed_json")),
        (r#"{"title": 1e999}"#.to_owned(), (400, "malformed_json")),
        (String::new(), (400, "malformed_json")),
    ] {
        let request = shop.client.post("/admin/products").token(&staff()).body("application/json", body.clone());
        let answer = request.send().await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), expected, "{body:.40}");
    }
    let request = shop.client.post("/admin/products").token(&staff()).body("application/json", [b'"', 0xff, b'"']);
    assert_eq!(request.send().await.expect(400).problem(), "malformed_json", "not UTF-8");
    assert_eq!(shop.network.take_commands(), Vec::<String>::new());
    assert!(shop.mongo.all("products").await.is_empty());
}

#[tokio::test]
async fn reads_take_operators_and_patterns_for_what_they_are_and_refuse_nuls() {
    let shop = Shop::open().await;
    shop.client.post("/admin/products").token(&staff()).json(&mug()).send().await.expect(201);
    for nothing in ["brand=.*", "brand=%24ne", "tags=.*", "attributes=.*:.*", "q=%24gt"] {
        let page = shop.client.get(&format!("/products?{nothing}")).send().await.expect(200).json();
        assert_eq!(page["items"], json!([]), "{nothing}");
    }
    for refused in [
        "brand[$gt]=",
        "%24where=1",
        "brand=a&brand=b",
        "currency=%24gt",
        "cursor=%7B%22%24gt%22%3A1%7D",
        "brand=%00",
        "q=x%00",
    ] {
        let answer = shop.client.get(&format!("/products?{refused}")).send().await.expect(400);
        assert_eq!(answer.problem(), "invalid_query", "{refused}");
    }
    for nul in ["/products/%00", "/products/mug%00", "/categories/%00"] {
        assert_eq!(shop.client.get(nul).send().await.expect(400).problem(), "invalid_path", "{nul}");
    }
    for unknown in ["/products/.*", "/products/%5Bm%5Dug", "/categories/%24gt"] {
        assert_eq!(shop.client.get(unknown).send().await.expect(404).problem(), "not_found", "{unknown}");
    }
}
