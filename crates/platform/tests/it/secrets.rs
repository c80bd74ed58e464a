use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use lambda_double::InvokeError;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{IN_TIME, function::Sample};

/// What the stand-in for AWS does with a call.
#[derive(Clone)]
enum Aws {
    /// Has every parameter but those whose name ends in `missing`; a value is what was asked for backwards. A selector
    /// stands apart in its answers.
    Has,
    /// Passes everything on to a server that behaves like AWS.
    Passes(String),
    /// Answers just this.
    Says(u16, String),
    /// Answers nothing.
    Hangs,
}

/// AWS's address, and the calls that came: what was asked, and the body.
#[derive(Clone)]
struct Endpoint {
    url: String,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Endpoint {
    async fn start(aws: Aws) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Self { url, calls: Arc::default() };
        let calls = Arc::clone(&endpoint.calls);
        let router = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
            let target = headers["x-amz-target"].to_str().unwrap().to_owned();
            let call: Value = serde_json::from_slice(&body).unwrap();
            calls.lock().unwrap().push((target, call.clone()));
            answer(aws, headers, body, call).await
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint
    }

    /// The sample service, waiting for commands, with these settings.
    async fn service(&self, settings: &[(&str, &str)]) -> Sample {
        let own = [
            ("TRIGGER", "admin"),
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        Sample::start(&[&own[..], settings].concat()).await
    }

    fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }

    /// The names that each call asked for.
    fn asked(&self) -> Vec<Vec<String>> {
        let names = |(target, call): (String, Value)| {
            assert_eq!((target.as_str(), &call["WithDecryption"]), ("AmazonSSM.GetParameters", &json!(true)));
            serde_json::from_value(call["Names"].clone()).unwrap()
        };
        self.calls().into_iter().map(names).collect()
    }
}

async fn answer(aws: Aws, headers: HeaderMap, body: Bytes, call: Value) -> Response {
    let amazon_json = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match aws {
        Aws::Has => {
            let names: Vec<String> = serde_json::from_value(call["Names"].clone()).unwrap();
            let (missing, found): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.ends_with("missing"));
            let parameter = |asked: String| {
                let (name, selector) = asked.split_once(':').unwrap_or((&asked, ""));
                let mut parameter = json!({"Name": name, "Type": "SecureString", "Value": backwards(&asked)});
                if !selector.is_empty() {
                    parameter["Selector"] = json!(format!(":{selector}"));
                }
                parameter
            };
            let found: Vec<Value> = found.into_iter().map(parameter).collect();
            (amazon_json, json!({"Parameters": found, "InvalidParameters": missing}).to_string()).into_response()
        }
        Aws::Passes(server) => {
            let answer = reqwest::Client::new().post(server).headers(headers).body(body).send().await.unwrap();
            let status = answer.status();
            (status, amazon_json, answer.bytes().await.unwrap()).into_response()
        }
        Aws::Says(status, text) => (StatusCode::from_u16(status).unwrap(), amazon_json, text).into_response(),
        Aws::Hangs => pending().await,
    }
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// Why the admin command failed.
async fn failure(service: &Sample, name: &str) -> String {
    match service.invoke(json!({"read": [name]})).await.unwrap_err() {
        InvokeError::Function { message, .. } => message,
        other => panic!("{other}"),
    }
}

const TWO: [(&str, &str); 2] =
    [("CLIENT_SECRET", "ssm:/shop/client"), ("DATABASE_URL", "secretsmanager:shop/database")];

#[tokio::test]
async fn parameters_and_secrets_are_fetched_by_one_call_on_first_use_of_any() {
    let aws = Endpoint::start(Aws::Has).await;
    let service = aws.service(&TWO).await;
    assert!(aws.calls().is_empty(), "nothing is fetched before it is needed");
    let read = service.invoke(json!({"read": ["DATABASE_URL"]})).await.unwrap();
    assert_eq!(read["DATABASE_URL"], backwards("/aws/reference/secretsmanager/shop/database"));
    assert_eq!(aws.asked(), [["/aws/reference/secretsmanager/shop/database", "/shop/client"]]);
    let read = service.invoke(json!({"read": ["CLIENT_SECRET", "DATABASE_URL"]})).await.unwrap();
    assert_eq!(read["CLIENT_SECRET"], backwards("/shop/client"));
    assert_eq!(aws.calls().len(), 1);
}

