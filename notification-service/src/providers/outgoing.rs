//! Messages as providers get them.

use std::fmt;

use common::contact::{Email, Phone};

use super::domain::Unclear;
use crate::{event::EventId, templates::Mail};

/// A mail to send.
pub struct OutgoingMail<'a> {
    /// The event, which is sent along in a header and in tags.
    pub event_id: EventId,
    /// Name of the template, which is sent along in tags.
    pub template: &'static str,
    /// The recipient.
    pub to: &'a Email,
    /// Subject and content.
    pub mail: &'a Mail,
    /// The link to unsubscribe with one click; `None` for transactional mail.
    pub unsubscribe: Option<&'a str>,
}

impl OutgoingMail<'_> {
    /// The headers, the same for every provider.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("X-Bodega-Event", self.event_id.to_string()),
            // Keeps automatic responders from answering (RFC 3834, 5).
            ("Auto-Submitted", "auto-generated".to_owned()),
        ];
        if let Some(url) = self.unsubscribe {
            // RFC 8058: the mail program's own button posts this, without opening a page.
            headers.push(("List-Unsubscribe", format!("<{url}>")));
            headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        headers
    }

    /// The tags that a provider returns with each event of the mail.
    pub(super) fn tags(&self) -> [(&'static str, String); 3] {
        [
            ("event_id", self.event_id.to_string()),
            ("channel", "email".to_owned()),
            ("template", self.template.to_owned()),
        ]
    }
}

/// Omits the recipient and the content.
impl fmt::Debug for OutgoingMail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingMail({} {})", self.event_id, self.template)
    }
}

/// A text message to send.
pub struct OutgoingText<'a> {
    /// The event, which is sent along in the address of the callback.
    pub event_id: EventId,
    /// Name of the template.
    pub template: &'static str,
    /// The recipient.
    pub to: &'a Phone,
    /// The content.
    pub text: &'a str,
    /// Set when an earlier attempt may have sent it: its provider is asked first.
    pub asked_before: Option<Unclear>,
}

/// Omits the recipient and the content.
impl fmt::Debug for OutgoingText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingText({} {})", self.event_id, self.template)
    }
}
