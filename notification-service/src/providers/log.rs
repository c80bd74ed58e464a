//! For where no mail may leave: a line in the log. It has neither the address nor what the mail says (invariant I6).

use super::{Handed, Name, OutgoingMail};

pub(super) fn send(outgoing: &OutgoingMail<'_>) -> Handed {
    let OutgoingMail { event_id, template, .. } = outgoing;
    tracing::info!(%event_id, template, "a mail would be sent here; MAIL_PROVIDER is log");
    Handed { provider: Name::Log, id: format!("log-{event_id}") }
}
