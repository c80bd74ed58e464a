use http::header::IF_MATCH;
use platform::Service;
use serde_json::json;
use testkit::{Answer, tokens};
use uuid::Uuid;

use crate::{
    Home, PASSWORD,
    carts::{guest, put},
    payment_methods::CardFixture,
};

/// The number of statements that the database executes for a request, which waits for each of them.
async fn trips(home: &Home, act: impl AsyncFn() -> Answer, status: u16) -> usize {
    home.network.take_commands();
    act().await.expect(status);
    home.network.take_commands().len()
}

#[tokio::test]
async fn every_endpoint_takes_as_few_round_trips_as_it_can() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let get = |path: &str, token: &str| home.client.get(path).token(token).send();
    let context = format!("/users/{}/checkout-context", ada.id);
    let service = tokens::service("transaction-service", "checkout:read");
    let address = json!({"name": "Ada", "line1": "1", "city": "London", "country": "GB"});

    // the attempt; begin, account, mail, commit: the same for an address that has an account
    assert_eq!(trips(&home, async || home.register("ada@example.com").await, 202).await, 5);
    // the attempt with the account; the session
    assert_eq!(trips(&home, async || home.login("ada@example.com", PASSWORD).await, 200).await, 2);
    assert_eq!(trips(&home, async || home.login("ada@example.com", "a wrong guess").await, 401).await, 1);
    assert_eq!(trips(&home, async || home.client.post("/auth/guest").send().await, 201).await, 1);
    // the attempt, where a source address is known
    let guest = async || home.client.post("/auth/guest").from("203.0.113.7").send().await;
    assert_eq!(trips(&home, guest, 201).await, 2);
    assert_eq!(trips(&home, async || get("/.well-known/jwks.json", "").await, 200).await, 0);
    assert_eq!(trips(&home, async || get("/.well-known/openid-configuration", "").await, 200).await, 0);
    assert_eq!(trips(&home, async || get("/users/me", &ada.access).await, 200).await, 1);
    assert_eq!(trips(&home, async || get("/users/me/addresses", &ada.access).await, 200).await, 1);
    assert_eq!(trips(&home, async || get(&context, &service).await, 200).await, 1);
    let patch = async || home.client.patch("/users/me").token(&ada.access).json(&json!({"name": "A"})).send().await;
    assert_eq!(trips(&home, patch, 200).await, 1);
    let add = async || home.client.post("/users/me/addresses").token(&ada.access).json(&address).send().await;
    assert_eq!(trips(&home, add, 201).await, 1);
    let one = format!("/users/me/addresses/{}", add().await.json()["id"].as_str().unwrap());
    let delete = || home.client.delete(&one).token(&ada.access).send();
    delete().await.expect(204);
    assert_eq!(trips(&home, async || delete().await, 404).await, 1);
}

#[tokio::test]
async fn every_endpoint_of_carts_takes_one_round_trip() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let guest = guest();
    let reader = tokens::service("transaction-service", "checkout:read");
    let clearer = tokens::service("transaction-service", "carts:clear");
    let cart = format!("/carts/{}", ada.id);
    let ordered = json!({"order_id": Uuid::now_v7(), "lines": [{"sku": "MUG", "quantity": 1}]});

    let get = |path: &str, token: &str| home.client.get(path).token(token).send();
    assert_eq!(trips(&home, async || get("/carts/mine", &ada.access).await, 200).await, 1);
    assert_eq!(trips(&home, async || put(&home, &ada.access, "MUG", 1).send().await, 200).await, 1);
    let stale = async || put(&home, &ada.access, "MUG", 1).header(IF_MATCH, "\"9\"").send().await;
    assert_eq!(trips(&home, stale, 412).await, 1);
    let delete = async || home.client.delete("/carts/mine/items/TEE").token(&ada.access).send().await;
    assert_eq!(trips(&home, delete, 200).await, 1);
    assert_eq!(trips(&home, async || get(&cart, &reader).await, 200).await, 1);
    let clear = async || home.client.post(&format!("{cart}/clear")).token(&clearer).json(&ordered).send().await;
    assert_eq!(trips(&home, clear, 204).await, 1);

    // A guest's cart comes along at no cost: the attempt; begin, account, mail, commit.
    put(&home, &guest, "MUG", 1).send().await.expect(200);
    for _ in 0..2 {
        assert_eq!(trips(&home, async || home.register_as(&guest, "bob@example.com").await, 202).await, 5);
    }
}

#[tokio::test]
async fn every_endpoint_of_payment_methods_takes_as_few_round_trips_as_it_can_beside_those_to_stripe() {
    let CardFixture { home, stripe } = CardFixture::open().await;
    let ada = home.customer("ada@example.com").await;
    let setup = || home.client.post("/users/me/payment-methods/setup").token(&ada.access).send();
    // the account and the attempt; once the customer, too
    assert_eq!(trips(&home, async || setup().await, 201).await, 3);
    assert_eq!(trips(&home, async || setup().await, 201).await, 2);
    let list = async || home.client.get("/users/me/payment-methods").token(&ada.access).send().await;
    assert_eq!(trips(&home, list, 200).await, 1);
    let delete = async || home.client.delete("/users/me/payment-methods/pm_1").token(&ada.access).send().await;
    assert_eq!(trips(&home, delete, 404).await, 1);
    let calls: Vec<_> = stripe.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["POST", "POST", "POST", "GET", "GET"], "customer, setup; setup; list; is it theirs");
}

#[tokio::test]
async fn tokens_take_as_few_round_trips_as_they_can() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    // the token with its session; the step
    assert_eq!(trips(&home, async || home.refresh(&ada.refresh).await, 200).await, 2);
    let token = json!({ "refresh_token": ada.refresh });
    let logout = || home.client.post("/auth/logout").json(&token).send();
    assert_eq!(trips(&home, async || logout().await, 204).await, 1);

    let command = json!({"command": "create_service_client", "name": "transaction-service", "scopes": ["carts:clear"]});
    let secret = home.app.admin(command).await.unwrap()["client_secret"].as_str().unwrap().to_owned();
    let form = format!("grant_type=client_credentials&client_id=transaction-service&client_secret={secret}");
    let ask = async || {
        let request = home.client.post("/oauth/token");
        request.body("application/x-www-form-urlencoded", form.clone()).send().await
    };
    assert_eq!(trips(&home, ask, 200).await, 1);
}