#[tokio::test]
async fn literal_values_need_no_aws() {
    let aws = Endpoint::start(Aws::Hangs).await;
    let service = aws.service(&[("CLIENT_SECRET", "literal"), ("DATABASE_URL", "ssm:/shop/database")]).await;
    assert_eq!(service.invoke(json!({"read": ["CLIENT_SECRET"]})).await.unwrap()["CLIENT_SECRET"], "literal");
    assert!(aws.calls().is_empty());
}

#[tokio::test]
async fn more_than_ten_are_fetched_ten_a_call_and_none_is_asked_for_twice() {
    let aws = Endpoint::start(Aws::Has).await;
    let names: Vec<String> = (0..12).map(|n| format!("S{n}")).collect();
    let values: Vec<String> = (0..12).map(|n| format!("ssm:/shop/{}", n.min(10))).collect();
    let list = names.join(",");
    let mut settings = vec![("SECRET_NAMES", list.as_str()), ("CLIENT_SECRET", "ssm:/shop/0")];
    settings.extend(names.iter().map(String::as_str).zip(values.iter().map(String::as_str)));
    let service = aws.service(&settings).await;
    let read = service.invoke(json!({ "read": names })).await.unwrap();
    for (name, value) in names.iter().zip(&values) {
        assert_eq!(read[name], backwards(&value["ssm:".len()..]), "{name}");
    }
    let asked = aws.asked();
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [10, 1]);
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named_by_its_setting_and_takes_no_other_with_it() {
    let aws = Endpoint::start(Aws::Has).await;
    let service = aws.service(&[("CLIENT_SECRET", "ssm:/shop/missing"), TWO[1]]).await;
    let error = failure(&service, "CLIENT_SECRET").await;
    assert!(error.contains("CLIENT_SECRET") && !error.contains("/shop/missing"), "{error}");
    service.invoke(json!({"read": ["DATABASE_URL"]})).await.unwrap();
    assert_eq!(aws.calls().len(), 1);
}

#[tokio::test]
async fn a_parameter_is_read_by_its_version_or_label_also_where_two_settings_want_two_of_one() {
    let aws = Endpoint::start(Aws::Has).await;
    let settings = [
        ("CLIENT_SECRET", "ssm:/shop/client:3"),
        ("DATABASE_URL", "ssm:/shop/database:live"),
        ("SECRET_NAMES", "NEWEST,FIRST"),
        ("NEWEST", "ssm:/shop/client"),
        ("FIRST", "ssm:/shop/client:1"),
    ];
    let service = aws.service(&settings).await;
    let names = ["CLIENT_SECRET", "DATABASE_URL", "NEWEST", "FIRST"];
    let read = service.invoke(json!({ "read": names })).await.unwrap();
    let expected = ["/shop/client:3", "/shop/database:live", "/shop/client", "/shop/client:1"];
    for (name, parameter) in names.iter().zip(expected) {
        assert_eq!(read[name], backwards(parameter), "{name}");
    }
    let calls = [vec!["/shop/client", "/shop/database:live"], vec!["/shop/client:1"], vec!["/shop/client:3"]];
    assert_eq!(aws.asked(), calls);
}

#[tokio::test]
async fn an_aws_that_hangs_is_reported_in_time_and_asked_again_at_the_next_use() {
    let aws = Endpoint::start(Aws::Hangs).await;
    let service = aws.service(&TWO).await;
    for calls in 1..=2 {
        let started = Instant::now();
        let error = failure(&service, "CLIENT_SECRET").await;
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        assert_eq!(
            (error.as_str(), aws.calls().len()),
            ("CLIENT_SECRET, DATABASE_URL could not be fetched: no answer in time", calls)
        );
    }
}

