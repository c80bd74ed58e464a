//! Products as staff change them.

use futures_util::future::join_all;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};
use testkit::Answer;

use crate::{Shop, order, staff, tag};

fn flask() -> Value {
    json!({
        "title": "Flask", "slug": "flask", "description": "Keeps warm.", "brand": "Nordlys", "tags": ["steel", "outdoor"],
        "attributes": {"Material": "steel", "Litres": 0.5, "Cups": 2, "Dishwasher.safe $": true, "Colours": ["red", "blue"]},
        "status": "active", "category_ids": [], "options": [{"name": "Size", "values": ["S", "M", "L"]}],
        "variants": [
            {"sku": "FLASK-S", "options": {"Size": "S"}, "prices": [{"amount": 2000, "currency": "USD"}],
             "compare_at_prices": [{"amount": 2500, "currency": "USD"}], "weight_grams": 310, "barcode": "4006381333931",
             "tax_class": "reduced"},
            {"sku": "FLASK-M", "options": {"Size": "M"}, "prices": [{"amount": 3000, "currency": "USD"}]}
        ]
    })
}

impl Shop {
    async fn make(&self, product: &Value) -> Value {
        self.client.post("/admin/products").token(&staff()).json(product).send().await.expect(201).json()
    }

    async fn patch(&self, product: &str, patch: &Value) -> Answer {
        self.client.patch(&format!("/admin/products/{product}")).token(&staff()).json(patch).send().await
    }

    async fn step(&self, path: &str) -> Answer {
        self.client.post(&format!("/admin/products/{path}")).token(&staff()).send().await
    }

    async fn staff_reads(&self, path: &str) -> Answer {
        self.client.get(&format!("/admin/products{path}")).token(&staff()).send().await
    }
}

fn id(product: &Value) -> &str {
    product["id"].as_str().unwrap()
}

#[tokio::test]
async fn everything_that_is_said_of_a_product_is_read_back_as_it_was_written() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let read = shop.client.get("/products/flask").send().await.expect(200).json();
    assert_eq!(read, made);
    for field in ["brand", "tags", "attributes"] {
        assert_eq!(made[field], flask()[field], "{field}");
    }
    assert_eq!(made["variants"][0], flask()["variants"][0]);
    let plain = json!({"compare_at_prices": [], "weight_grams": null, "barcode": null, "tax_class": "standard"});
    for (field, value) in plain.as_object().unwrap() {
        assert_eq!(made["variants"][1][field], *value, "{field}");
    }
}

#[tokio::test]
async fn a_merge_patch_changes_what_it_names_and_nothing_else() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let patch =
        json!({"title": "Vacuum flask", "brand": null, "attributes": {"Cups": 3, "Litres": null, "New": "yes"}});
    let changed = shop.patch(id(&made), &patch).await.expect(200);
    assert_eq!((changed.header("etag"), changed.header("cache-control")), (tag(&made, 2).as_str(), "no-store"));
    let changed = changed.json();
    let mut expected = made.clone();
    expected["title"] = json!("Vacuum flask");
    expected["brand"] = json!(null);
    expected["attributes"] =
        json!({"Material": "steel", "Cups": 3, "Dishwasher.safe $": true, "Colours": ["red", "blue"], "New": "yes"});
    expected["version"] = json!(2);
    expected["updated_at"] = changed["updated_at"].clone();
    assert_eq!(changed, expected);
    assert_eq!(shop.client.get("/products/flask").send().await.expect(200).json(), changed);

    let same = shop.patch(id(&made), &json!({"title": "Vacuum flask"})).await.expect(200);
    assert_eq!(same.header("etag"), tag(&made, 2), "what changes nothing is no new version");
}

