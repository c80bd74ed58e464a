//! Amazon SES, API version 2: `SendEmail` with text and HTML.
//!
//! SES writes `Message-ID` itself and has no key by which it would know a mail again. The event's id goes along all the
//! same: in the header `X-Bodega-Event`, and with the template's name as message tags, which stand in what SES publishes
//! about deliveries, bounces and complaints.

use aws_sdk_sesv2::{
    error::BuildError,
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag},
};

use super::{Handed, Name, OutgoingMail, Undelivered};
use crate::{
    aws::{Aws, Failure},
    sender::Sender,
};

/// SES, sending for one sender.
#[derive(Debug, Clone)]
pub(super) struct Ses {
    aws: Aws,
    from: Sender,
}

impl Ses {
    pub(super) fn new(aws: Aws, from: Sender) -> Self {
        Self { aws, from }
    }

    /// A refusal is about the sender or the account, which can be mended: it is worth another try.
    pub(super) async fn send(&self, outgoing: &OutgoingMail<'_>) -> Result<Handed, Undelivered> {
        match self.try_to_send(outgoing).await {
            Ok(id) => Ok(Handed { provider: Name::Ses, id }),
            Err(failure) => Err(Undelivered::Retryable { reason: format!("SES {failure}") }),
        }
    }

    async fn try_to_send(&self, outgoing: &OutgoingMail<'_>) -> Result<String, Failure> {
        let incomplete = |error: BuildError| Failure::Refused(error.to_string());
        let content = EmailContent::builder().simple(message(outgoing).map_err(incomplete)?).build();
        let event_tag = tag("event_id", &outgoing.event_id.to_string()).map_err(incomplete)?;
        let template_tag = tag("template", outgoing.template).map_err(incomplete)?;
        let call = self.aws.ses().await.send_email();
        let call = call
            .from_email_address(self.from.header())
            .destination(Destination::builder().to_addresses(outgoing.to.as_str()).build())
            .content(content)
            .email_tags(event_tag)
            .email_tags(template_tag);
        let sent = call.send().await.map_err(|error| Failure::of(&error))?;
        Ok(sent.message_id.unwrap_or_default())
    }
}

fn message(outgoing: &OutgoingMail<'_>) -> Result<Message, BuildError> {
    let mail = outgoing.mail;
    let body = Body::builder().text(utf8(&mail.text)?).html(utf8(&mail.html)?).build();
    Ok(Message::builder()
        .subject(utf8(&mail.subject)?)
        .body(body)
        .headers(header("X-Bodega-Event", &outgoing.event_id.to_string())?)
        // Nobody's absence is announced to a machine (RFC 3834, 5).
        .headers(header("Auto-Submitted", "auto-generated")?)
        .build())
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
