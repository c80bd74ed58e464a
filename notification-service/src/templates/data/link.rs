//! Links in a mail: the rules that do not depend on the shop's settings.

use std::{fmt, str::FromStr};

use common::input::{Refusal, line};
use utoipa::ToSchema;

/// The most characters of a link.
const MAX: usize = 1_000;

/// The address of a page or a picture: `http` or `https`, without user name, spaces, quotes, or `..`.
/// Whether the shop sends it is decided by [`Shop::allows`](super::Shop::allows).
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = "uri", min_length = 10, max_length = 1000, pattern = "^https?://[!#-;=?-\\[\\]_a-z~]+$",
    examples("https://shop.example/account"))]
pub struct Link(String);

impl Link {
    /// The address, in characters that need no escaping in HTML but `&` and `'`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Link {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_link", "must be an address such as https://shop.example/account");
        let text = line(text, 10..=MAX)?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(refusal)?;
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
        let (authority, beyond) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let path = beyond.split(['?', '#']).next().unwrap_or_default();
        let climbs = path.split('/').any(|part| matches!(&*part.to_ascii_lowercase().replace("%2e", "."), "." | ".."));
        let is_host = !authority.is_empty() && !authority.starts_with(':') && !authority.contains('@');
        if is_plain && is_host && !climbs { Ok(Self(text)) } else { Err(refusal()) }
    }
}

/// Omits the link, which may give access to an account or order.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

/// The allowed target of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTarget {
    /// A page of the shop.
    Shop,
    /// A page of the shop, or a carrier's tracking page.
    Carrier,
    /// A picture at one of the shop's image addresses.
    Image,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_whose_host_is_where_it_seems_to_be() {
        for text in ["https://shop.example/orders/7?token=a-b_c~d.e&x=%C3%A4#top", "http://127.0.0.1:9000/account"] {
            assert_eq!(text.parse::<Link>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "shop.example/account",
            "//shop.example/account",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:///shop.example",
            "https://?x=shop.example",
            "https://:80/account",
            "https://shop.example@evil.example/",
            "https://shop.example:x@evil.example/",
            "https://shop.example/a b",
            "https://shop.example/\"onclick=x",
            "https://shop.example/<b>",
            "https://shop.example\\@evil.example/",
            "https://shop.example/a\nBcc: eve@evil.example",
            "https://shop.example/\u{202e}x",
            "https://shöp.example/",
            "https://shop.example/shop/../evil",
            "https://shop.example/shop/%2E%2e/evil",
        ] {
            assert!(text.parse::<Link>().is_err(), "{text:?} was taken");
        }
    }
}