#[tokio::test]
async fn every_field_of_a_patch_that_is_wrong_is_named_and_nothing_is_changed() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let bad = json!({
        "title": null, "slug": "No Slug", "tags": [1], "status": "archived", "attributes": {"A": {"$gt": ""}},
        "category_ids": ["x"], "options": [{"name": "", "values": []}], "variants": [], "price": 1
    });
    let answer = shop.patch(id(&made), &bad).await.expect(422);
    assert_eq!(
        answer.refused_fields(),
        [
            "/title required",
            "/slug invalid_slug",
            "/tags/0 wrong_type",
            "/attributes/A wrong_type",
            "/status unknown_status",
            "/category_ids/0 invalid_id",
            "/options/0/name too_short",
            "/options/0/values not_distinct",
            "/price unknown_field",
            "/variants unknown_field",
        ]
    );
    let unknown = json!({"category_ids": ["01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"]});
    assert_eq!(
        shop.patch(id(&made), &unknown).await.expect(422).refused_fields(),
        ["/category_ids/0 unknown_category"]
    );
    let contradicting = json!({"options": [{"name": "Size", "values": ["S"]}]});
    let answer = shop.patch(id(&made), &contradicting).await.expect(422);
    assert_eq!(answer.refused_fields(), ["/variants/1/options not_an_option"]);
    assert_eq!(shop.staff_reads(&format!("/{}", id(&made))).await.expect(200).json(), made);
}

#[tokio::test]
async fn if_match_keeps_two_editors_from_overwriting_each_other_and_without_it_both_changes_stay() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let path = format!("/admin/products/{}", id(&made));
    let with = |seen: String| {
        let request = shop.client.patch(&path).token(&staff()).header(IF_MATCH, &seen);
        request.json(&json!({"title": format!("By the reader of {seen}")})).send()
    };
    with(tag(&made, 1)).await.expect(200);
    for stale in [tag(&made, 1), format!("W/{}", tag(&made, 2)), "\"2\"".to_owned()] {
        assert_eq!(with(stale).await.expect(412).problem(), "stale");
    }

    let editors = (0..4).map(|n| {
        let addition = json!({"attributes": {format!("By {n}"): n}});
        let made = id(&made).to_owned();
        let shop = &shop;
        async move { shop.patch(&made, &addition).await.expect(200) }
    });
    join_all(editors).await;
    let read = shop.staff_reads(&format!("/{}", id(&made))).await.expect(200).json();
    for n in 0..4 {
        assert_eq!(read["attributes"][format!("By {n}")], json!(n));
    }
    assert_eq!(read["version"], json!(6));
}

#[tokio::test]
async fn an_archived_product_is_gone_for_shoppers_and_its_slug_is_free() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let archived = shop.step(&format!("{}/archive", id(&made))).await.expect(200).json();
    assert_eq!((&archived["status"], &archived["slug"]), (&json!("archived"), &json!("flask")));
    let again = shop.step(&format!("{}/archive", id(&made))).await.expect(200);
    assert_eq!(again.json(), archived, "archived once");
    for key in ["flask", id(&made)] {
        shop.client.get(&format!("/products/{key}")).send().await.expect(404);
    }
    assert_eq!(shop.client.get("/products").send().await.expect(200).json()["items"], json!([]));

    let mut other = flask();
    assert_eq!(
        shop.client.post("/admin/products").token(&staff()).json(&other).send().await.expect(409).problem(),
        "sku_taken",
        "its SKUs stay its own"
    );
    other["variants"] =
        json!([{"sku": "NEW-S", "options": {"Size": "S"}, "prices": [{"amount": 1, "currency": "USD"}]}]);
    let other = shop.make(&other).await;
    let refused = shop.step(&format!("{}/restore", id(&made))).await.expect(409);
    assert_eq!(refused.problem(), "slug_taken");
    shop.patch(id(&other), &json!({"slug": "other-flask"})).await.expect(200);
    let restored = shop.step(&format!("{}/restore", id(&made))).await.expect(200).json();
    assert_eq!((&restored["status"], &restored["slug"]), (&json!("draft"), &json!("flask")));
    shop.patch(id(&made), &json!({"status": "active"})).await.expect(200);
    shop.client.get("/products/flask").send().await.expect(200);
}

