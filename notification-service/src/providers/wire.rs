//! One call of a vendor's HTTP API: bounded in time and size, never repeated, no redirect followed.

use common::cause::chain_under;
use http::{HeaderMap, StatusCode};
use platform::config::Secret;
use reqwest::{RequestBuilder, Response};

use super::{deadline::Deadline, domain::ProviderError};

/// The largest answer to a message.
pub(super) const ANSWER: usize = 64 << 10;
/// The largest page of a list: fifty messages of 1,600 characters, with their other members.
pub(super) const PAGE: usize = 1 << 20;

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Reads a secret, which may have to be fetched. The provider is not called when that takes too long.
pub(super) async fn secret(secret: &Secret, until: Deadline) -> Result<String, ProviderError> {
    let left = until.left().ok_or_else(ProviderError::out_of_time)?;
    let fetched = tokio::time::timeout(left, secret.get()).await.map_err(|_| ProviderError::out_of_time())?;
    fetched.map_err(|error| ProviderError::NotAsked(error.to_string()))
}

/// Makes a call and reads an answer of at most `most` bytes. No call is begun after the deadline.
pub(super) async fn call(request: RequestBuilder, until: Deadline, most: usize) -> Result<Answered, ProviderError> {
    let left = until.left().ok_or_else(ProviderError::out_of_time)?;
    let response = request.timeout(left).send().await.map_err(|error| provider_error(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = bounded(response, most).await?;
    Ok(Answered { status, headers, body })
}

async fn bounded(mut response: Response, most: usize) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| provider_error(&error))? {
        if body.len() + chunk.len() > most {
            return Err(ProviderError::Lost(format!("an answer of more than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The vendor's id of an accepted message. A success without one is not the vendor's: a proxy may have answered, and the message
/// may not have been accepted.
pub(super) fn named(id: Option<String>, lacks: &str) -> Result<String, ProviderError> {
    id.filter(|id| !id.is_empty()).ok_or_else(|| ProviderError::Lost(lacks.to_owned()))
}

/// Classifies an error of the HTTP client: only without a connection is it certain that the message was not sent.
fn provider_error(error: &reqwest::Error) -> ProviderError {
    if error.is_builder() {
        return ProviderError::Rejected(causes(error));
    }
    if error.is_connect() { ProviderError::Unreachable(causes(error)) } else { ProviderError::Lost(causes(error)) }
}

/// The causes in one line, without the URL: the query of a list contains a recipient.
fn causes(error: &reqwest::Error) -> String {
    chain_under(if error.is_timeout() { "no answer in time" } else { "the connection failed" }, error)
}
