//! Who carries mail and texts, and what happens when one of them does not: `docs/decisions/0032-failover.md`.
//!
//! Each channel has a list of providers and one deadline for the whole list. [`domain`] says what each answer means and
//! what follows from it, [`circuit`] when a provider is left alone.

pub mod circuit;
mod deadline;
pub mod domain;
mod log;
mod outgoing;
mod sendgrid;
mod ses;
mod settings;
mod twilio;
mod wire;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use common::timestamp::Timestamp;
use platform::config::Env;

use self::{
    circuit::Circuit,
    domain::{Next, Trouble, Verdict, before_finding_out, share},
    sendgrid::Sendgrid,
    ses::Ses,
    twilio::Twilio,
};
pub use self::{
    deadline::Deadline,
    domain::{Handed, Name, Unclear, Undelivered},
    outgoing::{OutgoingMail, OutgoingText},
};
use crate::{aws::Aws, event::EventId};

/// The providers, ready to send. Cheap to clone; clones share their circuits.
#[derive(Debug, Clone)]
pub struct Providers(Arc<Lists>);

#[derive(Debug)]
struct Lists {
    mail: Vec<Guarded<MailProvider>>,
    texts: Vec<Guarded<TextProvider>>,
}

/// A provider of mail.
#[derive(Debug)]
enum MailProvider {
    Ses(Ses),
    Sendgrid(Sendgrid),
    /// A line in the log says that there was a mail.
    Log,
}

impl MailProvider {
    fn name(&self) -> Name {
        match self {
            Self::Ses(_) => Name::Ses,
            Self::Sendgrid(_) => Name::Sendgrid,
            Self::Log => Name::Log,
        }
    }

    async fn send(&self, outgoing: &OutgoingMail<'_>, until: Deadline) -> Result<String, Trouble> {
        match self {
            Self::Ses(ses) => ses.send(outgoing, until).await,
            Self::Sendgrid(sendgrid) => sendgrid.send(outgoing, until).await,
            Self::Log => Ok(log::mail(outgoing)),
        }
    }
}

/// A provider of texts.
#[derive(Debug)]
enum TextProvider {
    Twilio(Twilio),
    /// A line in the log says that there was a text.
    Log,
}

impl TextProvider {
    fn name(&self) -> Name {
        match self {
            Self::Twilio(_) => Name::Twilio,
            Self::Log => Name::Log,
        }
    }

    async fn send(&self, outgoing: &OutgoingText<'_>, until: Deadline) -> Result<String, Trouble> {
        match self {
            Self::Twilio(twilio) => twilio.send(outgoing, until).await,
            Self::Log => Ok(log::text(outgoing)),
        }
    }
}

/// A provider and its circuit. The lock is never held while anything waits.
#[derive(Debug)]
struct Guarded<P> {
    provider: P,
    circuit: Mutex<Circuit>,
}

impl<P> Guarded<P> {
    fn new(provider: P) -> Self {
        Self { provider, circuit: Mutex::default() }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the circuit and the log how a call went.
    fn note(&self, name: Name, event_id: EventId, outcome: &Result<String, Trouble>) {
        let trouble = outcome.as_ref().err();
        match trouble {
            Some(trouble) if trouble.is_ours() => {
                tracing::error!(%event_id, provider = %name, error = %trouble, "provider needs our attention");
            }
            Some(trouble) => tracing::warn!(%event_id, provider = %name, error = %trouble, "provider did not take it"),
            None => {}
        }
        match trouble.map_or(Verdict::Answered, Trouble::verdict) {
            Verdict::Failed if self.circuit().failed(Timestamp::now()) => {
                tracing::error!(provider = %name, "circuit opens: the provider is left alone for a while");
            }
            Verdict::Answered if self.circuit().succeeded() => {
                tracing::info!(provider = %name, "circuit closes: the provider is back");
            }
            Verdict::Failed | Verdict::Answered | Verdict::Unknown => {}
        }
    }
}

/// Why each provider of a list did not take a message.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn add(&mut self, name: Name, why: impl fmt::Display) {
        self.0.push(format!("{name} {why}"));
    }

    fn retryable(self) -> Undelivered {
        Undelivered::Retryable { reason: self.0.join("; ") }
    }
}

impl Providers {
    /// Reads `MAIL_PROVIDERS` and `SMS_PROVIDERS`, and the settings of those that they name.
    pub fn configure(env: &mut Env, aws: &Aws) -> Option<Self> {
        let (mail, texts) = (settings::mail(env, aws), settings::texts(env));
        let mail = mail?.into_iter().map(Guarded::new).collect();
        Some(Self(Arc::new(Lists { mail, texts: texts?.into_iter().map(Guarded::new).collect() })))
    }

