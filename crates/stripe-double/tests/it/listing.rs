//! Lists, their pages, and search.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stripe_double::Options;

use crate::support::{Fixture, id};

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(id).collect()
}

/// So many customers, newest first.
async fn customers(fixture: &Fixture, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.insert(0, fixture.customer().await);
    }
    made
}

#[tokio::test]
async fn a_list_is_read_page_by_page_newest_first() {
    let fixture = Fixture::open().await;
    let all = customers(&fixture, 7).await;
    let first = fixture.read("customers?limit=3").await;
    assert_eq!((ids(&first), &first["has_more"]), (all[..3].to_vec(), &json!(true)));
    assert_eq!((&first["object"], &first["url"]), (&json!("list"), &json!("/v1/customers")));
    let second = fixture.read(&format!("customers?limit=3&starting_after={}", all[2])).await;
    assert_eq!((ids(&second), &second["has_more"]), (all[3..6].to_vec(), &json!(true)));
    let last = fixture.read(&format!("customers?limit=3&starting_after={}", all[5])).await;
    assert_eq!((ids(&last), &last["has_more"]), (all[6..].to_vec(), &json!(false)));
    let whole = fixture.read("customers").await;
    assert_eq!((ids(&whole), &whole["has_more"]), (all, &json!(false)));
}

#[tokio::test]
async fn ending_before_gives_those_directly_newer() {
    let fixture = Fixture::open().await;
    let all = customers(&fixture, 7).await;
    let page = fixture.read(&format!("customers?limit=3&ending_before={}", all[5])).await;
    assert_eq!((ids(&page), &page["has_more"]), (all[2..5].to_vec(), &json!(true)));
    let page = fixture.read(&format!("customers?limit=3&ending_before={}", all[2])).await;
    assert_eq!((ids(&page), &page["has_more"]), (all[..2].to_vec(), &json!(false)));
    let page = fixture.read(&format!("customers?ending_before={}", all[0])).await;
    assert_eq!(ids(&page), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_without_limit_has_ten() {
    let fixture = Fixture::open().await;
    let all = customers(&fixture, 11).await;
    let page = fixture.read("customers").await;
    assert_eq!((ids(&page), &page["has_more"]), (all[..10].to_vec(), &json!(true)));
}

#[tokio::test]
async fn wrong_pages_are_refused() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    for limit in ["0", "101", "-1", "ten"] {
        let refusal = fixture.get(&format!("customers?limit={limit}")).await.refusal();
        assert_eq!(refusal, (json!("parameter_invalid_integer"), json!("limit")), "{limit}");
    }
    let unknown = fixture.get("customers?starting_after=cus_x").await.refusal();
    assert_eq!(unknown, (json!("resource_missing"), json!("starting_after")));
    let both = fixture.get(&format!("customers?starting_after={customer}&ending_before={customer}")).await;
    assert_eq!(both.status, 400);
}

#[tokio::test]
async fn events_are_filtered_by_type_and_time() {
    let fixture = Fixture::open().await;
    let intent = fixture.paid("pm_card_visa").await;
    let types = async |query: &str| {
        let page = fixture.read(&format!("events?{query}")).await;
        let types = page["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned());
        types.collect::<Vec<_>>()
    };
    assert_eq!(types("type=charge.succeeded").await, ["charge.succeeded"]);
    assert_eq!(types("type=payment_intent.*").await, ["payment_intent.succeeded", "payment_intent.created"]);
    let two = "types[]=charge.succeeded&types[]=payment_intent.created";
    assert_eq!(types(two).await, ["charge.succeeded", "payment_intent.created"]);
    fixture.double.advance(std::time::Duration::from_mins(1));
    fixture.customer().await;
    let later = intent["created"].as_i64().unwrap() + 30;
    assert_eq!(types(&format!("created[gte]={later}")).await, ["customer.created"]);
    assert_eq!(types(&format!("created[lt]={later}")).await.len(), 3);
    let at = intent["created"].as_i64().unwrap();
    assert_eq!(types(&format!("created[gt]={}&created[lte]={later}", at - 1)).await.len(), 3);
}

#[tokio::test]
async fn a_cursor_need_not_be_in_the_filtered_list() {
    let fixture = Fixture::open().await;
    fixture.paid("pm_card_visa").await;
    let first = id(&fixture.read("events?type=payment_intent.created").await["data"][0]);
    fixture.customer().await;
    let newer = fixture.read(&format!("events?type=customer.created&ending_before={first}")).await;
    assert_eq!(newer["data"][0]["type"], "customer.created");
}

#[tokio::test]
async fn a_reader_who_asks_for_what_is_newer_misses_nothing() {
    let fixture = Fixture::open().await;
    fixture.customer().await;
    let mut last = id(&fixture.read("events").await["data"][0]);
    customers(&fixture, 5).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let page = fixture.read(&format!("events?limit=2&ending_before={last}")).await;
        seen.push(page["data"].as_array().unwrap().len());
        last = page["data"].get(0).map_or(last, id);
    }
    assert_eq!(seen, [2, 2, 1, 0]);
}

#[tokio::test]
async fn a_customers_cards_are_listed_both_ways() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let (first, second) =
        (fixture.saved(&customer, "pm_card_visa").await, fixture.saved(&customer, "pm_card_mastercard").await);
    fixture.saved(&fixture.customer().await, "pm_card_visa").await;
    for path in [format!("payment_methods?customer={customer}"), format!("customers/{customer}/payment_methods?")] {
        assert_eq!(ids(&fixture.read(&path).await), [second.clone(), first.clone()], "{path}");
        let page = fixture.read(&format!("{path}&limit=1&starting_after={second}")).await;
        assert_eq!((ids(&page), &page["has_more"]), (vec![first.clone()], &json!(false)));
        assert_eq!(ids(&fixture.read(&format!("{path}&type=us_bank_account")).await), Vec::<String>::new());
    }
    assert_eq!(fixture.get("payment_methods").await.refusal().0, json!("parameter_missing"));
    assert_eq!(fixture.get("customers/cus_x/payment_methods").await.status, 404);
}

