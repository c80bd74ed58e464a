use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use common::auth::{Keys, Verifier};
use futures_util::future::join_all;
use http::{HeaderName, StatusCode, header};
use jsonwebtoken::jwk::JwkSet;
use testkit::tokens::{AUDIENCE, ISSUER, Signer, claims, signer};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_hours(1);
/// The three seconds in which an unreachable service is reported, and one more for a busy machine.
const IN_TIME: Duration = Duration::from_secs(4);

/// What the issuer says when it is asked for its keys.
#[derive(Clone)]
enum Says {
    Keys(JwkSet),
    Garbage(&'static str),
    Status(StatusCode),
    Nothing,
}

/// An issuer that counts how often it is asked.
#[derive(Clone)]
struct Issuer {
    url: String,
    state: Arc<Mutex<(Says, usize)>>,
}

impl Issuer {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let issuer = Self { url, state: Arc::new(Mutex::new((says, 0))) };
        let asked = issuer.clone();
        let router = Router::new().route("/jwks.json", get(async move || asked.answer().await));
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    async fn answer(&self) -> Response {
        let says = {
            let mut state = self.state.lock().unwrap();
            state.1 += 1;
            state.0.clone()
        };
        match says {
            Says::Keys(keys) => axum::Json(keys).into_response(),
            Says::Garbage(text) => text.into_response(),
            Says::Status(status) => status.into_response(),
            Says::Nothing => pending().await,
        }
    }

    fn says(&self, says: Says) {
        self.state.lock().unwrap().0 = says;
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().1
    }

    fn verifier(&self, floor: Duration) -> Verifier {
        verifier(&self.url, floor)
    }
}

fn verifier(url: &str, floor: Duration) -> Verifier {
    Verifier::new(ISSUER, AUDIENCE, Keys::fetched(url, floor))
}

fn token_of(signer: &Signer) -> String {
    signer.token(&claims("service:tests", "catalog:write"))
}

/// The status that a token is refused with; 200 when it is valid.
async fn verdict(verifier: &Verifier, token: &str) -> u16 {
    verifier.verify(token).await.map_or_else(|problem| problem.status().as_u16(), |_| 200)
}

#[tokio::test]
async fn keys_are_fetched_when_the_first_token_comes_and_once_for_sixteen_at_once() {
    let issuer = Issuer::start(Says::Keys(signer().jwks())).await;
    let verifier = issuer.verifier(LONG);
    assert_eq!(issuer.asked(), 0);
    let token = token_of(signer());
    let verdicts = join_all((0..16).map(|_| verdict(&verifier, &token))).await;
    assert_eq!(verdicts, [200; 16]);
    assert_eq!(issuer.asked(), 1);
    assert_eq!(verdict(&verifier, &token).await, 200);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn made_up_key_ids_do_not_make_us_hammer_the_issuer() {
    let issuer = Issuer::start(Says::Keys(signer().jwks())).await;
    let verifier = issuer.verifier(LONG);
    let stranger = token_of(&Signer::generate());
    let verdicts = join_all((0..16).map(|_| verdict(&verifier, &stranger))).await;
    assert_eq!(verdicts, [401; 16]);
    assert_eq!(verdict(&verifier, &token_of(signer())).await, 200);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_once_the_floor_between_two_fetches_has_passed() {
    let floor = Duration::from_millis(50);
    let issuer = Issuer::start(Says::Keys(signer().jwks())).await;
    let (patient, eager) = (issuer.verifier(LONG), issuer.verifier(floor));
    for verifier in [&patient, &eager] {
        assert_eq!(verdict(verifier, &token_of(signer())).await, 200);
    }
    let new = Signer::generate();
    issuer.says(Says::Keys(JwkSet { keys: vec![signer().jwk(), new.jwk()] }));
    tokio::time::sleep(floor).await;
    let token = token_of(&new);
    assert_eq!(verdict(&eager, &token).await, 200);
    assert_eq!(issuer.asked(), 3);
    assert_eq!(verdict(&patient, &token).await, 401, "asked again before the floor had passed");
    assert_eq!(verdict(&eager, &token_of(signer())).await, 200, "the older key is still published");
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn a_known_key_verifies_while_the_issuer_is_down() {
    let issuer = Issuer::start(Says::Keys(signer().jwks())).await;
    let verifier = issuer.verifier(Duration::ZERO);
    assert_eq!(verdict(&verifier, &token_of(signer())).await, 200);
    issuer.says(Says::Status(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(verdict(&verifier, &token_of(&Signer::generate())).await, 503, "it cannot be verified");
    assert_eq!(verdict(&verifier, &token_of(signer())).await, 200);
}

#[tokio::test]
async fn an_issuer_that_fails_in_any_way_is_a_503_in_time_for_all_waiting_callers() {
    let token = token_of(signer());
    let ways = [
        Says::Nothing,
        Says::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Says::Status(StatusCode::NOT_FOUND),
        Says::Status(StatusCode::FOUND),
        Says::Garbage(""),
        Says::Garbage("<html>"),
        Says::Garbage("{\"keys\": 5}"),
    ];
    for says in ways {
        let issuer = Issuer::start(says).await;
        let verifier = issuer.verifier(LONG);
        let started = Instant::now();
        assert_eq!(join_all((0..16).map(|_| verdict(&verifier, &token))).await, [503; 16]);
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        assert_eq!(issuer.asked(), 1, "a fetch that fails is shared too");
    }
    let unreachable = verifier("http://127.0.0.1:9/jwks.json", LONG);
    assert_eq!(verdict(&unreachable, &token).await, 503);
}

#[tokio::test]
async fn after_an_outage_the_issuer_is_asked_again_soon() {
    let issuer = Issuer::start(Says::Status(StatusCode::BAD_GATEWAY)).await;
    let verifier = issuer.verifier(LONG);
    assert_eq!(verdict(&verifier, &token_of(signer())).await, 503);
    issuer.says(Says::Keys(signer().jwks()));
    let started = Instant::now();
    while verdict(&verifier, &token_of(signer())).await != 200 {
        assert!(started.elapsed() < Duration::from_secs(10), "the issuer is back and not asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn without_the_issuers_keys_guarded_routes_say_when_to_come_back() {
    let client = crate::sample::trusting(verifier("http://127.0.0.1:9/jwks.json", LONG), IN_TIME);
    client.get("/things").send().await.expect(200);
    let answer = client.post("/things").token(&token_of(signer())).send().await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    let nameless = client.post("/things").header(header::AUTHORIZATION, "Bearer x").send().await;
    assert_eq!(
        nameless.expect(401).problem(),
        "unauthorized",
        "a token that names no key is bad whatever the keys are"
    );
}

#[tokio::test]
async fn keys_of_other_kinds_in_the_set_do_no_harm() {
    let mut set = serde_json::to_value(signer().jwks()).unwrap();
    let others = [
        serde_json::json!({"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"}),
        serde_json::json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
    ];
    set["keys"].as_array_mut().unwrap().extend(others);
    let issuer = Issuer::start(Says::Keys(serde_json::from_value(set).unwrap())).await;
    assert_eq!(verdict(&issuer.verifier(LONG), &token_of(signer())).await, 200);
}

#[tokio::test]
async fn a_redirect_of_the_issuer_is_not_followed() {
    let real = Issuer::start(Says::Keys(signer().jwks())).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let elsewhere = [(HeaderName::from_static("location"), real.url.clone())];
    let router = Router::new().route("/jwks.json", get(async move || (StatusCode::FOUND, elsewhere)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(verdict(&verifier(&url, LONG), &token_of(signer())).await, 503);
    assert_eq!(real.asked(), 0);
}
