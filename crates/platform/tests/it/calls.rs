use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Extension, Router, routing::get};
use common::{
    http::{REQUEST_ID, RequestContext, TRACEPARENT, with_middleware},
    input::Json,
    problem::Problem,
};
use futures_util::{
    FutureExt,
    future::{join_all, ready},
};
use http::StatusCode;
use platform::client::{AccessToken, Call, CallError, Credentials, ServiceClient};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    IN_TIME, PATIENCE,
    gateway::{CLIENT_SECRET, Gateway, Reply, Seen, TOKEN},
    secret,
};

/// The first calls to each line get `replies`, in order; then all goes well.
fn first(replies: &[Reply]) -> impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static {
    let replies = replies.to_vec();
    move |seen| {
        if seen.line == "POST /oauth/token" { None } else { replies.get(seen.nth - 1).cloned() }
    }
}

fn status(error: &CallError) -> u16 {
    match error {
        CallError::Unreachable(_) => 0,
        CallError::Unavailable(status) => status.as_u16(),
        CallError::Refused(refused) => refused.status.as_u16(),
    }
}

#[tokio::test]
async fn sixteen_callers_share_one_token_and_keep_it() {
    let gateway = Gateway::friendly().await;
    let client = gateway.client();
    let answers = join_all((0..16).map(|_| client.send(Call::get("/things")))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(body) if *body == json!({}))), "{answers:?}");
    client.clone().send(Call::get("/things")).await.unwrap();
    assert_eq!((gateway.tokens(), gateway.seen().len()), (1, 17));
    assert!(gateway.seen().iter().all(|seen| seen.header("authorization") == format!("Bearer {TOKEN}1")));
    let asked = &gateway.seen_at("POST /oauth/token")[0];
    assert_eq!(asked.body, "grant_type=client_credentials");
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert!(asked.header("authorization").starts_with("Basic "));
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_before_it_expires() {
    let gateway = Gateway::friendly().await;
    for (expires_in, tokens_for_three_calls) in [(60, 3), (5, 3), (3_600, 1)] {
        let (client, before) = (gateway.client(), gateway.tokens());
        gateway.expires_in(expires_in);
        for _ in 0..3 {
            client.send(Call::get("/things")).await.unwrap();
        }
        assert_eq!(gateway.tokens() - before, tokens_for_three_calls, "tokens good for {expires_in} s");
    }
    gateway.expires_in(61);
    let client = gateway.client();
    client.send(Call::get("/things")).await.unwrap();
    let before = gateway.tokens();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    client.send(Call::get("/things")).await.unwrap();
    assert_eq!(gateway.tokens() - before, 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_even_for_sixteen_callers() {
    let stale = format!("Bearer {TOKEN}1");
    let gateway =
        Gateway::start(move |seen| (seen.header("authorization") == stale).then_some(Reply::Status(401))).await;
    let client = gateway.client();
    let answers = join_all((0..16).map(|n| {
        let call = if n % 2 == 0 { Call::get("/things") } else { Call::post("/things", json!({})) };
        client.send(call)
    }));
    assert!(answers.await.iter().all(Result::is_ok));
    assert_eq!(gateway.tokens(), 2);
}

#[tokio::test]
async fn a_call_that_stays_refused_is_made_twice_and_no_more() {
    let gateway = Gateway::start(|seen| (seen.line != "POST /oauth/token").then_some(Reply::Status(401))).await;
    let error = gateway.client().send(Call::get("/things")).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused(refused) if refused.status == StatusCode::UNAUTHORIZED), "{error}");
    assert_eq!((gateway.seen().len(), gateway.tokens()), (2, 2));
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_again() {
    let kind = json!({"type": "invalid_client"});
    let gateway = Gateway::start(move |_| Some(Reply::Json(401, kind.clone()))).await;
    let error = gateway.client().send(Call::get("/things")).await.unwrap_err();
    assert_eq!(error.to_string(), "the service refused the request with 401 Unauthorized (invalid_client)");
    assert_eq!((gateway.seen_at("POST /oauth/token").len(), gateway.seen().len()), (1, 0));
    assert_eq!(Problem::from(error).status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn harmless_calls_are_made_up_to_three_times_and_others_once() {
    let body = || json!({"n": 1});
    let calls: [(Call<'_>, usize); 4] = [
        (Call::get("/things"), 3),
        (Call::put("/things", body()), 3),
        (Call::post("/things", body()).with_key(&"key-1"), 3),
        (Call::post("/things", body()), 1),
    ];
    for failure in [Reply::Status(500), Reply::Status(503), Reply::Status(429), Reply::Broken] {
        let always = failure.clone();
        let gateway = Gateway::start(move |seen| (seen.line != "POST /oauth/token").then(|| always.clone())).await;
        for (call, expected) in &calls {
            let before = gateway.seen().len();
            let error = gateway.client().send(call.clone().within(PATIENCE)).await.unwrap_err();
            assert_eq!(gateway.seen().len() - before, *expected, "{call:?} after {failure:?}: {error}");
            assert_eq!(Problem::from(error).status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}

#[tokio::test]
async fn a_repeated_call_succeeds_and_carries_the_same_key_and_body() {
    for failures in [vec![Reply::Status(503), Reply::Status(502)], vec![Reply::Broken, Reply::Status(429)]] {
        let gateway = Gateway::start(first(&failures)).await;
        let call = Call::post("/things", json!({"n": 1})).with_key(&"key-1").within(PATIENCE);
        assert_eq!(gateway.client().send(call).await.unwrap(), json!({}));
        let seen = gateway.seen();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|seen| seen.header("idempotency-key") == "key-1" && seen.body == json!({"n": 1})));
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_names_the_problem() {
    for refusal in [400, 403, 404, 409, 412, 422, 302] {
        let kind = json!({"type": "out_of_stock"});
        let gateway = Gateway::start(first(&[Reply::Json(refusal, kind)])).await;
        let error = gateway.client().send(Call::get("/things")).await.unwrap_err();
        assert!(matches!(&error, CallError::Refused(refused) if refused.kind == "out_of_stock"), "{error}");
        assert_eq!((status(&error), gateway.seen().len()), (refusal, 1));
    }
}

#[tokio::test]
async fn an_empty_answer_is_null_and_one_that_is_not_json_comes_from_no_sibling() {
    let gateway =
        Gateway::start(first(&[Reply::Status(204), Reply::Text("<html>log in"), Reply::Text("{\"cut\":")])).await;
    let client = gateway.client();
    let call = || Call::post("/things", json!({}));
    assert_eq!(client.send(call()).await.unwrap(), Value::Null);
    for _ in 0..2 {
        let error = client.send(call()).await.unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)) && !error.to_string().contains("log in"), "{error}");
    }
}

/// A server that takes the request and closes the connection.
async fn closing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = connection.read(&mut [0; 64]).await;
        }
    });
    (url, connections)
}

