use std::time::Duration;

use common::timestamp::Timestamp;
use futures_util::{FutureExt, future::join_all};
use mongodb::bson::{DateTime, Document, doc};
use product_service::{exports, imports, jobs::Swept, router};
use serde_json::json;
use testkit::{Client, Proxy};

use crate::{
    bucket::FaultMode,
    bulk_fixture::{BulkFixture, LATER, file, line, numbered, priced},
    image_fixture::{Form, PNG},
    order, staff,
};

#[tokio::test]
async fn a_file_makes_products_changes_them_and_leaves_those_alone_that_are_as_it_says() {
    let fixture = BulkFixture::open().await;
    let shelf = fixture.category("shirts").await;
    fixture.import(&file(&[line("a"), line("b")])).await;
    let before = fixture.product("a").await;
    let mut b = priced("b", 1500);
    b["categories"] = json!(["shirts"]);
    let c = json!({
        "slug": "c", "title": "Tee", "description": "Midweight.\nPre-shrunk.", "brand": "Bodega", "tags": ["organic"],
        "attributes": {"Material": "cotton", "Organic": true, "Weight.kg": 0.18}, "status": "draft",
        "categories": ["shirts"], "options": [{"name": "Size", "values": ["S", "M"]}],
        "variants": [
            {"sku": "C-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}],
             "compare_at_prices": [{"amount": 2499, "currency": "USD"}], "weight_grams": 180,
             "barcode": "4006381333931", "tax_class": "reduced"},
            {"sku": "C-M", "options": {"Size": "M"}, "prices": [{"amount": 1999, "currency": "USD"}]}
        ]
    });
    let form = fixture.import(&file(&[line("a"), b, c])).await;

    assert_eq!(fixture.counts(&form).await, [1, 1, 1, 0]);
    assert_eq!(fixture.errors(&form).await, Vec::<String>::new());
    let progress = fixture.progress(&form).await;
    assert_eq!((&progress["state"], &progress["lines_done"]), (&json!("done"), &json!(3)));
    assert_eq!(progress["size"], progress["bytes_done"]);
    assert_eq!(fixture.product("a").await, before, "nothing of it, not even its version");
    let b = fixture.product("b").await;
    assert_eq!((&b["version"], &b["variants"][0]["prices"][0]["amount"]), (&json!(2), &json!(1500)));
    assert_eq!(b["category_ids"], json!([shelf]));
    let c = fixture.get("/admin/products?status=draft").await.json()["items"][0].clone();
    assert_eq!(c["attributes"], json!({"Material": "cotton", "Organic": true, "Weight.kg": 0.18}));
    assert_eq!((&c["variants"][0]["barcode"], &c["status"]), (&json!("4006381333931"), &json!("draft")));
    let found = fixture.get(&format!("/products?category_id={shelf}")).await.expect(200).json();
    assert_eq!(found["items"][0]["slug"], "b", "and is found there");
}

#[tokio::test]
async fn bad_lines_are_reported_by_number_and_reason_and_good_ones_are_kept() {
    let fixture = BulkFixture::open().await;
    fixture
        .create(&json!({
            "title": "Old", "slug": "old", "description": "", "status": "active", "category_ids": [], "options": [],
            "variants": [{"sku": "TAKEN", "options": {}, "prices": [{"amount": 1, "currency": "USD"}]}]
        }))
        .await;
    let mut unknown_field = line("f");
    unknown_field["category_ids"] = json!([]);
    let mut unknown_category = line("g");
    unknown_category["categories"] = json!(["nowhere"]);
    let mut taken = line("h");
    taken["variants"][0]["sku"] = json!("TAKEN");
    let mut two_errors = line("j");
    two_errors["title"] = json!("");
    two_errors["variants"][0]["prices"] = json!([]);
    let lines: Vec<Vec<u8>> = vec![
        format!("\u{feff}{}\r", line("a")).into_bytes(),
        b"\r".to_vec(),
        b"{\"slug\":".to_vec(),
        b"  ".to_vec(),
        b"{\"slug\":\"\xff\"}".to_vec(),
        unknown_field.to_string().into_bytes(),
        unknown_category.to_string().into_bytes(),
        taken.to_string().into_bytes(),
        vec![b'x'; 3 * 1024 * 1024],
        two_errors.to_string().into_bytes(),
        b"\"text\"".to_vec(),
        line("z").to_string().into_bytes(),
    ];
    let form = fixture.import(&lines.join(&b'\n')).await;
    let expected = [
        "3  malformed_json",
        "5  not_utf8",
        "6 /category_ids unknown_field",
        "7 /categories/0 unknown_category",
        "8 /variants/0/sku sku_taken",
        "9  too_long",
        "10 /title too_short",
        "10 /variants/0/prices not_distinct",
        "11  wrong_type",
    ];
    assert_eq!(fixture.errors(&form).await, expected);
    assert_eq!(fixture.counts(&form).await, [2, 0, 0, 8]);
    assert_eq!(fixture.progress(&form).await["lines_done"], 12);
    assert_eq!(fixture.versions().await.into_keys().collect::<Vec<_>>(), ["a", "old", "z"]);
}

