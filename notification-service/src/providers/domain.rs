//! What providers are called, what their answers mean, and what follows from them. Rules only.

use std::{str::FromStr, time::Duration};

use common::{input::Refusal, timestamp::Timestamp};
use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// A text that a vendor's list does not show so long after the call is one that it never took. A call is cut off after
/// seconds; a minute is more than a vendor works on one that nobody waits for any more.
pub const SETTLED_AFTER: Duration = Duration::from_mins(1);
/// How far a vendor's clock and ours may be apart, where a message's date is compared.
pub const CLOCKS_APART: Duration = Duration::from_secs(30);

/// A provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema, Display, IntoStaticStr, VariantArray)]
#[schema(as = ProviderName)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
        self.into()
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|name| name.as_str() == text);
        known.ok_or_else(|| Refusal::new("unknown_provider", "must be ses, sendgrid, twilio or log"))
    }
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

impl Unclear {
    /// A message that is older is another one, even if it says the same.
    pub(super) fn earliest(self) -> Timestamp {
        self.since.minus(CLOCKS_APART)
    }

    /// Whether a message that is not in the vendor's list now was never taken.
    pub(super) fn is_settled(self, now: Timestamp) -> bool {
        now >= self.since.plus(SETTLED_AFTER)
    }
}

/// Why nothing was handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The provider will never send it: the address is bad.
    #[error("{provider} refused it: {reason}")]
    Refused {
        /// Who.
        provider: Name,
        /// Why; holds nothing personal.
        reason: String,
    },
    /// The provider does not send to this address.
    #[error("{provider} suppresses the address")]
    Suppressed {
        /// Who.
        provider: Name,
    },
    /// Trying again later is right.
    #[error("no provider took it: {reason}")]
    Retryable {
        /// Why; holds nothing personal.
        reason: String,
    },
    /// It may have been sent (SMS only).
    #[error("whether {} took it is not clear since {}", .0.provider, .0.since)]
    Unclear(Unclear),
}

/// Why a provider did not say that it took a message. The texts have no values of ours, and no words of the provider's: it
/// may repeat an address in them, and they go into logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// This recipient cannot be reached there, or anywhere.
    #[error("refuses the recipient: {0}")]
    Refused(String),
    /// The provider knows that this recipient wants nothing more.
    #[error("sends to this recipient no more")]
    Suppressed,
    /// The request is wrong in its eyes, and not by the recipient's address: our mistake.
    #[error("does not understand the request: {0}")]
    Rejected(String),
    /// Our key or our account is not good for this (401, 403): our mistake.
    #[error("does not take our key or account: {0}")]
    Unauthorized(String),
    /// It answered that it has too much to do (429).
    #[error("has too much to do: {0}")]
    Busy(String),
    /// It answered that it is broken (5xx).
    #[error("is broken: {0}")]
    Broken(String),
    /// No connection: it was not asked.
    #[error("was not asked: {0}")]
    Unreachable(String),
    /// It was not asked, and by no fault of its own: our time was over, or the secret by which it knows us could not be had.
    #[error("was not asked: {0}")]
    NotAsked(String),
    /// It was asked, and did not answer so that it can be understood: it may have taken the message.
    #[error("gave no clear answer: {0}")]
    Lost(String),
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// No provider is asked, now or later.
    End,
    /// The next provider is asked.
    GoOn,
    /// No provider is asked now; the event is tried again later.
    Later,
    /// Whether it was taken is found out before any provider is asked.
    FindOut,
}

/// What a call says of its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It would most likely fail the next message, too.
    Failed,
    /// It answered as it should, with a yes or with a refusal of this one message.
    Answered,
    /// Nothing: it was not asked.
    Unknown,
}

impl Trouble {
    /// The time for asking it was over.
    pub(super) fn too_late() -> Self {
        Self::NotAsked("no time is left".to_owned())
    }

    /// Of a mail: rather twice than never.
    pub(super) fn next_of_mail(&self) -> Next {
        match self {
            Self::Refused(_) | Self::Suppressed => Next::End,
            Self::Rejected(_)
            | Self::Unauthorized(_)
            | Self::Busy(_)
            | Self::Broken(_)
            | Self::Unreachable(_)
            | Self::NotAsked(_)
            | Self::Lost(_) => Next::GoOn,
        }
    }

