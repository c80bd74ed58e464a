//! What vendors tell of messages after they took them: deliveries, bounces, complaints, and people who want no more.
//!
//! Each request is verified before anything in it is believed, and read after. Vendors repeat themselves and overtake
//! themselves, so that every event counts once and in any order. What can never be applied is answered 200: the vendor would
//! repeat it for hours, and nothing would come of it.

pub mod certificates;
pub mod invalid;
pub mod report;
pub mod sendgrid;
pub mod ses;
pub mod settings;
pub mod sns;
pub mod twilio;

mod apply;

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use common::{
    http::single,
    input::{Json, RawBody},
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    invalid::InvalidWebhook,
    sendgrid::VerificationKey,
    sns::{Envelope, Verified},
};
use crate::{app::App, error::Error};

/// The largest body of SES and SendGrid. SendGrid collects events until they are 768 kB.
pub const MAX_EVENTS_BODY: usize = 1024 * 1024;

/// The routes of this room.
pub(crate) fn routes() -> Routes<App> {
    let large = Routes::new()
        .routes(routes!(receive_ses_event))
        .routes(routes!(receive_sendgrid_events))
        .with_bodies_of(MAX_EVENTS_BODY);
    Routes::new().merge(large).routes(routes!(receive_twilio_event))
}

/// A header that can have one value only; none where there are several, or something that is no text.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    single(headers, name).ok().flatten()?.to_str().ok()
}

/// What SES and SendGrid post: text that is verified before it is read.
#[derive(ToSchema)]
#[schema(value_type = String, max_length = 1_048_576)]
#[expect(dead_code, reason = "describes the body of a webhook")]
struct EventsBody(String);

/// What SES and SendGrid are answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReceived, example = json!({"received": true}))]
struct Received {
    /// Always true: it need not be sent again.
    received: bool,
}

const RECEIVED: Json<Received> = Json(Received { received: true });

/// SES tells what became of a mail
///
/// Posted by Amazon SNS, which signs it; the subscription of the topic that the shop is set up with is confirmed by itself.
/// 503 means that the signature could not be checked or the event not be saved now: SNS repeats it.
#[utoipa::path(post, path = "/webhooks/ses", tag = "webhooks",
    request_body(content = inline(EventsBody), content_type = "text/plain", description = "The envelope of SNS, as JSON.",
        example = json!("{\"Type\": \"Notification\", \"Message\": \"{}\"}")),
    responses((status = OK, body = Received),
        (status = BAD_REQUEST, description = "`invalid_signature`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "`webhook_not_configured`", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn receive_ses_event(State(app): State<App>, RawBody(body): RawBody) -> Result<Json<Received>, Error> {
    let now = Timestamp::now();
    let topic = app.webhooks.topic.as_ref().ok_or(Error::WebhookNotConfigured)?;
    let envelope = Envelope::read(&body).map_err(Error::Webhook)?;
    envelope.must_be_of(topic).map_err(Error::Webhook)?;
    let certificate = envelope.certificate(topic).map_err(Error::Webhook)?;
    let key = app.webhooks.certificates.key(&certificate, now).await.map_err(Error::Sns)?;
    match envelope.verify(topic, &key, now).map_err(Error::Webhook)? {
        Verified::Notification(message) => match ses::read(&message) {
            Ok(report) => apply::all(&app, report.into_iter().collect(), now).await?,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                tracing::error!(bytes = message.len(), line, column, "event of SES not understood");
            }
        },
        Verified::SubscriptionConfirmation(address) => {
            app.webhooks.certificates.confirm(&address).await.map_err(Error::Sns)?;
            tracing::info!("subscription to the topic of SES confirmed");
        }
        Verified::UnsubscribeConfirmation => {
            tracing::warn!("the subscription to the topic of SES has ended: no more events of mails will come");
        }
    }
    Ok(RECEIVED)
}

/// SendGrid tells what became of mails
///
/// A list of events, signed over the timestamp and the raw body. Each counts once; those that are not understood are counted
/// in the log. 503 means that some could not be saved now: SendGrid repeats the list, and those that were are known.
#[utoipa::path(post, path = "/webhooks/sendgrid", tag = "webhooks",
    request_body(content = inline(EventsBody), content_type = "application/octet-stream", description = "SendGrid's events, as JSON.",
        example = json!("[{\"event\": \"delivered\", \"sg_event_id\": \"a\", \"timestamp\": 1800000000}]")),
    responses((status = OK, body = Received),
        (status = BAD_REQUEST, description = "`invalid_signature`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "`webhook_not_configured`", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn receive_sendgrid_events(
    State(app): State<App>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Received>, Error> {
    let now = Timestamp::now();
    let key = app.webhooks.sendgrid.as_ref().ok_or(Error::WebhookNotConfigured)?;
    let key: VerificationKey = key.get().await.map_err(Error::Secret)?.parse().map_err(Error::WebhookKey)?;
    key.verify(&headers, &body, now).map_err(Error::Webhook)?;
    match sendgrid::read(&body) {
        Ok((reports, left_out)) => {
            if left_out > 0 {
                tracing::info!(left_out, "events of SendGrid that are not for us left out");
            }
            apply::all(&app, reports, now).await?;
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            tracing::error!(bytes = body.len(), line, column, "events of SendGrid not understood");
        }
    }
    Ok(RECEIVED)
}

/// Where a callback of ours says which event it is about.
fn event_id(query: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(name, _)| name == "event_id").map(|(_, value)| value.into_owned())
}

/// Twilio tells what became of a text, or that somebody sent one
///
/// Signed over the public address that Twilio called, and the form's fields or the hash of a JSON body. The answer is a
/// document of `TwiML` that says nothing: people who send STOP hear from Twilio itself.
#[utoipa::path(post, path = "/webhooks/twilio", tag = "webhooks",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's fields.",
        example = json!("MessageSid=SM1&MessageStatus=delivered")),
    responses((status = OK, body = String, content_type = "text/xml", example = json!("<Response/>")),
        (status = BAD_REQUEST, description = "`invalid_signature`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "`webhook_not_configured`", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn receive_twilio_event(
    State(app): State<App>,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    RawBody(body): RawBody,
) -> Result<Response, Error> {
    let now = Timestamp::now();
    let twilio = app.webhooks.twilio.as_ref().ok_or(Error::WebhookNotConfigured)?;
    let query = uri.query().unwrap_or_default();
    let secrets = twilio.secrets().await?;
    let form = twilio::verify(&secrets, &headers, &twilio.address, query, &body).map_err(Error::Webhook)?;
    if twilio.account.as_deref().zip(form.account()).is_some_and(|(ours, theirs)| ours != theirs) {
        return Err(Error::Webhook(InvalidWebhook::OtherAccount));
    }
    let report = form.report(event_id(query).as_deref(), now);
    apply::all(&app, report.into_iter().collect(), now).await?;
    let xml = (header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    Ok(([xml], "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>").into_response())
}
