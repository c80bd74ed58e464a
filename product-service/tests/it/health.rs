use std::time::{Duration, Instant};

use common::auth::{FETCH_FLOOR, Keys, Verifier};
use futures_util::{FutureExt, future::join_all};
use product_service::{App, router};
use serde_json::json;
use testkit::{Answer, Client, tokens};

use crate::{Shop, order, quotes::quote, staff};

/// However the database fails, every route says so within three seconds, and works again when it is back.
#[tokio::test]
async fn a_dead_or_hanging_database_is_a_503_in_time_on_every_route() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let held = order();
    shop.reserve(held, &[("A", 1)]).await.expect(200);
    let shop = Shop { client: Client::new(router(shop.app.clone())), ..shop };
    let (images, upload) = (format!("/admin/products/{held}/images"), format!("/uploads/{held}"));
    let image = json!({"content_type": "image/png", "size": 9, "alt": ""});
    for fail in [testkit::Proxy::cut, testkit::Proxy::hang] {
        fail(&shop.network);
        let started = Instant::now();
        let answers = join_all([
            shop.client.get("/products").send().boxed(),
            shop.client.get("/products/a").send().boxed(),
            shop.client.get("/categories").send().boxed(),
            shop.client.get("/inventory/A").token(&staff()).send().boxed(),
            shop.client.put("/inventory/A").token(&staff()).json(&json!({"on_hand": 9})).send().boxed(),
            shop.client.post(&images).token(&staff()).json(&image).send().boxed(),
            shop.client.put(&images).token(&staff()).json(&json!({"images": []})).send().boxed(),
            shop.client.get(&upload).token(&staff()).send().boxed(),
            shop.client.post(&format!("{upload}/complete")).token(&staff()).send().boxed(),
            shop.reserve(order(), &[("A", 1)]).boxed(),
            quote(&shop, "USD", &[("A", 1)]).boxed(),
            shop.commit(held).boxed(),
            shop.release(held).boxed(),
        ])
        .await;
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        for answer in answers {
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unavailable"));
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        shop.network.heal();
        shop.client.get("/products/a").send().await.expect(200);
    }
}

fn dependencies(answer: &Answer) -> serde_json::Value {
    answer.json()["dependencies"].clone()
}

#[tokio::test]
async fn ready_names_each_dependency_that_is_down() {
    let shop = Shop::open().await;
    let ready = shop.client.get("/health/product-service/ready").send().await.expect(200);
    assert_eq!(
        dependencies(&ready),
        json!([{"name": "mongodb", "status": "up"}, {"name": "issuer_keys", "status": "up"}])
    );

    shop.network.cut();
    let down = shop.client.get("/health/product-service/ready").send().await.expect(503);
    assert_eq!(
        dependencies(&down),
        json!([{"name": "mongodb", "status": "down"}, {"name": "issuer_keys", "status": "up"}])
    );
    assert_eq!(down.header("retry-after"), "2");
    shop.client.get("/health/product-service/live").send().await.expect(200);

    shop.network.heal();
    let keys = Keys::fetched("http://127.0.0.1:9/jwks.json", FETCH_FLOOR);
    let verifier = Verifier::new(tokens::ISSUER, tokens::AUDIENCE, keys);
    let lonely = Client::new(router(App { verifier, ..shop.app.clone() }));
    let down = lonely.get("/health/product-service/ready").send().await.expect(503);
    assert_eq!(
        dependencies(&down),
        json!([{"name": "mongodb", "status": "up"}, {"name": "issuer_keys", "status": "down"}])
    );
}

#[tokio::test]
async fn without_the_issuers_keys_public_routes_work_and_others_are_unavailable() {
    let shop = Shop::open().await;
    let keys = Keys::fetched("http://127.0.0.1:9/jwks.json", FETCH_FLOOR);
    let verifier = Verifier::new(tokens::ISSUER, tokens::AUDIENCE, keys);
    let client = Client::new(router(App { verifier, ..shop.app.clone() }));
    client.get("/products").send().await.expect(200);
    let answer = client.get("/inventory/A").token(&staff()).send().await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
}
