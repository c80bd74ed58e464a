//! Names of providers, the meaning of their answers, and the next step after each. Rules only.

use std::{str::FromStr, time::Duration};

use common::{input::Refusal, timestamp::Timestamp};
use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// A text that the vendor's list does not show this long after the call was never accepted: the vendor works on an aborted call
/// for less than that.
pub const SETTLED_AFTER: Duration = Duration::from_mins(1);
/// The tolerated difference between a vendor's clock and ours, where the date of a message is compared.
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
    /// No provider: a log line is written instead. For development.
    Log,
}

impl Name {
    /// The name in settings, in the table and in answers.
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

/// A message that a provider accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The provider.
    pub provider: Name,
    /// The provider's id of the message.
    pub id: String,
}

/// A text that may have been sent: a provider was called, and gave no clear answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear {
    /// The provider.
    pub provider: Name,
    /// When it was called.
    pub since: Timestamp,
}

impl Unclear {
    /// The earliest date of the text. An older message with the same text is another one.
    pub(super) fn earliest(self) -> Timestamp {
        self.since.minus(CLOCKS_APART)
    }

    /// Whether a text that the vendor's list does not show now was never accepted.
    pub(super) fn is_settled(self, now: Timestamp) -> bool {
        now >= self.since.plus(SETTLED_AFTER)
    }
}

/// Why no provider accepted a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The provider refuses the address. Final.
    #[error("{provider} refused it: {reason}")]
    Refused {
        /// The provider.
        provider: Name,
        /// Why, without personal data.
        reason: String,
    },
    /// The address is on the provider's own suppression list. Final.
    #[error("{provider} suppresses the address")]
    Suppressed {
        /// The provider.
        provider: Name,
    },
    /// No provider accepted it; a later try may succeed.
    #[error("no provider took it: {reason}")]
    Retryable {
        /// Why, by provider, without personal data.
        reason: String,
    },
    /// It may have been sent (SMS only).
    #[error("whether {} took it is not clear since {}", .0.provider, .0.since)]
    Unclear(Unclear),
}

/// Why a call of a provider did not succeed. The text is logged, so it has neither our data nor the provider's message, which
/// may contain an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProviderError {
    /// The recipient's address is invalid or cannot be reached.
    #[error("refuses the recipient: {0}")]
    Refused(String),
    /// The recipient is on the provider's suppression list.
    #[error("no longer sends to this recipient")]
    Suppressed,
    /// The provider rejects the request for another reason than the recipient's address: a mistake in this program or its settings.
    #[error("rejects the request: {0}")]
    Rejected(String),
    /// The provider rejects the key or account (401, 403): a mistake in the settings.
    #[error("rejects our key or account: {0}")]
    Unauthorized(String),
    /// The provider throttles (429).
    #[error("throttles: {0}")]
    Busy(String),
    /// The provider failed (5xx).
    #[error("failed: {0}")]
    Broken(String),
    /// No connection could be opened.
    #[error("was not asked: {0}")]
    Unreachable(String),
    /// The provider was not called, for a reason of ours: the time was over, or the key could not be fetched.
    #[error("was not asked: {0}")]
    NotAsked(String),
    /// The provider gave no answer, or one that cannot be read. It may have accepted the message.
    #[error("gave no clear answer: {0}")]
    Lost(String),
}

/// The next step after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    /// No provider is called any more; the message is final.
    Stop,
    /// The next provider is called.
    NextProvider,
    /// No provider is called now; the message waits for a later request.
    RetryLater,
    /// The provider is asked whether it accepted the message, before any other is called.
    CheckStatus,
}

/// What a call says about its provider's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The provider would most likely fail for the next message, too.
    Failed,
    /// The provider works: it accepted or refused this message.
    Answered,
    /// Nothing: the provider was not called.
    Unknown,
}

impl ProviderError {
    /// The deadline passed before the call.
    pub(super) fn out_of_time() -> Self {
        Self::NotAsked("no time is left".to_owned())
    }

    /// The next step for a mail, which is better sent twice than never.
    pub(super) fn next_of_mail(&self) -> NextStep {
        match self {
            Self::Refused(_) | Self::Suppressed => NextStep::Stop,
            Self::Rejected(_)
            | Self::Unauthorized(_)
            | Self::Busy(_)
            | Self::Broken(_)
            | Self::Unreachable(_)
            | Self::NotAsked(_)
            | Self::Lost(_) => NextStep::NextProvider,
        }
    }

