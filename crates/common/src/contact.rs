//! Contact data: e-mail addresses, names, telephone numbers and postal addresses.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::{ValidateEmail, ValidateLength};

pub use self::{
    address::{AddressLine, PostalAddress, PostalCode},
    channels::{Channel, Channels},
    country::CountryCode,
    phone::Phone,
};
use crate::input::{Refusal, line};

mod address;
mod channels;
mod countries;
mod country;
mod label;
mod phone;
mod web_address;

/// E-mail address in ASCII: the mail provider accepts no others. An international domain is converted to its `xn--`
/// form (IDNA, UTS 46), so that one mailbox has one address however it was typed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = "email", min_length = 3, max_length = 254, examples("ada@example.com"))]
pub struct Email(String);

impl Email {
    /// The address as it was written, except for an international domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key by which two addresses are equal: without case, which mail providers ignore.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The part before the `@`, in lower case.
    pub fn local_part(&self) -> String {
        self.key().split('@').next().unwrap_or_default().to_owned()
    }
}

impl FromStr for Email {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = |message: &str| Refusal::new("invalid_email", message);
        let malformed = || refusal("must be an e-mail address such as ada@example.com");
        let text = line(text, 3..=254)?;
        let (local, domain) = text.rsplit_once('@').ok_or_else(malformed)?;
        if !local.is_ascii() {
            return Err(refusal(
                "must have only ASCII characters before the @: the mail provider delivers to no others",
            ));
        }
        let domain = ascii_domain(domain).ok_or_else(malformed)?;
        let address = format!("{local}@{domain}");
        // validator checks the rest by HTML's grammar, which excludes quoted local parts and labels that DNS does not
        // allow.
        let is_deliverable = address.validate_email() && is_dot_string(local) && is_public(&domain);
        let is_short_enough = address.validate_length(None, Some(254), None);
        if is_deliverable && is_short_enough { Ok(Self(address)) } else { Err(malformed()) }
    }
}

/// An international domain in its `xn--` form; any other as it was written. A label that begins with `xn--` and encodes
/// no valid name (UTS 46, 4.1) cannot be registered, and is refused.
fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    if !domain.is_ascii() {
        return idna::domain_to_ascii_strict(domain).ok().map(Cow::Owned);
    }
    let is_converted = |label: &str| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    if domain.split('.').any(is_converted) && idna::domain_to_ascii(domain).is_err() {
        return None;
    }
    Some(domain.into())
}

/// Whether it is RFC 5321's dot-string: mail servers refuse a dot at either end, and two in a row.
fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty())
}

/// Whether it is a domain with a dot and a top level that is a word. validator accepts IP addresses too.
fn is_public(domain: &str) -> bool {
    let top = domain.rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| {
        top.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !top.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Leaves out the address, so that no log shows it.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

/// Name of a person. Mails show it to other people, so it must not contain a web address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 100, examples("Ada Lovelace"))]
pub struct PersonName(String);

impl PersonName {
    fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name, on one line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=100).and_then(web_address::refuse).map(Self)
    }
}

/// Values from other services and stores are checked by the same rule as those of clients.
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

read_from_text!(Email);

/// A value that was accepted once can be read again, also when a later rule would refuse it: orders and accounts stay
/// readable.
macro_rules! read_as_stored {
    ($($word:ident $most:literal),+) => {$(
        impl TryFrom<String> for $word {
            type Error = Refusal;

            fn try_from(text: String) -> Result<Self, Refusal> {
                if !text.validate_length(Some(1), Some($most), None) {
                    return Err(Refusal::new("wrong_length", concat!("must have 1 to ", $most, " characters")));
                }
                Ok(Self::stored(text))
            }
        }
    )+};
}

