use e2e::{Owner, PASSWORD, Shop, configure};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::tokens::{Signer, signing_key_base64};
use uuid::Uuid;

async fn a_shop_that_sells(units: i64) -> (Shop, String) {
    let shop = Shop::open().await;
    Box::pin(sells(shop, units)).await
}

async fn sells(shop: Shop, units: i64) -> (Shop, String) {
    let staff = shop.admin().await;
    let product = json!({
        "title": "Vacuum flask", "slug": "vacuum-flask", "description": "", "status": "active", "category_ids": [],
        "options": [], "variants": [{"sku": "FLASK", "options": {}, "prices": [{"amount": 2900, "currency": "USD"}]}]
    });
    shop.ask(Method::POST, "/admin/products", &staff, Some(product)).await;
    shop.stock(&staff, "FLASK", units).await;
    (shop, staff)
}

#[tokio::test]
async fn a_shopper_registers_logs_in_finds_a_product_and_a_service_reserves_it_for_them() {
    let (shop, staff) = Box::pin(a_shop_that_sells(3)).await;
    let ada = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    assert_eq!(shop.send(Method::POST, "/auth/register", None, Some(ada)).await.0, 202);
    let token = shop.log_in("ada@example.com", PASSWORD).await;
    let me = shop.get("/users/me", &token).await;

    let found = shop.get("/products", &token).await["items"][0].clone();
    assert_eq!(found["slug"], "vacuum-flask");
    let sku = found["variants"][0]["sku"].as_str().unwrap();

    let service = shop.service_token().await;
    let context = shop.get(&format!("/users/{}/checkout-context", me["id"].as_str().unwrap()), &service).await;
    assert_eq!(context["email"], "ada@example.com");
    let path = format!("/inventory/reservations/{}", Uuid::now_v7());
    let order = json!({"currency": "USD", "lines": [{"sku": sku, "quantity": 2}]});
    let (status, held) = shop.send(Method::PUT, &path, Some(&service), Some(order)).await;
    assert_eq!((status, &held["lines"][0]["unit_price"]["amount"]), (200, &json!(2900)), "{held}");
    let stock = shop.get("/inventory/FLASK", &staff).await;
    assert_eq!((&stock["on_hand"], &stock["reserved"], &stock["available"]), (&json!(3), &json!(2), &json!(1)));
}

#[tokio::test]
async fn a_token_opens_only_what_its_role_allows_whichever_service_looks_at_it() {
    let (shop, staff) = Box::pin(a_shop_that_sells(3)).await;
    let (status, guest) = shop.send(Method::POST, "/auth/guest", None, None).await;
    assert_eq!(status, 201, "{guest}");
    let guest = guest["access_token"].as_str().unwrap().to_owned();
    let service = shop.service_token().await;
    let order = json!({"currency": "USD", "lines": [{"sku": "FLASK", "quantity": 1}]});
    let reservation = format!("/inventory/reservations/{}", Uuid::now_v7());
    let requests: [(Method, &str, &str, Option<Value>); 6] = [
        (Method::GET, "/users/me", &guest, None),
        (Method::GET, "/users/me", &service, None),
        (Method::GET, "/inventory/FLASK", &service, None),
        (Method::PUT, "/inventory/FLASK", &guest, Some(json!({"on_hand": 9}))),
        (Method::POST, "/admin/categories", &service, Some(json!({"slug": "a", "name": "A"}))),
        (Method::PUT, &reservation, &staff, Some(order)),
    ];
    for (method, path, token, body) in requests {
        let (status, problem) = shop.send(method.clone(), path, Some(token), body).await;
        assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{method} {path}: {problem}");
    }
}

/// Has user-service run with these keys, as after a deployment; answers the ids that it publishes.
async fn sign_with(shop: &Shop, keys: &[&str]) -> Vec<String> {
    let mut settings = shop.settings.clone();
    settings.retain(|(name, _)| *name != "SIGNING_KEYS");
    settings.push(("SIGNING_KEYS", keys.join(",")));
    shop.gateway.serve(Owner::Users, configure::<user_service::App>(&settings));
    let (status, published) = shop.send(Method::GET, "/.well-known/jwks.json", None, None).await;
    assert_eq!(status, 200, "{published}");
    published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// A token's header: it names the key that signed.
fn header(token: &str) -> &str {
    token.split_once('.').unwrap().0
}

#[tokio::test]
async fn signing_keys_are_replaced_while_tokens_of_both_are_good_at_every_service_until_the_old_key_is_withdrawn() {
    let (old, new) = (signing_key_base64(), Signer::generate().base64());
    // Published before it signs: product-service fetches the keys once in ten minutes.
    let (shop, before) = Box::pin(sells(Shop::open_with(&[("SIGNING_KEYS", &format!("{old},{new}"))]).await, 3)).await;
    let service = shop.service_token().await;
    let published = sign_with(&shop, &[&new, &old]).await;
    let after = shop.admin().await;
    assert_ne!(header(&before), header(&after));
    assert_eq!(header(&before), header(&service));
    for token in [&before, &after] {
        shop.get("/users/me", token).await;
        shop.stock(token, "FLASK", 5).await;
    }
    let order = json!({"currency": "USD", "lines": [{"sku": "FLASK", "quantity": 1}]});
    for token in [&service, &shop.service_token().await] {
        let path = format!("/inventory/reservations/{}", Uuid::now_v7());
        shop.ask(Method::PUT, &path, token, Some(order.clone())).await;
    }

    let left = sign_with(&shop, &[&new]).await;
    assert_eq!((published.len(), &published[..1]), (2, &left[..]), "the new key is published first, and then alone");
    assert_eq!(shop.send(Method::GET, "/users/me", Some(&before), None).await.0, 401);
    shop.get("/users/me", &after).await;
    shop.stock(&after, "FLASK", 6).await;
    assert_eq!(header(&after), header(&shop.admin().await));
}

#[tokio::test]
async fn all_four_services_are_ready_behind_one_address() {
    let shop = Shop::open().await;
    for service in ["user-service", "product-service", "transaction-service", "notification-service"] {
        let (status, health) = shop.send(Method::GET, &format!("/health/{service}/ready"), None, None).await;
        assert_eq!((status, &health["service"], &health["status"]), (200, &json!(service), &json!("up")), "{health}");
    }
}
