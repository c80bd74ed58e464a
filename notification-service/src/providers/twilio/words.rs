//! The forms of Twilio's settings.

use std::str::FromStr;

use common::input::{Refusal, line};

/// Twilio's ids: a prefix and 32 hexadecimal digits.
macro_rules! sid {
    ($($(#[$doc:meta])* $name:ident $prefix:literal),+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) String);

        impl FromStr for $name {
            type Err = Refusal;

            fn from_str(text: &str) -> Result<Self, Refusal> {
                let digits = text.strip_prefix($prefix).unwrap_or_default();
                if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Ok(Self(text.to_owned()));
                }
                Err(Refusal::new("invalid_sid", concat!("must be ", $prefix, " and 32 hexadecimal digits")))
            }
        }
    )+};
}

sid!(
    /// Id of an account.
    Account "AC",
    /// Id of an API key.
    Key "SK",
    /// Id of a messaging service.
    Service "MG"
);

/// The sender of texts: a number in E.164 form, a short code, or a name of at most eleven letters, digits and spaces.
pub(super) struct TextFrom(pub(super) String);

impl FromStr for TextFrom {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = line(text, 3..=16)?;
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
        if is_name || text.strip_prefix('+').is_some_and(is_number) {
            return Ok(Self(text));
        }
        Err(Refusal::new("invalid_sender", "must be a number such as +14155550123, or a name of at most 11 letters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_number_or_a_short_name() {
        for text in ["+14155550123", "Bodega", "12345", "The Bodega"] {
            assert!(text.parse::<TextFrom>().is_ok(), "{text}");
        }
        for text in ["", "+", "Bodega & Sons", "A name that is long", "+44 20", "+1415555012345678"] {
            assert!(text.parse::<TextFrom>().is_err(), "{text}");
        }
        assert!(format!("AC{}", "0a".repeat(16)).parse::<Account>().is_ok());
        assert!(format!("SK{}", "0a".repeat(16)).parse::<Account>().is_err());
    }
}
