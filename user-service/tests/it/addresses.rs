use serde_json::{Value, json};
use testkit::Answer;
use uuid::Uuid;

use crate::Home;

fn address(line1: &str) -> Value {
    json!({"name": "Ada Lovelace", "line1": line1, "city": "London", "country": "GB"})
}

async fn add(home: &Home, token: &str, address: &Value) -> Answer {
    home.client.post("/users/me/addresses").token(token).json(address).send().await
}

async fn delete(home: &Home, token: &str, id: &str) -> Answer {
    home.client.delete(&format!("/users/me/addresses/{id}")).token(token).send().await
}

async fn list(home: &Home, token: &str, query: &str) -> Value {
    home.client.get(&format!("/users/me/addresses{query}")).token(token).send().await.expect(200).json()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_address_is_added_read_and_deleted() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let whole = json!({
        "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": "Flat 1", "city": "London", "region": "Greater London",
        "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+44 20 7946 0123", "is_default": false
    });
    let answer = add(&home, &ada.access, &whole).await.expect(201);
    let added = answer.json();
    let id = text(&added["id"]);
    assert_eq!(answer.header("location"), format!("/users/me/addresses/{id}"));
    assert_eq!((&added["phone"], &added["region"]), (&json!("+442079460123"), &json!("Greater London")));
    assert_eq!(list(&home, &ada.access, "").await, json!({"items": [added], "next_cursor": null}));
    assert!(delete(&home, &ada.access, &id).await.expect(204).body.is_empty());
    assert_eq!(list(&home, &ada.access, "").await["items"], json!([]));
    assert_eq!(delete(&home, &ada.access, &id).await.expect(404).problem(), "not_found");
}

#[tokio::test]
async fn at_most_one_address_is_the_default() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let defaults = async || -> Vec<bool> {
        let page = list(&home, &ada.access, "").await;
        page["items"].as_array().unwrap().iter().map(|item| item["is_default"].as_bool().unwrap()).collect()
    };
    let first = add(&home, &ada.access, &address("1")).await.expect(201).json();
    assert_eq!(first["is_default"], true);
    assert_eq!(add(&home, &ada.access, &address("2")).await.expect(201).json()["is_default"], false);
    let mut third = address("3");
    third["is_default"] = json!(true);
    let third = add(&home, &ada.access, &third).await.expect(201).json();
    assert_eq!(third["is_default"], true);
    assert_eq!(defaults().await, [false, false, true]);
    delete(&home, &ada.access, &text(&third["id"])).await.expect(204);
    assert_eq!(defaults().await, [false, false]);
    add(&home, &ada.access, &address("4")).await.expect(201);
    assert_eq!(defaults().await, [false, false, true]);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_oldest_first() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    for line in ["1", "2", "3", "4", "5"] {
        add(&home, &ada.access, &address(line)).await.expect(201);
    }
    let (mut query, mut seen) = ("?limit=2".to_owned(), Vec::new());
    for _ in 0..3 {
        let page = list(&home, &ada.access, &query).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["line1"])));
        if let Some(cursor) = page["next_cursor"].as_str() {
            query = format!("?limit=2&cursor={cursor}");
        } else {
            query.clear();
        }
    }
    assert_eq!((seen.join(""), query.as_str()), ("12345".to_owned(), ""));
}

#[tokio::test]
async fn a_made_up_cursor_of_addresses_is_refused_or_read_and_never_fails() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    for line in ["1", "2"] {
        add(&home, &ada.access, &address(line)).await.expect(201);
    }
    let cursor = text(&list(&home, &ada.access, "?limit=1").await["next_cursor"]);
    let list =
        |cursor: &str| home.client.get(&format!("/users/me/addresses?limit=1&cursor={cursor}")).token(&ada.access);
    testkit::cursors::assert_safe(&cursor, list).await;
}

