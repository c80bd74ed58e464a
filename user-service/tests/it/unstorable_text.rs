//! Text that PostgreSQL cannot store (NUL), or that no name has, on every way into the service.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::header;
use serde_json::{Value, json};
use testkit::Answer;

use crate::{Home, PASSWORD};

const FORM: &str = "application/x-www-form-urlencoded";

async fn ask(home: &Home, basic: Option<&[u8]>, form: &str) -> Answer {
    let mut request = home.client.post("/oauth/token").body(FORM, form);
    if let Some(basic) = basic {
        request = request.header(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(basic)));
    }
    request.send().await
}

#[tokio::test]
async fn a_client_whose_name_no_database_can_store_is_an_invalid_client() {
    let home = Home::open().await;
    let long = "a".repeat(100_000);
    let names = ["%00", "transaction-service%00", "a%00b", "%EF%BF%BF", "%FF%FE", "%F0%9F%92%A9", long.as_str()];
    let as_usual = crate::looks(&ask(&home, Some(b"transaction-service:wrong"), "grant_type=client_credentials").await);
    assert_eq!(as_usual.0, 401);
    for name in names {
        let form = format!("grant_type=client_credentials&client_id={name}&client_secret=b");
        let basic = format!("{name}:b");
        let answers =
            [ask(&home, None, &form).await, ask(&home, Some(basic.as_bytes()), "grant_type=client_credentials").await];
        for answer in answers {
            assert_eq!(crate::looks(&answer), as_usual, "{}", &name[..name.len().min(40)]);
            assert_eq!(answer.json()["error"], "invalid_client");
        }
    }
    for basic in
        [&b"a\0b:c"[..], b"transaction-service\0:c", b"transaction-service:c\0", b"transaction-service:%00", b"\0"]
    {
        let answer = ask(&home, Some(basic), "grant_type=client_credentials").await;
        assert_eq!(crate::looks(&answer), as_usual, "{basic:?}");
    }
    for (form, error) in [
        ("grant_type=client_credentials%00", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=%00", "invalid_client"),
        ("grant_type=client_credentials&grant_type=%00", "invalid_request"),
    ] {
        assert_eq!(ask(&home, Some(b"transaction-service:wrong"), form).await.json()["error"], error, "{form}");
    }
}

#[tokio::test]
async fn text_that_cannot_be_stored_is_refused_on_every_way_in_and_never_a_failure_of_ours() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let nul = |text: &str| text.replace('_', "\0");
    let address = |member: &str| {
        let mut address = json!({"name": "Ada", "line1": "1 High St", "line2": "Flat 1", "city": "Oxford", "region": "Oxon",
            "postal_code": "OX1", "country": "GB", "phone": "+442079460123"});
        address[member] = json!("A\0B");
        address
    };
    let register = |email: &str, name: &str| json!({"email": email, "password": PASSWORD, "name": name});
    let mut cases: Vec<(&str, &str, Value, &[u16])> = vec![
        ("POST", "/auth/register", register(&nul("ada_@example.com"), "Ada"), &[422]),
        ("POST", "/auth/register", register(&nul("ada@exam_ple.com"), "Ada"), &[422]),
        ("POST", "/auth/register", register("eve@example.com", &nul("A_da")), &[422]),
        ("POST", "/auth/login", json!({"email": nul("a_@example.com"), "password": PASSWORD}), &[422]),
        ("POST", "/auth/login", json!({"email": "ada@example.com", "password": nul("a_guess")}), &[401, 422]),
        ("POST", "/auth/refresh", json!({"refresh_token": nul("_")}), &[401, 422]),
        ("POST", "/auth/refresh", json!({"refresh_token": nul("a_b")}), &[401, 422]),
        ("POST", "/auth/logout", json!({"refresh_token": nul("a_b")}), &[204, 422]),
        ("PATCH", "/users/me", json!({"name": nul("A_da")}), &[422]),
        ("PATCH", "/users/me", json!({"phone": nul("+4420794601_23")}), &[422]),
        ("PUT", "/carts/mine/items/A%00B", json!({"quantity": 1}), &[400]),
        ("DELETE", "/carts/mine/items/%00", Value::Null, &[400]),
        ("DELETE", "/users/me/addresses/%00", Value::Null, &[400]),
        ("DELETE", "/users/me/payment-methods/pm_%00", Value::Null, &[400]),
        ("GET", "/users/me/addresses?cursor=%00", Value::Null, &[400]),
        (
            "GET",
            "/users/me/payment-methods?cursor=WyIvdXNlcnMvbWUvcGF5bWVudC1tZXRob2RzIiwicG1fXHUwMDAwIl0",
            Value::Null,
            &[400],
        ),
    ];
    for member in ["name", "line1", "line2", "city", "region", "postal_code", "country", "phone"] {
        cases.push(("POST", "/users/me/addresses", address(member), &[422]));
    }
    for (method, path, body, answers) in cases {
        let request = match method {
            "POST" => home.client.post(path),
            "PATCH" => home.client.patch(path),
            "PUT" => home.client.put(path),
            "DELETE" => home.client.delete(path),
            _ => home.client.get(path),
        };
        let answer = request.token(&ada.access).json(&body).send().await;
        assert!(
            answers.contains(&answer.status.as_u16()),
            "{method} {path} {body}: {} {}",
            answer.status,
            answer.text()
        );
    }
}