/// A client whose token needs no network.
fn issuer_at(url: &str) -> ServiceClient {
    let token = || ready(Ok(AccessToken { access_token: format!("{TOKEN}own"), expires_in: 900 })).boxed();
    ServiceClient::new(url, Credentials::Issuer(Arc::new(token)))
}

#[tokio::test]
async fn a_connection_that_breaks_is_opened_again_only_for_harmless_calls() {
    let (url, connections) = closing().await;
    let attempts = async |call: Call<'_>| {
        let before = connections.load(Ordering::Relaxed);
        let error = issuer_at(&url).send(call.within(PATIENCE)).await.unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)), "{error}");
        connections.load(Ordering::Relaxed) - before
    };
    assert_eq!(attempts(Call::get("/things")).await, 3);
    assert_eq!(attempts(Call::post("/things", json!({})).with_key(&7)).await, 3);
    assert_eq!(attempts(Call::post("/things", json!({}))).await, 1);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_whatever_hangs() {
    let receiver = Gateway::start(|seen| (seen.line != "POST /oauth/token").then_some(Reply::Hang)).await;
    let issuer = Gateway::start(|_| Some(Reply::Hang)).await;
    for gateway in [&receiver, &issuer] {
        for call in [Call::get("/things"), Call::post("/things", json!({}))] {
            let started = Instant::now();
            let error = gateway.client().send(call.within(Duration::from_millis(300))).await.unwrap_err();
            assert!(matches!(error, CallError::Unreachable(_)), "{error}");
            assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        }
        let started = Instant::now();
        let callers = (0..16).map(async |_| gateway.client().send(Call::get("/things")).await);
        assert!(join_all(callers).await.iter().all(Result::is_err));
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn repeats_end_at_the_deadline_too() {
    let gateway = Gateway::start(|seen| (seen.nth % 2 == 0).then_some(Reply::Hang).or(Some(Reply::Status(503)))).await;
    let client = issuer_at(&gateway.url);
    let started = Instant::now();
    client.send(Call::get("/things").within(Duration::from_millis(1_500))).await.unwrap_err();
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!(gateway.seen().len(), 2);
}

#[tokio::test]
async fn a_call_does_not_wait_for_the_token_fetch_of_a_call_with_a_longer_deadline() {
    let gateway = Gateway::start(|_| Some(Reply::Hang)).await;
    let client = gateway.client();
    let patient = client.send(Call::get("/things").within(PATIENCE));
    let hurried = async {
        crate::until("somebody asks for a token", async || gateway.seen_at("POST /oauth/token").len() == 1).await;
        client.send(Call::get("/things").within(Duration::from_millis(200))).await
    };
    tokio::select! {
        biased;
        error = hurried => assert!(matches!(error.unwrap_err(), CallError::Unreachable(_))),
        _ = patient => panic!("the hurried caller waited longer than the patient one"),
    }
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_take_the_token_from_the_others() {
    let gateway =
        Gateway::start(|seen| (seen.line == "POST /oauth/token" && seen.nth == 1).then_some(Reply::Hang)).await;
    let client = gateway.client();
    client.send(Call::get("/things").within(Duration::from_millis(100))).await.unwrap_err();
    client.send(Call::get("/things").within(PATIENCE)).await.unwrap();
}

#[tokio::test]
async fn the_request_id_and_trace_context_are_passed_on() {
    let gateway = Gateway::friendly().await;
    let client = gateway.client();
    let handler = get(async move |Extension(context): Extension<RequestContext>| {
        client.send(Call::get("/things").of(&context)).await.map(Json).map_err(Problem::from)
    });
    let router = testkit::Client::new(with_middleware(Router::new().route("/", handler), PATIENCE));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    router.get("/").header(REQUEST_ID, "gateway-id-1").header(TRACEPARENT, trace).send().await.expect(200);
    let own = router.get("/").send().await.expect(200);
    let seen = gateway.seen_at("GET /things");
    assert_eq!((seen[0].header("x-request-id"), seen[0].header("traceparent")), ("gateway-id-1", trace));
    assert_eq!((seen[1].header("x-request-id"), seen[1].header("traceparent")), (own.header("x-request-id"), ""));
}

#[tokio::test]
async fn a_sibling_that_is_down_makes_us_unavailable_and_one_that_refuses_is_our_mistake() {
    let gateway = Gateway::start(|seen| match seen.line.as_str() {
        "GET /down" => Some(Reply::Status(503)),
        "GET /strict" => Some(Reply::Json(422, json!({"type": "invalid_input"}))),
        _ => None,
    })
    .await;
    let client = gateway.client();
    for (path, expected) in [("/down", 503), ("/strict", 500)] {
        let problem = Problem::from(client.send(Call::get(path)).await.unwrap_err());
        assert_eq!(problem.status().as_u16(), expected);
    }
}

#[tokio::test]
async fn the_issuer_mints_its_own_tokens_and_keeps_them() {
    let gateway = Gateway::friendly().await;
    let minted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&minted);
    let mint = move || {
        let n = counted.fetch_add(1, Ordering::Relaxed);
        ready(Ok(AccessToken { access_token: format!("{TOKEN}own-{n}"), expires_in: 900 })).boxed()
    };
    let client = ServiceClient::new(&gateway.url, Credentials::Issuer(Arc::new(mint)));
    for _ in 0..3 {
        client.send(Call::get("/things")).await.unwrap();
    }
    assert_eq!((minted.load(Ordering::Relaxed), gateway.tokens()), (1, 0));
    let broken = Credentials::Issuer(Arc::new(|| ready(Err("no key".to_owned())).boxed()));
    let error = ServiceClient::new(&gateway.url, broken).send(Call::get("/things")).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer: no key");
}

#[tokio::test]
async fn neither_secret_nor_token_is_ever_shown() {
    let shown = |what: &str, client: &ServiceClient, error: &CallError| {
        let problem = format!("{error} {error:?} {client:?}");
        for hidden in [CLIENT_SECRET, TOKEN] {
            assert!(!problem.contains(hidden), "{what}: {problem}");
        }
    };
    let tokens: [(&str, Option<Value>); 4] = [
        ("a good token", None),
        ("a token alone", Some(json!(format!("{TOKEN}1")))),
        ("a token in a wrong place", Some(json!({"access_token": {"value": format!("{TOKEN}1")}, "expires_in": 5}))),
        ("a token as its own lifetime", Some(json!({"access_token": "x", "expires_in": format!("{TOKEN}1")}))),
    ];
    for (what, token) in tokens {
        for reply in [Reply::Status(403), Reply::Status(503), Reply::Hang, Reply::Broken] {
            let token = token.clone();
            let gateway = Gateway::start(move |seen| match &token {
                Some(token) if seen.line == "POST /oauth/token" => Some(Reply::Json(200, token.clone())),
                _ => (seen.line != "POST /oauth/token").then(|| reply.clone()),
            })
            .await;
            let client = gateway.client();
            let error = client.send(Call::get("/things").within(Duration::from_millis(500))).await.unwrap_err();
            shown(what, &client, &error);
        }
    }
    let nowhere = Credentials::Client { id: "sample-service", secret: secret(CLIENT_SECRET) };
    let client = ServiceClient::new("http://127.0.0.1:9", nowhere);
    let error = client.send(Call::get("/things")).await.unwrap_err();
    shown("nobody there", &client, &error);
    assert!(error.to_string().contains("refused"), "the cause is named: {error}");
}
