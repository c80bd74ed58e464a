//! Amazon SES, API version 2: `SendEmail` with text and HTML.
//!
//! SES writes `Message-ID` itself and has no idempotency keys. The event's id is sent along in the header `X-Bodega-Event`, and
//! with the template's name as message tags, which SES repeats in its events about deliveries, bounces and complaints.

use aws_sdk_sesv2::{
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag},
};
use platform::config::Env;

use super::{deadline::Deadline, domain::ProviderError, outgoing::OutgoingMail, wire};
use crate::{
    aws::{Aws, Failure},
    mailbox::Mailbox,
};

/// Codes of a 400 that concern the account and not the mail.
const OF_THE_ACCOUNT: [&str; 4] = [
    "AccountSuspendedException",
    "SendingPausedException",
    "MailFromDomainNotVerifiedException",
    "IncompleteSignatureException",
];

/// The client of SES, for one sender.
#[derive(Debug)]
pub(super) struct Ses {
    aws: Aws,
    from: Mailbox,
    /// Names the topic to which SES publishes events of mails.
    configuration_set: Option<String>,
}

impl Ses {
    /// Reads `SES_CONFIGURATION_SET`.
    pub(super) fn configure(env: &Env, aws: &Aws, from: Option<Mailbox>) -> Option<Self> {
        let configuration_set = env.optional("SES_CONFIGURATION_SET");
        Some(Self { aws: aws.clone(), from: from?, configuration_set })
    }

    /// Sends the mail and returns SES's id of it.
    pub(super) async fn send(&self, outgoing: &OutgoingMail<'_>, until: Deadline) -> Result<String, ProviderError> {
        let incomplete = |error: BuildError| ProviderError::Rejected(error.to_string());
        let content = EmailContent::builder().simple(message(outgoing).map_err(incomplete)?).build();
        let tags: Result<Vec<_>, _> = outgoing.tags().iter().map(|(name, value)| tag(name, value)).collect();
        let call = self.aws.ses().await.send_email();
        let call = call
            .from_email_address(self.from.header())
            .destination(Destination::builder().to_addresses(outgoing.to.as_str()).build())
            .content(content)
            .set_configuration_set_name(self.configuration_set.clone())
            .set_email_tags(Some(tags.map_err(incomplete)?));
        let late = |_| ProviderError::Lost("no answer in time".to_owned());
        let left = until.left().ok_or_else(ProviderError::out_of_time)?;
        let sent = tokio::time::timeout(left, call.send()).await.map_err(late)?;
        let id = sent.map_err(|error| provider_error(&error))?.message_id;
        wire::named(id, "a success without MessageId")
    }
}

/// Classifies an error of SES. A mail to an address on SES's suppression list is no error: SES accepts it and reports a bounce.
fn provider_error(error: &SdkError<SendEmailError>) -> ProviderError {
    let failure = Failure::of(error);
    let SdkError::ServiceError(service) = error else {
        return match failure {
            Failure::Refused(why) => ProviderError::Rejected(why),
            // Unreachable and lost are not distinguished: the next provider is called in both cases.
            Failure::Unavailable(why) => ProviderError::Lost(why),
        };
    };
    let (status, code) = (service.raw().status().as_u16(), error.code().unwrap_or_default());
    match failure {
        Failure::Unavailable(why) if status >= 500 => ProviderError::Broken(why),
        Failure::Unavailable(why) => ProviderError::Busy(why),
        Failure::Refused(why) if [401, 403].contains(&status) || OF_THE_ACCOUNT.contains(&code) => {
            ProviderError::Unauthorized(why)
        }
        Failure::Refused(why) if code == "BadRequestException" && is_about_an_address(error.message()) => {
            ProviderError::Refused(why)
        }
        Failure::Refused(why) => ProviderError::Rejected(why),
    }
}

/// SES has one code for all invalid requests; these are its messages about addresses: "Missing final '@domain'",
/// "Local address contains control or whitespace", "Domain contains illegal character", "Illegal address". Our own address
/// is checked when the service starts.
fn is_about_an_address(message: Option<&str>) -> bool {
    let message = message.unwrap_or_default().to_ascii_lowercase();
    ["@domain'", "local address", "domain contains", "domain starts", "domain ends", "illegal address", "invalid email"]
        .iter()
        .any(|words| message.contains(words))
}

fn message(outgoing: &OutgoingMail<'_>) -> Result<Message, BuildError> {
    let mail = outgoing.mail;
    let body = Body::builder().text(utf8(&mail.text)?).html(utf8(&mail.html)?).build();
    let headers: Result<Vec<_>, _> = outgoing.headers().iter().map(|(name, value)| header(name, value)).collect();
    Ok(Message::builder().subject(utf8(&mail.subject)?).body(body).set_headers(Some(headers?)).build())
}

fn utf8(data: &str) -> Result<Content, BuildError> {
    Content::builder().data(data).charset("UTF-8").build()
}

fn header(name: &str, value: &str) -> Result<MessageHeader, BuildError> {
    MessageHeader::builder().name(name).value(value).build()
}

fn tag(name: &str, value: &str) -> Result<MessageTag, BuildError> {
    MessageTag::builder().name(name).value(value).build()
}