    /// The next step for a text. A text sent twice costs money, so the next provider is called only where this one certainly did
    /// not accept it and the fault is the provider's.
    pub(super) fn next_of_text(&self) -> NextStep {
        match self {
            Self::Refused(_) | Self::Suppressed => NextStep::Stop,
            Self::Busy(_) | Self::Broken(_) | Self::Unreachable(_) | Self::NotAsked(_) => NextStep::NextProvider,
            Self::Rejected(_) | Self::Unauthorized(_) => NextStep::RetryLater,
            Self::Lost(_) => NextStep::CheckStatus,
        }
    }

    /// What the error says about the provider's health.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Unauthorized(_) | Self::Busy(_) | Self::Broken(_) | Self::Unreachable(_) | Self::Lost(_) => {
                Verdict::Failed
            }
            Self::Refused(_) | Self::Suppressed | Self::Rejected(_) => Verdict::Answered,
            Self::NotAsked(_) => Verdict::Unknown,
        }
    }

    /// Whether an operator has to act: the error does not pass by itself.
    pub(super) fn needs_operator(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Unauthorized(_))
    }
}

/// The time for one provider of a list: the time left, divided among it and those after it.
pub(super) fn share(left: Duration, providers: usize) -> Duration {
    left / u32::try_from(providers.max(1)).unwrap_or(u32::MAX)
}

/// The time for a call that sends a text: a third of the time left is reserved for [`NextStep::CheckStatus`].
pub(super) fn before_status_check(left: Duration) -> Duration {
    left / 3 * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [ProviderError; 9] {
        let why = String::new;
        [
            ProviderError::Refused(why()),
            ProviderError::Suppressed,
            ProviderError::Rejected(why()),
            ProviderError::Unauthorized(why()),
            ProviderError::Busy(why()),
            ProviderError::Broken(why()),
            ProviderError::Unreachable(why()),
            ProviderError::NotAsked(why()),
            ProviderError::Lost(why()),
        ]
    }

    #[test]
    fn a_provider_is_stored_under_the_name_that_settings_and_answers_have() {
        let names = ["ses", "sendgrid", "twilio", "log"];
        assert_eq!(Name::VARIANTS.iter().map(ToString::to_string).collect::<Vec<_>>(), names);
        assert_eq!(serde_json::json!(Name::VARIANTS), serde_json::json!(names));
    }

    #[test]
    fn a_mail_is_passed_on_unless_its_address_is_refused_and_a_text_only_where_it_was_certainly_not_accepted() {
        use NextStep::{CheckStatus, NextProvider, RetryLater, Stop};
        let mails = all().map(|failure| failure.next_of_mail());
        assert_eq!(
            mails,
            [
                Stop,
                Stop,
                NextProvider,
                NextProvider,
                NextProvider,
                NextProvider,
                NextProvider,
                NextProvider,
                NextProvider
            ]
        );
        let texts = all().map(|failure| failure.next_of_text());
        assert_eq!(
            texts,
            [Stop, Stop, RetryLater, RetryLater, NextProvider, NextProvider, NextProvider, NextProvider, CheckStatus]
        );
    }

    #[test]
    fn the_refusal_of_one_message_does_not_count_against_the_provider() {
        use Verdict::{Answered, Failed, Unknown};
        let verdicts = all().map(|failure| failure.verdict());
        assert_eq!(verdicts, [Answered, Answered, Answered, Failed, Failed, Failed, Failed, Unknown, Failed]);
        assert_eq!(ProviderError::out_of_time().verdict(), Unknown);
        let ours = all().map(|failure| failure.needs_operator());
        assert_eq!(ours, [false, false, true, true, false, false, false, false, false]);
    }

    #[test]
    fn time_is_shared_and_the_last_has_all_that_is_left() {
        let left = Duration::from_millis(1_200);
        assert_eq!([3, 2, 1, 0].map(|count| share(left, count).as_millis()), [400, 600, 1_200, 1_200]);
        assert_eq!(before_status_check(left), Duration::from_millis(800));
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
