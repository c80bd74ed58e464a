//! Categories as staff arrange them and shoppers see them.

use std::time::Duration;

use common::{id::Id, problem::Problem, timestamp::Timestamp};
use futures_util::future::join_all;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use mongodb::bson::{Document, doc};
use platform::{Service, trigger::Direction};
use product_service::{
    categories,
    products::{self, domain::ProductKey, shelving},
};
use serde_json::{Value, json};
use testkit::Answer;

use crate::{Shop, staff, tag};

impl Shop {
    async fn category(&self, slug: &str, parent: Option<&Value>) -> Value {
        let parent = parent.map(|parent| parent["id"].clone());
        let new = json!({"slug": slug, "name": slug.to_uppercase(), "parent_id": parent});
        self.client.post("/admin/categories").token(&staff()).json(&new).send().await.expect(201).json()
    }

    async fn change(&self, category: &Value, change: &Value) -> Answer {
        let path = format!("/admin/categories/{}", category["id"].as_str().unwrap());
        self.client.patch(&path).token(&staff()).json(change).send().await
    }

    async fn remove(&self, category: &Value) -> Answer {
        let path = format!("/admin/categories/{}", category["id"].as_str().unwrap());
        self.client.delete(&path).token(&staff()).send().await
    }

    async fn branch(&self, key: &str) -> Value {
        self.client.get(&format!("/categories/{key}")).send().await.expect(200).json()
    }
}

fn slugs(categories: &Value) -> Vec<&str> {
    categories.as_array().unwrap().iter().map(|category| category["slug"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_category_is_read_by_id_and_slug_with_where_it_stands_and_what_stands_in_it() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let kitchen = shop.category("kitchen", Some(&home)).await;
    let knives = shop.category("knives", Some(&kitchen)).await;
    shop.category("pots", Some(&kitchen)).await;
    shop.category("garden", None).await;
    let read = shop.branch("kitchen").await;
    assert_eq!((slugs(&read["ancestors"]), slugs(&read["descendants"])), (vec!["home"], vec!["knives", "pots"]));
    assert_eq!(shop.branch(kitchen["id"].as_str().unwrap()).await, read);
    assert_eq!(slugs(&shop.branch("home").await["descendants"]), ["kitchen", "knives", "pots"]);

    shop.change(&knives, &json!({"position": 1, "name": "Sharp"})).await.expect(200);
    let descendants = shop.branch("kitchen").await["descendants"].clone();
    assert_eq!((slugs(&descendants), &descendants[1]["name"]), (vec!["pots", "knives"], &json!("Sharp")));
    shop.client.get("/categories/nowhere").send().await.expect(404);
}

#[tokio::test]
async fn a_branch_moves_whole_and_never_into_itself() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let kitchen = shop.category("kitchen", Some(&home)).await;
    shop.category("knives", Some(&kitchen)).await;
    let garden = shop.category("garden", None).await;
    let moved = shop.change(&kitchen, &json!({"parent_id": garden["id"]})).await.expect(200);
    assert_eq!(moved.header("etag"), tag(&kitchen, 2));
    assert_eq!(slugs(&shop.branch("knives").await["ancestors"]), ["garden", "kitchen"]);
    let circle = shop.change(&garden, &json!({"parent_id": kitchen["id"]})).await.expect(409);
    assert_eq!(circle.problem(), "category_circle");
    shop.change(&kitchen, &json!({"parent_id": null})).await.expect(200);
    assert_eq!(slugs(&shop.branch("knives").await["ancestors"]), ["kitchen"]);
}

#[tokio::test]
async fn two_moves_that_would_make_a_circle_together_do_not_both_happen() {
    let shop = Shop::open().await;
    for round in 0..8 {
        let one = shop.category(&format!("one-{round}"), None).await;
        let other = shop.category(&format!("other-{round}"), None).await;
        let (into_other, into_one) = (json!({"parent_id": other["id"]}), json!({"parent_id": one["id"]}));
        let (first, second) = tokio::join!(shop.change(&one, &into_other), shop.change(&other, &into_one));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {round}");
        let depths = [&one, &other].map(|category| category["slug"].as_str().unwrap().to_owned());
        let mut ancestors = Vec::new();
        for slug in depths {
            ancestors.push(shop.branch(&slug).await["ancestors"].as_array().unwrap().len());
        }
        ancestors.sort_unstable();
        assert_eq!(ancestors, [0, 1], "round {round}");
    }
}

/// Asks again where others are at it: on a slow machine one may have to.
async fn at_last<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status != 409 {
            return answer;
        }
        assert_eq!(answer.problem(), "categories_contended");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn many_at_once_each_find_their_place() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let made = join_all((0..12).map(|n| {
        let (shop, home) = (&shop, &home);
        let new = json!({"slug": format!("room-{n}"), "name": "Room", "parent_id": home["id"]});
        let make = move || shop.client.post("/admin/categories").token(&staff()).json(&new).send();
        async move { at_last(make).await.expect(201).json() }
    }))
    .await;
    let descendants = shop.branch("home").await["descendants"].clone();
    assert_eq!(descendants.as_array().unwrap().len(), made.len());
    let positions: Vec<i64> =
        descendants.as_array().unwrap().iter().map(|one| one["position"].as_i64().unwrap()).collect();
    assert_eq!(positions, (0..12).collect::<Vec<i64>>());
    let renamed = join_all((0..12).map(|n| {
        let (shop, made, name) = (&shop, &made[n % 2], json!({"name": format!("Room {n}")}));
        async move { at_last(|| shop.change(made, &name)).await.status.as_u16() }
    }))
    .await;
    assert_eq!(renamed, [200; 12]);
}

