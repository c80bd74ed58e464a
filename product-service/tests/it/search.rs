//! Finding products.

use std::time::Duration;

use common::timestamp::Timestamp;
use mongodb::bson::doc;
use platform::{Service, trigger::Direction};
use product_service::categories;
use serde_json::{Value, json};

use crate::{Shop, staff};

impl Shop {
    /// Makes a product of this title, with more said of it.
    async fn shelve(&self, title: &str, more: Value) -> Value {
        let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
        let sku = slug.to_uppercase();
        let mut product = json!({
            "title": title, "slug": slug, "description": "", "status": "active", "category_ids": [], "options": [],
            "variants": [{"sku": sku, "options": {}, "prices": [{"amount": 1000, "currency": "USD"}]}]
        });
        for (field, value) in more.as_object().unwrap() {
            match field.as_str() {
                "usd" => product["variants"][0]["prices"][0]["amount"] = value.clone(),
                field => product[field] = value.clone(),
            }
        }
        self.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201).json()
    }

    /// Titles, in the order they are listed in.
    async fn titles(&self, query: &str) -> Vec<String> {
        let (mut titles, mut path) = (Vec::new(), format!("/products?{query}"));
        loop {
            let page = self.client.get(&path).send().await.expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            titles.extend(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { return titles };
            path = format!("/products?{query}&cursor={cursor}");
        }
    }
}

async fn shelves() -> Shop {
    let shop = Shop::open().await;
    shop.shelve(
        "Red mug",
        json!({"brand": "Nordlys", "tags": ["gift", "kitchen"], "usd": 900,
        "attributes": {"Material": "stoneware", "Litres": 0.3}}),
    )
    .await;
    shop.shelve(
        "Blue mug",
        json!({"brand": "NORDLYS", "tags": ["kitchen"], "usd": 1200,
        "attributes": {"Material": "steel", "Colours": ["blue", "grey"]}}),
    )
    .await;
    shop.shelve(
        "Café apron",
        json!({"brand": "Weft", "tags": ["kitchen"], "usd": 3000, "description": "Goes with mugs."}),
    )
    .await;
    shop.shelve(
        "Wool blanket",
        json!({"brand": "Weft", "tags": ["gift"], "usd": 9000, "attributes": {"Washable": true}}),
    )
    .await;
    shop.shelve("Secret mug", json!({"status": "draft"})).await;
    shop
}

