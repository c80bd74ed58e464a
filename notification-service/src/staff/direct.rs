//! Mails and texts that staff write to a shopper, by the template `direct`.

use common::{
    contact::{Channel, Email, Phone},
    input::{Fields, FromFields},
    locale::LanguageTag,
    problem::FieldError,
};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    app::App,
    error::Error,
    event::EventId,
    notifications::{
        self, NotificationOutcome,
        domain::{Notification, Recipient},
    },
    templates::{Message, RenderError, data::DirectData},
};

/// A mail that staff write.
#[derive(Debug, ToSchema)]
#[schema(as = DirectMail, example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "locale": "en-GB",
    "subject": "Your question about sizes", "text": "The tee in M is 52 cm wide.\n\nThe hoodie in M is 58 cm wide."
}))]
#[expect(dead_code, reason = "describes what DirectMail reads")]
pub struct DirectMailBody {
    /// Id of this mail or text, which the client makes: it is sent once for each id.
    event_id: EventId,
    /// E-mail address of the recipient.
    email: Email,
    /// Language of the words around the text; English when absent.
    locale: Option<LanguageTag>,
    /// The subject, one line.
    #[schema(min_length = 1, max_length = 150, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    subject: String,
    /// The text, of several lines; an empty line begins a new paragraph.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = r"^\s*[^\s\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\s*$"
    )]
    text: String,
}

/// A text message that staff write.
#[derive(Debug, ToSchema)]
#[schema(as = DirectText, example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "phone": "+442079460000",
    "text": "Your parcel waits at our desk until 6 pm."
}))]
#[expect(dead_code, reason = "describes what DirectText reads")]
pub struct DirectTextBody {
    /// Id of this mail or text, which the client makes: it is sent once for each id.
    event_id: EventId,
    /// Telephone number of the recipient.
    phone: Phone,
    /// Language of the words around the text; English when absent.
    locale: Option<LanguageTag>,
    /// The text, of up to six SMS segments.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = r"^\s*[^\s\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\s*$"
    )]
    text: String,
}

/// A mail, read as a notification.
#[derive(Debug)]
pub struct DirectMail(pub Notification);

impl FromFields for DirectMail {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let event_id = fields.text("event_id");
        let email = fields.text("email");
        let locale = fields.optional_text("locale");
        // A mail must have a subject; a text has none.
        if fields.raw("subject").is_none_or(Value::is_null) {
            fields.refuse::<()>("subject", "missing", "is required");
        }
        let words = DirectData::from_fields(fields);
        let recipient = Recipient { email: Some(email?), phone: None, locale: locale?.unwrap_or_default() };
        let words = words.filter(|words| words.subject.is_some())?;
        Some(Self(notification(event_id?, recipient, Channel::Email, words)))
    }
}

/// A text message, read as a notification.
#[derive(Debug)]
pub struct DirectText(pub Notification);

impl FromFields for DirectText {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let event_id = fields.text("event_id");
        let phone = fields.text("phone");
        let locale = fields.optional_text("locale");
        if fields.has("subject") {
            fields.refuse::<()>("subject", "not_allowed", "is for mails");
        }
        let words = DirectData::from_fields(fields);
        let recipient = Recipient { email: None, phone: Some(phone?), locale: locale?.unwrap_or_default() };
        Some(Self(notification(event_id?, recipient, Channel::Sms, words?)))
    }
}

fn notification(event_id: EventId, recipient: Recipient, channel: Channel, words: DirectData) -> Notification {
    let subject = words.subject.as_ref().map(|subject| &subject.0);
    let data = json!({ "subject": subject, "text": words.text() });
    let (channels, message) = (vec![channel], Message::Direct(words));
    Notification { event_id, recipient, channels, message, data, resend_of: None }
}

/// Sends it once. Refusals of the message get pointers into this request, which has the text at its top level.
pub(super) async fn send(app: App, notification: Notification) -> Result<NotificationOutcome, Error> {
    notifications::send(app, notification).await.map_err(|error| match error {
        Error::Render(RenderError::Refused(errors)) => {
            let up = |error: FieldError| {
                let pointer = error.pointer.strip_prefix("/data").unwrap_or(&error.pointer).to_owned();
                FieldError { pointer, ..error }
            };
            Error::Render(RenderError::Refused(errors.into_iter().map(up).collect::<Vec<_>>().into()))
        }
        other => other,
    })
}
