//! The sender of mail: the shop's name, and the mailbox in the header `From`.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{
    contact::Email,
    input::{Refusal, line},
};

/// The shop's name: one line, so that it can stand in a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopName(String);

impl ShopName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ShopName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=60).map(Self)
    }
}

/// The most bytes of a display name: in base64 they fill one encoded word, which may have 75 characters (RFC 2047, 2).
const MAX_NAME: usize = 45;

/// A mailbox (RFC 5322, 3.4): `shop@bodega.example`, or `Bodega <shop@bodega.example>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: Email,
}

impl Mailbox {
    /// The display name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address without the display name.
    pub fn address(&self) -> &Email {
        &self.address
    }

    /// The value of a `From` header: one line of ASCII. The name is quoted, or encoded where it has other characters (RFC 2047).
    pub fn header(&self) -> String {
        let address = self.address.as_str();
        match &self.name {
            None => address.to_owned(),
            Some(name) if name.is_ascii() => {
                let name = name.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{name}\" <{address}>")
            }
            Some(name) => format!("=?UTF-8?B?{}?= <{address}>", STANDARD.encode(name)),
        }
    }
}

impl FromStr for Mailbox {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_sender", "must be of the form Bodega <shop@bodega.example>");
        let Some(named) = text.trim().strip_suffix('>') else {
            let address = text.parse().map_err(|_| refusal())?;
            return Ok(Self { name: None, address });
        };
        let (name, address) = named.rsplit_once('<').ok_or_else(refusal)?;
        let name = line(name.trim().trim_matches('"'), 1..=MAX_NAME).map_err(|_| refusal())?;
        if name.len() > MAX_NAME {
            return Err(Refusal::new("too_long", format!("must have a name of at most {MAX_NAME} bytes")));
        }
        Ok(Self { name: Some(name), address: address.parse().map_err(|_| refusal())? })
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.header())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<String, Refusal> {
        text.parse::<Mailbox>().map(|mailbox| mailbox.header())
    }

    #[test]
    fn a_mailbox_is_written_as_mail_headers_want_it() {
        assert_eq!(header("shop@bodega.example").unwrap(), "shop@bodega.example");
        assert_eq!(header("Bodega <shop@bodega.example>").unwrap(), "\"Bodega\" <shop@bodega.example>");
        assert_eq!(header("\"Bodega, Ltd.\" <a@b.example>").unwrap(), "\"Bodega, Ltd.\" <a@b.example>");
        assert_eq!(header("B\"o\\dega <a@b.example>").unwrap(), "\"B\\\"o\\\\dega\" <a@b.example>");
        assert_eq!(header("Bäckerei <a@b.example>").unwrap(), "=?UTF-8?B?QsOkY2tlcmVp?= <a@b.example>");
    }

    #[test]
    fn a_name_that_would_begin_another_header_or_word_is_refused() {
        for text in ["Bodega\r\nBcc: x <a@b.example>", "Bodega <a@b>", "<a@b.example>", "Bodega", "a@b.example>", ""] {
            assert!(text.parse::<Mailbox>().is_err(), "{text:?} was taken");
        }
        assert!(format!("{} <a@b.example>", "ä".repeat(23)).parse::<Mailbox>().is_err());
        assert!("Bodega\nBcc: x".parse::<ShopName>().is_err());
    }
}
