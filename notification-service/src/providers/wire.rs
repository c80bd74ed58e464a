//! One call of a vendor's HTTP API: bounded in time and size, never repeated, no redirect followed.

use common::cause::chain_under;
use http::{HeaderMap, StatusCode};
use platform::config::Secret;
use reqwest::{RequestBuilder, Response};

use super::{deadline::Deadline, domain::Trouble};

/// The largest answer to a message.
pub(super) const ANSWER: usize = 64 << 10;
/// The largest page of a list: fifty messages of 1,600 characters, and what stands around them.
pub(super) const PAGE: usize = 1 << 20;

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// A secret, which may have to be fetched: in time, or the provider is not asked.
pub(super) async fn secret(secret: &Secret, until: Deadline) -> Result<String, Trouble> {
    let left = until.left().ok_or_else(Trouble::too_late)?;
    let fetched = tokio::time::timeout(left, secret.get()).await.map_err(|_| Trouble::too_late())?;
    fetched.map_err(|error| Trouble::NotAsked(error.to_string()))
}

/// Makes the call in time and reads an answer of at most so many bytes. No call is begun after the deadline.
pub(super) async fn call(request: RequestBuilder, until: Deadline, most: usize) -> Result<Answered, Trouble> {
    let left = until.left().ok_or_else(Trouble::too_late)?;
    let response = request.timeout(left).send().await.map_err(|error| trouble(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = bounded(response, most).await?;
    Ok(Answered { status, headers, body })
}

async fn bounded(mut response: Response, most: usize) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| trouble(&error))? {
        if body.len() + chunk.len() > most {
            return Err(Trouble::Lost(format!("an answer of more than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a vendor calls the message that it took. A success that does not name it is not this vendor's: a proxy, or a page in its
/// place, may have answered, and nothing was taken.
pub(super) fn named(id: Option<String>, lacks: &str) -> Result<String, Trouble> {
    id.filter(|id| !id.is_empty()).ok_or_else(|| Trouble::Lost(lacks.to_owned()))
}

/// What an error says about the message: only where no connection came about is it sure that it was not sent.
fn trouble(error: &reqwest::Error) -> Trouble {
    if error.is_builder() {
        return Trouble::Rejected(causes(error));
    }
    if error.is_connect() { Trouble::Unreachable(causes(error)) } else { Trouble::Lost(causes(error)) }
}

/// The causes in one line, without the address: in a list's query it names a recipient.
fn causes(error: &reqwest::Error) -> String {
    chain_under(if error.is_timeout() { "no answer in time" } else { "the connection failed" }, error)
}
