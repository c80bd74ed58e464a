use platform::Service;
use serde_json::json;

use crate::Home;

#[tokio::test]
async fn a_sweep_deletes_what_has_ended_and_nothing_else() {
    let home = Home::open().await;
    let ended = home.customer("ada@example.com").await;
    home.let_pass(31 * 24 * 60 * 60).await;
    let busy = home.customer("bob@example.com").await;
    home.login("eve@example.com", "a wrong guess").await.expect(401);
    home.login("mallory@example.com", "a wrong guess").await.expect(401);
    home.sql("UPDATE login_attempts SET window_ends_at = now() - interval '1 s' WHERE ctid = (SELECT min(ctid) FROM login_attempts)")
        .await;
    home.sql("DELETE FROM outbox").await;
    let swept = home.app.sweep().await.unwrap();
    let expected = json!({
        "service": "user-service", "delivered": 0, "deferred": 0, "sessions_deleted": 1, "attempts_deleted": 1
    });
    assert_eq!(swept, expected);
    home.refresh(&ended.refresh).await.expect(401);
    home.refresh(&busy.refresh).await.expect(200);
    // One guess and two registrations.
    assert_eq!(home.number("SELECT count(*) FROM login_attempts").await, 3);
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