#[tokio::test]
async fn a_user_has_fifty_addresses_at_most_however_many_are_added_at_once() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let bob = home.customer("bob@example.com").await;
    for n in 0..48 {
        add(&home, &ada.access, &address(&n.to_string())).await.expect(201);
    }
    let adding: Vec<_> = (0..8)
        .map(|_| tokio::spawn(home.client.post("/users/me/addresses").token(&ada.access).json(&address("last")).send()))
        .collect();
    let mut added = 0;
    for answer in adding {
        let answer = answer.await.unwrap();
        if answer.status == 201 {
            added += 1;
        } else {
            assert_eq!(answer.expect(409).problem(), "too_many_addresses");
        }
    }
    assert_eq!((added, home.number("SELECT count(*) FROM addresses").await), (2, 50));
    add(&home, &bob.access, &address("bob's")).await.expect(201);
    let id = text(&list(&home, &ada.access, "?limit=1").await["items"][0]["id"]);
    delete(&home, &ada.access, &id).await.expect(204);
    add(&home, &ada.access, &address("again")).await.expect(201);
}

#[tokio::test]
async fn a_user_cannot_see_or_delete_the_addresses_of_another() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let eve = home.customer("eve@example.com").await;
    let id = text(&add(&home, &ada.access, &address("1")).await.expect(201).json()["id"]);
    assert_eq!(list(&home, &eve.access, "").await["items"], json!([]));
    let of_another = delete(&home, &eve.access, &id).await;
    let of_nobody = delete(&home, &eve.access, &Uuid::now_v7().to_string()).await;
    assert_eq!(of_another.problem(), "not_found");
    assert_eq!(crate::looks(&of_another), crate::looks(&of_nobody));
    assert_eq!(list(&home, &ada.access, "").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(home.number("SELECT address_count::bigint FROM users WHERE email = 'ada@example.com'").await, 1);
}

#[tokio::test]
async fn the_database_itself_refuses_another_users_address_as_default() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    home.register("eve@example.com").await.expect(202);
    add(&home, &ada.access, &address("1")).await.expect(201);
    let mut connection = home.postgres.connect().await;
    let steal = "UPDATE users SET default_address_id = (SELECT id FROM addresses) WHERE email = 'eve@example.com'";
    let error = sqlx::query(steal).execute(&mut connection).await.unwrap_err();
    assert_eq!(platform::postgres::violated(&error), Some("users_default_address"));
}

#[tokio::test]
async fn every_bad_field_of_an_address_is_named_at_once() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let body = json!({"name": "", "line1": "a\nb", "country": "UK", "phone": "12", "is_default": 1, "zip": "1"});
    let mut fields = add(&home, &ada.access, &body).await.expect(422).refused_fields();
    fields.sort();
    let expected = [
        "/city missing",
        "/country unknown_country",
        "/is_default wrong_type",
        "/line1 control_character",
        "/name too_short",
        "/phone too_short",
        "/zip unknown_field",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn an_address_in_kosovo_is_taken_and_one_that_holds_a_link_or_cannot_be_seen_is_not() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let mut pristina = address("Am Bahnhof 3.OG");
    pristina["country"] = json!("XK");
    assert_eq!(add(&home, &ada.access, &pristina).await.expect(201).json()["country"], "XK");
    for member in ["name", "line1", "line2", "city", "region", "postal_code"] {
        for (text, code) in [
            ("bit.ly/x", "web_address"),
            ("www.evil.zip", "web_address"),
            ("\u{3164}", "invisible_character"),
            ("\u{2800}", "nothing_visible"),
            ("A\u{2028}B", "invisible_character"),
        ] {
            let mut body = address("1");
            body[member] = json!(text);
            let answer = add(&home, &ada.access, &body).await.expect(422);
            assert_eq!(answer.refused_fields(), [format!("/{member} {code}")], "{text:?}");
        }
    }
    let before = list(&home, &ada.access, "").await;
    // What an earlier rule let in stays readable.
    home.sql("UPDATE addresses SET line1 = 'bit.ly/x', name = U&'Ada\\200B'").await;
    let after = list(&home, &ada.access, "").await;
    assert_eq!(
        (&after["items"][0]["line1"], &after["items"][0]["id"]),
        (&json!("bit.ly/x"), &before["items"][0]["id"])
    );
    let service = testkit::tokens::service("transaction-service", "checkout:read");
    let context = format!("/users/{}/checkout-context", ada.id);
    home.client.get(&context).token(&service).send().await.expect(200);
}