    /// Of a text: it costs money and annoys, so it goes on only where it is clear that it was not taken and that the fault
    /// is the provider's.
    pub(super) fn next_of_text(&self) -> Next {
        match self {
            Self::Refused(_) | Self::Suppressed => Next::End,
            Self::Busy(_) | Self::Broken(_) | Self::Unreachable(_) | Self::NotAsked(_) => Next::GoOn,
            Self::Rejected(_) | Self::Unauthorized(_) => Next::Later,
            Self::Lost(_) => Next::FindOut,
        }
    }

    /// What it says of the provider.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Unauthorized(_) | Self::Busy(_) | Self::Broken(_) | Self::Unreachable(_) | Self::Lost(_) => {
                Verdict::Failed
            }
            Self::Refused(_) | Self::Suppressed | Self::Rejected(_) => Verdict::Answered,
            Self::NotAsked(_) => Verdict::Unknown,
        }
    }

    /// Whether it needs a person: it does not pass by itself.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Unauthorized(_))
    }
}

/// How long one provider of a list may take: all that is left is shared among it and those behind it, so that each has its
/// turn.
pub(super) fn share(left: Duration, providers: usize) -> Duration {
    left / u32::try_from(providers.max(1)).unwrap_or(u32::MAX)
}

/// How long a call that sends a text may take: a third of what is left is kept for finding out what became of it.
pub(super) fn before_finding_out(left: Duration) -> Duration {
    left / 3 * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Trouble; 9] {
        let why = String::new;
        [
            Trouble::Refused(why()),
            Trouble::Suppressed,
            Trouble::Rejected(why()),
            Trouble::Unauthorized(why()),
            Trouble::Busy(why()),
            Trouble::Broken(why()),
            Trouble::Unreachable(why()),
            Trouble::NotAsked(why()),
            Trouble::Lost(why()),
        ]
    }

    #[test]
    fn a_provider_is_stored_under_the_name_that_settings_and_answers_have() {
        let names = ["ses", "sendgrid", "twilio", "log"];
        assert_eq!(Name::VARIANTS.iter().map(ToString::to_string).collect::<Vec<_>>(), names);
        assert_eq!(serde_json::json!(Name::VARIANTS), serde_json::json!(names));
    }

    #[test]
    fn a_mail_goes_on_unless_its_recipient_is_the_trouble_and_a_text_only_where_it_was_surely_not_taken() {
        use Next::{End, FindOut, GoOn, Later};
        let mails = all().map(|trouble| trouble.next_of_mail());
        assert_eq!(mails, [End, End, GoOn, GoOn, GoOn, GoOn, GoOn, GoOn, GoOn]);
        let texts = all().map(|trouble| trouble.next_of_text());
        assert_eq!(texts, [End, End, Later, Later, GoOn, GoOn, GoOn, GoOn, FindOut]);
    }

    #[test]
    fn what_is_about_one_message_does_not_count_against_the_provider() {
        use Verdict::{Answered, Failed, Unknown};
        let verdicts = all().map(|trouble| trouble.verdict());
        assert_eq!(verdicts, [Answered, Answered, Answered, Failed, Failed, Failed, Failed, Unknown, Failed]);
        assert_eq!(Trouble::too_late().verdict(), Unknown);
        let ours = all().map(|trouble| trouble.is_ours());
        assert_eq!(ours, [false, false, true, true, false, false, false, false, false]);
    }

    #[test]
    fn time_is_shared_and_the_last_has_all_that_is_left() {
        let left = Duration::from_millis(1_200);
        assert_eq!([3, 2, 1, 0].map(|count| share(left, count).as_millis()), [400, 600, 1_200, 1_200]);
        assert_eq!(before_finding_out(left), Duration::from_millis(800));
    }

    #[test]
    fn an_unclear_text_is_settled_after_a_minute_and_never_before() {
        let since = Timestamp::EPOCH.plus(Duration::from_secs(100));
        let unclear = Unclear { provider: Name::Twilio, since };
        assert!(!unclear.is_settled(since));
        assert!(!unclear.is_settled(since.plus(Duration::from_millis(59_999))));
        assert!(unclear.is_settled(since.plus(SETTLED_AFTER)));
        assert_eq!(unclear.earliest(), Timestamp::EPOCH.plus(Duration::from_secs(70)));
    }
}
