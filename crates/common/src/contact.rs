//! How to reach people: e-mail addresses, names, telephone numbers, and where parcels go.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::address::{AddressLine, CountryCode, PostalAddress, PostalCode};
use crate::input::{Refusal, line};

mod address;
mod countries;

/// An e-mail address: ASCII, since our mail provider takes no others (international domains in their `xn--` form).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = "email", min_length = 3, max_length = 254, examples("ada@example.com"))]
pub struct Email(String);

impl Email {
    /// As the person wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses the same person's: providers that tell capitals apart have died out.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// What stands before the `@`, in lower case.
    pub fn local_part(&self) -> String {
        self.key().split('@').next().unwrap_or_default().to_owned()
    }
}

impl FromStr for Email {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = line(text, 3..=254)?;
        let parts = text.split_once('@').filter(|(local, domain)| is_local_part(local) && is_domain(domain));
        if parts.is_none() {
            return Err(Refusal::new("invalid_email", "must be an e-mail address such as ada@example.com"));
        }
        Ok(Self(text))
    }
}

/// RFC 5321's dot-string; quoted local parts exist on paper only.
fn is_local_part(text: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
    };
    text.len() <= 64 && text.split('.').all(is_atom)
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && !top.bytes().all(|b| b.is_ascii_digit())
}

/// Never shows the address: what is printed ends up in logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

/// What a person is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 100, examples("Ada Lovelace"))]
pub struct PersonName(String);

impl PersonName {
    /// The name, on one line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=100).map(Self)
    }
}

/// A telephone number in E.164 form. Spaces, dots, hyphens and brackets are taken and dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 8, max_length = 32, examples("+14155550123"))]
pub struct Phone(String);

impl Phone {
    /// `+` and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text: String = line(text, 8..=32)?.chars().filter(|c| !" .-()".contains(*c)).collect();
        let digits = text.strip_prefix('+').unwrap_or_default();
        let is_number = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if !is_number || !(7..=15).contains(&digits.len()) {
            return Err(Refusal::new("invalid_phone", "must be an international number such as +14155550123"));
        }
        Ok(Self(text))
    }
}

/// What is deserialized, from a sibling or a store, passes the same rule as what a client writes.
macro_rules! read_from_text {
    ($($word:ty),+) => {$(
        impl TryFrom<String> for $word {
            type Error = Refusal;

            fn try_from(text: String) -> Result<Self, Refusal> {
                text.parse()
            }
        }
    )+};
}

read_from_text!(Email, PersonName, Phone, AddressLine, PostalCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_in_capitals_are_one_persons() {
        let email: Email = " Ada.Lovelace+shop@Example.COM ".parse().unwrap();
        assert_eq!(email.as_str(), "Ada.Lovelace+shop@Example.COM");
        assert_eq!(email.key(), "ada.lovelace+shop@example.com");
        assert_eq!(email.local_part(), "ada.lovelace+shop");
    }

    #[test]
    fn what_no_mail_can_reach_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let refused = [
            "a",
            "a@b",
            "@example.com",
            "a@",
            "a@@example.com",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@-x.com",
            "a@x-.com",
            "a@x..com",
            "a@127.0.0.1",
            "\"a\"@example.com",
            "ä@example.com",
            "a@exämple.com",
            &long,
        ];
        for text in refused {
            assert!(text.parse::<Email>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn an_address_is_not_shown_in_debug_output() {
        let email: Email = "ada@example.com".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email(..)");
    }

    #[test]
    fn telephone_numbers_are_kept_in_one_spelling() {
        assert_eq!("+1 (415) 555-01.23".parse::<Phone>().unwrap().as_str(), "+14155550123");
        for text in ["4155550123", "+0155550123", "+123456", "+1234567890123456", "+1415555x123", "+1+4155550123"] {
            assert!(text.parse::<Phone>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn what_a_sibling_sends_passes_the_same_rule() {
        assert!(serde_json::from_str::<Email>("\"ada@example.com\"").is_ok());
        assert!(serde_json::from_str::<Email>("\"ada\"").is_err());
        assert!(serde_json::from_str::<CountryCode>("\"UK\"").is_err());
    }
}
