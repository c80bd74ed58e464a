use std::time::{Duration, Instant};

use futures_util::{FutureExt, future::join_all};
use serde_json::json;
use testkit::{Proxy, tokens};
use uuid::Uuid;

use crate::{Home, PASSWORD, carts::put};

/// However the database fails, every route that needs it says so within three seconds, and works again when it is back.
#[tokio::test]
async fn a_dead_or_hanging_database_is_a_503_in_time_on_every_route() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let address = json!({"name": "Ada", "line1": "1", "city": "London", "country": "GB"});
    let one = format!("/users/me/addresses/{}", Uuid::now_v7());
    let context = format!("/users/{}/checkout-context", ada.id);
    let service = tokens::service("transaction-service", "checkout:read");
    let cart = format!("/carts/{}", ada.id);
    let clearer = tokens::service("transaction-service", "carts:clear");
    let ordered = json!({"order_id": Uuid::now_v7(), "lines": [{"sku": "MUG", "quantity": 1}]});
    let form = "grant_type=client_credentials&client_id=transaction-service&client_secret=x";
    let token = json!({ "refresh_token": ada.refresh });
    for fail in [Proxy::cut, Proxy::hang] {
        fail(&home.network);
        let started = Instant::now();
        let answers = join_all([
            home.register("bob@example.com").boxed(),
            home.login("ada@example.com", PASSWORD).boxed(),
            home.refresh(&ada.refresh).boxed(),
            home.client.post("/auth/logout").json(&token).send().boxed(),
            home.client.post("/auth/guest").send().boxed(),
            home.client.post("/oauth/token").body("application/x-www-form-urlencoded", form).send().boxed(),
            home.client.get("/users/me").token(&ada.access).send().boxed(),
            home.client.patch("/users/me").token(&ada.access).json(&json!({"name": "A"})).send().boxed(),
            home.client.get("/users/me/addresses").token(&ada.access).send().boxed(),
            home.client.post("/users/me/addresses").token(&ada.access).json(&address).send().boxed(),
            home.client.delete(&one).token(&ada.access).send().boxed(),
            home.client.get(&context).token(&service).send().boxed(),
            home.client.get("/users/me/payment-methods").token(&ada.access).send().boxed(),
            home.client.post("/users/me/payment-methods/setup").token(&ada.access).send().boxed(),
            home.client.delete("/users/me/payment-methods/pm_1").token(&ada.access).send().boxed(),
            home.client.get("/carts/mine").token(&ada.access).send().boxed(),
            put(&home, &ada.access, "MUG", 1).send().boxed(),
            home.client.delete("/carts/mine/items/MUG").token(&ada.access).send().boxed(),
            home.client.get(&cart).token(&service).send().boxed(),
            home.client.post(&format!("{cart}/clear")).token(&clearer).json(&ordered).send().boxed(),
        ])
        .await;
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        for answer in answers {
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unavailable"));
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        home.client.get("/.well-known/jwks.json").send().await.expect(200);
        home.network.heal();
        home.client.get("/users/me").token(&ada.access).send().await.expect(200);
    }
}

#[tokio::test]
async fn ready_names_each_dependency_that_is_down_and_says_so_in_time() {
    let home = Home::open().await;
    let ready = || home.client.get("/health/user-service/ready").send();
    let up = ready().await.expect(200).json();
    let both = json!([{"name": "postgres", "status": "up"}, {"name": "signing_keys", "status": "up"}]);
    assert_eq!((&up["service"], &up["dependencies"]), (&json!("user-service"), &both));
    for fail in [Proxy::cut, Proxy::hang] {
        fail(&home.network);
        let started = Instant::now();
        let down = ready().await.expect(503);
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        assert_eq!(down.json()["dependencies"][0], json!({"name": "postgres", "status": "down"}));
        assert_eq!(down.json()["dependencies"][1], json!({"name": "signing_keys", "status": "up"}));
        assert_eq!(down.header("retry-after"), "2");
        home.client.get("/health/user-service/live").send().await.expect(200);
    }
    home.network.heal();
    ready().await.expect(200);
}
