use serde_json::json;
use uuid::Uuid;

use crate::{Home, Shopper, claims};

#[tokio::test]
async fn a_guest_may_fill_a_cart_and_order_and_nothing_else() {
    let home = Home::open().await;
    let answer = home.client.post("/auth/guest").send().await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let guest = Shopper::of(&answer);
    let said = claims(&guest.access);
    assert_eq!((&said["scope"], &said["sub"]), (&json!("cart orders"), &json!(format!("guest:{}", guest.id))));
    assert_eq!(guest.id.get_version_num(), 7);
    let answer = home.client.get("/users/me").token(&guest.access).send().await.expect(403);
    assert_eq!(answer.problem(), "forbidden");
}

#[tokio::test]
async fn a_guest_outlives_the_access_token_by_refreshing() {
    let home = Home::open().await;
    let guest = Shopper::of(&home.client.post("/auth/guest").send().await.expect(201));
    home.let_pass(3_600).await;
    let later = Shopper::of(&home.refresh(&guest.refresh).await.expect(200));
    assert_eq!(later.id, guest.id);
    assert_eq!(claims(&later.access)["scope"], "cart orders");
}

#[tokio::test]
async fn two_guests_are_not_the_same() {
    let home = Home::open().await;
    let ids: Vec<Uuid> = vec![
        Shopper::of(&home.client.post("/auth/guest").send().await.expect(201)).id,
        Shopper::of(&home.client.post("/auth/guest").send().await.expect(201)).id,
    ];
    assert_ne!(ids[0], ids[1]);
}