    /// Hands the mail to the first provider that takes it. Where one gave no clear answer the next may send it a second time.
    /// None is asked after the deadline.
    pub async fn send_mail(&self, outgoing: &OutgoingMail<'_>, deadline: Deadline) -> Result<Handed, Undelivered> {
        let (list, mut reasons) = (&self.0.mail, Reasons::default());
        for (at, guarded) in list.iter().enumerate() {
            let provider = guarded.provider.name();
            if let Some(why) = closed(deadline, guarded) {
                reasons.add(provider, why);
                continue;
            }
            let until = deadline.part(|left| share(left, list.len() - at));
            let outcome = guarded.provider.send(outgoing, until).await;
            guarded.note(provider, outgoing.event_id, &outcome);
            let trouble = match outcome {
                Ok(id) => return Ok(Handed { provider, id }),
                Err(trouble) => trouble,
            };
            match trouble.next_of_mail() {
                Next::End => return Err(ended(provider, &trouble)),
                Next::GoOn | Next::Later | Next::FindOut => reasons.add(provider, trouble),
            }
        }
        Err(reasons.retryable())
    }

    /// Hands the text to the first provider that takes it. While it is not clear whether one took it, no other is asked.
    pub async fn send_text(&self, outgoing: &OutgoingText<'_>, deadline: Deadline) -> Result<Handed, Undelivered> {
        let (list, mut reasons) = (&self.0.texts, Reasons::default());
        if let Some(unclear) = outgoing.asked_before
            && let Some(handed) = self.found_out(outgoing, unclear, deadline).await?
        {
            return Ok(handed);
        }
        if list.is_empty() {
            let reason = "SMS_PROVIDERS names no provider".to_owned();
            return Err(Undelivered::Refused { provider: Name::Log, reason });
        }
        for guarded in list {
            let provider = guarded.provider.name();
            if let Some(why) = closed(deadline, guarded) {
                reasons.add(provider, why);
                continue;
            }
            let since = Timestamp::now();
            let outcome = guarded.provider.send(outgoing, deadline.part(before_finding_out)).await;
            guarded.note(provider, outgoing.event_id, &outcome);
            let trouble = match outcome {
                Ok(id) => return Ok(Handed { provider, id }),
                Err(trouble) => trouble,
            };
            match trouble.next_of_text() {
                Next::End => return Err(ended(provider, &trouble)),
                Next::GoOn => reasons.add(provider, trouble),
                Next::Later => {
                    reasons.add(provider, trouble);
                    break;
                }
                Next::FindOut => {
                    let unclear = Unclear { provider, since };
                    let handed = self.found_out(outgoing, unclear, deadline).await?;
                    return handed.ok_or(Undelivered::Unclear(unclear));
                }
            }
        }
        Err(reasons.retryable())
    }

    /// Whether a text was taken: `None` says that it surely was not.
    async fn found_out(
        &self,
        outgoing: &OutgoingText<'_>,
        unclear: Unclear,
        deadline: Deadline,
    ) -> Result<Option<Handed>, Undelivered> {
        let (event_id, provider) = (outgoing.event_id, unclear.provider);
        let twilio = match provider {
            Name::Twilio => self.0.texts.iter().find_map(|guarded| match &guarded.provider {
                TextProvider::Twilio(twilio) => Some(twilio),
                TextProvider::Log => None,
            }),
            // None of them takes texts from us and leaves us without an answer.
            Name::Ses | Name::Sendgrid | Name::Log => return Ok(None),
        };
        // What is named instead of it sends nothing, so nothing can be sent twice.
        let Some(twilio) = twilio else { return Ok(None) };
        match twilio.find(outgoing, unclear, deadline).await {
            Ok(Some(id)) => {
                tracing::info!(%event_id, %provider, "SMS was taken, though its answer was lost");
                Ok(Some(Handed { provider, id }))
            }
            Ok(None) if unclear.is_settled(Timestamp::now()) => {
                tracing::info!(%event_id, %provider, "SMS was not taken; it is sent again");
                Ok(None)
            }
            Ok(None) => Err(Undelivered::Unclear(unclear)),
            Err(trouble) => {
                tracing::warn!(%event_id, %provider, error = %trouble, "SMS stays unclear: its provider could not be asked");
                Err(Undelivered::Unclear(unclear))
            }
        }
    }
}

/// Why this provider is not asked; `None` where it is.
fn closed<P>(deadline: Deadline, guarded: &Guarded<P>) -> Option<&'static str> {
    if deadline.left().is_none() {
        return Some("was not asked: no time is left");
    }
    if guarded.circuit().lets_through(Timestamp::now()) { None } else { Some("was not asked: its circuit is open") }
}

fn ended(provider: Name, trouble: &Trouble) -> Undelivered {
    match trouble {
        Trouble::Suppressed => Undelivered::Suppressed { provider },
        trouble => Undelivered::Refused { provider, reason: trouble.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_not_made_neither_opens_a_circuit_nor_closes_it() {
        let guarded = Guarded::new(MailProvider::Log);
        let event_id = EventId::from(uuid::Uuid::nil());
        let note = |outcome: Result<String, Trouble>| {
            guarded.note(Name::Log, event_id, &outcome);
            *guarded.circuit()
        };
        let before = note(Err(Trouble::Unreachable(String::new())));
        assert_eq!(before, Circuit::Closed { failures: 1 });
        for _ in 0..circuit::FAILURES {
            assert_eq!(note(Err(Trouble::too_late())), before);
        }
        for _ in 1..circuit::FAILURES {
            note(Err(Trouble::Unreachable(String::new())));
        }
        assert!(matches!(note(Err(Trouble::too_late())), Circuit::Open { .. }));
        assert_eq!(note(Err(Trouble::Suppressed)), Circuit::default());
    }
}
