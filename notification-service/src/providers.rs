//! The providers of mail and texts, and failover between them: `docs/decisions/0032-failover.md`.
//!
//! Each channel has a list of providers and one deadline for the whole list. [`domain`] classifies answers and decides the next
//! step, [`circuit`] decides when a provider is skipped.

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
    domain::{NextStep, ProviderError, Verdict, before_status_check, share},
    sendgrid::Sendgrid,
    ses::Ses,
    twilio::Twilio,
};
pub use self::{
    deadline::Deadline,
    domain::{Accepted, Name, SendError, Unclear},
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
    /// Writes a log line instead of sending.
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

    async fn send(&self, outgoing: &OutgoingMail<'_>, until: Deadline) -> Result<String, ProviderError> {
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
    /// Writes a log line instead of sending.
    Log,
}

impl TextProvider {
    fn name(&self) -> Name {
        match self {
            Self::Twilio(_) => Name::Twilio,
            Self::Log => Name::Log,
        }
    }

    async fn send(&self, outgoing: &OutgoingText<'_>, until: Deadline) -> Result<String, ProviderError> {
        match self {
            Self::Twilio(twilio) => twilio.send(outgoing, until).await,
            Self::Log => Ok(log::text(outgoing)),
        }
    }
}

/// A provider and its circuit breaker. The lock is never held across an await.
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

    /// Records the result of a call in the circuit and the log.
    fn note(&self, name: Name, event_id: EventId, outcome: &Result<String, ProviderError>) {
        let failure = outcome.as_ref().err();
        match failure {
            Some(failure) if failure.needs_operator() => {
                tracing::error!(%event_id, provider = %name, error = %failure, "provider needs our attention");
            }
            Some(failure) => tracing::warn!(%event_id, provider = %name, error = %failure, "provider did not take it"),
            None => {}
        }
        match failure.map_or(Verdict::Answered, ProviderError::verdict) {
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

/// Why each provider of a list did not accept a message.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn add(&mut self, name: Name, why: impl fmt::Display) {
        self.0.push(format!("{name} {why}"));
    }

    fn retryable(self) -> SendError {
        SendError::Retryable { reason: self.0.join("; ") }
    }
}

impl Providers {
    /// Reads `MAIL_PROVIDERS` and `SMS_PROVIDERS`, and the settings of those that they name.
    pub fn configure(env: &mut Env, aws: &Aws) -> Option<Self> {
        let (mail, texts) = (settings::mail(env, aws), settings::texts(env));
        let mail = mail?.into_iter().map(Guarded::new).collect();
        Some(Self(Arc::new(Lists { mail, texts: texts?.into_iter().map(Guarded::new).collect() })))
    }

    /// Sends the mail through the first provider that accepts it. After an unclear answer the next one may send it a second time.
    /// No provider is called after the deadline.
    pub async fn send_mail(&self, outgoing: &OutgoingMail<'_>, deadline: Deadline) -> Result<Accepted, SendError> {
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
            let failure = match outcome {
                Ok(id) => return Ok(Accepted { provider, id }),
                Err(failure) => failure,
            };
            match failure.next_of_mail() {
                NextStep::Stop => return Err(ended(provider, &failure)),
                NextStep::NextProvider | NextStep::RetryLater | NextStep::CheckStatus => reasons.add(provider, failure),
            }
        }
        Err(reasons.retryable())
    }

    /// Sends the text through the first provider that accepts it. While it is unclear whether one did, no other is called.
    pub async fn send_text(&self, outgoing: &OutgoingText<'_>, deadline: Deadline) -> Result<Accepted, SendError> {
        let (list, mut reasons) = (&self.0.texts, Reasons::default());
        if let Some(unclear) = outgoing.asked_before
            && let Some(accepted) = self.check_status(outgoing, unclear, deadline).await?
        {
            return Ok(accepted);
        }
        if list.is_empty() {
            let reason = "SMS_PROVIDERS names no provider".to_owned();
            return Err(SendError::Refused { provider: Name::Log, reason });
        }
        for guarded in list {
            let provider = guarded.provider.name();
            if let Some(why) = closed(deadline, guarded) {
                reasons.add(provider, why);
                continue;
            }
            let since = Timestamp::now();
            let outcome = guarded.provider.send(outgoing, deadline.part(before_status_check)).await;
            guarded.note(provider, outgoing.event_id, &outcome);
            let failure = match outcome {
                Ok(id) => return Ok(Accepted { provider, id }),
                Err(failure) => failure,
            };
            match failure.next_of_text() {
                NextStep::Stop => return Err(ended(provider, &failure)),
                NextStep::NextProvider => reasons.add(provider, failure),
                NextStep::RetryLater => {
                    reasons.add(provider, failure);
                    break;
                }
                NextStep::CheckStatus => {
                    let unclear = Unclear { provider, since };
                    let accepted = self.check_status(outgoing, unclear, deadline).await?;
                    return accepted.ok_or(SendError::Unclear(unclear));
                }
            }
        }
        Err(reasons.retryable())
    }

    /// Asks the provider whether it accepted a text: `None` when it certainly did not.
    async fn check_status(
        &self,
        outgoing: &OutgoingText<'_>,
        unclear: Unclear,
        deadline: Deadline,
    ) -> Result<Option<Accepted>, SendError> {
        let (event_id, provider) = (outgoing.event_id, unclear.provider);
        let twilio = match provider {
            Name::Twilio => self.0.texts.iter().find_map(|guarded| match &guarded.provider {
                TextProvider::Twilio(twilio) => Some(twilio),
                TextProvider::Log => None,
            }),
            // They send no texts, or always answer.
            Name::Ses | Name::Sendgrid | Name::Log => return Ok(None),
        };
        // The list has no provider that could send it a second time.
        let Some(twilio) = twilio else { return Ok(None) };
        match twilio.find(outgoing, unclear, deadline).await {
            Ok(Some(id)) => {
                tracing::info!(%event_id, %provider, "SMS was taken, though its answer was lost");
                Ok(Some(Accepted { provider, id }))
            }
            Ok(None) if unclear.is_settled(Timestamp::now()) => {
                tracing::info!(%event_id, %provider, "SMS was not taken; it is sent again");
                Ok(None)
            }
            Ok(None) => Err(SendError::Unclear(unclear)),
            Err(failure) => {
                tracing::warn!(%event_id, %provider, error = %failure, "SMS stays unclear: its provider could not be asked");
                Err(SendError::Unclear(unclear))
            }
        }
    }
}

