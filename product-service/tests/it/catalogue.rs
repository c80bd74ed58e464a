use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use product_service::search::{
    domain::{Cursor, SearchParams, Sort},
    store::{filter, index, order},
};
use serde_json::{Value, json};

use crate::{Shop, staff, tag};

fn tee(slug: &str, sku: &str) -> Value {
    json!({
        "title": "Tee, \"organic\" $gt .*", "slug": slug, "description": "Line one.\nLine two.", "status": "active",
        "category_ids": [], "options": [{"name": "Size.of $it", "values": ["S", "M"]}],
        "variants": [
            {"sku": format!("{sku}-S"), "options": {"Size.of $it": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]},
            {"sku": format!("{sku}-M"), "options": {"Size.of $it": "M"}, "prices": [{"amount": 2980, "currency": "JPY"}]}
        ]
    })
}

#[tokio::test]
async fn a_product_is_made_and_read_by_id_and_slug_as_it_was_written() {
    let shop = Shop::open().await;
    let made = shop.client.post("/admin/products").token(&staff()).json(&tee("tee", "TEE")).send().await.expect(201);
    assert_eq!(made.header("location"), "/products/tee");
    let made = made.json();
    for key in ["tee", made["id"].as_str().unwrap()] {
        let read = shop.client.get(&format!("/products/{key}")).send().await.expect(200);
        assert_eq!(read.json(), made);
        assert_eq!(read.header("etag"), tag(&made, 1));
        assert_eq!(read.header("cache-control"), "public, max-age=0, s-maxage=60, stale-while-revalidate=60");
    }
    let mut written = tee("tee", "TEE");
    for (variant, read) in
        written["variants"].as_array_mut().unwrap().iter_mut().zip(made["variants"].as_array().unwrap())
    {
        for field in ["compare_at_prices", "weight_grams", "barcode", "tax_class"] {
            variant[field] = read[field].clone();
        }
    }
    for (field, value) in written.as_object().unwrap() {
        assert_eq!(made[field], *value, "{field}");
    }
}

#[tokio::test]
async fn drafts_are_not_public() {
    let shop = Shop::open().await;
    let mut draft = tee("tee", "TEE");
    draft["status"] = json!("draft");
    let id =
        shop.client.post("/admin/products").token(&staff()).json(&draft).send().await.expect(201).json()["id"].clone();
    for key in ["tee", id.as_str().unwrap()] {
        let answer = shop.client.get(&format!("/products/{key}")).token(&staff()).send().await.expect(404);
        assert_eq!(answer.problem(), "not_found");
    }
    assert_eq!(shop.client.get("/products").send().await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn slugs_and_skus_are_unique_even_when_sixteen_come_at_once() {
    let shop = Shop::open().await;
    let same_slug = (0..16).map(|n| {
        let product = tee("tee", &format!("TEE{n}"));
        let client = shop.client.clone();
        async move { client.post("/admin/products").token(&staff()).json(&product).send().await }
    });
    let answers = join_all(same_slug).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.problem() == "slug_taken"));

    let taken = answers.iter().find(|answer| answer.status == 201).unwrap().json();
    let mut other = tee("other", "OTHER");
    other["variants"][1]["sku"] = taken["variants"][0]["sku"].clone();
    let answer = shop.client.post("/admin/products").token(&staff()).json(&other).send().await.expect(409);
    assert_eq!(answer.problem(), "sku_taken");
    assert_eq!(shop.mongo.all("products").await.len(), 1);
}

#[tokio::test]
async fn every_bad_field_is_reported_at_once_and_nothing_is_saved() {
    let shop = Shop::open().await;
    let bad = json!({
        "title": "x".repeat(201), "slug": {"$gt": ""}, "description": "nul \u{0}", "status": "archived",
        "category_ids": ["not-a-uuid"], "options": [], "price": 5,
        "variants": [{"sku": "a.*", "options": {}, "prices": [{"amount": -5, "currency": "DOLLARS"}]}]
    });
    let answer = shop.client.post("/admin/products").token(&staff()).json(&bad).send().await.expect(422);
    assert_eq!(
        answer.refused_fields(),
        [
            "/title too_long",
            "/slug wrong_type",
            "/description control_character",
            "/status unknown_status",
            "/category_ids/0 invalid_id",
            "/variants/0/sku invalid_sku",
            "/variants/0/prices/0/amount out_of_range",
            "/variants/0/prices/0/currency unknown_currency",
            "/price unknown_field",
        ]
    );
    assert!(!answer.text().contains("DOLLARS"), "a problem never repeats the value");
    assert!(shop.mongo.all("products").await.is_empty());
}