read_as_stored!(PersonName 100, AddressLine 100, PostalCode 16);

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
        let long_label = format!("a@{}.com", "a".repeat(64));
        let long_when_converted = format!("a@{}.com", "ä".repeat(62));
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
            "a@[127.0.0.1]",
            "a@[IPv6:2001:db8::1]",
            "a@[2001:db8::1]",
            "\"a b\"@example.com",
            "a@localhost",
            "a@exämple",
            "a@example.com.",
            "a@example.123",
            "a@exa_mple.com",
            "a.@example.com",
            "a,b@example.com",
            "a@exa mple.com",
            "a@-exämple.com",
            "a@ex\u{202E}ample.com",
            "a@ä..com",
            "ä@example.com",
            &long,
            &long_label,
            &long_when_converted,
        ];
        for text in refused {
            assert_eq!(
                text.parse::<Email>().map_err(|refusal| refusal.code == "too_short"),
                Err(text.len() < 3),
                "{text}"
            );
        }
    }

    #[test]
    fn an_international_domain_is_kept_in_its_ascii_form_and_is_the_same_mailbox_however_it_is_typed() {
        for (typed, kept) in [
            ("ada@exämple.com", "ada@xn--exmple-cua.com"),
            ("Ada@EXÄMPLE.com", "Ada@xn--exmple-cua.com"),
            ("ada@exa\u{308}mple.com", "ada@xn--exmple-cua.com"),
            ("ada@exämple。com", "ada@xn--exmple-cua.com"),
            ("ada@straße.de", "ada@xn--strae-oqa.de"),
            ("ada@例え.みんな", "ada@xn--r8jz45g.xn--q9jyb4c"),
            ("ada@пример.рф", "ada@xn--e1afmkfd.xn--p1ai"),
            ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),
            ("ada@xn--exmple-cua.com", "ada@xn--exmple-cua.com"),
            ("ada@XN--EXMPLE-CUA.com", "ada@XN--EXMPLE-CUA.com"),
        ] {
            let email: Email = typed.parse().unwrap();
            assert_eq!(email.as_str(), kept, "{typed}");
            assert_eq!(email.key(), kept.to_lowercase());
            assert_eq!(kept.parse::<Email>().unwrap(), email, "what is stored is read again");
        }
        for unregistrable in ["ada@xn--a.com", "ada@mail.xn--exmple-.com", "ada@XN--.com", "ada@xn--a-ecp.ru.com"] {
            assert_eq!(unregistrable.parse::<Email>().unwrap_err().code, "invalid_email", "{unregistrable}");
        }
        let refused = "ädä@example.com".parse::<Email>().unwrap_err();
        assert_eq!(refused.code, "invalid_email");
        assert!(refused.message.contains("ASCII") && !refused.message.contains("ädä"), "{refused}");
    }

    #[test]
    fn addresses_that_look_odd_and_are_in_use_are_taken() {
        for text in
            ["o'neil@example.com", "a+b@example.museum", "1@2.example", "a@r3---sn.example.com", "a_b%c@ex-ample.co.uk"]
        {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_name_with_the_address_of_a_page_is_refused_from_a_client_and_read_from_a_store() {
        assert_eq!("evil.example".parse::<PersonName>().unwrap_err().code, "web_address");
        assert_eq!("Go to evil.example/x".parse::<AddressLine>().unwrap_err().code, "web_address");
        assert_eq!("bit.ly/x".parse::<PostalCode>().unwrap_err().code, "web_address");
        assert_eq!(serde_json::from_str::<PersonName>("\"evil.example\"").unwrap().as_str(), "evil.example");
        assert!(serde_json::from_str::<PersonName>("\"\"").is_err());
        assert!(serde_json::from_str::<AddressLine>(&format!("\"{}\"", "a".repeat(101))).is_err());
    }

    #[test]
    fn an_address_is_not_shown_in_debug_output() {
        let email: Email = "ada@example.com".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email(..)");
    }

    #[test]
    fn what_a_sibling_sends_passes_the_same_rule() {
        assert!(serde_json::from_str::<Email>("\"ada@example.com\"").is_ok());
        assert!(serde_json::from_str::<Email>("\"ada\"").is_err());
        assert!(serde_json::from_str::<CountryCode>("\"UK\"").is_err());
    }
}
