use http::header::AUTHORIZATION;
use serde_json::json;
use testkit::tokens;
use uuid::Uuid;

use crate::{
    Home, PASSWORD, Shopper,
    carts::{guest, held, mine, put},
    claims, looks,
};

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

#[tokio::test]
async fn a_guests_cart_comes_along_to_their_new_account() {
    let home = Home::open().await;
    let guest = guest();
    put(&home, &guest, "TEE-M", 2).send().await.expect(200);
    put(&home, &guest, "MUG", 1).send().await.expect(200);
    home.register_as(&guest, "ada@example.com").await.expect(202);
    let ada = Shopper::of(&home.login("ada@example.com", PASSWORD).await.expect(200));
    let cart = mine(&home, &ada.access).await.json();
    assert_eq!((held(&cart).as_str(), &cart["version"]), ("MUG=1 TEE-M=2", &json!(1)));
    // From now on it is a cart of its own.
    put(&home, &ada.access, "MUG", 5).send().await.expect(200);
    assert_eq!(held(&mine(&home, &guest).await.json()), "MUG=1 TEE-M=2");
}

/// Neither the answer nor the guest's own cart says whether the address had an account.
#[tokio::test]
async fn a_guest_cannot_tell_by_their_cart_whether_an_address_had_an_account() {
    let home = Home::open().await;
    let bob = home.customer("bob@example.com").await;
    put(&home, &bob.access, "HAT", 1).send().await.expect(200);
    let mut seen = Vec::new();
    for email in ["bob@example.com", "nobody@example.com"] {
        let guest = tokens::guest(Uuid::from_u128(7), "cart orders");
        home.sql("DELETE FROM carts WHERE guest_id IS NOT NULL").await;
        put(&home, &guest, "MUG", 1).send().await.expect(200);
        let answer = home.register_as(&guest, email).await.expect(202);
        let mut cart = mine(&home, &guest).await.json();
        cart["updated_at"].take();
        seen.push((looks(&answer), cart));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(looks(&home.register("late@example.com").await), seen[0].0);
    assert_eq!(held(&mine(&home, &bob.access).await.json()), "HAT=1", "nobody's cart is filled by another");
}

#[tokio::test]
async fn a_registration_with_an_invalid_token_is_refused() {
    let home = Home::open().await;
    let mut expired = tokens::claims(&format!("guest:{}", Uuid::now_v7()), "cart orders");
    expired.exp -= 1_000;
    for header in ["Bearer nonsense", "Basic YTpi", "Bearer", &format!("Bearer {}", tokens::signer().token(&expired))] {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
        let request = home.client.post("/auth/register").header(AUTHORIZATION, header).json(&body);
        let answer = request.send().await.expect(401);
        assert_eq!(answer.problem(), "unauthorized", "{header}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{header}");
    }
    assert_eq!(home.number("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn only_a_guests_cart_comes_along_and_only_what_is_in_it() {
    let home = Home::open().await;
    let bob = home.customer("bob@example.com").await;
    put(&home, &bob.access, "HAT", 1).send().await.expect(200);
    // The token of an account, of a guest who has that account's id, and of a guest without a cart.
    let tokens = [bob.access.clone(), tokens::guest(bob.id, "cart orders"), guest()];
    for (number, token) in tokens.iter().enumerate() {
        let email = format!("ada{number}@example.com");
        home.register_as(token, &email).await.expect(202);
        let ada = Shopper::of(&home.login(&email, PASSWORD).await.expect(200));
        assert_eq!(mine(&home, &ada.access).await.json()["version"], 0);
    }
    assert_eq!(held(&mine(&home, &bob.access).await.json()), "HAT=1");
}