#[tokio::test]
async fn a_product_stands_only_in_categories_that_exist() {
    let shop = Shop::open().await;
    let category = json!({"slug": "shirts", "name": "Shirts"});
    let made = shop.client.post("/admin/categories").token(&staff()).json(&category).send().await.expect(201).json();
    let again = shop.client.post("/admin/categories").token(&staff()).json(&category).send().await.expect(409);
    assert_eq!(again.problem(), "slug_taken");

    let mut product = tee("tee", "TEE");
    product["category_ids"] = json!([made["id"], "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"]);
    let answer = shop.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(422);
    assert_eq!(answer.refused_fields(), ["/category_ids/1 unknown_category"]);
    product["category_ids"] = json!([made["id"]]);
    shop.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201);
    assert_eq!(shop.client.get("/categories").send().await.expect(200).json()["items"], json!([made]));
}

#[tokio::test]
async fn listing_turns_every_page_once_newest_first_while_products_arrive() {
    let shop = Shop::open().await;
    for n in 0..7 {
        shop.client
            .post("/admin/products")
            .token(&staff())
            .json(&tee(&format!("tee-{n}"), &format!("T{n}")))
            .send()
            .await
            .expect(201);
    }
    let (mut seen, mut path) = (Vec::new(), "/products?limit=3".to_owned());
    loop {
        let page = shop.client.get(&path).send().await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap().to_owned()));
        shop.client
            .post("/admin/products")
            .token(&staff())
            .json(&tee(&format!("new-{}", seen.len()), &format!("N{}", seen.len())))
            .send()
            .await
            .expect(201);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/products?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, ["tee-6", "tee-5", "tee-4", "tee-3", "tee-2", "tee-1", "tee-0"]);
}

#[tokio::test]
async fn catalogue_reads_cost_one_round_trip() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1), ("B", 1)]).await;
    let category = json!({"slug": "shirts", "name": "Shirts"});
    shop.client.post("/admin/categories").token(&staff()).json(&category).send().await.expect(201);
    for path in ["/products/a", "/products?limit=2", "/products", "/categories", "/categories/shirts"] {
        shop.network.take_commands();
        shop.client.get(path).send().await.expect(200);
        assert_eq!(shop.network.take_commands(), ["find"], "{path}");
    }
}

#[tokio::test]
async fn catalogue_reads_are_backed_by_indexes() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1)]).await;
    let database = shop.mongo.database().await;
    let after = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse().unwrap();
    let reads = vec![
        ("products", doc! { "slug": "a" }, doc! {}),
        ("products", doc! { "variants.sku": { "$in": ["A"] } }, doc! {}),
        ("products", doc! { "category_ids": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d" }, doc! {}),
        ("products", doc! { "status": "archived" }, doc! { "_id": -1 }),
        ("stock", doc! { "movements.at": { "$lt": mongodb::bson::DateTime::now() } }, doc! {}),
        ("reservations", doc! { "state": "held", "expires_at": { "$lt": mongodb::bson::DateTime::now() } }, doc! {}),
        (
            "reservations",
            doc! { "state": "reserving", "lease_until": { "$lt": mongodb::bson::DateTime::now() } },
            doc! {},
        ),
    ];
    // Lists by one term. By several, and behind a place of equals, MongoDB enters the same indexes at the same term; the
    // planner of what stands in for it at home tells nothing of `$all` and `$or`.
    let (after, mut lists) = (Cursor::Newest(after), Vec::new());
    for (sort, after) in [(Sort::Newest, None), (Sort::Newest, Some(&after)), (Sort::Title, None), (Sort::Price, None)]
    {
        let currency = (sort == Sort::Price).then(|| "EUR".to_owned());
        let wanted = SearchParams { brand: Some("B".into()), currency, sort: Some(sort), ..SearchParams::default() };
        let listing = wanted.read().unwrap();
        lists.push((filter(&listing, after), order(&listing), index(&listing)));
    }
    let lists = lists.into_iter().map(|(filter, order, index)| ("products", filter, order, Some(index)));
    let reads = reads.into_iter().map(|(collection, filter, sort)| (collection, filter, sort, None));
    for (collection, filter, sort, hint) in reads.chain(lists) {
        let mut find = doc! { "find": collection, "filter": filter.clone(), "sort": sort.clone() };
        if let Some(hint) = hint {
            find.insert("hint", hint);
        }
        let plan: Document = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
        let plan = plan.get_document("queryPlanner").unwrap().get("winningPlan").unwrap().to_string();
        assert!(plan.contains("IXSCAN") && !plan.contains("COLLSCAN"), "{collection} {filter}: {plan}");
        // Where a list is sorted, its index ends with the sort key, so that a page is read in order and not sorted.
        for key in sort.keys() {
            let (_, pattern) = plan.split_once("\"keyPattern\": ").unwrap();
            assert!(pattern.split('}').next().unwrap().contains(key), "{collection} {filter}: {plan}");
        }
    }
}
