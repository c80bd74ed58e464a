//! Who carries mail.

mod log;
mod ses;

use std::str::FromStr;

use common::{contact::Email, input::Refusal};

use self::ses::Ses;
use crate::{
    aws::{Aws, Failure},
    notifications::domain::EventId,
    sender::Sender,
    templates::Mail,
};

/// Which provider the settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// `ses`
    Ses,
    /// `log`
    Log,
}

impl FromStr for Choice {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "ses" => Ok(Self::Ses),
            "log" => Ok(Self::Log),
            _ => Err(Refusal::new("unknown_provider", "must be ses or log")),
        }
    }
}

/// A mail on its way.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The event it tells of; goes with the mail.
    pub event_id: EventId,
    /// The template's name; goes with the mail.
    pub template: &'static str,
    /// To whom.
    pub to: &'a Email,
    /// What it says.
    pub mail: &'a Mail,
}

/// A provider, ready to send.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Amazon's Simple Email Service.
    Ses(Ses),
    /// Nobody: a line in the log says that there was a mail.
    Log,
}

impl Provider {
    /// The chosen provider, sending mail from this sender.
    pub fn new(choice: Choice, from: Sender, aws: &Aws) -> Self {
        match choice {
            Choice::Ses => Self::Ses(Ses::new(aws.clone(), from)),
            Choice::Log => Self::Log,
        }
    }

    /// Hands the mail over, once, and returns what the provider calls it.
    pub async fn send(&self, outgoing: &Outgoing<'_>) -> Result<String, Failure> {
        match self {
            Self::Ses(ses) => ses.send(outgoing).await,
            Self::Log => Ok(log::send(outgoing)),
        }
    }
}
