//! Stripe's test cards and how they behave: <https://docs.stripe.com/testing>. No I/O.

/// What a card does when it is charged or saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behaviour {
    /// It pays.
    #[default]
    Pays,
    /// It is declined, also when it is attached to a customer.
    Declines(Decline),
    /// It can be attached, and is declined when charged.
    DeclinesWhenCharged(Decline),
    /// It wants 3-D Secure.
    Authenticates(Authentication),
    /// It pays, and the cardholder disputes it.
    Disputes(Complaint),
    /// It pays; a refund is pending at first, and succeeds later.
    DelaysRefunds,
    /// It pays; a refund succeeds at first, and fails later.
    FailsRefunds,
}

/// The reason of a cardholder's dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// The cardholder denies the payment: a chargeback.
    Fraudulent,
    /// The cardholder did not receive the goods: a chargeback.
    ProductNotReceived,
    /// The bank inquires first.
    Inquiry,
}

/// When a card wants 3-D Secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// For each payment.
    Always,
    /// Not once it has been set up.
    UnlessSetUp,
    /// Only while the cardholder is there: it counts as set up.
    OnSession,
    /// For each payment, and then it is declined.
    ThenDeclines(Decline),
}

/// How a card is declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    /// Stripe's `decline_code`; not every error has one.
    pub(crate) reason: Option<&'static str>,
    /// For the cardholder.
    pub(crate) message: &'static str,
}

/// The issuer's decision about a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The issuer approves.
    Pays,
    /// The issuer declines.
    Declines(Decline),
    /// The cardholder must authenticate.
    Asks,
    /// The cardholder must authenticate and is absent.
    CardholderAbsent,
}

impl Behaviour {
    /// The issuer's decision about a charge; `is_set_up` after 3-D Secure when the card was saved.
    pub(crate) fn charged(self, off_session: bool, is_set_up: bool) -> Verdict {
        match self {
            Self::Pays | Self::Disputes(_) | Self::DelaysRefunds | Self::FailsRefunds => Verdict::Pays,
            Self::Declines(decline) | Self::DeclinesWhenCharged(decline) => Verdict::Declines(decline),
            Self::Authenticates(Authentication::UnlessSetUp) if is_set_up => Verdict::Pays,
            Self::Authenticates(Authentication::OnSession) if off_session => Verdict::Pays,
            Self::Authenticates(_) if off_session => Verdict::CardholderAbsent,
            Self::Authenticates(_) => Verdict::Asks,
        }
    }

    /// The issuer's decision about saving the card with the cardholder present.
    pub(crate) fn set_up(self) -> Verdict {
        match self {
            Self::Pays
            | Self::DeclinesWhenCharged(_)
            | Self::Disputes(_)
            | Self::DelaysRefunds
            | Self::FailsRefunds
            | Self::Authenticates(Authentication::OnSession) => Verdict::Pays,
            Self::Declines(decline) => Verdict::Declines(decline),
            Self::Authenticates(_) => Verdict::Asks,
        }
    }

    /// The issuer's decision about a charge after the cardholder authenticated.
    pub(crate) fn authenticated(self) -> Verdict {
        match self {
            Self::Authenticates(Authentication::ThenDeclines(decline)) => Verdict::Declines(decline),
            _ => Verdict::Pays,
        }
    }
}

/// A card of the test set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestCard {
    pub(crate) brand: &'static str,
    pub(crate) funding: &'static str,
    pub(crate) last4: &'static str,
    pub(crate) behaviour: Behaviour,
}

const GENERIC: Decline = declined("generic_decline", "Your card was declined.");
const INSUFFICIENT: Decline = declined("insufficient_funds", "Your card has insufficient funds.");

const fn declined(reason: &'static str, message: &'static str) -> Decline {
    Decline { code: "card_declined", reason: Some(reason), message }
}

const fn wrong(code: &'static str, message: &'static str) -> Decline {
    Decline { code, reason: None, message }
}

/// The card behind `pm_card_...` or `tok_...`.
pub(crate) fn named(name: &str) -> Option<TestCard> {
    use Authentication::{Always, OnSession, ThenDeclines, UnlessSetUp};
    use Behaviour::{Authenticates, Declines, DeclinesWhenCharged, DelaysRefunds, Disputes, FailsRefunds, Pays};
    let card = name.strip_prefix("pm_card_").or_else(|| name.strip_prefix("tok_"))?;
    let (brand, last4, behaviour) = match card.strip_prefix("visa_").unwrap_or(card) {
        "visa" | "us" => ("visa", "4242", Pays),
        "debit" if card.starts_with("visa_") => ("visa", "5556", Pays),
        "mastercard" => ("mastercard", "4444", Pays),
        "amex" => ("amex", "8431", Pays),
        "chargeDeclined" => ("visa", "0002", Declines(GENERIC)),
        "chargeDeclinedInsufficientFunds" => ("visa", "9995", Declines(INSUFFICIENT)),
        "chargeDeclinedLostCard" => ("visa", "9987", Declines(declined("lost_card", "Your card was declined."))),
        "chargeDeclinedStolenCard" => ("visa", "9979", Declines(declined("stolen_card", "Your card was declined."))),
        "chargeDeclinedExpiredCard" => ("visa", "0069", Declines(wrong("expired_card", "Your card has expired."))),
        "chargeDeclinedIncorrectCvc" => {
            ("visa", "0127", Declines(wrong("incorrect_cvc", "Your card's security code is incorrect.")))
        }
        "chargeDeclinedProcessingError" => {
            let message = "An error occurred while processing your card. Try again in a little bit.";
            ("visa", "0119", Declines(wrong("processing_error", message)))
        }
        "chargeCustomerFail" => ("visa", "0341", DeclinesWhenCharged(GENERIC)),
        "threeDSecure2Required" | "threeDSecureRequired" => ("visa", "3220", Authenticates(Always)),
        "authenticationRequired" => ("visa", "3184", Authenticates(Always)),
        "authenticationRequiredOnSetup" => ("visa", "3155", Authenticates(UnlessSetUp)),
        "authenticationRequiredSetupForOffSession" => ("visa", "0446", Authenticates(OnSession)),
        "authenticationRequiredChargeDeclinedInsufficientFunds" => {
            ("visa", "3178", Authenticates(ThenDeclines(INSUFFICIENT)))
        }
        "createDispute" => ("visa", "0259", Disputes(Complaint::Fraudulent)),
        "createDisputeProductNotReceived" => ("visa", "2685", Disputes(Complaint::ProductNotReceived)),
        "createDisputeInquiry" => ("visa", "1976", Disputes(Complaint::Inquiry)),
        "pendingRefund" => ("visa", "7726", DelaysRefunds),
        "refundFail" => ("visa", "5126", FailsRefunds),
        _ => return None,
    };
    let funding = if card == "visa_debit" { "debit" } else { "credit" };
    Some(TestCard { brand, funding, last4, behaviour })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_was_set_up_is_not_asked_for_again() {
        let card = named("pm_card_authenticationRequiredOnSetup").unwrap().behaviour;
        assert_eq!(card.charged(false, false), Verdict::Asks);
        assert_eq!(card.charged(true, false), Verdict::CardholderAbsent);
        assert_eq!(card.charged(true, true), Verdict::Pays);
    }

    #[test]
    fn names_that_are_not_stripes_are_no_cards() {
        for name in ["pm_card_vsia", "pm_1PgafuB7WZ01zgkW", "visa", "pm_card_debit"] {
            assert!(named(name).is_none(), "{name}");
        }
    }
}