#[tokio::test]
async fn charges_and_payments_are_listed_by_customer_and_payment() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, "pm_card_visa").await;
    let form = [("customer", customer.as_str()), ("payment_method", &card), ("confirm", "true")];
    let paid = fixture.intent(&form).send().await.expect(200);
    fixture.paid("pm_card_visa").await;
    assert_eq!(ids(&fixture.read(&format!("payment_intents?customer={customer}")).await), [id(&paid)]);
    let charge = paid["latest_charge"].as_str().unwrap();
    assert_eq!(ids(&fixture.read(&format!("charges?customer={customer}")).await), [charge]);
    assert_eq!(ids(&fixture.read(&format!("charges?payment_intent={}", id(&paid))).await), [charge]);
    assert_eq!(ids(&fixture.read("charges").await).len(), 2);
}

#[tokio::test]
async fn payments_are_found_by_their_metadata() {
    let fixture = Fixture::open().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, id(&fixture.intent(&[("metadata[order]", "it's 7")]).send().await.expect(200)));
    }
    fixture.intent(&[("metadata[order]", "8")]).send().await.expect(200);
    let query = "query=metadata%5B%27order%27%5D%3A%27it%5C%27s%207%27";
    let first = fixture.read(&format!("payment_intents/search?limit=2&{query}")).await;
    assert_eq!((&first["object"], &first["has_more"]), (&json!("search_result"), &json!(true)));
    assert_eq!(ids(&first), made[..2]);
    let next = first["next_page"].as_str().unwrap();
    let second = fixture.read(&format!("payment_intents/search?limit=2&{query}&page={next}")).await;
    assert_eq!((ids(&second), &second["next_page"]), (made[2..].to_vec(), &Value::Null));
    let nothing = fixture.read("payment_intents/search?query=metadata['order']:'9'").await;
    assert_eq!(nothing["data"], json!([]));
    assert_eq!(fixture.get("payment_intents/search?query=amount>5").await.refusal().1, json!("query"));
}

#[tokio::test]
async fn search_finds_a_payment_once_its_index_has_caught_up() {
    let fixture = Fixture::with(Options { search_lag: Duration::from_mins(1), ..Options::default() }).await;
    let intent = fixture.intent(&[("metadata[order]", "7")]).send().await.expect(200);
    let found = async || ids(&fixture.read("payment_intents/search?query=metadata['order']:'7'").await);
    assert_eq!(found().await, Vec::<String>::new());
    assert_eq!(ids(&fixture.read("payment_intents").await), [id(&intent)], "lists do not lag behind");
    fixture.double.advance(Duration::from_secs(59));
    assert_eq!(found().await, Vec::<String>::new());
    fixture.double.advance(Duration::from_secs(1));
    assert_eq!(found().await, [id(&intent)]);
    fixture.control(Method::POST, "search", json!({"lag_seconds": 3600})).await.expect(200);
    assert_eq!(found().await, Vec::<String>::new());
}
