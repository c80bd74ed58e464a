use serde_json::json;
use testkit::tokens;
use uuid::Uuid;

use crate::{Home, carts::put};

fn path(id: Uuid) -> String {
    format!("/users/{id}/checkout-context")
}

fn service() -> String {
    tokens::service("transaction-service", "checkout:read")
}

#[tokio::test]
async fn a_checkout_learns_whom_and_where_to_send() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let context = home.client.get(&path(ada.id)).token(&service()).send().await.expect(200).json();
    let expected = json!({
        "user_id": ada.id, "email": "ada@example.com", "name": "Ada Lovelace", "disabled": false, "addresses": [],
        "default_address_id": null, "stripe_customer_id": null, "notify_by": ["email"], "phone": null,
        "cart": {"version": 0, "items": []}
    });
    assert_eq!(context, expected);
    for line in ["1", "2"] {
        let address = json!({"name": "Ada", "line1": line, "city": "London", "country": "GB"});
        home.client.post("/users/me/addresses").token(&ada.access).json(&address).send().await.expect(201);
    }
    let listed = home.client.get("/users/me/addresses").token(&ada.access).send().await.json();
    let context = home.client.get(&path(ada.id)).token(&service()).send().await.expect(200).json();
    assert_eq!(context["addresses"], listed["items"]);
    assert_eq!(context["default_address_id"], listed["items"][0]["id"]);
    let cart = put(&home, &ada.access, "TEE-M", 2).send().await.expect(200).json();
    home.sql("UPDATE users SET stripe_customer_id = 'cus_123'").await;
    let context = home.client.get(&path(ada.id)).token(&service()).send().await.expect(200).json();
    assert_eq!(context["cart"], json!({"version": 1, "items": cart["items"]}));
    assert_eq!(context["stripe_customer_id"], "cus_123");
    home.sql("UPDATE users SET disabled_at = now()").await;
    let context = home.client.get(&path(ada.id)).token(&service()).send().await.expect(200).json();
    assert_eq!(context["disabled"], true);
}

#[tokio::test]
async fn a_checkout_learns_the_phone_number_only_of_a_customer_who_agreed_to_text_messages() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let notified = async |patch: serde_json::Value| {
        home.client.patch("/users/me").token(&ada.access).json(&patch).send().await.expect(200);
        let context = home.client.get(&path(ada.id)).token(&service()).send().await.expect(200).json();
        (context["notify_by"].clone(), context["phone"].clone())
    };
    assert_eq!(notified(json!({"phone": "+44 (0)20 7946 0000"})).await, (json!(["email"]), json!(null)));
    let both = (json!(["email", "sms"]), json!("+442079460000"));
    assert_eq!(notified(json!({"notify_by": ["sms", "email"]})).await, both);
    assert_eq!(notified(json!({"notify_by": ["sms"]})).await, (json!(["sms"]), json!("+442079460000")));
    assert_eq!(notified(json!({"notify_by": null})).await, (json!(["email"]), json!(null)));
}

#[tokio::test]
async fn shoppers_cannot_read_a_checkout_context_not_even_their_own() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let answer = home.client.get(&path(ada.id)).token(&ada.access).send().await.expect(403);
    assert_eq!(answer.problem(), "forbidden");
}

#[tokio::test]
async fn a_user_who_does_not_exist_is_not_found() {
    let home = Home::open().await;
    let answer = home.client.get(&path(Uuid::now_v7())).token(&service()).send().await.expect(404);
    assert_eq!(answer.problem(), "not_found");
    let answer = home.client.get("/users/nobody/checkout-context").token(&service()).send().await.expect(400);
    assert_eq!(answer.problem(), "invalid_path");
}