#[tokio::test]
async fn a_category_in_use_is_not_deleted() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let kitchen = shop.category("kitchen", Some(&home)).await;
    assert_eq!(shop.remove(&home).await.expect(409).problem(), "category_in_use");
    let product = json!({
        "title": "Pot", "slug": "pot", "description": "", "status": "draft", "category_ids": [kitchen["id"]], "options": [],
        "variants": [{"sku": "POT", "options": {}, "prices": [{"amount": 1, "currency": "USD"}]}]
    });
    let pot = shop.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201).json();
    assert_eq!(shop.remove(&kitchen).await.expect(409).problem(), "category_in_use");
    let path = format!("/admin/products/{}", pot["id"].as_str().unwrap());
    shop.client.patch(&path).token(&staff()).json(&json!({"category_ids": []})).send().await.expect(200);
    shop.remove(&kitchen).await.expect(204);
    shop.remove(&home).await.expect(204);
    shop.remove(&home).await.expect(404);
    assert_eq!(shop.client.get("/categories").send().await.expect(200).json()["items"], json!([]));
}

fn pot(n: usize, category: &Value) -> Value {
    json!({
        "title": "Pot", "slug": format!("pot-{n}"), "description": "", "status": "draft", "category_ids": [category["id"]],
        "options": [],
        "variants": [{"sku": format!("POT-{n}"), "options": {}, "prices": [{"amount": 1, "currency": "USD"}]}]
    })
}

/// Ids of categories that products name, and that are not there.
async fn dangling(shop: &Shop) -> Vec<String> {
    let tree = categories::store::tree(&shop.app.db).await.unwrap();
    let is_there = |id: &str| tree.categories().iter().any(|category| category.id.to_string() == id);
    let products = shop.mongo.all("products").await;
    let named = products.iter().flat_map(|product| product.get_array("category_ids").unwrap());
    named.map(|id| id.as_str().unwrap().to_owned()).filter(|id| !is_there(id)).collect()
}