#[tokio::test]
async fn an_archived_product_is_not_put_on_sale_by_the_way() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    shop.step(&format!("{}/archive", id(&made))).await.expect(200);
    let refused = shop.patch(id(&made), &json!({"status": "active"})).await.expect(409);
    assert_eq!(refused.problem(), "archived");
    // Its slug can be changed, so that it can be restored beside another.
    shop.patch(id(&made), &json!({"slug": "flask-2"})).await.expect(200);
    shop.make(&{
        let mut other = flask();
        other["variants"] =
            json!([{"sku": "N-S", "options": {"Size": "S"}, "prices": [{"amount": 1, "currency": "USD"}]}]);
        other
    })
    .await;
    shop.step(&format!("{}/restore", id(&made))).await.expect(200);
}

#[tokio::test]
async fn staff_list_products_of_every_state_a_page_at_a_time() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1), ("B", 1), ("C", 1)]).await;
    let all = shop.staff_reads("").await.expect(200);
    assert_eq!(all.header("cache-control"), "no-store");
    let items = all.json()["items"].as_array().unwrap().clone();
    shop.step(&format!("{}/archive", id(&items[0]))).await.expect(200);
    shop.patch(id(&items[1]), &json!({"status": "draft"})).await.expect(200);
    let slugs = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("?status=archived", vec!["c"]),
        ("?status=draft", vec!["b"]),
        ("?status=active", vec!["a"]),
        ("", vec!["c", "b", "a"]),
    ] {
        assert_eq!(slugs(&shop.staff_reads(query).await.expect(200).json()), expected, "{query}");
    }
    let first = shop.staff_reads("?limit=2").await.expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = shop.staff_reads(&format!("?limit=2&cursor={cursor}")).await.expect(200).json();
    assert_eq!([slugs(&first), slugs(&second)].concat(), ["c", "b", "a"]);
    shop.staff_reads("?status=sold").await.expect(400);
}

#[tokio::test]
async fn variants_are_added_changed_and_removed() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let variants = format!("/admin/products/{}/variants", id(&made));
    let large = json!({"sku": "FLASK-L", "options": {"Size": "L"}, "prices": [{"amount": 4000, "currency": "USD"}]});
    let add = |variant: Value| shop.client.post(&variants).token(&staff()).json(&variant).send();
    assert_eq!(add(large.clone()).await.expect(200).json()["variants"].as_array().unwrap().len(), 3);
    assert_eq!(add(large.clone()).await.expect(409).problem(), "sku_taken");
    let mut twin = large.clone();
    twin["sku"] = json!("FLASK-L2");
    assert_eq!(add(twin).await.expect(422).refused_fields(), ["/options not_distinct"]);

    let patch = json!({"prices": [{"amount": 3500, "currency": "USD"}, {"amount": 3300, "currency": "EUR"}], "weight_grams": 500});
    let changed = shop.patch(&format!("{}/variants/FLASK-L", id(&made)), &patch).await.expect(200).json();
    assert_eq!(changed["variants"][2]["prices"], patch["prices"]);
    let cheap = json!({"compare_at_prices": [{"amount": 3500, "currency": "USD"}]});
    let refused = shop.patch(&format!("{}/variants/FLASK-L", id(&made)), &cheap).await.expect(422);
    assert_eq!(refused.refused_fields(), ["/compare_at_prices/0/amount not_above_price"]);
    shop.patch(&format!("{}/variants/NONE", id(&made)), &patch).await.expect(404);

    let remove = |sku: &'static str| shop.client.delete(&format!("{variants}/{sku}")).token(&staff()).send();
    remove("FLASK-L").await.expect(200);
    remove("FLASK-L").await.expect(404);
    remove("FLASK-M").await.expect(200);
    assert_eq!(remove("FLASK-S").await.expect(409).problem(), "last_variant");
}

