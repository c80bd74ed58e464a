//! The states of a PaymentIntent and what may be done in each:
//! <https://docs.stripe.com/payments/paymentintents/lifecycle>. No I/O.
//!
//! | state | confirm | authenticate | capture | cancel | change the amount |
//! | --- | --- | --- | --- | --- | --- |
//! | `requires_payment_method` | with a payment method | no | no | yes | yes |
//! | `requires_confirmation` | yes | no | no | yes | yes |
//! | `requires_action` | yes | yes | no | yes | yes |
//! | `processing` | no | no | no | yes | no |
//! | `requires_capture` | no | no | yes | yes | no |
//! | `succeeded`, `canceled` | no | no | no | no | no |

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// How far a PaymentIntent has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
}

/// An action on a PaymentIntent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Try to take the money; with the payment method of the PaymentIntent or a new one, where there is any.
    Confirm {
        has_method: bool,
    },
    /// The cardholder's answer at 3-D Secure.
    Authenticate,
    Capture,
    Cancel,
    ChangeAmount,
}

/// How a try to take the money ends, for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The money is taken.
    Taken,
    /// The money is held until it is captured.
    Held,
    /// The cardholder is asked.
    Asked,
    /// Another payment method is needed.
    Failed,
}

use Status::{Canceled, RequiresAction, RequiresCapture, RequiresConfirmation, RequiresPaymentMethod, Succeeded};

impl Status {
    /// As Stripe writes it.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the action is allowed in this state. The error is Stripe's message.
    pub(crate) fn allow(self, action: Action) -> Result<(), String> {
        let is_allowed = match action {
            Action::Confirm { has_method: false } if self == RequiresPaymentMethod => return Err(no_method()),
            Action::Confirm { .. } => matches!(self, RequiresPaymentMethod | RequiresConfirmation | RequiresAction),
            Action::Authenticate => self == RequiresAction,
            Action::Capture => self == RequiresCapture,
            Action::Cancel => !matches!(self, Succeeded | Canceled),
            Action::ChangeAmount => matches!(self, RequiresPaymentMethod | RequiresConfirmation | RequiresAction),
        };
        if is_allowed { Ok(()) } else { Err(self.refuse(action)) }
    }

    fn refuse(self, action: Action) -> String {
        match action {
            Action::Confirm { .. } => format!(
                "You cannot confirm this PaymentIntent because it has a status of {self}. Only a PaymentIntent with one of \
                 the following statuses may be confirmed: requires_confirmation, requires_action."
            ),
            Action::Authenticate => {
                format!("This PaymentIntent cannot be authenticated because it has a status of {self}.")
            }
            Action::Capture if self == Succeeded => "The remaining amount on this PaymentIntent could not be captured \
                 because the remainder of the authorized amount has been released."
                .to_owned(),
            Action::Capture => format!(
                "This PaymentIntent could not be captured because it has a status of {self}. Only a PaymentIntent with one \
                 of the following statuses may be captured: requires_capture."
            ),
            Action::Cancel => format!(
                "You cannot cancel this PaymentIntent because it has a status of {self}. Only a PaymentIntent with one of \
                 the following statuses may be canceled: requires_payment_method, requires_capture, \
                 requires_confirmation, requires_action, processing."
            ),
            Action::ChangeAmount => format!(
                "This PaymentIntent's amount could not be updated because it has a status of {self}. You may only update \
                 the amount of a PaymentIntent with one of the following statuses: requires_payment_method, \
                 requires_confirmation, requires_action."
            ),
        }
    }
}

fn no_method() -> String {
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent \
     with a payment method and then confirm it again, or confirm it again directly with a payment method or \
     ConfirmationToken."
        .to_owned()
}

impl Outcome {
    /// The state that it leads to.
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Taken => Succeeded,
            Self::Held => RequiresCapture,
            Self::Asked => RequiresAction,
            Self::Failed => RequiresPaymentMethod,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Status::Processing, *};

    #[test]
    fn each_state_allows_what_stripe_documents() {
        let with_method = Action::Confirm { has_method: true };
        let without = Action::Confirm { has_method: false };
        let actions =
            [with_method, without, Action::Authenticate, Action::Capture, Action::Cancel, Action::ChangeAmount];
        for (status, allowed) in [
            (RequiresPaymentMethod, [true, false, false, false, true, true]),
            (RequiresConfirmation, [true, true, false, false, true, true]),
            (RequiresAction, [true, true, true, false, true, true]),
            (Processing, [false, false, false, false, true, false]),
            (RequiresCapture, [false, false, false, true, true, false]),
            (Canceled, [false; 6]),
            (Succeeded, [false; 6]),
        ] {
            assert_eq!(actions.map(|action| status.allow(action).is_ok()), allowed, "{status}");
        }
    }

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for &status in Status::VARIANTS {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("cancelled".parse::<Status>().is_err());
    }
}