#[tokio::test]
async fn no_product_stays_in_a_category_that_is_deleted_while_it_is_put_there() {
    let shop = Shop::open().await;
    let none = json!({"id": shop.category("none", None).await["id"]});
    let old = shop.client.post("/admin/products").token(&staff()).json(&pot(0, &none)).send().await.expect(201).json();
    let path = format!("/admin/products/{}", old["id"].as_str().unwrap());
    for round in 1..=48 {
        let home = shop.category(&format!("home-{round}"), None).await;
        let (new, into_home) = (pot(round, &home), json!({"title": "In", "category_ids": [home["id"]]}));
        let create = shop.client.post("/admin/products").token(&staff()).json(&new).send();
        let change = shop.client.patch(&path).token(&staff()).json(&into_home).send();
        let delete = async {
            // Each round the deletion comes a little later.
            tokio::time::sleep(Duration::from_millis(round as u64 / 2 % 12)).await;
            shop.remove(&home).await
        };
        let answers = match round % 3 {
            0 => {
                let (created, deleted) = tokio::join!(create, delete);
                (vec![(created, 201)], deleted)
            }
            1 => {
                let (changed, deleted) = tokio::join!(change, delete);
                (vec![(changed, 200)], deleted)
            }
            _ => {
                let (created, changed, deleted) = tokio::join!(create, change, delete);
                (vec![(created, 201), (changed, 200)], deleted)
            }
        };
        let (writes, deleted) = answers;
        assert_eq!(dangling(&shop).await, [""; 0], "round {round}");
        let is_gone = deleted.status == 204;
        if !is_gone {
            assert_eq!(deleted.expect(409).problem(), "category_in_use", "round {round}");
        }
        for (write, good) in writes {
            if is_gone {
                assert_eq!(write.expect(422).refused_fields(), ["/category_ids/0 unknown_category"], "round {round}");
            } else {
                write.expect(good);
            }
        }
        let read = shop.client.get(&path).token(&staff()).send().await.expect(200).json();
        let is_changed = read["title"] == json!("In");
        assert_eq!(is_changed, !is_gone && round % 3 > 0, "round {round}: what was refused has changed nothing");
        let back = json!({"title": "Pot", "category_ids": [none["id"]]});
        shop.client.patch(&path).token(&staff()).json(&back).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_product_that_is_saved_after_its_category_was_deleted_is_set_back() {
    let shop = Shop::open().await;
    let (none, home) = (shop.category("none", None).await, shop.category("home", None).await);
    let made = shop.client.post("/admin/products").token(&staff()).json(&pot(0, &none)).send().await.expect(201).json();
    let key = || ProductKey::from(made["id"].as_str().unwrap().to_owned());
    let before = products::store::find(&shop.app.db, &key()).await.unwrap().unwrap();
    // What a request has read before another deletes the category.
    let tree = categories::store::tree(&shop.app.db).await.unwrap();
    shop.remove(&home).await.expect(204);
    let home_id = home["id"].as_str().unwrap().parse().unwrap();

    let mut next = before.clone();
    (next.title, next.version) = ("Other".to_owned(), next.version + 1);
    next.category_ids.push(home_id);
    let refused = shelving::replace(&shop.app.db, &before, &next, &tree).await.unwrap_err();
    assert_eq!(Problem::from(refused).status(), 422);
    let mut after = products::store::find(&shop.app.db, &key()).await.unwrap().unwrap();
    assert_eq!(after.version, before.version + 2, "what was taken back may have been read");
    after.version = before.version;
    assert_eq!(after, before);

    let mut new = before.clone();
    (new.id, new.slug, new.category_ids) = (Id::new(Timestamp::now()), "new".parse().unwrap(), vec![home_id]);
    new.variants[0].sku = "NEW".parse().unwrap();
    let refused = shelving::insert(&shop.app.db, &new, &tree).await.unwrap_err();
    assert_eq!(Problem::from(refused).status(), 422);
    assert_eq!(shop.mongo.all("products").await.len(), 1);
    assert_eq!(dangling(&shop).await, [""; 0]);
}

#[tokio::test]
async fn a_deletion_that_ended_half_way_hinders_neither_products_nor_the_next_deletion() {
    let shop = Shop::open().await;
    let (home, garden) = (shop.category("home", None).await, shop.category("garden", None).await);
    let trees = shop.mongo.database().await.collection::<Document>("categories");
    let mark = doc! { "$set": { "going": [home["id"].as_str().unwrap(), garden["id"].as_str().unwrap()] }, "$inc": { "version": 1_i64 } };
    trees.update_one(doc! {}, mark).await.unwrap();
    shop.client.post("/admin/products").token(&staff()).json(&pot(1, &home)).send().await.expect(201);
    assert_eq!(shop.remove(&home).await.expect(409).problem(), "category_in_use");
    shop.remove(&garden).await.expect(204);
    let tree = categories::store::tree(&shop.app.db).await.unwrap();
    assert_eq!((tree.being_deleted.len(), tree.categories().len()), (0, 1));
}

#[tokio::test]
async fn a_category_that_a_request_left_in_a_product_when_it_ended_early_is_taken_out_by_the_sweep() {
    let shop = Shop::open().await;
    let (none, home) = (shop.category("none", None).await, shop.category("home", None).await);
    shop.client.post("/admin/products").token(&staff()).json(&pot(1, &none)).send().await.expect(201);
    shop.remove(&home).await.expect(204);
    let ids = [none["id"].as_str().unwrap(), home["id"].as_str().unwrap()];
    let products = shop.mongo.database().await.collection::<Document>("products");
    products.update_one(doc! {}, doc! { "$set": { "category_ids": &ids[..] } }).await.unwrap();
    assert_eq!(dangling(&shop).await, ids[1..]);
    shop.app.sweep().await.unwrap();
    let product = shop.mongo.all("products").await.remove(0);
    let left: Vec<&str> = product.get_array("category_ids").unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!((left, product.get_i64("version").unwrap()), (vec![ids[0]], 2));
    let deleted = async || categories::store::tree(&shop.app.db).await.unwrap().deleted.len();
    assert_eq!(deleted().await, 1, "until no request is left that read the tree before");
    categories::finish_tree_changes(&shop.app.db, Timestamp::now().plus(Duration::from_hours(1))).await.unwrap();
    assert_eq!(deleted().await, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_category_is_named_and_nothing_is_changed() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let nowhere = json!({"slug": "x", "name": "X", "parent_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"});
    let refused = shop.client.post("/admin/categories").token(&staff()).json(&nowhere).send().await.expect(422);
    assert_eq!(refused.refused_fields(), ["/parent_id unknown_category"]);
    let bad = json!({"slug": null, "name": 5, "parent_id": "x", "position": -1, "colour": "red"});
    let refused = shop.change(&home, &bad).await.expect(422);
    assert_eq!(
        refused.refused_fields(),
        [
            "/slug required",
            "/name wrong_type",
            "/parent_id invalid_id",
            "/position out_of_range",
            "/colour unknown_field"
        ]
    );
    let path = format!("/admin/categories/{}", home["id"].as_str().unwrap());
    let stale = shop.client.patch(&path).token(&staff()).header(IF_MATCH, &tag(&home, 7)).json(&json!({"name": "N"}));
    assert_eq!(stale.send().await.expect(412).problem(), "stale");
    assert_eq!(shop.branch("home").await["name"], json!("HOME"));
}

#[tokio::test]
async fn a_branch_is_sent_again_once_anything_of_it_has_changed_and_never_for_another_of_its_slug() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let kitchen = shop.category("kitchen", Some(&home)).await;
    let read = async || shop.client.get("/categories/home").send().await.expect(200).header("etag").to_owned();
    let known = async |tag: &str| shop.client.get("/categories/home").header(IF_NONE_MATCH, tag).send().await.status;
    let seen = read().await;
    assert_eq!(known(&seen).await, 304);
    assert_eq!(known(&format!("W/{seen}")).await, 304);
    shop.change(&kitchen, &json!({"name": "Cooking"})).await.expect(200);
    assert_eq!(known(&seen).await, 200, "what stands in it is a part of it");
    let seen = read().await;
    for category in [&kitchen, &home] {
        shop.remove(category).await.expect(204);
    }
    shop.category("home", None).await;
    assert_eq!(known(&seen).await, 200);
}

#[tokio::test]
async fn a_category_is_changed_only_as_it_was_seen_its_place_included() {
    let shop = Shop::open().await;
    let home = shop.category("home", None).await;
    let garden = shop.category("garden", None).await;
    let rename = async |category: &Value, tag: &str, name: &str| {
        let path = format!("/admin/categories/{}", category["id"].as_str().unwrap());
        let change = shop.client.patch(&path).token(&staff()).header(IF_MATCH, tag).json(&json!({"name": name}));
        change.send().await
    };
    let seen = shop.client.get("/categories/garden").send().await.expect(200).header("etag").to_owned();
    assert_eq!(rename(&home, &seen, "Garden").await.expect(412).problem(), "stale", "the tag of another category");
    let renamed = rename(&garden, &seen, "Garden").await.expect(200).header("etag").to_owned();
    assert_eq!(rename(&garden, &seen, "Yard").await.expect(412).problem(), "stale");
    rename(&home, "*", "House").await.expect(200);
    let renamed = rename(&garden, &renamed, "Yard").await.expect(200).header("etag").to_owned();
    // Another one comes before it: its position is another.
    shop.change(&home, &json!({"position": 1})).await.expect(200);
    assert_eq!(rename(&garden, &renamed, "Plot").await.expect(412).problem(), "stale");
    let read = shop.branch("garden").await;
    assert_eq!((&read["name"], &read["position"]), (&json!("Yard"), &json!(0)));
    let path = format!("/admin/categories/{}", garden["id"].as_str().unwrap());
    let remove = |tag: &str| shop.client.delete(&path).token(&staff()).header(IF_MATCH, tag).send();
    assert_eq!(remove(&renamed).await.expect(412).problem(), "stale");
    let seen = shop.client.get("/categories/garden").send().await.expect(200).header("etag").to_owned();
    remove(&seen).await.expect(204);
}

#[tokio::test]
async fn categories_that_an_earlier_version_saved_one_by_one_become_the_tree_once() {
    let shop = Shop::open().await;
    let database = shop.mongo.database().await;
    database.run_command(doc! { "collMod": "categories", "validator": {} }).await.unwrap();
    let earlier = [("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "tea"), ("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "coffee")];
    let single = |(id, slug): (&str, &str)| doc! { "_id": id, "slug": slug, "name": slug.to_uppercase() };
    database.collection::<Document>("categories").insert_many(earlier.map(single)).await.unwrap();
    let migrations = join_all((0..2).map(|_| shop.app.migrate(Direction::Up))).await;
    assert!(migrations.iter().all(Result::is_ok), "{migrations:?}");
    shop.app.migrate(Direction::Up).await.unwrap();
    let read = shop.client.get("/categories").send().await.expect(200).json();
    assert_eq!(slugs(&read["items"]), ["coffee", "tea"]);
    assert_eq!(shop.mongo.all("categories").await.len(), 1);
}