#[tokio::test]
async fn refused_lines_come_in_pages_by_number() {
    let fixture = BulkFixture::open().await;
    let form = fixture.import(&b"no\n".repeat(25)).await;
    let path = format!("/admin/products/imports/{}/errors?limit=10", form.image_id);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = fixture.get(&format!("{path}{cursor}")).await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["line"].as_i64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    let other = fixture.import(b"no\n").await;
    assert_eq!(fixture.errors(&other).await, ["1  malformed_json"], "not those of another import");
    fixture.get(&format!("{path}&cursor=x")).await.expect(400);
}

#[tokio::test]
async fn no_more_than_ten_thousand_refused_lines_are_kept_and_all_are_counted() {
    let fixture = BulkFixture::open().await;
    let form = fixture.started(&b"no\n".repeat(5)).await;
    let imports = fixture.shop.mongo.database().await.collection::<Document>("imports");
    let before = doc! { "$set": { "counts.refused": 9_998_i64 } };
    imports.update_one(doc! { "_id": &form.image_id }, before).await.unwrap();
    assert!(fixture.work_after(&form, Duration::ZERO).await.unwrap());
    assert_eq!(fixture.counts(&form).await, [0, 0, 0, 10_003]);
    assert_eq!(fixture.errors(&form).await, ["1  malformed_json", "2  malformed_json"]);
}