/// Why the provider is skipped; `None` where it is called.
fn closed<P>(deadline: Deadline, guarded: &Guarded<P>) -> Option<&'static str> {
    if deadline.left().is_none() {
        return Some("was not asked: no time is left");
    }
    if guarded.circuit().allows_call(Timestamp::now()) { None } else { Some("was not asked: its circuit is open") }
}

fn ended(provider: Name, failure: &ProviderError) -> SendError {
    match failure {
        ProviderError::Suppressed => SendError::Suppressed { provider },
        failure => SendError::Refused { provider, reason: failure.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_not_made_neither_opens_a_circuit_nor_closes_it() {
        let guarded = Guarded::new(MailProvider::Log);
        let event_id = EventId::from(uuid::Uuid::nil());
        let note = |outcome: Result<String, ProviderError>| {
            guarded.note(Name::Log, event_id, &outcome);
            *guarded.circuit()
        };
        let before = note(Err(ProviderError::Unreachable(String::new())));
        assert_eq!(before, Circuit::Closed { failures: 1 });
        for _ in 0..circuit::FAILURES {
            assert_eq!(note(Err(ProviderError::out_of_time())), before);
        }
        for _ in 1..circuit::FAILURES {
            note(Err(ProviderError::Unreachable(String::new())));
        }
        assert!(matches!(note(Err(ProviderError::out_of_time())), Circuit::Open { .. }));
        assert_eq!(note(Err(ProviderError::Suppressed)), Circuit::default());
    }
}
