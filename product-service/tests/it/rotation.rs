//! MongoDB's password is replaced while the service runs: the service as a process, MongoDB's own refusal, and a Parameter
//! Store that has the old address until it has the new one.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use lambda_double::{Function, HttpAnswer, http_event};
use mongodb::bson::doc;
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

/// Answers one value after the other, and then the last one for ever.
struct Parameters {
    url: String,
    values: Arc<Mutex<Vec<String>>>,
}

impl Parameters {
    async fn start(values: [String; 2]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let values = Arc::new(Mutex::new(values.to_vec()));
        let answered = Arc::clone(&values);
        let router = Router::new().fallback(async move || {
            let mut values = answered.lock().unwrap();
            let value = if values.len() > 1 { values.remove(0) } else { values[0].clone() };
            let parameter = json!({"Name": "/shop/mongodb", "Type": "SecureString", "Value": value});
            ([("content-type", "application/x-amz-json-1.1")], json!({ "Parameters": [parameter] }).to_string())
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, values }
    }

    fn has_answered_the_old_one(&self) -> bool {
        self.values.lock().unwrap().len() == 1
    }
}

async fn categories(service: &Function) -> (u16, Value) {
    let event = http_event("GET", "/categories", &[("host", "127.0.0.1")], String::new());
    let answer = HttpAnswer::from(service.invoke(event, Duration::from_secs(30)).await.unwrap());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[tokio::test]
async fn after_mongodb_refused_the_password_the_next_request_comes_with_the_one_that_replaced_it() {
    let mongo = testkit::mongo::fresh();
    let database = mongo.database().await;
    let user = doc! { "createUser": "shop", "pwd": "new", "roles": ["readWrite"] };
    database.run_command(user).await.unwrap();
    let with = |password: &str| mongo.uri.replace("mongodb://", &format!("mongodb://shop:{password}@"));
    let parameters = Parameters::start([with("old"), with("new")]).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_product-service"));
    command.envs([
        ("ISSUER", testkit::tokens::ISSUER),
        ("JWKS_URL", "http://127.0.0.1:9/never-asked"),
        ("MONGODB_URI", "ssm:/shop/mongodb"),
        ("CURRENCIES", "USD"),
        ("IMAGE_BUCKET", "never-asked"),
        ("IMAGE_BASE_URL", "https://images.shop.example"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", &parameters.url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    command.stdout(Stdio::null());
    let service = Function::launch(command, "product-service").await.unwrap();
    let (status, problem) = categories(&service).await;
    assert_eq!((status, &problem["type"]), (503, &json!("unavailable")), "{problem}");
    assert!(!problem.to_string().contains("old"), "{problem}");
    assert!(parameters.has_answered_the_old_one());
    let (status, tree) = categories(&service).await;
    assert_eq!(status, 200, "{tree}");
}
