//! The published table of searches, docs/search.md, run on the demo catalogue.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{Shop, staff};

const CATALOGUE: &str = include_str!("../../../crates/xtask/data/catalogue.json");
const TABLE: &str = include_str!("../../../docs/search.md");

async fn load(shop: &Shop) {
    let catalogue: Value = serde_json::from_str(CATALOGUE).unwrap();
    let mut ids = HashMap::<String, Value>::new();
    for category in catalogue["categories"].as_array().unwrap() {
        let parent = category["parent"].as_str().map(|parent| ids[parent].clone());
        let new = json!({"slug": category["slug"], "name": category["name"], "parent_id": parent});
        let made = shop.client.post("/admin/categories").token(&staff()).json(&new).send().await.expect(201).json();
        ids.insert(category["slug"].as_str().unwrap().to_owned(), made["id"].clone());
    }
    for product in catalogue["products"].as_array().unwrap() {
        let mut product = product.clone();
        let fields = product.as_object_mut().unwrap();
        let slugs = fields.remove("categories").unwrap();
        let categories: Vec<&Value> =
            slugs.as_array().unwrap().iter().map(|slug| &ids[slug.as_str().unwrap()]).collect();
        fields.insert("category_ids".into(), json!(categories));
        for variant in fields["variants"].as_array_mut().unwrap() {
            variant.as_object_mut().unwrap().remove("on_hand");
        }
        shop.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201);
    }
}

/// `(query string, how many are found, the slugs of the first)`, from the table's rows.
fn rows() -> Vec<(String, usize, Vec<String>)> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let first = cells[2].split(", ").filter(|slug| !slug.is_empty()).map(str::to_owned).collect();
        (cells[0].trim_matches('`').to_owned(), cells[1].parse().unwrap(), first)
    })
    .collect()
}

/// As a browser writes it.
fn encoded(query: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'&' | b'=' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    query.bytes().map(byte).collect()
}

#[tokio::test]
async fn every_search_of_the_published_table_finds_what_it_says() {
    let shop = Shop::open().await;
    load(&shop).await;
    let rows = rows();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (query, count, first) in rows {
        let path = format!("/products?limit=100&{}", encoded(&query).replace("%5F", "_"));
        let page = shop.client.get(&path).send().await.expect(200).json();
        let found: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap()).collect();
        if found.len() != count || !found.starts_with(&first.iter().map(String::as_str).collect::<Vec<_>>()) {
            wrong.push(format!(
                "| `{query}` | {} | {} |",
                found.len(),
                found.iter().take(4).copied().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    assert!(wrong.is_empty(), "these find something else:\n{}", wrong.join("\n"));
}
