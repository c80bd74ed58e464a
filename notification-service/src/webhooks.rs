//! What vendors tell of messages after they took them: deliveries, bounces, complaints, and people who want no more.
//!
//! Each request is verified before anything in it is believed, and read after. Vendors repeat themselves and overtake
//! themselves, so that every event counts once and in any order. What can never be applied is answered 200: the vendor would
//! repeat it for hours, and nothing would come of it.

pub mod certificates;
pub mod report;
pub mod sendgrid;
pub mod ses;
pub mod sns;
pub mod twilio;

mod apply;

use std::fmt;

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
use platform::config::{Env, Secret};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    certificates::Certificates,
    sendgrid::VerificationKey,
    sns::{Envelope, SnsDouble, TopicArn, Verified},
    twilio::Secrets,
};
use crate::{App, error::Error};

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

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// The signature, or what it covers, is not of the form that the vendor documents.
    Malformed,
    /// The signature does not fit.
    Mismatch,
    /// It was signed too long ago, or in the future.
    NotNow,
    /// The message is of another topic.
    OtherTopic,
    /// An address in it is on no host of SNS.
    CertificateHost,
    /// An address in it is on a host of SNS in another region than the topic's.
    OtherRegion,
    /// It is about another account.
    OtherAccount,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the signature cannot be read",
            Self::Mismatch => "the signature does not fit",
            Self::NotNow => "the signature is too old, or from the future",
            Self::OtherTopic => "the message is of another topic",
            Self::CertificateHost => "an address of the message is on no host of SNS",
            Self::OtherRegion => "an address of the message is on the host of another region than the topic's",
            Self::OtherAccount => "the message is about another account",
        })
    }
}

impl std::error::Error for Invalid {}

/// What verifies webhooks: of each vendor only where the settings have it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// The topic to which SES publishes.
    topic: Option<TopicArn>,
    /// The certificates of SNS.
    certificates: Certificates,
    sendgrid: Option<Secret>,
    twilio: Option<Twilio>,
}

#[derive(Debug, Clone)]
struct Twilio {
    token: Secret,
    shared_key: Option<Secret>,
    account: Option<String>,
    /// What Twilio calls.
    address: String,
}

impl Webhooks {
    /// Reads `SES_TOPIC_ARN`, at home `SNS_DOUBLE_URL`, `SENDGRID_WEBHOOK_KEY`, `TWILIO_AUTH_TOKEN`, `TWILIO_WEBHOOK_KEY`
    /// and `TWILIO_ACCOUNT_SID`, all of which may be absent; `public_url` is what the vendors call.
    pub fn configure(env: &mut Env, public_url: &str) -> Option<Self> {
        let double = env.at_home::<SnsDouble>("SNS_DOUBLE_URL");
        let topic = match env.optional("SES_TOPIC_ARN") {
            None => None,
            Some(_) => Some(env.parsed::<TopicArn>("SES_TOPIC_ARN")?),
        };
        let topic = match double? {
            Some(double) => topic.map(|topic| topic.played_by(double)),
            None => topic,
        };
        let sendgrid = env.optional_secret("SENDGRID_WEBHOOK_KEY");
        let token = env.optional_secret("TWILIO_AUTH_TOKEN");
        let shared_key = env.optional_secret("TWILIO_WEBHOOK_KEY");
        let account = env.optional("TWILIO_ACCOUNT_SID");
        let address = format!("{public_url}/webhooks/twilio");
        let twilio = token.map(|token| Twilio { token, shared_key, account, address });
        Some(Self { topic, certificates: Certificates::default(), sendgrid, twilio })
    }

    /// The same, asking the hosts of SNS through another client than the process's own. Tests have one that finds those
    /// hosts at a server of theirs; there is no setting for it.
    #[must_use]
    pub fn with_client(self, client: reqwest::Client) -> Self {
        Self { certificates: Certificates::default().with_client(client), ..self }
    }
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
        return Err(Error::Webhook(Invalid::OtherAccount));
    }
    let report = form.report(event_id(query).as_deref(), now);
    apply::all(&app, report.into_iter().collect(), now).await?;
    let xml = (header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    Ok(([xml], "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>").into_response())
}

impl Twilio {
    async fn secrets(&self) -> Result<Secrets, Error> {
        let token = self.token.get().await.map_err(Error::Secret)?;
        let shared_key = match &self.shared_key {
            Some(key) => Some(key.get().await.map_err(Error::Secret)?),
            None => None,
        };
        Ok(Secrets { token, shared_key })
    }
}
