//! Sending a call: headers, deadline, repeats where repeating is harmless, one reading of the answer.

use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use common::outbound;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::{API_VERSION, Stripe, StripeError};

/// How often a call is sent at most.
const ATTEMPTS: u32 = 3;

/// Parameters of a call.
pub(crate) type Form = Vec<(String, String)>;

impl Stripe {
    /// Reads; repeated whenever it fails on the way.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<T, StripeError> {
        self.send(Method::GET, path, None, query).await
    }

    /// Posts under an idempotency key. Repeated, with the same key, when the connection failed or the key is in use; not
    /// after a 5xx, which Stripe would only replay.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, key: &str, form: &Form) -> Result<T, StripeError> {
        self.send(Method::POST, path, Some(key), form).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        form: &Form,
    ) -> Result<T, StripeError> {
        // Boxed: fetching secrets is most of what a call would weigh otherwise, and is done once.
        let secret = Box::pin(self.key.get()).await.map_err(|error| StripeError::Unknown(error.to_string()))?;
        let deadline = Instant::now() + self.deadline;
        let mut attempt = 1;
        let mut unclear: Option<StripeError> = None;
        loop {
            let failure = match self.once(&method, path, key, form, &secret, deadline).await {
                // Refused before Stripe looked at the key: what became of the attempt before is as unclear as it was.
                Ok(Err(failure @ (StripeError::RateLimited | StripeError::Unauthorized(_)))) => {
                    return Err(unclear.unwrap_or(failure));
                }
                Ok(answer) => return answer,
                Err(failure) => failure,
            };
            let pause = pause(attempt);
            if attempt >= ATTEMPTS || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            unclear = Some(failure);
            attempt += 1;
        }
    }

    /// The outer error may be repeated, the inner one not.
    async fn once<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        key: Option<&str>,
        form: &Form,
        secret: &str,
        deadline: Instant,
    ) -> Result<Result<T, StripeError>, StripeError> {
        let unknown = |error: reqwest::Error| StripeError::Unknown(cause(&error));
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let url = format!("{}{path}", self.base);
        let client = outbound::client();
        let request = match key {
            Some(key) => client
                .request(method.clone(), url)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("idempotency-key", key)
                .body(encoded),
            None if encoded.is_empty() => client.request(method.clone(), url),
            None => client.request(method.clone(), format!("{url}?{encoded}")),
        };
        let time_left = deadline.saturating_duration_since(Instant::now());
        let request = request.bearer_auth(secret).header("stripe-version", API_VERSION).timeout(time_left);
        let response = request.send().await.map_err(unknown)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unknown)?;
        if status.is_success() {
            // Not the parser's own message, which may repeat what it read.
            let unreadable = |_| StripeError::Unknown(format!("{status} with an answer that cannot be read"));
            return Ok(serde_json::from_slice(&body).map_err(unreadable));
        }
        let failure = StripeError::read(status, &body);
        if status == StatusCode::CONFLICT || (key.is_none() && status.is_server_error()) {
            return Err(failure);
        }
        Ok(Err(failure))
    }
}

/// 50 ms, 100 ms, ... plus up to as much again by chance.
fn pause(attempt: u32) -> Duration {
    let base = 50 * u64::from(2_u32.saturating_pow(attempt.saturating_sub(1)));
    Duration::from_millis(base + fastrand::u64(0..=base))
}

/// The causes in one line: addresses, never headers or bodies. Ids in a path are no secrets; parameters are left out.
fn cause(error: &reqwest::Error) -> String {
    let mut line = if error.is_timeout() { "no answer in time".to_owned() } else { "the connection failed".to_owned() };
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
