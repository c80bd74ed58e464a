//! The token in a link by which a recipient unsubscribes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use common::contact::Channel;
use platform::fingerprint::Fingerprint;

use crate::suppressions::domain::Scope;

/// The first byte of a token, which leaves room for other forms.
const VERSION: u8 = 1;
const SUBJECT: usize = 3 + size_of::<Fingerprint>();
const WHOLE: usize = SUBJECT + size_of::<Fingerprint>();

/// The subject of a token: which recipient unsubscribes from which messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The channel.
    pub channel: Channel,
    /// The keyed hash of the address.
    pub recipient: Fingerprint,
    /// The messages to unsubscribe from.
    pub scope: Scope,
}

impl Subject {
    fn bytes(self) -> [u8; SUBJECT] {
        let mut bytes = [0; SUBJECT];
        bytes[0] = VERSION;
        bytes[1] = match self.channel {
            Channel::Email => b'e',
            Channel::Sms => b's',
        };
        bytes[2] = match self.scope {
            Scope::Everything => b'e',
            Scope::Announcements => b'a',
        };
        bytes[3..].copy_from_slice(&self.recipient);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let [VERSION, channel, scope, recipient @ ..] = bytes else { return None };
        let channel = match channel {
            b'e' => Channel::Email,
            b's' => Channel::Sms,
            _ => return None,
        };
        let scope = match scope {
            b'e' => Scope::Everything,
            b'a' => Scope::Announcements,
            _ => return None,
        };
        Some(Self { channel, recipient: recipient.try_into().ok()?, scope })
    }

    /// The text that is sealed.
    pub fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// The token: the subject with its seal.
    pub fn sealed(self, seal: Fingerprint) -> String {
        URL_SAFE_NO_PAD.encode([&self.bytes()[..], &seal].concat())
    }

    /// Splits a token into its subject and its seal, which the caller must verify. `None` for a malformed token.
    pub fn open(token: &str) -> Option<(Self, Fingerprint)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == WHOLE)?;
        let (subject, seal) = bytes.split_at(SUBJECT);
        Some((Self::read(subject)?, seal.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn a_token_is_opened_as_it_was_sealed() {
        for &channel in Channel::VARIANTS {
            for scope in [Scope::Everything, Scope::Announcements] {
                let subject = Subject { channel, recipient: [7; 16], scope };
                let token = subject.sealed([9; 16]);
                assert_eq!(Subject::open(&token), Some((subject, [9; 16])));
                assert_eq!(token.len(), 47);
                assert!(token.starts_with(&subject.text()[..24]));
            }
        }
    }

    #[test]
    fn what_is_no_token_is_not_opened() {
        let good = Subject { channel: Channel::Email, recipient: [7; 16], scope: Scope::Announcements }.sealed([9; 16]);
        for bad in [String::new(), good[1..].to_owned(), format!("{good}A"), format!("{good}="), good.replace('A', "!")]
        {
            assert_eq!(Subject::open(&bad), None, "{bad}");
        }
        for at in 0..3 {
            let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
            bytes[at] ^= 0x40;
            assert_eq!(Subject::open(&URL_SAFE_NO_PAD.encode(bytes)), None, "{at}");
        }
    }
}
