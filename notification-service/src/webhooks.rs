//! Webhooks of vendors: deliveries, bounces, complaints and opt-outs.
//!
//! A request is read only after its signature is verified. Vendors repeat and reorder reports, so that each is applied once and in
//! any order. A report that can never be applied is answered 200, since the vendor would repeat it for hours.

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

/// The value of a header; `None` where it has several, or one that is not text.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    single(headers, name).ok().flatten()?.to_str().ok()
}

/// The body that SES and SendGrid post, verified before it is parsed.
#[derive(ToSchema)]
#[schema(value_type = String, max_length = 1_048_576)]
#[expect(dead_code, reason = "describes the body of a webhook")]
struct EventsBody(String);

/// The answer to SES and SendGrid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReceived, example = json!({"received": true}))]
struct Received {
    /// Always `true`: the vendor need not repeat the request.
    received: bool,
}

const RECEIVED: Json<Received> = Json(Received { received: true });

/// Receive an event of SES
///
/// Posted and signed by Amazon SNS. The subscription to the configured topic is confirmed automatically. 503 when the signature
/// could not be checked or the event not be saved: SNS repeats the request.
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
            tracing::warn!("the subscription to the topic of SES has ended: no more events of mails arrive");
        }
    }
    Ok(RECEIVED)
}

/// Receive events of SendGrid
///
/// A list of events, signed over the timestamp and the raw body. Each is applied once; unknown ones are ignored, and their number
/// is logged. 503 when some could not be saved: SendGrid repeats the list.
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
                tracing::info!(count = left_out, "unknown SendGrid events ignored");
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

/// The event's id in the query of a callback.
fn event_id(query: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(name, _)| name == "event_id").map(|(_, value)| value.into_owned())
}

/// Receive a delivery report or an incoming text of Twilio
///
/// Signed over the public URL that Twilio called, and the form's fields or the hash of a JSON body. The answer is an empty `TwiML`
/// document: Twilio itself replies to people who send STOP.
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