#[tokio::test]
async fn a_variant_that_an_order_holds_is_not_removed_and_keeps_its_stock() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    shop.set_stock("FLASK-S", 3).await;
    let order = order();
    shop.reserve(order, &[("FLASK-S", 1)]).await.expect(200);
    let path = format!("/admin/products/{}/variants/FLASK-S", id(&made));
    let refused = shop.client.delete(&path).token(&staff()).send().await.expect(409);
    assert_eq!((refused.problem(), shop.stock("FLASK-S").await), ("variant_reserved".into(), (3, 1, 2)));
    shop.commit(order).await.expect(200);
    shop.client.delete(&path).token(&staff()).send().await.expect(200);
    shop.client.get("/inventory/FLASK-S").token(&staff()).send().await.expect(404);
}

#[tokio::test]
async fn removing_a_variant_races_its_last_buyers_and_no_unit_is_promised_of_what_is_gone() {
    let shop = Shop::open().await;
    for round in 0..6 {
        let mut product = flask();
        product["slug"] = json!(format!("flask-{round}"));
        product["variants"][0]["sku"] = json!(format!("S-{round}"));
        product["variants"][1]["sku"] = json!(format!("M-{round}"));
        let made = shop.make(&product).await;
        let sku = format!("S-{round}");
        shop.set_stock(&sku, 8).await;
        let path = format!("/admin/products/{}/variants/{sku}", id(&made));
        let buyers = join_all((0..4).map(|_| async { shop.reserve(order(), &[(sku.as_str(), 1)]).await }));
        let remove = shop.client.delete(&path).token(&staff()).send();
        let (bought, removed) = tokio::join!(buyers, remove);
        let held = bought.iter().filter(|answer| answer.status == 200).count();
        if removed.status == 200 {
            assert_eq!(held, 0, "round {round}: removed while {held} were held");
        } else {
            assert_eq!(removed.problem(), "variant_reserved", "round {round}");
            assert_eq!(shop.stock(&sku).await.1, i64::try_from(held).unwrap(), "round {round}");
        }
    }
}

#[tokio::test]
async fn several_variants_are_read_in_one_query_and_only_those_on_sale() {
    let shop = Shop::open().await;
    shop.make(&flask()).await;
    shop.sell(&[("B", 1), ("A", 1)]).await;
    let draft = shop.staff_reads("?limit=1").await.expect(200).json()["items"][0].clone();
    shop.patch(id(&draft), &json!({"status": "draft"})).await.expect(200);
    shop.network.take_commands();
    let answer = shop.client.get("/products/variants?skus=FLASK-M,B,A,NONE,B").send().await.expect(200);
    assert_eq!(shop.network.take_commands(), ["find"]);
    assert!(answer.header("cache-control").contains("s-maxage=60"));
    let items = answer.json()["items"].clone();
    let skus: Vec<&str> = items.as_array().unwrap().iter().map(|item| item["sku"].as_str().unwrap()).collect();
    assert_eq!(skus, ["B", "FLASK-M"]);
    assert_eq!((&items[1]["title"], &items[1]["options"]), (&json!("Flask"), &json!({"Size": "M"})));
    let many = (0..101).map(|n| format!("S-{n}")).collect::<Vec<_>>().join(",");
    for bad in ["", "a.*", &many] {
        shop.client.get(&format!("/products/variants?skus={bad}")).send().await.expect(400);
    }
}

#[tokio::test]
async fn a_reader_who_has_the_current_version_gets_304_without_a_body() {
    let shop = Shop::open().await;
    let made = shop.make(&flask()).await;
    let (ours, other) = (tag(&made, 1), tag(&made, 2));
    for known in [ours.clone(), format!("W/{ours}"), format!("{other}, {ours}"), "*".to_owned()] {
        for path in ["/products/flask".to_owned(), format!("/products/{}", id(&made))] {
            let known = shop.client.get(&path).header(IF_NONE_MATCH, &known).send().await.expect(304);
            assert_eq!((known.header("etag"), known.text().as_str()), (ours.as_str(), ""));
            assert!(known.header("cache-control").contains("s-maxage=60"));
        }
    }
    shop.client.get("/products/flask").header(IF_NONE_MATCH, &other).send().await.expect(200);
}

