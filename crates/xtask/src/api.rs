//! The shop's public API, as the tools of a team call it.

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::EMAIL;

pub(crate) struct Api {
    pub(crate) http: Client,
    base: String,
    token: Option<String>,
}

impl Api {
    pub(crate) fn public(base: &str) -> Self {
        Self { http: Client::new(), base: base.to_owned(), token: None }
    }

    /// As the admin of a machine at home.
    pub(crate) async fn log_in(base: &str, password: &str) -> Result<Self> {
        Self::log_in_as(base, EMAIL, password).await
    }

    pub(crate) async fn log_in_as(base: &str, email: &str, password: &str) -> Result<Self> {
        let mut api = Self::public(base);
        let credentials = json!({ "email": email, "password": password });
        let tokens = api.call(Method::POST, "/auth/login", Some(credentials)).await?;
        let token = tokens["access_token"].as_str().context("/auth/login answered without an access_token")?;
        api.token = Some(token.to_owned());
        Ok(api)
    }

    /// Whether it is new: 409 says that it exists.
    pub(crate) async fn create(&self, path: &str, body: Value) -> Result<bool> {
        match self.send(Method::POST, path, Some(body)).await? {
            (StatusCode::CONFLICT, _) => Ok(false),
            (status, answer) => expect_success(path, status, answer).map(|_| true),
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let (status, answer) = self.send(method, path, body).await?;
        expect_success(path, status, answer)
    }

    /// All items of a list, page by page.
    pub(crate) async fn all(&self, list: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut path = format!("{list}?limit=100");
        loop {
            let mut page = self.call(Method::GET, &path, None).await?;
            items.extend(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{list}?limit=100&cursor={cursor}"),
                None => return Ok(items),
            }
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.with_context(|| format!("no answer from {}: is the stack up?", self.base))?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}

/// A problem (RFC 9457) says what is wrong; it is shown whole.
fn expect_success(path: &str, status: StatusCode, answer: Value) -> Result<Value> {
    if !status.is_success() {
        bail!("{path} answered {status}: {answer}");
    }
    Ok(answer)
}
