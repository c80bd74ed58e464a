//! The provider `log`, for development: writes a log line instead of sending, without address and content (invariant I6).

use super::outgoing::{OutgoingMail, OutgoingText};

pub(super) fn mail(outgoing: &OutgoingMail<'_>) -> String {
    let OutgoingMail { event_id, template, .. } = outgoing;
    tracing::info!(%event_id, template, "a mail would be sent here; MAIL_PROVIDERS names log");
    format!("log-{event_id}")
}

pub(super) fn text(outgoing: &OutgoingText<'_>) -> String {
    let OutgoingText { event_id, template, .. } = outgoing;
    tracing::info!(%event_id, template, "an SMS would be sent here; SMS_PROVIDERS names log");
    format!("log-{event_id}")
}