#[tokio::test]
async fn whatever_aws_answers_no_value_of_a_secret_is_shown() {
    let secret = "hunter2-from-aws";
    let refusal = json!({"__type": "AccessDeniedException", "message": "not authorized to perform ssm:GetParameters"});
    let answers = [
        (400, refusal.to_string(), "not authorized"),
        (200, format!("{{\"Parameters\": [{{\"Name\": \"/shop/client\", \"Value\": \"{secret}\"}}"), ""),
        (200, format!("{{\"Parameters\": [{{\"Name\": \"/shop/client\", \"Value\": [\"{secret}\"]}}]}}"), ""),
        (200, format!("\"{secret}\""), ""),
        (500, format!("{{\"message\": 5, \"Value\": \"{secret}\"}}"), ""),
    ];
    for (status, text, said) in answers {
        let aws = Endpoint::start(Aws::Says(status, text.clone())).await;
        let service = aws.service(&TWO).await;
        let error = failure(&service, "CLIENT_SECRET").await;
        assert!(error.contains(said), "{text}: {error}");
        let shown = format!("{error}\n{}\n{}", service.log_text(), service.err_text());
        assert!(!shown.contains(secret), "{text}: {shown}");
    }
}

/// A call to moto, which checks no signature but wants to see one.
async fn moto(target: &str, service: &str, body: Value) {
    let scope = format!("AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/{service}/aws4_request");
    let call = reqwest::Client::new().post(testkit::stores::aws_endpoint());
    let call = call.header("x-amz-target", target).header("authorization", scope);
    let answer = call.header("content-type", "application/x-amz-json-1.1").body(body.to_string()).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{target}: {status} {}", answer.text().await.unwrap());
}

#[tokio::test]
async fn both_kinds_come_from_a_server_that_speaks_as_aws_does() {
    let own = Uuid::new_v4();
    let (parameter, id) = (format!("/shop-{own}/client"), format!("shop-{own}/database"));
    let put = json!({"Name": parameter, "Value": "from parameter store", "Type": "SecureString"});
    moto("AmazonSSM.PutParameter", "ssm", put).await;
    let again = json!({"Name": parameter, "Value": "second version", "Type": "SecureString", "Overwrite": true});
    moto("AmazonSSM.PutParameter", "ssm", again).await;
    let label = json!({"Name": parameter, "ParameterVersion": 1, "Labels": ["live"]});
    moto("AmazonSSM.LabelParameterVersion", "ssm", label).await;
    let create = json!({"Name": id, "SecretString": "from secrets manager"});
    moto("secretsmanager.CreateSecret", "secretsmanager", create).await;

    let aws = Endpoint::start(Aws::Passes(testkit::stores::aws_endpoint())).await;
    let (parameter, id) = (format!("ssm:{parameter}"), format!("secretsmanager:{id}"));
    let (version, label) = (format!("{parameter}:1"), format!("{parameter}:live"));
    let settings = [
        ("CLIENT_SECRET", version.as_str()),
        ("DATABASE_URL", &id),
        ("SECRET_NAMES", "ABSENT,LABELLED,NEWEST"),
        ("ABSENT", "ssm:/shop/absent"),
        ("LABELLED", &label),
        ("NEWEST", &parameter),
    ];
    let service = aws.service(&settings).await;
    let names = ["CLIENT_SECRET", "DATABASE_URL", "LABELLED", "NEWEST"];
    let read = service.invoke(json!({ "read": names })).await.unwrap();
    let (first, second) = ("from parameter store", "second version");
    let expected = [first, "from secrets manager", first, second];
    assert_eq!(names.map(|name| &read[name]), expected);
    assert!(failure(&service, "ABSENT").await.contains("ABSENT"));
    // A call for each of the selectors of one parameter.
    assert_eq!(aws.calls().len(), 3);

    let service = aws.service(&[("CLIENT_SECRET", "literal"), ("DATABASE_URL", "secretsmanager:absent")]).await;
    let error = failure(&service, "DATABASE_URL").await;
    assert!(error.starts_with("DATABASE_URL could not be fetched: ParameterNotFound"), "{error}");
}
