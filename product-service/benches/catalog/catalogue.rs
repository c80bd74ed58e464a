//! A catalogue as a shop could have it, the same for the same seed.

use std::time::Duration;

use common::{input::Fields, timestamp::Timestamp};
use product_service::{
    App,
    categories::{self, domain::Tree},
    products::{
        domain::{NewProduct, Product},
        store,
    },
};
use serde_json::{Value, json};
use testkit::{Client, tokens};
use uuid::Uuid;

/// Of more, what stands in for MongoDB makes transactions that its cache may not hold.
const BATCH: usize = 100;
/// Top categories, with as many in each.
const CATEGORIES: usize = 8;

const KINDS: [&str; 24] = [
    "mug", "kettle", "blanket", "knife", "notebook", "lamp", "apron", "teapot", "shirt", "scarf", "basket", "clock",
    "vase", "towel", "pillow", "jacket", "bowl", "candle", "rucksack", "pen", "chair", "rug", "tray", "flask",
];
const MATERIALS: [&str; 12] = [
    "stoneware",
    "steel",
    "cotton",
    "linen",
    "wool",
    "oak",
    "glass",
    "brass",
    "leather",
    "bamboo",
    "enamel",
    "porcelain",
];
const COLOURS: [&str; 10] = ["red", "blue", "grey", "navy", "white", "black", "sand", "olive", "rust", "sage"];
const STYLES: [&str; 16] = [
    "Washed",
    "Heavy",
    "Small",
    "Large",
    "Folding",
    "Hand-made",
    "Everyday",
    "Nordic",
    "Striped",
    "Double-walled",
    "Pocket",
    "Garden",
    "Kitchen",
    "Travel",
    "Classic",
    "Crème",
];
const TAGS: [&str; 20] = [
    "gift",
    "kitchen",
    "outdoor",
    "office",
    "bath",
    "bedroom",
    "summer",
    "winter",
    "organic",
    "vegan",
    "new",
    "sale",
    "bestseller",
    "handmade",
    "recycled",
    "limited",
    "dishwasher safe",
    "for children",
    "travel",
    "local",
];
const MAKERS: [&str; 8] = ["Nordlys", "Weft", "Kiln & Co", "Fjord", "Ostra", "Halden", "Bodega", "Marée"];
const PROSE: [&str; 32] = [
    "made", "for", "daily", "use", "and", "long", "life", "with", "care", "from", "a", "family", "workshop", "that",
    "keeps", "warm", "holds", "its", "shape", "after", "many", "washes", "easy", "to", "clean", "soft", "on", "hands",
    "in", "every", "light", "season",
];

/// What is in it, for questions about it.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// Of products on sale.
    pub(crate) slugs: Vec<String>,
    /// Ids of categories without others in them.
    pub(crate) categories: Vec<String>,
}

impl Catalogue {
    /// Makes categories by the API, and products as the API makes them, saved many at a time.
    pub(crate) async fn fill(app: &App, client: &Client, size: usize, seed: u64) -> Self {
        let categories = make_categories(client).await;
        let tree: Tree = categories::store::tree(&app.db).await.unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        let opened = Timestamp::now().minus(Duration::from_hours(24 * 365));
        let mut slugs = Vec::with_capacity(size);
        for start in (0..size).step_by(BATCH) {
            let mut batch = Vec::with_capacity(BATCH);
            for nth in start..size.min(start + BATCH) {
                let new: NewProduct = Fields::read(describe(nth, &categories, &mut random)).unwrap();
                let made = opened.plus(Duration::from_mins(1) * u32::try_from(nth).unwrap());
                batch.push(Product::create(new, made));
            }
            let on_sale = batch.iter().filter(|product| product.is_on_sale());
            slugs.extend(on_sale.map(|product| product.slug.to_string()));
            store::insert_all(&app.db, &batch, &tree).await.unwrap();
        }
        Self { slugs, categories }
    }
}

async fn make_categories(client: &Client) -> Vec<String> {
    let staff = tokens::user(Uuid::from_u128(1), "catalog:write");
    let make = async |slug: String, parent: Option<Value>| -> Value {
        let new = json!({ "slug": slug, "name": slug, "parent_id": parent });
        client.post("/admin/categories").token(&staff).json(&new).send().await.expect(201).json()["id"].clone()
    };
    let mut leaves = Vec::new();
    for top in 0..CATEGORIES {
        let parent = make(format!("c-{top}"), None).await;
        for below in 0..CATEGORIES {
            leaves.push(make(format!("c-{top}-{below}"), Some(parent.clone())).await.as_str().unwrap().to_owned());
        }
    }
    leaves
}

/// As staff would send it: some one to six variants, some eight attributes and options, one in twenty a draft.
fn describe(nth: usize, categories: &[String], random: &mut fastrand::Rng) -> Value {
    let mut one = |of: &[&'static str]| of[random.usize(..of.len())];
    let (style, material, kind, colour) = (one(&STYLES), one(&MATERIALS), one(&KINDS), one(&COLOURS));
    let (second, maker) = (one(&COLOURS), one(&MAKERS));
    let mut tags = [one(&TAGS), one(&TAGS), one(&TAGS)].to_vec();
    tags.truncate(1 + nth % 3);
    let words = 20 + random.usize(..40);
    let description: Vec<&str> = (0..words).map(|_| PROSE[random.usize(..PROSE.len())]).collect();
    let sizes = ["S", "M", "L", "XL", "XXL", "One"];
    let sizes = &sizes[..random.usize(1..=sizes.len())];
    let price = random.i64(300..20_000);
    let variants: Vec<Value> = sizes
        .iter()
        .enumerate()
        .map(|(step, size)| {
            let amount = price + 100 * i64::try_from(step).unwrap();
            json!({
                "sku": format!("P{nth}-{}", size.to_uppercase()), "options": { "Size": size },
                "prices": [{ "amount": amount, "currency": "USD" }], "weight_grams": random.i64(50..5_000)
            })
        })
        .collect();
    json!({
        "title": format!("{style} {material} {kind} {nth}"), "slug": format!("{material}-{kind}-{nth}"),
        "description": description.join(" "), "brand": format!("{maker} {}", random.usize(1..=20)), "tags": tags,
        "attributes": {
            "Material": material, "Colours": if colour == second { vec![colour] } else { vec![colour, second] },
            "Grams": random.i64(50..5_000), "Organic": random.bool(), "Year": random.i64(1990..2027)
        },
        "status": if nth % 20 == 13 { "draft" } else { "active" },
        "category_ids": [categories[random.usize(..categories.len())]],
        "options": [{ "name": "Size", "values": sizes }], "variants": variants
    })
}

/// Any one of a list.
pub(crate) fn any<'a, T>(of: &'a [T], random: &mut fastrand::Rng) -> &'a T {
    &of[random.usize(..of.len())]
}

/// Words of many products: a material and a kind.
pub(crate) fn words(random: &mut fastrand::Rng) -> (&'static str, &'static str) {
    (*any::<&'static str>(&MATERIALS, random), *any::<&'static str>(&KINDS, random))
}
