//! Sending a call: headers, deadline, repeats where they are safe, and reading the answer.

use std::time::{Duration, Instant};

use common::outbound;
use http::{HeaderValue, Method, StatusCode, header::RETRY_AFTER};
use serde::de::DeserializeOwned;

use crate::{
    client::{API_VERSION, Stripe},
    error::StripeError,
    ids::PaymentIntentId,
    list::List,
};

/// How often a call is sent at most.
const ATTEMPTS: u32 = 3;
/// How many pages of a list are read at most, of a hundred elements each.
const MAX_PAGES: usize = 20;
/// How many idempotency keys are tried at most to create an object.
const KEYS: u32 = 3;
/// The header in which Stripe says whether to repeat a call; it takes precedence over the status.
const SHOULD_RETRY: &str = "stripe-should-retry";
/// The header of an answer that Stripe gave to this key before: <https://docs.stripe.com/api/idempotent_requests>.
const REPLAYED: &str = "idempotent-replayed";

/// Parameters of a call.
pub(crate) type Form = Vec<(String, String)>;

/// A failed attempt of a call.
struct Failed {
    error: StripeError,
    /// Whether it may be sent again, with the same key.
    may_repeat: bool,
    /// The least time to wait before that.
    not_before: Duration,
    /// Whether it is a 5xx that Stripe saved with the key, and repeats to every call with that key for a day.
    is_kept: bool,
}

impl Failed {
    /// A failed connection: the call may have had its effect, and its key makes a repeat safe.
    fn on_the_way(error: &reqwest::Error) -> Self {
        Self { error: StripeError::Unknown(cause(error)), may_repeat: true, not_before: Duration::ZERO, is_kept: false }
    }

    fn for_good(error: StripeError) -> Self {
        Self { error, may_repeat: false, not_before: Duration::ZERO, is_kept: false }
    }
}

impl Stripe {
    /// Reads an object. Repeated when the connection failed, after a 5xx, and where Stripe asks for it.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<T, StripeError> {
        self.send(Method::GET, path, None, query).await.map_err(|failed| failed.error)
    }

    /// Posts with an idempotency key. Repeated with the same key when the connection failed, when the key or the object
    /// is in use, and where Stripe asks for it; not after a 5xx, which Stripe would only replay.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, key: &str, form: &Form) -> Result<T, StripeError> {
        self.send(Method::POST, path, Some(key), form).await.map_err(|failed| failed.error)
    }

    /// Creates an object that moves no money by itself. When Stripe saved a 5xx as the answer to the key, the next key
    /// is tried: an object that the first may have created is known to no client, so a second is harmless. All callers
    /// with this key get the same object, because a saved answer is the same for every caller.
    pub(crate) async fn make<T: DeserializeOwned>(&self, path: &str, key: &str, form: &Form) -> Result<T, StripeError> {
        let mut made = self.send(Method::POST, path, Some(key), form).await;
        for number in 2..=KEYS {
            if !made.as_ref().is_err_and(|failed| failed.is_kept) {
                break;
            }
            made = self.send(Method::POST, path, Some(&format!("{key}:key-{number}")), form).await;
        }
        made.map_err(|failed| failed.error)
    }

    /// Reads all pages of a list that belongs to a payment.
    pub(crate) async fn list_all<T: DeserializeOwned>(
        &self,
        path: &str,
        payment_intent: &PaymentIntentId,
    ) -> Result<List<T>, StripeError> {
        let query = [("payment_intent", payment_intent.as_str()), ("limit", "100")];
        let query: Form = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut list: List<T> = self.get(path, &query).await?;
        for _ in 1..MAX_PAGES {
            let Some(oldest) = list.oldest().filter(|_| list.has_more) else { break };
            let mut query = query.clone();
            query.push(("starting_after".to_owned(), oldest.to_owned()));
            list.extend(self.get(path, &query).await?);
        }
        // An incomplete list of money movements must not be used.
        if list.has_more {
            Err(StripeError::Unreadable(format!("{path} has more than {MAX_PAGES} pages")))
        } else {
            Ok(list)
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        form: &Form,
    ) -> Result<T, Failed> {
        // Boxed: fetching secrets would be the largest part of the future, and is done rarely.
        let secret = Box::pin(self.key.shared())
            .await
            .map_err(|error| Failed::for_good(StripeError::Unknown(error.to_string())))?;
        match self.send_with(&secret, method.clone(), path, key, form).await {
            // The key was replaced. Stripe refuses it before the call has an effect, so a repeat is safe.
            Err(failed @ Failed { error: StripeError::Unauthorized(_), .. }) => {
                match Box::pin(self.key.instead_of(&secret)).await {
                    Some(other) => self.send_with(&other, method, path, key, form).await,
                    None => Err(failed),
                }
            }
            answered => answered,
        }
    }

    async fn send_with<T: DeserializeOwned>(
        &self,
        secret: &str,
        method: Method,
        path: &str,
        key: Option<&str>,
        form: &Form,
    ) -> Result<T, Failed> {
        let deadline = Instant::now() + self.deadline;
        let mut attempt = 1;
        let mut unclear: Option<Failed> = None;
        loop {
            let failed = match self.once(&method, path, key, form, secret, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let pause = outbound::pause(attempt).max(failed.not_before);
            let time_left = deadline.saturating_duration_since(Instant::now());
            if !failed.may_repeat || attempt >= ATTEMPTS || pause >= time_left {
                return Err(match failed.error {
                    // These are refused before Stripe looks at the idempotency key, so an earlier attempt stays
                    // unclear.
                    StripeError::RateLimited | StripeError::Unauthorized(_) => unclear.unwrap_or(failed),
                    _ => failed,
                });
            }
            tokio::time::sleep(pause).await;
            if failed.error.may_have_had_effect() {
                unclear = Some(failed);
            }
            attempt += 1;
        }
    }

    async fn once<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        key: Option<&str>,
        form: &Form,
        secret: &str,
        deadline: Instant,
    ) -> Result<T, Failed> {
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
        let response = request.send().await.map_err(|error| Failed::on_the_way(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| Failed::on_the_way(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Failed::for_good(unreadable(status, &error)));
        }
        let error = StripeError::read(status, &body);
        let is_harmless = matches!(error, StripeError::Busy) || (key.is_none() && status.is_server_error());
        let may_repeat = match headers.get(SHOULD_RETRY).map(HeaderValue::as_bytes) {
            Some(b"true") => true,
            Some(b"false") => false,
            _ => is_harmless,
        };
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let is_kept = status.is_server_error() && headers.get(REPLAYED).is_some_and(|value| value == "true");
        Err(Failed { error, may_repeat, not_before: Duration::from_secs(seconds.unwrap_or(0)), is_kept })
    }
}

/// The failure of a 2xx whose body cannot be read. The parser's own message is left out: it may repeat the body.
fn unreadable(status: StatusCode, error: &serde_json::Error) -> StripeError {
    if error.is_data() {
        return StripeError::Unreadable(format!("{status} with an object of another form"));
    }
    StripeError::Unknown(format!("{status} with a body that is not JSON"))
}

/// The causes in one line: URLs, never headers or bodies. Ids in a path are not secret; parameters are left out.
fn cause(error: &reqwest::Error) -> String {
    let words = if error.is_timeout() { "no answer in time" } else { "the connection failed" };
    common::cause::chain_under(words, error)
}
