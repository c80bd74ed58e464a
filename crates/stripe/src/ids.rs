//! Ids of Stripe's objects. They are put into URLs, so their form is checked. Prefixes are checked only of ids that
//! clients send, because Stripe may change them (<https://docs.stripe.com/upgrades>: "adding or removing fixed
//! prefixes").

use std::{fmt, str::FromStr};

use common::input::Refusal;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($name:ident, $what:literal $(, named by clients: $prefix:literal $(or $other:literal)*)?) => {
        #[doc = concat!("The id of ", $what, ".")]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As Stripe writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Refusal;

            fn from_str(text: &str) -> Result<Self, Refusal> {
                $(if !is_id(text, $prefix) $(&& !is_id(text, $other))* {
                    let message = concat!("must be the id of ", $what, " at Stripe, ", $prefix, "...");
                    return Err(Refusal::new("invalid_id", message));
                })?
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refusal;

            /// Reads an id that Stripe sent, with any prefix.
            fn try_from(text: String) -> Result<Self, Refusal> {
                if is_opaque(&text) {
                    return Ok(Self(text));
                }
                Err(Refusal::new("invalid_id", concat!("must be the id of ", $what, " at Stripe")))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(CustomerId, "a customer");
// Cards that were saved before payment methods existed have prefixes of their own.
id!(PaymentMethodId, "a payment method", named by clients: "pm_" or "card_" or "src_");
id!(PaymentIntentId, "a PaymentIntent");
id!(SetupIntentId, "a SetupIntent");
id!(RefundId, "a refund");
id!(ChargeId, "a charge");
id!(DisputeId, "a dispute");
id!(BalanceTransactionId, "a balance transaction");
id!(EventId, "an event");

/// Whether this can be an id of Stripe: 1 to 255 characters, none of which has a meaning in a URL.
pub(crate) fn is_opaque(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stripe_sends_is_an_id_whatever_its_prefix() {
        for id in ["ch_1", "py_1", "re_1", "pyr_1", "du_1", "1MqLiJ", "a-b"] {
            assert_eq!(serde_json::from_value::<ChargeId>(id.into()).unwrap().as_str(), id);
            assert!(id.parse::<RefundId>().is_ok());
        }
        assert_eq!(serde_json::from_value::<PaymentMethodId>("card_1".into()).unwrap().as_str(), "card_1");
        for refused in ["", "ch_1/refund", "ch 1", "ch.1", "..", "ch_1?x", "ch_\u{e9}", &"x".repeat(256)] {
            assert!(serde_json::from_value::<ChargeId>(refused.into()).is_err(), "{refused} was taken");
        }
    }

    #[test]
    fn an_id_that_clients_name_has_the_prefix_of_its_kind_and_nothing_that_means_something_in_a_url() {
        assert_eq!("pm_1MqLiJ".parse::<PaymentMethodId>().unwrap().as_str(), "pm_1MqLiJ");
        for refused in ["", "pm_", "pi_1", "pm_1/detach", "pm_1?x", "pm_1%2F", "pm_\u{e9}", &format!("pm_{:0>253}", 1)]
        {
            assert!(refused.parse::<PaymentMethodId>().is_err(), "{refused} was taken");
        }
    }
}
