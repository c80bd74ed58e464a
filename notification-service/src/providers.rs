//! Who carries mail and texts.

mod log;
mod ses;

use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use common::{
    contact::{Email, Phone},
    input::Refusal,
    timestamp::Timestamp,
};
use platform::config::Env;
use serde::Serialize;
use utoipa::ToSchema;

use self::ses::Ses;
use crate::{aws::Aws, notifications::domain::EventId, sender::Sender, templates::Mail};

/// A provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(as = ProviderName)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Amazon's Simple Email Service.
    Ses,
    /// `SendGrid`.
    Sendgrid,
    /// Twilio.
    Twilio,
    /// None: a line in the log says that there was a message.
    Log,
}

impl Name {
    /// As settings, the table and answers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ses => "ses",
            Self::Sendgrid => "sendgrid",
            Self::Twilio => "twilio",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let all = [Self::Ses, Self::Sendgrid, Self::Twilio, Self::Log];
        let known = all.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| Refusal::new("unknown_provider", "must be ses, sendgrid, twilio or log"))
    }
}

/// A mail on its way.
#[derive(Debug)]
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

/// What a provider took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// Who took it.
    pub provider: Name,
    /// What they call it.
    pub id: String,
}

/// A text that may have been sent: it was asked for, and no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear {
    /// Who was asked.
    pub provider: Name,
    /// Since when that is not clear.
    pub since: Timestamp,
}

/// Why nothing was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// The provider will never send it: the address is bad.
    Refused {
        /// Who.
        provider: Name,
        /// Why; holds nothing personal.
        reason: String,
    },
    /// The provider does not send to this address.
    Suppressed {
        /// Who.
        provider: Name,
    },
    /// Trying again later is right.
    Retryable {
        /// Why; holds nothing personal.
        reason: String,
    },
    /// It may have been sent (SMS only).
    Unclear(Unclear),
}

/// The providers, ready to send.
#[derive(Debug, Clone)]
pub struct Providers {
    mail: MailProvider,
}

#[derive(Debug, Clone)]
enum MailProvider {
    Ses(Ses),
    Log,
}

impl Providers {
    /// Reads `MAIL_PROVIDER` and `MAIL_FROM`.
    pub fn configure(env: &mut Env, aws: &Aws) -> Option<Self> {
        let name = env.parsed::<MailChoice>("MAIL_PROVIDER");
        let from = env.parsed::<Sender>("MAIL_FROM");
        let mail = match name? {
            MailChoice::Ses => MailProvider::Ses(Ses::new(aws.clone(), from?)),
            MailChoice::Log => from.map(|_| MailProvider::Log)?,
        };
        Some(Self { mail })
    }

    /// Hands the mail over.
    pub async fn send_mail(&self, outgoing: &OutgoingMail<'_>, deadline: Instant) -> Result<Handed, Undelivered> {
        let sending = async {
            match &self.mail {
                MailProvider::Ses(ses) => ses.send(outgoing).await,
                MailProvider::Log => Ok(log::send(outgoing)),
            }
        };
        within(deadline, sending).await
    }

    /// Hands the text over.
    #[expect(clippy::unused_async, reason = "no provider of texts is configured in this version")]
    pub async fn send_text(&self, outgoing: &OutgoingText<'_>, _deadline: Instant) -> Result<Handed, Undelivered> {
        tracing::error!(event_id = %outgoing.event_id, template = outgoing.template, "no provider of texts is configured");
        Err(Undelivered::Refused { provider: Name::Log, reason: "no provider of texts is configured".into() })
    }
}

async fn within(
    deadline: Instant,
    sending: impl Future<Output = Result<Handed, Undelivered>>,
) -> Result<Handed, Undelivered> {
    let late = |_| Err(Undelivered::Retryable { reason: "no answer in time".into() });
    let left: Duration = deadline.saturating_duration_since(Instant::now());
    tokio::time::timeout(left, sending).await.unwrap_or_else(late)
}

/// What `MAIL_PROVIDER` names.
enum MailChoice {
    Ses,
    Log,
}

impl FromStr for MailChoice {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "ses" => Ok(Self::Ses),
            "log" => Ok(Self::Log),
            _ => Err(Refusal::new("unknown_provider", "must be ses or log")),
        }
    }
}
