//! Enums that Stripe may extend. It adds values to old API versions as well, so an unknown value is kept as text and
//! does not make an answer unreadable: <https://docs.stripe.com/upgrades>.

/// The most characters of an unknown value that are kept.
const LONGEST: usize = 64;

/// An unknown value, shortened for logs.
pub(crate) fn unknown(word: &str) -> String {
    word.chars().filter(|char| !char.is_control()).take(LONGEST).collect()
}

/// An enum of the known values, with one variant for all others.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $variant,)+
            /// A value that is unknown here, kept for logs.
            Other(String),
        }

        impl $name {
            /// As Stripe writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    word => Self::Other($crate::open::unknown(word)),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(Self::from(&*word))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::{
        disputes::DisputeStatus,
        payment_intents::{CancellationReason, ChargeStatus, PaymentIntentStatus},
        refunds::RefundStatus,
    };

    #[test]
    fn a_known_word_is_its_variant_and_an_unknown_one_is_kept() {
        fn read<T: serde::de::DeserializeOwned>(word: &str) -> T {
            serde_json::from_value(word.into()).unwrap()
        }
        assert_eq!(read::<PaymentIntentStatus>("requires_capture"), PaymentIntentStatus::RequiresCapture);
        assert_eq!(read::<RefundStatus>("canceled"), RefundStatus::Canceled);
        assert_eq!(read::<DisputeStatus>("prevented"), DisputeStatus::Prevented);
        assert_eq!(read::<PaymentIntentStatus>("on_hold"), PaymentIntentStatus::Other("on_hold".into()));
        assert_eq!(read::<RefundStatus>("on_hold").as_str(), "on_hold");
        assert_eq!(read::<ChargeStatus>("on_hold").as_str(), "on_hold");
        assert_eq!(read::<DisputeStatus>("on_hold").as_str(), "on_hold");
        assert_eq!(read::<CancellationReason>("on_hold").to_string(), "on_hold");
    }

    #[test]
    fn an_unknown_word_is_cut_for_logs() {
        let word = format!("a\nb{}", "\u{e9}".repeat(100));
        assert_eq!(RefundStatus::from(word.as_str()).as_str(), format!("ab{}", "\u{e9}".repeat(62)));
    }
}
