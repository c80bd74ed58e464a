use platform::Service;
use serde_json::json;

use crate::{
    Home,
    carts::{guest, held, mine, put},
};

#[tokio::test]
async fn a_sweep_deletes_what_has_ended_and_nothing_else() {
    let home = Home::open().await;
    let ended = home.customer("ada@example.com").await;
    home.let_pass(31 * 24 * 60 * 60).await;
    let busy = home.customer("bob@example.com").await;
    home.login("eve@example.com", "a wrong guess").await.expect(401);
    home.login("mallory@example.com", "a wrong guess").await.expect(401);
    home.sql(
        "UPDATE attempts SET window_ends_at = now() - interval '1 s' WHERE ctid = (SELECT min(ctid) FROM attempts)",
    )
    .await;
    home.sql("DELETE FROM outbox").await;
    let swept = home.app.sweep().await.unwrap();
    let expected = json!({
        "service": "user-service", "delivered": 0, "deferred": 0, "given_up": 0, "sessions_deleted": 1,
        "attempts_deleted": 1, "carts_deleted": 0, "clearings_deleted": 0
    });
    assert_eq!(swept, expected);
    home.refresh(&ended.refresh).await.expect(401);
    home.refresh(&busy.refresh).await.expect(200);
    // One guess and two registrations.
    assert_eq!(home.number("SELECT count(*) FROM attempts").await, 3);
    assert_eq!(home.app.sweep().await.unwrap()["sessions_deleted"], 0);
}

#[tokio::test]
async fn a_session_with_more_tokens_than_one_sweep_deletes_is_left_for_the_next() {
    let home = Home::open().await;
    let ended = home.customer("ada@example.com").await;
    home.sql(
        "INSERT INTO refresh_tokens
         SELECT sha256(n::text::bytea), id, 0, created_at FROM sessions, generate_series(1, 10000) n",
    )
    .await;
    home.let_pass(31 * 24 * 60 * 60).await;
    assert_eq!(home.app.sweep().await.unwrap()["sessions_deleted"], 0);
    assert_eq!(home.number("SELECT count(*) FROM refresh_tokens").await, 1);
    home.refresh(&ended.refresh).await.expect(401);
    assert_eq!(home.app.sweep().await.unwrap()["sessions_deleted"], 1);
    assert_eq!(home.number("SELECT count(*) FROM refresh_tokens").await, 0);
}

#[tokio::test]
async fn a_cart_goes_once_no_guest_can_reach_it_and_an_accounts_stays() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let (gone, kept) = (guest(), guest());
    for token in [&ada.access, &gone, &kept] {
        put(&home, token, "MUG", 1).send().await.expect(200);
    }
    home.sql("UPDATE carts SET created_at = now() - interval '99 days', updated_at = now() - interval '91 days'").await;
    put(&home, &kept, "MUG", 2).send().await.expect(200);
    let swept = home.app.sweep().await.unwrap();
    assert_eq!(swept["carts_deleted"], 1);
    assert_eq!(held(&mine(&home, &gone).await.json()), "");
    assert_eq!(held(&mine(&home, &kept).await.json()), "MUG=2");
    assert_eq!(held(&mine(&home, &ada.access).await.json()), "MUG=1");
}

#[tokio::test]
async fn a_version_of_an_owners_cart_never_comes_back() {
    let home = Home::open().await;
    let (token, other) = (guest(), guest());
    let age = "UPDATE carts SET created_at = now() - interval '99 days', updated_at = now() - interval '92 days'";
    let mut seen = Vec::new();
    for _ in 0..3 {
        for quantity in 1..=4 {
            let cart = put(&home, &token, "MUG", quantity).send().await.expect(200).json();
            seen.push(cart["version"].as_i64().unwrap());
        }
        put(&home, &other, "TEE", 1).send().await.expect(200);
        home.sql(age).await;
        let sweeps = tokio::join!(home.app.sweep(), home.app.sweep());
        let deleted = |swept: Result<serde_json::Value, _>| swept.unwrap()["carts_deleted"].as_i64().unwrap();
        assert_eq!(deleted(sweeps.0) + deleted(sweeps.1), 2);
        assert_eq!(mine(&home, &token).await.json()["version"], 0, "an empty cart, of which no order is made");
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    assert_eq!(seen[..4], [1, 2, 3, 4]);
    // What goes no higher takes nothing away.
    put(&home, &guest(), "TEE", 1).send().await.expect(200);
    let last = put(&home, &token, "MUG", 1).send().await.expect(200).json()["version"].as_i64().unwrap();
    assert!(last > seen[11], "{last} {seen:?}");
}

#[tokio::test]
async fn a_guests_cart_stays_while_any_token_can_reach_it() {
    let home = Home::open().await;
    let token = guest();
    put(&home, &token, "MUG", 1).send().await.expect(200);
    // The session that filled it may end today, and the last access token of it in a quarter of an hour.
    home.sql(
        "UPDATE carts SET created_at = now() - interval '99 days', updated_at = now() - interval '90 days 20 minutes'",
    )
    .await;
    assert_eq!(home.app.sweep().await.unwrap()["carts_deleted"], 0);
    assert_eq!(held(&mine(&home, &token).await.json()), "MUG=1");
}

#[tokio::test]
async fn that_an_order_left_its_cart_is_remembered_for_thirty_days() {
    let home = Home::open().await;
    home.sql(
        "INSERT INTO cart_clearings SELECT gen_random_uuid(), now() - days * interval '1 day'
         FROM generate_series(29, 31) days",
    )
    .await;
    assert_eq!(home.app.sweep().await.unwrap()["clearings_deleted"], 2);
    assert_eq!(home.number("SELECT count(*) FROM cart_clearings").await, 1);
}

#[tokio::test]
async fn a_sweep_finds_old_carts_and_clearings_by_an_index_and_takes_a_thousand_at_most() {
    let home = Home::open().await;
    home.sql(
        "INSERT INTO carts (guest_id, items, created_at, updated_at)
         SELECT gen_random_uuid(), '{}', now() - interval '99 days', now() - interval '99 days'
         FROM generate_series(1, 1001);
         INSERT INTO cart_clearings SELECT gen_random_uuid(), now() - interval '31 days' FROM generate_series(1, 1001);
         ANALYZE;",
    )
    .await;
    let mut connection = home.postgres.connect().await;
    for (query, index) in [
        (
            "SELECT owner_id FROM carts WHERE guest_id IS NOT NULL AND updated_at <= now() ORDER BY updated_at LIMIT 9",
            "carts_of_guests",
        ),
        (
            "SELECT order_id FROM cart_clearings WHERE cleared_at <= now() ORDER BY cleared_at LIMIT 9",
            "cart_clearings_age",
        ),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {query}"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:#?}");
    }
    let swept = home.app.sweep().await.unwrap();
    assert_eq!((&swept["carts_deleted"], &swept["clearings_deleted"]), (&json!(1_000), &json!(1_000)));
    let swept = home.app.sweep().await.unwrap();
    assert_eq!((&swept["carts_deleted"], &swept["clearings_deleted"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn sweeps_do_not_get_in_each_others_way() {
    let home = Home::open().await;
    for _ in 0..20 {
        home.client.post("/auth/guest").send().await.expect(201);
    }
    home.let_pass(31 * 24 * 60 * 60).await;
    let sweep = || home.app.sweep();
    let (one, two, three) = tokio::join!(sweep(), sweep(), sweep());
    let deleted: u64 =
        [one, two, three].into_iter().map(|swept| swept.unwrap()["sessions_deleted"].as_u64().unwrap()).sum();
    assert_eq!(deleted, 20);
}