#[tokio::test]
async fn a_slug_that_comes_twice_is_made_and_then_changed() {
    let fixture = BulkFixture::open().await;
    let form = fixture.import(&file(&[priced("a", 1), priced("b", 1), priced("a", 2), priced("a", 3)])).await;
    assert_eq!(fixture.counts(&form).await, [2, 2, 0, 0]);
    let a = fixture.product("a").await;
    assert_eq!((&a["version"], &a["variants"][0]["prices"][0]["amount"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn images_stay_when_a_line_changes_their_product() {
    let fixture = BulkFixture::open().await;
    fixture.import(&file(&[line("a")])).await;
    let id = fixture.product("a").await["id"].as_str().unwrap().to_owned();
    let image = json!({"content_type": "image/png", "size": PNG.len(), "alt": ""});
    let path = format!("/admin/products/{id}/images");
    let answer = fixture.shop.client.post(&path).token(&staff()).json(&image).send().await.expect(201).json();
    let form = Form::from(answer);
    assert_eq!(form.post(PNG).await, 204);
    fixture.post(&format!("/uploads/{}/complete", form.image_id)).await.expect(200);
    let import = fixture.import(&file(&[priced("a", 5)])).await;
    assert_eq!(fixture.counts(&import).await, [0, 1, 0, 0]);
    assert_eq!(fixture.product("a").await["images"][0]["id"], form.image_id);
}

#[tokio::test]
async fn a_line_takes_no_variant_away_that_orders_hold_and_forgets_the_stock_of_others() {
    let fixture = BulkFixture::open().await;
    let size = |size: &str| json!({"sku": format!("T-{size}"), "options": {"Size": size}, "prices": [{"amount": 1, "currency": "USD"}]});
    let tee = |sizes: &[&str]| {
        let mut tee = line("tee");
        tee["options"] = json!([{"name": "Size", "values": ["S", "M", "L"]}]);
        tee["variants"] = sizes.iter().map(|name| size(name)).collect();
        tee
    };
    fixture.import(&file(&[tee(&["S", "M", "L"]), line("other")])).await;
    for sku in ["T-S", "T-M", "T-L"] {
        fixture.shop.set_stock(sku, 5).await;
    }
    let held = order();
    fixture.shop.reserve(held, &[("T-M", 1)]).await.expect(200);

    let form = fixture.import(&file(&[tee(&["L"])])).await;
    assert_eq!(fixture.errors(&form).await, ["1  variant_reserved"]);
    assert_eq!(fixture.shop.stock("T-S").await, (5, 0, 5), "a line that is refused takes nothing");

    let mut greedy = tee(&["M", "L"]);
    greedy["variants"][1]["sku"] = json!("OTHER");
    let form = fixture.import(&file(&[greedy])).await;
    assert_eq!(fixture.errors(&form).await, ["1 /variants/1/sku sku_taken"]);
    assert_eq!(fixture.shop.stock("T-S").await, (5, 0, 5));

    let form = fixture.import(&file(&[tee(&["M", "L"])])).await;
    assert_eq!(fixture.counts(&form).await, [0, 1, 0, 0]);
    fixture.get("/inventory/T-S").await.expect(404);
    assert_eq!(fixture.shop.stock("T-M").await, (5, 1, 4));
}

#[tokio::test]
async fn a_product_that_loses_its_only_variant_in_stock_is_not_listed_as_in_stock_any_more() {
    let fixture = BulkFixture::open().await;
    let size = |size: &str| json!({"sku": format!("T-{size}"), "options": {"Size": size}, "prices": [{"amount": 1, "currency": "USD"}]});
    let tee = |sizes: &[&str]| {
        let mut tee = line("tee");
        tee["options"] = json!([{"name": "Size", "values": ["S", "M"]}]);
        tee["variants"] = sizes.iter().map(|name| size(name)).collect();
        tee
    };
    fixture.import(&file(&[tee(&["S", "M"])])).await;
    fixture.shop.set_stock("T-S", 5).await;
    fixture.shop.sweep_stock().await;
    assert_eq!(fixture.shop.in_stock("").await, ["tee"]);
    fixture.import(&file(&[tee(&["M"])])).await;
    assert!(fixture.shop.in_stock("").await.is_empty());
}

#[tokio::test]
async fn an_import_waits_for_its_file_and_starts_once_however_often_it_is_started() {
    let fixture = BulkFixture::open().await;
    let form = fixture.form().await;
    assert_eq!(fixture.progress(&form).await["state"], "pending");
    assert_eq!(fixture.start(&form).await.expect(409).problem(), "not_uploaded");
    assert!(!fixture.deliver(form.key()).await, "nothing is there, so nothing is left to do");
    assert_eq!(form.post(&file(&[line("a"), line("b")])).await, 204);
    assert_eq!(fixture.progress(&form).await["state"], "pending");
    for _ in 0..2 {
        assert_eq!(fixture.start(&form).await.expect(202).json()["state"], "running");
    }
    for _ in 0..2 {
        assert!(!fixture.deliver(form.key()).await);
        assert_eq!(fixture.counts(&form).await, [2, 0, 0, 0]);
    }
    assert_eq!(fixture.start(&form).await.expect(202).json()["state"], "done");
    assert_eq!(fixture.sweep_after(LATER).await, Swept::default());
}

#[tokio::test]
async fn the_buckets_notification_starts_an_import_and_works_it_off() {
    let fixture = BulkFixture::open().await;
    let form = fixture.upload(&file(&numbered(120))).await;
    assert!(!fixture.deliver(form.key()).await);
    assert_eq!(fixture.counts(&form).await, [120, 0, 0, 0]);
    assert_eq!(fixture.progress(&form).await["state"], "done");
    for unknown in ["imports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.ndjson", "imports/x", "exports/x/start"] {
        assert!(!fixture.deliver(unknown).await, "{unknown}");
    }
}

#[tokio::test]
async fn work_goes_on_where_it_stopped_and_a_message_comes_again_until_it_is_over() {
    let fixture = BulkFixture::open().await;
    let form = fixture.started(&file(&numbered(120))).await;
    assert!(!fixture.step_after(&form, Duration::ZERO).await);
    let first = fixture.progress(&form).await;
    let done = first["lines_done"].as_i64().unwrap();
    assert!((1..120).contains(&done), "{first}");
    assert_eq!((&first["created"], &first["state"]), (&json!(done), &json!("running")));
    assert_eq!(fixture.versions().await.len(), usize::try_from(done).unwrap());

    let busy = fixture.shop.mongo.database().await.collection::<Document>("imports");
    let lease = |millis| doc! { "$set": { "lease_until": DateTime::from_millis(millis) } };
    busy.update_one(doc! {}, lease(DateTime::now().timestamp_millis() + 60_000)).await.unwrap();
    assert!(fixture.deliver(form.key()).await, "another process holds the lease");
    assert_eq!(fixture.progress(&form).await["lines_done"], done);
    busy.update_one(doc! {}, lease(0)).await.unwrap();
    assert!(!fixture.deliver(form.key()).await);
    assert_eq!(fixture.counts(&form).await, [120, 0, 0, 0]);
    assert!(fixture.versions().await.into_values().all(|version| version == 1));
}

/// Cuts the network after every possible number of commands; whatever was done, the rest is done once and all is counted
/// once.
#[tokio::test]
async fn a_crash_between_any_two_commands_counts_no_line_twice_and_none_as_something_else() {
    let fixture = BulkFixture::open().await;
    for commands in 0.. {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| format!("{name}{commands}"));
        fixture.import(&file(&[priced(&a, 1), line(&b)])).await;
        let first = file(&[priced(&a, 2), line(&b), line(&c)]);
        let form = fixture.started(&[&first[..], b"no\n", &file(&[line(&d), priced(&c, 2)])].concat()).await;
        fixture.shop.network.cut_after(commands);
        let worked = fixture.work_after(&form, Duration::ZERO).await;
        fixture.shop.network.heal();
        let case = format!("cut after {commands}");
        let is_whole = worked.is_ok();
        assert!(!is_whole || commands > 8, "{case}");
        assert!(fixture.work_after(&form, LATER).await.unwrap(), "{case}");
        let progress = fixture.progress(&form).await;
        assert_eq!((&progress["state"], &progress["lines_done"]), (&json!("done"), &json!(6)), "{case}");
        assert_eq!(fixture.counts(&form).await, [2, 2, 1, 1], "{case}");
        assert_eq!(fixture.errors(&form).await, ["4  malformed_json"], "{case}");
        let versions = fixture.versions().await;
        assert_eq!([a, b, c, d].map(|slug| versions[&slug]), [2, 1, 2, 1], "{case}");
        if is_whole {
            break;
        }
    }
}

#[tokio::test]
async fn many_workers_at_once_do_no_harm() {
    let fixture = BulkFixture::open().await;
    let form = fixture.started(&file(&numbered(120))).await;
    // Each as of later than the lease of the one before, so that it takes the import away in the midst of its work.
    let worked = join_all((1..=4).map(|n| fixture.work_after(&form, LATER * n))).await;
    assert!(worked.iter().all(Result::is_ok), "{worked:?}");
    assert!(fixture.work_after(&form, LATER * 9).await.unwrap());
    assert_eq!(fixture.progress(&form).await["lines_done"], 120);
    assert_eq!(fixture.counts(&form).await, [120, 0, 0, 0]);
    let versions = fixture.versions().await;
    assert_eq!(versions.len(), 120);
    assert!(versions.into_values().all(|version| version == 1));
}

#[tokio::test]
async fn work_goes_on_when_the_bucket_is_back() {
    let fixture = BulkFixture::open().await;
    let form = fixture.upload(&file(&[line("a")])).await;
    fixture.bucket.set_mode(FaultMode::Broken);
    assert_eq!(fixture.start(&form).await.expect(503).problem(), "unavailable");
    assert!(fixture.deliver(form.key()).await);
    fixture.bucket.set_mode(FaultMode::None);
    fixture.start(&form).await.expect(202);
    fixture.bucket.set_mode(FaultMode::Broken);
    assert_eq!(fixture.sweep_after(Duration::ZERO).await.failed, 1);
    fixture.bucket.set_mode(FaultMode::None);
    assert_eq!(fixture.sweep_after(LATER).await.finished, 1);
    assert_eq!(fixture.counts(&form).await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_file_that_is_exchanged_or_deleted_midway_fails_its_import_and_keeps_what_was_done() {
    let fixture = BulkFixture::open().await;
    for (exchange, reason) in [
        (true, "The file was replaced while it was imported."),
        (false, "The file was deleted before all of it was imported."),
    ] {
        let form = fixture.started(&file(&numbered(120))).await;
        assert!(!fixture.step_after(&form, Duration::ZERO).await);
        let counted = fixture.counts(&form).await;
        if exchange {
            assert_eq!(form.post(&file(&numbered(121))).await, 204);
        } else {
            std::fs::remove_file(fixture.bucket.file(form.key())).unwrap();
        }
        assert_eq!(fixture.sweep_after(LATER).await.finished, 1);
        let progress = fixture.progress(&form).await;
        assert_eq!((&progress["state"], &progress["reason"]), (&json!("failed"), &json!(reason)));
        assert_eq!(fixture.counts(&form).await, counted);
        assert!(fixture.versions().await.len() < 120);
        assert_eq!(fixture.start(&form).await.expect(409).problem(), "import_failed");
        assert!(!fixture.deliver(form.key()).await);
    }
}

#[tokio::test]
async fn the_bucket_takes_one_file_of_the_right_type_and_whatever_came_past_it_is_refused() {
    let fixture = BulkFixture::open().await;
    let form = fixture.form().await;
    assert_eq!(form.key(), format!("imports/{}.ndjson", form.image_id));
    for (what, wrong) in [
        ("another type", form.clone().with("Content-Type", "text/csv")),
        ("another key", form.clone().with("key", "imports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.ndjson")),
        ("no signature", form.clone().without("x-amz-signature")),
    ] {
        assert!((400..500).contains(&wrong.post(b"x").await), "{what}");
    }
    assert!((400..500).contains(&form.post(b"").await), "an empty file");
    assert_eq!(fixture.bucket.objects(), 0);

    // Written beside the server: it knows no type of this one.
    let path = fixture.bucket.file(form.key());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file(&[line("a")])).unwrap();
    for _ in 0..2 {
        let answer = fixture.start(&form).await.expect(409);
        assert_eq!(answer.problem(), "import_failed");
        assert_eq!(answer.json()["detail"], "The file was not uploaded as application/x-ndjson.");
    }
    assert_eq!(fixture.progress(&form).await["state"], "failed");
    assert_eq!(fixture.versions().await.len(), 0);
}

#[tokio::test]
async fn only_staff_see_their_jobs_and_they_are_not_cached() {
    let fixture = BulkFixture::open().await;
    let form = fixture.import(b"no\n").await;
    let export = fixture.post("/admin/products/exports").await.expect(202).header("location").to_owned();
    let import = format!("/admin/products/imports/{}", form.image_id);
    let errors = format!("{import}/errors");
    let other = testkit::tokens::user(uuid::Uuid::from_u128(1), "inventory:write orders");
    for path in [&import, &errors, &export] {
        assert_eq!(fixture.get(path).await.expect(200).header("cache-control"), "no-store");
        fixture.shop.client.get(path).send().await.expect(401);
        fixture.shop.client.get(path).token(&other).send().await.expect(403);
    }
    for path in ["/admin/products/imports", "/admin/products/exports", &format!("{import}/start")] {
        fixture.shop.client.post(path).send().await.expect(401);
        fixture.shop.client.post(path).token(&other).send().await.expect(403);
    }
    let unknown = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
    for path in ["imports/{}", "imports/{}/errors", "exports/{}"] {
        fixture.get(&format!("/admin/products/{}", path.replace("{}", unknown))).await.expect(404);
    }
    fixture.post(&format!("/admin/products/imports/{unknown}/start")).await.expect(404);
}

#[tokio::test]
async fn a_dead_or_hanging_database_is_a_503_on_every_route_of_imports_and_exports() {
    let fixture = BulkFixture::open().await;
    let import = fixture.import(b"no\n").await;
    let (import, unknown) = (format!("imports/{}", import.image_id), "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d");
    let client = Client::new(router(fixture.shop.app.clone()));
    let get = |path: String| client.get(&format!("/admin/products/{path}")).token(&staff()).send();
    let post = |path: String| client.post(&format!("/admin/products/{path}")).token(&staff()).send();
    for fail in [Proxy::cut, Proxy::hang] {
        fail(&fixture.shop.network);
        let answers = join_all([
            get(import.clone()).boxed(),
            get(format!("{import}/errors")).boxed(),
            get(format!("exports/{unknown}")).boxed(),
            post("imports".into()).boxed(),
            post("exports".into()).boxed(),
            post(format!("{import}/start")).boxed(),
        ])
        .await;
        for answer in answers {
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unavailable"));
        }
        fixture.shop.network.heal();
        get(import.clone()).await.expect(200);
    }
}

#[tokio::test]
async fn jobs_and_reasons_are_deleted_by_the_server_after_a_week_and_those_that_wait_are_found_by_an_index() {
    let fixture = BulkFixture::open().await;
    fixture.import(b"no\n").await;
    fixture.export().await;
    let database = fixture.shop.mongo.database().await;
    for name in ["imports", "import_errors", "exports"] {
        let document = fixture.shop.mongo.all(name).await.remove(0);
        let left = document.get_datetime("delete_at").unwrap().timestamp_millis() - DateTime::now().timestamp_millis();
        assert!((6 * 86_400_000..=7 * 86_400_000).contains(&left), "{name}");
        let indexes = database.run_command(doc! { "listIndexes": name }).await.unwrap();
        assert!(indexes.to_string().contains("expireAfterSeconds"), "{name}: {indexes}");
    }
    for (name, filter) in [
        ("imports", imports::store::waiting_filter(Timestamp::now())),
        ("exports", exports::store::waiting_filter(Timestamp::now())),
    ] {
        let find = doc! { "find": name, "filter": filter, "sort": { "lease_until": 1 } };
        let plan = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
        assert!(plan.to_string().contains("IXSCAN"), "{plan}");
    }
}
