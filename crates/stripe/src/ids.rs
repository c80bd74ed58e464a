//! Ids of Stripe's objects. They are put into URLs, so their form is checked.

use std::{fmt, str::FromStr};

use common::input::Refusal;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($name:ident, $prefix:literal $(or $other:literal)?, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": `", $prefix, "...`", $(" or `", $other, "...`",)? ".")]
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
                if is_id(text, $prefix) $(|| is_id(text, $other))? {
                    return Ok(Self(text.to_owned()));
                }
                Err(Refusal::new("invalid_id", concat!("must be the id of ", $what, " at Stripe, ", $prefix, "...")))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refusal;

            fn try_from(text: String) -> Result<Self, Refusal> {
                text.parse()
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

id!(CustomerId, "cus_", "a customer");
id!(PaymentMethodId, "pm_", "a payment method");
id!(PaymentIntentId, "pi_", "a PaymentIntent");
id!(SetupIntentId, "seti_", "a SetupIntent");
// Those of methods other than cards have names of their own.
id!(RefundId, "re_" or "pyr_", "a refund");
id!(ChargeId, "ch_" or "py_", "a charge");
id!(EventId, "evt_", "an event");

fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && text.len() <= 255 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_and_refunds_of_methods_other_than_cards_are_read() {
        assert!(["ch_1", "py_1"].iter().all(|id| id.parse::<ChargeId>().is_ok()));
        assert!(["re_1", "pyr_1"].iter().all(|id| id.parse::<RefundId>().is_ok()));
        assert!("pi_1".parse::<ChargeId>().is_err() && "py_1".parse::<RefundId>().is_err());
    }

    #[test]
    fn an_id_has_the_prefix_of_its_kind_and_nothing_that_means_something_in_a_url() {
        assert_eq!("pm_1MqLiJ".parse::<PaymentMethodId>().unwrap().as_str(), "pm_1MqLiJ");
        for refused in ["", "pm_", "pi_1", "pm_1/detach", "pm_1?x", "pm_1%2F", "pm_\u{e9}", &format!("pm_{:0>253}", 1)]
        {
            assert!(refused.parse::<PaymentMethodId>().is_err(), "{refused} was taken");
        }
    }
}
