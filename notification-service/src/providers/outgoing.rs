//! What is handed to a provider.

use std::fmt;

use common::contact::{Email, Phone};

use super::domain::Unclear;
use crate::{event::EventId, templates::Mail};

/// A mail on its way.
pub struct OutgoingMail<'a> {
    /// The event it tells of; goes with the mail.
    pub event_id: EventId,
    /// The template's name; goes with the mail.
    pub template: &'static str,
    /// To whom.
    pub to: &'a Email,
    /// What it says.
    pub mail: &'a Mail,
    /// Where its recipient unsubscribes with one click; `None` for what is transactional.
    pub unsubscribe: Option<&'a str>,
}

impl OutgoingMail<'_> {
    /// The headers that go with it, the same at every provider.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("X-Bodega-Event", self.event_id.to_string()),
            // Nobody's absence is announced to a machine (RFC 3834, 5).
            ("Auto-Submitted", "auto-generated".to_owned()),
        ];
        if let Some(url) = self.unsubscribe {
            // RFC 8058: a mailbox's own button posts this, without opening a page.
            headers.push(("List-Unsubscribe", format!("<{url}>")));
            headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        headers
    }

    /// What a provider hands back with each event of the mail.
    pub(super) fn tags(&self) -> [(&'static str, String); 3] {
        [
            ("event_id", self.event_id.to_string()),
            ("channel", "email".to_owned()),
            ("template", self.template.to_owned()),
        ]
    }
}

/// Shows neither the recipient nor what is said.
impl fmt::Debug for OutgoingMail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingMail({} {})", self.event_id, self.template)
    }
}

/// A text on its way.
pub struct OutgoingText<'a> {
    /// The event it tells of; goes with the text.
    pub event_id: EventId,
    /// The template's name; goes with the text.
    pub template: &'static str,
    /// To whom.
    pub to: &'a Phone,
    /// What it says.
    pub text: &'a str,
    /// An earlier try may have been sent: whether it was is asked first.
    pub asked_before: Option<Unclear>,
}

/// Shows neither the recipient nor what is said.
impl fmt::Debug for OutgoingText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingText({} {})", self.event_id, self.template)
    }
}