#[tokio::test]
async fn filters_hold_together_and_drafts_are_never_found() {
    let shop = shelves().await;
    for (query, expected) in [
        ("", vec!["Wool blanket", "Café apron", "Blue mug", "Red mug"]),
        ("brand=nordlys", vec!["Blue mug", "Red mug"]),
        ("brand=Weft&tags=gift", vec!["Wool blanket"]),
        ("tags=gift,kitchen", vec!["Red mug"]),
        ("attributes=material:Steel", vec!["Blue mug"]),
        ("attributes=Colours:grey,Material:steel", vec!["Blue mug"]),
        ("attributes=Litres:0.3", vec!["Red mug"]),
        ("attributes=Washable:true", vec!["Wool blanket"]),
        ("attributes=Washable:false", vec![]),
        ("currency=USD&price_min=1000&price_max=3000", vec!["Café apron", "Blue mug"]),
        ("currency=EUR&price_min=1", vec![]),
        ("currency=EUR", vec![]),
        ("currency=USD&tags=gift", vec!["Wool blanket", "Red mug"]),
        ("brand=%24ne&tags=.*", vec![]),
    ] {
        assert_eq!(shop.titles(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn every_order_turns_each_page_once() {
    let shop = shelves().await;
    for n in 0..5 {
        shop.shelve(&format!("Mug {n}"), json!({"usd": 1200 - n % 2})).await;
    }
    for (query, first, last) in [
        ("sort=newest", "Mug 4", "Red mug"),
        ("sort=title", "Blue mug", "Wool blanket"),
        ("sort=price&currency=USD", "Red mug", "Wool blanket"),
        ("q=mug", "Mug 4", "Café apron"),
    ] {
        let all = shop.titles(query).await;
        for limit in [1, 2, 4] {
            assert_eq!(shop.titles(&format!("{query}&limit={limit}")).await, all, "{query} by {limit}");
        }
        assert_eq!((all.first().unwrap().as_str(), all.last().unwrap().as_str()), (first, last), "{query}: {all:?}");
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len(), "{query}: {all:?}");
    }
}

#[tokio::test]
async fn words_are_found_in_any_order_without_case_accents_and_plurals_and_by_their_beginnings() {
    let shop = shelves().await;
    for (query, expected) in [
        ("q=mug", vec!["Red mug", "Blue mug", "Café apron"]),
        ("q=MUGS", vec!["Red mug", "Blue mug", "Café apron"]),
        ("q=mug+red", vec!["Red mug"]),
        ("q=cafe", vec!["Café apron"]),
        ("q=caf%C3%A9+aprons", vec!["Café apron"]),
        ("q=blan", vec!["Wool blanket"]),
        ("q=blan+", vec![]),
        ("q=stonew", vec!["Red mug"]),
        ("q=nordlys+blu", vec!["Blue mug"]),
        ("q=mug&brand=weft", vec!["Café apron"]),
        ("q=mug&sort=price&currency=USD", vec!["Red mug", "Blue mug", "Café apron"]),
        ("q=.*", vec![]),
        ("q=%F0%9F%8E%81", vec![]),
        ("q=secret", vec![]),
    ] {
        let found = shop.titles(query).await;
        let same = |one: &[String]| {
            let (mut one, mut other) = (one.to_vec(), expected.iter().map(ToString::to_string).collect::<Vec<_>>());
            one.sort();
            other.sort();
            one == other
        };
        assert!(same(&found), "{query}: {found:?}");
    }
    assert_eq!(shop.titles("q=mug").await.last().unwrap(), "Café apron", "the title counts above the description");
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_and_the_database_is_not_asked() {
    let shop = Shop::open().await;
    shop.network.take_commands();
    for (parameter, query) in [
        ("currency", "sort=price"),
        ("currency", "price_min=1"),
        ("currency", "currency=XXQ"),
        ("currency", "currency=GBP&price_min=1"),
        ("currency", "currency=GBP"),
        ("tags", "tags=,"),
        ("tags", "tags=a,b,c,d,e,f,g,h,i,j,k"),
        ("attributes", "attributes=,,"),
        ("attributes", "attributes=Material"),
        ("attributes", "attributes=Material:"),
        ("attributes", "attributes=:cotton"),
        ("attributes", "attributes=Material:cotton,:"),
        ("sort", "sort=relevance"),
        ("sort", "sort=best"),
        ("category_id", "category_id=home"),
        ("price_min", "price_min=cheap&currency=USD"),
        ("price_min", "price_min=-1&currency=USD"),
        ("price_max", "price_max=-1&currency=USD"),
        ("price_max", "price_min=2&price_max=1&currency=USD"),
        ("colour", "colour=red"),
        ("limit", "limit=0"),
        ("limit", "limit=101"),
        ("cursor", "cursor=bogus"),
        ("q", &format!("q={}", "x".repeat(201))),
    ] {
        let answer = shop.client.get(&format!("/products?{query}")).send().await.expect(400);
        assert_eq!(
            (answer.problem().as_str(), &answer.json()["parameter"]),
            ("invalid_query", &json!(parameter)),
            "{query}"
        );
    }
    assert_eq!(shop.network.take_commands(), Vec::<String>::new());
}

/// Unusual parameters and paths: read or refused, and never a failure of ours.
#[tokio::test]
async fn whatever_is_asked_for_is_answered_or_refused() {
    const NAMES: [&str; 16] = [
        "q",
        "category_id",
        "brand",
        "tags",
        "attributes",
        "currency",
        "price_min",
        "price_max",
        "in_stock",
        "facets",
        "sort",
        "limit",
        "cursor",
        "status",
        "skus",
        "x",
    ];
    const PARTS: [&str; 30] = [
        "mug",
        "A",
        "a:b",
        ":",
        ",",
        "USD",
        "EUR",
        "true",
        "false",
        "0",
        "-1",
        "1",
        "9223372036854775807",
        "1e3",
        "newest",
        "title",
        "price",
        "relevance",
        "active",
        "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "%00",
        "%F0%9F%8E%81",
        "%E2%80%AE",
        "%FF",
        "%",
        "+",
        "%26",
        "%24gt",
        "%C3%9F",
        "%CC%81",
    ];
    let shop = shelves().await;
    shop.set_stock("RED-MUG", 1).await;
    let mut random = fastrand::Rng::with_seed(5);
    let part = |random: &mut fastrand::Rng| PARTS[random.usize(0..PARTS.len())].repeat(random.usize(1..3));
    let paths = ["/products", "/admin/products", "/products/variants", "/categories", "/inventory/RED-MUG/adjustments"];
    let mut answered = 0;
    for _ in 0..1_500 {
        let query: Vec<String> = (0..random.usize(0..5))
            .map(|_| format!("{}={}", NAMES[random.usize(0..NAMES.len())], part(&mut random)))
            .collect();
        let path = match random.usize(0..8) {
            0 => format!("/products/{}", part(&mut random)),
            1 => format!("/categories/{}", part(&mut random)),
            2 => format!("/inventory/{}", part(&mut random)),
            _ => paths[random.usize(0..paths.len())].to_owned(),
        };
        let path = format!("{path}?{}", query.join("&"));
        let Ok(_) = path.parse::<http::Uri>() else { continue };
        let answer = shop.client.get(&path).token(&staff()).send().await;
        assert!([200, 400, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.text());
        answered += usize::from(answer.status == 200);
    }
    assert!(answered > 100, "{answered}");
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let shop = shelves().await;
    let page = shop.client.get("/products?limit=1&sort=title").send().await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    shop.client.get(&format!("/products?limit=1&cursor={cursor}")).send().await.expect(400);
}

#[tokio::test]
async fn a_page_costs_one_round_trip_whatever_is_asked_for() {
    let shop = shelves().await;
    for query in ["q=mug+re", "brand=weft&tags=gift", "sort=price&currency=USD", "sort=title", "q=m"] {
        shop.network.take_commands();
        shop.client.get(&format!("/products?{query}")).send().await.expect(200);
        assert_eq!(shop.network.take_commands(), ["find"], "{query}");
    }
}

#[tokio::test]
async fn a_search_costs_one_round_trip_also_when_it_has_two_hundred_to_rank() {
    let shop = shelves().await;
    let products = shop.mongo.database().await.collection::<mongodb::bson::Document>("products");
    let mug = products.find_one(doc! { "slug": "red-mug" }).await.unwrap().unwrap();
    let another = |n: usize| {
        let mut mug = mug.clone();
        mug.extend(doc! { "_id": uuid::Uuid::from_u128(n as u128).to_string(), "slug": format!("mug-{n}") });
        mug.get_array_mut("variants").unwrap()[0].as_document_mut().unwrap().insert("sku", format!("MUG-{n}"));
        mug
    };
    products.insert_many((0..250).map(another)).await.unwrap();
    shop.network.take_commands();
    let page = shop.client.get("/products?q=red+mug").send().await.expect(200).json();
    assert_eq!(shop.network.take_commands(), ["find"]);
    assert_eq!(page["items"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_product_is_found_where_its_category_stands_also_after_a_move() {
    let shop = Shop::open().await;
    let category = async |slug: &str, parent: Option<&Value>| -> Value {
        let parent = parent.map(|parent| parent["id"].clone());
        let new = json!({"slug": slug, "name": slug, "parent_id": parent});
        shop.client.post("/admin/categories").token(&staff()).json(&new).send().await.expect(201).json()
    };
    let home = category("home", None).await;
    let kitchen = category("kitchen", Some(&home)).await;
    let garden = category("garden", None).await;
    shop.shelve("Pot", json!({"category_ids": [kitchen["id"]]})).await;
    let found =
        async |category: &Value| shop.titles(&format!("category_id={}", category["id"].as_str().unwrap())).await;
    assert_eq!((found(&home).await, found(&kitchen).await), (vec!["Pot".to_owned()], vec!["Pot".to_owned()]));

    let path = format!("/admin/categories/{}", kitchen["id"].as_str().unwrap());
    let into_garden = json!({"parent_id": garden["id"]});
    shop.client.patch(&path).token(&staff()).json(&into_garden).send().await.expect(200);
    assert_eq!((found(&home).await, found(&garden).await), (vec![], vec!["Pot".to_owned()]));

    // A product that was saved by a request that had read the tree before.
    let products = shop.mongo.database().await.collection::<mongodb::bson::Document>("products");
    let stale =
        doc! { "$set": { "terms": ["*", format!("c:{}", home["id"].as_str().unwrap())], "tree_version": 1_i64 } };
    products.update_many(doc! {}, stale).await.unwrap();
    shop.app.sweep().await.unwrap();
    assert_eq!((found(&home).await, found(&garden).await), (vec![], vec!["Pot".to_owned()]));
    // Later, the move is over and done with.
    let later = Timestamp::now().plus(Duration::from_mins(5));
    assert_eq!(categories::finish_tree_changes(&shop.app.db, later).await.unwrap(), 0);
    let tree = categories::store::tree(&shop.app.db).await.unwrap();
    assert!(tree.reparented.is_empty());
}

#[tokio::test]
async fn products_of_an_earlier_version_are_found_once_they_are_migrated() {
    let shop = shelves().await;
    let products = shop.mongo.database().await.collection::<mongodb::bson::Document>("products");
    let index = doc! { "terms": "", "facets": "", "title_key": "", "lowest": "", "tree_version": "" };
    products.update_many(doc! {}, doc! { "$unset": index }).await.unwrap();
    assert!(shop.titles("q=mug").await.is_empty());
    shop.app.migrate(Direction::Up).await.unwrap();
    assert_eq!(shop.titles("q=mug").await.len(), 3);
    assert_eq!(shop.titles("sort=price&currency=USD").await.len(), 4);
}

#[tokio::test]
async fn facets_count_what_the_whole_list_can_be_narrowed_down_to() {
    let shop = shelves().await;
    shop.network.take_commands();
    let page = shop.client.get("/products?tags=kitchen&limit=1&facets=true").send().await.expect(200).json();
    let mut commands = shop.network.take_commands();
    commands.sort();
    assert_eq!(commands, ["aggregate", "find"], "one round trip more, at the same time");
    let facet = |kind: &str, name: Option<&str>| {
        let facets = page["facets"].as_array().unwrap();
        let facet = facets.iter().find(|facet| facet["kind"] == kind && facet["name"] == json!(name));
        facet.map(|facet| facet["values"].clone()).unwrap_or_default()
    };
    let count = |value: &str, count: i64| json!({"value": value, "count": count});
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(facet("tag", None), json!([count("kitchen", 3), count("gift", 1)]));
    assert_eq!(facet("brand", None), json!([count("NORDLYS", 1), count("Nordlys", 1), count("Weft", 1)]));
    assert_eq!(facet("attribute", Some("Material")), json!([count("steel", 1), count("stoneware", 1)]));
    // Every value of a facet can be asked for.
    assert_eq!(shop.titles("tags=kitchen&attributes=Material:steel").await, ["Blue mug"]);
    let plain = shop.client.get("/products?limit=1").send().await.expect(200).json();
    assert_eq!(plain.get("facets"), None);
}