#[tokio::test]
async fn the_tag_of_one_product_is_not_that_of_another_which_has_its_slug_later() {
    let shop = Shop::open().await;
    let first = shop.make(&flask()).await;
    let seen = shop.client.get("/products/flask").send().await.expect(200).header("etag").to_owned();
    let archive = format!("/admin/products/{}/archive", id(&first));
    shop.client.post(&archive).token(&staff()).send().await.expect(200);
    let mut other = flask();
    other["title"] = json!("Another flask");
    for (at, variant) in other["variants"].as_array_mut().unwrap().iter_mut().enumerate() {
        variant["sku"] = json!(format!("OTHER-{at}"));
    }
    let second = shop.make(&other).await;
    let read = shop.client.get("/products/flask").header(IF_NONE_MATCH, &seen).send().await.expect(200);
    assert_eq!((read.json(), second["version"].clone()), (second.clone(), first["version"].clone()));
    let path = format!("/admin/products/{}", id(&second));
    let change = shop.client.patch(&path).token(&staff()).header(IF_MATCH, &seen).json(&json!({"title": "Mine"}));
    assert_eq!(change.send().await.expect(412).problem(), "stale");
}

#[tokio::test]
async fn what_is_made_is_answered_with_the_tag_that_reading_it_answers() {
    let shop = Shop::open().await;
    let product = json!({"title": "Mug", "slug": "mug", "description": "", "status": "active", "category_ids": [],
        "options": [], "variants": [{"sku": "MUG", "options": {}, "prices": [{"amount": 1, "currency": "USD"}]}]});
    for (path, new) in [
        ("/admin/products", product),
        ("/admin/categories", json!({"slug": "home", "name": "Home"})),
        ("/admin/categories", json!({"slug": "garden", "name": "Garden"})),
    ] {
        let made = shop.client.post(path).token(&staff()).json(&new).send().await.expect(201);
        let read = shop.client.get(made.header("location")).send().await.expect(200);
        assert_eq!(made.header("etag"), read.header("etag"), "{path}");
        assert!(!made.header("etag").is_empty());
        let path = format!("{path}/{}", made.json()["id"].as_str().unwrap());
        let change = |tag: &str| {
            let name = if path.contains("products") { "title" } else { "name" };
            let change = json!({ name: "Another" });
            shop.client.patch(&path).token(&staff()).header(IF_MATCH, tag).json(&change).send()
        };
        change(made.header("etag")).await.expect(200);
        change(made.header("etag")).await.expect(412);
    }
}

#[tokio::test]
async fn changes_at_once_without_a_condition_are_all_made() {
    let shop = Shop::open().await;
    let flask = shop.make(&flask()).await;
    let id = flask["id"].as_str().unwrap();
    let answers = join_all((0..12).map(|n| {
        let shop = &shop;
        async move {
            let (path, body) = if n % 3 == 0 {
                (format!("{id}/variants/FLASK-S"), json!({"weight_grams": 500 + n}))
            } else {
                (id.to_owned(), json!({"brand": format!("b{n}")}))
            };
            // On a slow machine one may have to come again.
            loop {
                let answer = shop.patch(&path, &body).await;
                match answer.status.as_u16() {
                    409 => assert_eq!(answer.problem(), "product_contended"),
                    status => return status,
                }
            }
        }
    }))
    .await;
    assert_eq!(answers, [200; 12]);
    let read = shop.staff_reads(&format!("/{id}")).await.expect(200);
    assert_eq!(read.header("etag"), tag(&flask, 13));
}
