//! The provider `log`, for development: writes a log line instead of sending, without address and content (invariant I6).

use super::outgoing::{OutgoingMail, OutgoingText};

pub(super) fn mail(outgoing: &OutgoingMail<'_>) -> String {
    let OutgoingMail { event_id, template, .. } = outgoing;
    tracing::info!(%event_id, template, "mail logged instead of sent: MAIL_PROVIDERS contains log");
    format!("log-{event_id}")
}

pub(super) fn text(outgoing: &OutgoingText<'_>) -> String {
    let OutgoingText { event_id, template, .. } = outgoing;
    tracing::info!(%event_id, template, "SMS logged instead of sent: SMS_PROVIDERS contains log");
    format!("log-{event_id}")
}
