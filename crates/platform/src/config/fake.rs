//! A Parameter Store for this crate's own tests, and a clock that is set by hand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use axum::{Router, body::Bytes, response::IntoResponse};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Clock, Env, Secrets};

/// Parameters and their values; an empty store refuses every call.
#[derive(Clone, Default)]
pub(crate) struct Store {
    values: Arc<Mutex<BTreeMap<&'static str, String>>>,
    calls: Arc<AtomicUsize>,
    seconds: Arc<AtomicU64>,
}

impl Store {
    pub(crate) fn set(&self, name: &'static str, value: &str) {
        self.values.lock().unwrap().insert(name, value.to_owned());
    }

    pub(crate) fn refuse(&self) {
        self.values.lock().unwrap().clear();
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Sets the time, in seconds since the start.
    pub(crate) fn at(&self, seconds: u64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.seconds);
        let start = SystemTime::UNIX_EPOCH + Duration::from_hours(498_900);
        Clock::of(move || start + Duration::from_secs(seconds.load(Ordering::Relaxed)))
    }

    /// Settings whose secrets are fetched from this store.
    pub(crate) async fn env(&self, settings: &[(&str, &str)]) -> Env {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = self.clone();
        let router = Router::new().fallback(async move |body: Bytes| store.answer(&body));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = sdk_config(None).into_builder().endpoint_url(url).build();
        let env = Env::from_pairs(settings.iter().copied());
        let secrets = Secrets::of(aws_sdk_ssm::Client::new(&config), self.clock());
        Env { secrets: Arc::new(secrets), ..env }
    }

    fn answer(&self, body: &[u8]) -> impl IntoResponse + use<> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let asked: Value = serde_json::from_slice(body).unwrap();
        let values = self.values.lock().unwrap();
        let found = asked["Names"].as_array().unwrap().iter().filter_map(|name| {
            let value = values.get(name.as_str()?)?;
            Some(json!({"Name": name, "Type": "SecureString", "Value": value}))
        });
        let json = [("content-type", "application/x-amz-json-1.1")];
        if values.is_empty() {
            let refusal = json!({"__type": "AccessDeniedException", "message": "not today"});
            return (http::StatusCode::BAD_REQUEST, json, refusal.to_string());
        }
        (http::StatusCode::OK, json, json!({"Parameters": found.collect::<Vec<_>>()}).to_string())
    }
}

/// A configuration with the credentials of AWS's own examples.
pub(crate) fn sdk_config(session: Option<&str>) -> SdkConfig {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, session.map(str::to_owned), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
