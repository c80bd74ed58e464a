use std::collections::BTreeMap;

use common::{id::Id, timestamp::Timestamp};
use serde_json::json;

use super::*;
use crate::{
    categories::domain::NewCategory,
    products::domain::{NewProduct, Status},
};

fn product(change: impl FnOnce(&mut serde_json::Value)) -> Product {
    let mut body = json!({
        "title": "Red Café mug", "slug": "mug", "description": "For coffee.", "brand": "Nord Lys", "tags": ["Gift ideas"],
        "attributes": {"Material": "Stoneware", "Colours": ["Red", "Blue"]}, "status": "active", "category_ids": [],
        "options": [], "variants": [{"sku": "MUG", "options": {}, "prices": [{"amount": 900, "currency": "USD"}]}]
    });
    change(&mut body);
    let new = common::input::Fields::read::<NewProduct>(body).unwrap();
    Product::create(new, Timestamp::now())
}

fn read(change: impl FnOnce(&mut SearchParams)) -> Result<ProductQuery, Problem> {
    let mut wanted = SearchParams::default();
    change(&mut wanted);
    wanted.read()
}

#[test]
fn a_product_is_found_by_its_words_brand_tags_attributes_and_every_category_above_it() {
    let mut tree = Tree::default();
    let category = |slug: &str, parent_id| NewCategory {
        slug: slug.parse().unwrap(),
        name: slug.to_owned(),
        parent_id,
        position: None,
    };
    let home = tree.add(category("home", None), Timestamp::now()).unwrap().id;
    let kitchen = tree.add(category("kitchen", Some(home)), Timestamp::now()).unwrap().id;
    let mut mug = product(|_| {});
    mug.category_ids = vec![kitchen];
    let terms = terms(&mug, &tree);
    for expected in [
        "*",
        &format!("c:{home}"),
        &format!("c:{kitchen}"),
        "b:nord lys",
        "t:gift ideas",
        "a:material:stoneware",
        "a:colours:red",
        "a:colours:blue",
        "w:red",
        "w:cafe",
        "w:mug",
        "w:coffee",
        "w:nord",
        "w:idea",
        "w:blue",
    ] {
        assert!(terms.iter().any(|term| term == expected), "{expected} is not in {terms:?}");
    }
}

#[test]
fn what_is_not_on_sale_is_found_by_nothing() {
    for status in [Status::Draft, Status::Archived] {
        let mug = Product { status, ..product(|_| {}) };
        assert_eq!(terms(&mug, &Tree::default()), Vec::<String>::new());
    }
}

#[test]
fn filters_and_words_become_terms_and_the_last_word_a_beginning() {
    let id = CategoryId::from(uuid::Uuid::from_u128(7));
    let listing = read(|wanted| {
        wanted.q = Some("Blue MUGS sto".into());
        wanted.category_id = Some(id);
        wanted.brand = Some("NORD LYS".into());
        wanted.tags = Some("Gift ideas".into());
        wanted.attributes = Some("Material:stoneware,Colours:Red".into());
    })
    .unwrap();
    let category = format!("c:{id}");
    let terms = ["a:colours:red", "a:material:stoneware", "b:nord lys", &category, "t:gift ideas", "w:blue", "w:mug"];
    assert_eq!(listing.terms, terms);
    assert_eq!((listing.prefix.as_deref(), listing.sort), (Some("w:sto"), Sort::Relevance));
    let finished = read(|wanted| wanted.q = Some("mug ".into())).unwrap();
    assert_eq!((finished.terms, finished.prefix), (vec!["w:mug".to_owned()], None));
    let all = read(|_| {}).unwrap();
    assert_eq!((all.terms, all.sort), (vec!["*".to_owned()], Sort::Newest));
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let refused: [fn(&mut SearchParams); 6] = [
        |wanted| wanted.q = Some("x".repeat(201)),
        |wanted| wanted.sort = Some(Sort::Price),
        |wanted| wanted.price_min = Some(1),
        |wanted| wanted.currency = Some("DOLLARS".into()),
        |wanted| wanted.attributes = Some("Material".into()),
        |wanted| wanted.sort = Some(Sort::Relevance),
    ];
    for (nth, change) in refused.into_iter().enumerate() {
        assert_eq!(read(change).unwrap_err().status(), 400, "{nth}");
    }
}

#[test]
fn a_word_in_the_title_counts_above_tags_above_attributes_above_the_description() {
    let wanted = vec!["wool".to_owned()];
    let score = |change: fn(&mut serde_json::Value)| relevance(&product(change), &wanted);
    let title = score(|body| body["title"] = json!("Wool cap red"));
    let beginning = score(|body| body["title"] = json!("Woollen cap red"));
    let tag = score(|body| body["tags"] = json!(["wool"]));
    let attribute = score(|body| body["attributes"] = json!({"Material": "wool"}));
    let description = score(|body| body["description"] = json!("Made of wool."));
    let nothing = score(|_| {});
    let all = [title, beginning, tag, attribute, description, nothing];
    assert!(all.is_sorted_by(|more, less| more > less), "{all:?}");
}

#[test]
fn the_lowest_price_counts_in_each_currency() {
    let shirt = product(|body| {
        body["options"] = json!([{"name": "Size", "values": ["S", "M"]}]);
        body["variants"] = json!([
            {"sku": "S", "options": {"Size": "S"},
             "prices": [{"amount": 900, "currency": "USD"}, {"amount": 700, "currency": "EUR"}]},
            {"sku": "M", "options": {"Size": "M"}, "prices": [{"amount": 800, "currency": "USD"}]}
        ]);
    });
    let lowest: BTreeMap<String, i64> =
        lowest_prices(&shirt).into_iter().map(|(currency, amount)| (currency.to_string(), amount)).collect();
    assert_eq!(lowest, BTreeMap::from([("EUR".to_owned(), 700), ("USD".to_owned(), 800)]));
}

#[test]
fn a_place_of_one_order_is_none_of_another() {
    let id: ProductId = Id::new(Timestamp::now());
    let places = [Cursor::Newest(id), Cursor::Title("a".into(), id), Cursor::Price(1, id), Cursor::Relevance(3)];
    let sorts = [Sort::Newest, Sort::Title, Sort::Price, Sort::Relevance];
    for (nth, place) in places.iter().enumerate() {
        for (other, sort) in sorts.iter().enumerate() {
            assert_eq!(place.is_of(*sort), nth == other);
        }
    }
}
