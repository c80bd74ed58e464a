//! Unsubscribing from mails that are not transactional, with one click (RFC 8058).
//!
//! Such a mail has a link in `List-Unsubscribe`. Mail programs post to it when their user unsubscribes. A person who opens the link
//! gets a page with a button: mail scanners open every link, so a `GET` must change nothing.

pub mod domain;

use askama::Template as _;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use common::{
    contact::Channel, extract::Path, input::RawBody, problem::ProblemBody, routes, routes::Routes, timestamp::Timestamp,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use platform::{
    config::SecretError,
    fingerprint::{Fingerprint, Fingerprints},
};

use self::domain::Subject;
use crate::{
    app::App,
    error::Error,
    suppressions::{
        domain::{Reason, Scope},
        store::{self, SuppressionRequest},
    },
    templates::RenderError,
};

/// The purpose of the seals on tokens.
const PURPOSE: &str = "unsubscribe";

/// The routes of this room.
pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(show_unsubscribe, unsubscribe))
}

/// The link by which a recipient unsubscribes from messages that are not transactional. `public_url` has no trailing slash.
pub async fn link(
    fingerprints: &Fingerprints,
    public_url: &str,
    channel: Channel,
    recipient: Fingerprint,
) -> Result<String, SecretError> {
    let subject = Subject { channel, recipient, scope: Scope::Announcements };
    let seal = fingerprints.seal(PURPOSE, &subject.text()).await?;
    Ok(format!("{public_url}/unsubscribe/{}", subject.sealed(seal)))
}

/// The subject of a token with a valid seal; 404 for any other token.
async fn read(app: &App, token: &str) -> Result<Subject, Error> {
    let (subject, seal) = Subject::open(token).ok_or(Error::NotFound)?;
    let ours = app.fingerprints.seal(PURPOSE, &subject.text()).await.map_err(Error::Secret)?;
    verify_slices_are_equal(&ours, &seal).map_err(|_| Error::NotFound)?;
    Ok(subject)
}

#[derive(askama::Template)]
#[template(path = "unsubscribe.html")]
struct Page<'a> {
    shop: &'a str,
    is_german: bool,
    is_done: bool,
}

/// Whether the reader's first language is German; the page is English for all others.
fn is_german(headers: &HeaderMap) -> bool {
    let first = headers.get(header::ACCEPT_LANGUAGE).and_then(|languages| languages.to_str().ok()).unwrap_or_default();
    let tag = first.split([',', ';']).next().unwrap_or_default().trim();
    tag.split('-').next().is_some_and(|language| language.eq_ignore_ascii_case("de"))
}

fn page(app: &App, headers: &HeaderMap, is_done: bool) -> Result<Response, Error> {
    let page = Page { shop: app.shop.name(), is_german: is_german(headers), is_done };
    let html = page.render().map_err(|error| Error::Render(RenderError::Template(error)))?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        // The URL of this page contains the token.
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
        (header::VARY, HeaderValue::from_static("accept-language")),
    ];
    Ok((headers, Html(html)).into_response())
}

/// Show the page for unsubscribing
///
/// Changes nothing, since mail scanners open links. The button of the page posts to the same URL.
#[utoipa::path(get, path = "/unsubscribe/{token}", tag = "unsubscribe",
    params(("token" = String, Path, description = "Token from the link in the mail.")),
    responses((status = OK, body = String, content_type = "text/html", description = "A page with a button.",
        example = json!("<!doctype html>...")),
        (status = NOT_FOUND, description = "`not_found`: the token is not valid.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn show_unsubscribe(
    State(app): State<App>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Error> {
    read(&app, &token).await?;
    page(&app, &headers, false)
}

/// Unsubscribe
///
/// For mail programs (RFC 8058) and the button of the page. The body is ignored: the token in the URL is enough. Repeating the
/// request is harmless. Transactional mails, such as order confirmations, are still sent.
#[utoipa::path(post, path = "/unsubscribe/{token}", tag = "unsubscribe",
    params(("token" = String, Path, description = "Token from the link in the mail.")),
    request_body(content = Option<serde_json::Value>, content_type = "application/x-www-form-urlencoded",
        description = "The form of RFC 8058. It is ignored.", example = json!("List-Unsubscribe=One-Click")),
    responses((status = OK, body = String, content_type = "text/html", description = "A page that confirms it.",
        example = json!("<!doctype html>...")),
        (status = NOT_FOUND, description = "`not_found`: the token is not valid.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn unsubscribe(
    State(app): State<App>,
    headers: HeaderMap,
    Path(token): Path<String>,
    _body: RawBody,
) -> Result<Response, Error> {
    let now = Timestamp::now();
    let Subject { channel, recipient, scope: _ } = read(&app, &token).await?;
    let request =
        SuppressionRequest { channel, recipient, reason: Reason::Unsubscribed, provider: None, since: now, note: None };
    store::suppress(&app.db, &request, None, now).await.map_err(Error::Store)?;
    tracing::info!(%channel, "recipient unsubscribed from messages that are not transactional");
    page(&app, &headers, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_german_for_readers_of_german_and_english_for_all_others() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            is_german(&headers)
        };
        assert!(of("de") && of("de-AT,en;q=0.5") && of("DE;q=0.9"));
        assert!(!of("en,de;q=0.5") && !of("den") && !of("*") && !is_german(&HeaderMap::new()));
    }
}
