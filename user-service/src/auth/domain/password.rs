//! The rules for passwords (NIST SP 800-63B-4).

use std::{fmt, str::FromStr};

use common::{contact::Email, input::Refusal};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// NIST SP 800-63B-4, 3.1.1.2: at least 15 characters where a password is the only factor.
const SHORTEST: usize = 15;
/// More than the 64 characters that NIST SP 800-63B-4 asks to accept, and few enough to hash quickly.
const LONGEST: usize = 128;
/// How many characters must remain of a password without the e-mail address and the shop's name.
const MIN_OWN_CHARACTERS: usize = 8;
/// Passwords of at least 15 characters that lead the lists of those found in breaches.
const COMMON: &str = include_str!("../common_passwords.txt");

/// A new password that is not easy to guess. Wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = "password", min_length = 15, max_length = 128,
    examples("a small boat on a green lake"))]
pub struct Password(Zeroizing<String>);

impl Password {
    /// For the hash, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it consists of the shop's name or its owner's address, and fewer than [`MIN_OWN_CHARACTERS`] others.
    pub(super) fn is_derived_from(&self, email: &Email) -> bool {
        let mut rest = self.0.to_lowercase();
        for word in [&email.key(), &email.local_part(), "bodega"] {
            // Removing a local part of one letter would remove that letter from every word.
            if word.len() >= 3 {
                rest = rest.replace(word, "");
            }
        }
        rest.chars().count() < MIN_OWN_CHARACTERS
    }
}

impl FromStr for Password {
    type Err = Refusal;

    /// Changes nothing but the Unicode form: spaces count, and no character is required or forbidden.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = normalised(text);
        let length = text.chars().count();
        if length < SHORTEST {
            return Err(Refusal::new("too_short", format!("must have at least {SHORTEST} characters")));
        }
        if length > LONGEST {
            return Err(Refusal::new("too_long", format!("must have at most {LONGEST} characters")));
        }
        let folded = text.to_lowercase();
        if is_common(&folded) || is_repetition(&folded) || is_sequence(&folded) {
            return Err(too_easy());
        }
        Ok(Self(text))
    }
}

/// Leaves out the password, so that no log shows it.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The text in Unicode's form NFKC (NIST SP 800-63B-4, 3.1.1.2): keyboards encode `ü` as one character or as two, and
/// both are the same password.
fn normalised(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkc().collect())
}

pub(super) fn too_easy() -> Refusal {
    Refusal::new("too_easy", "is easy to guess; choose several unrelated words")
}

fn is_common(folded: &str) -> bool {
    COMMON.lines().filter(|line| !line.starts_with('#')).any(|common| common == folded)
}

/// Whether it repeats a part of fewer than 15 characters: `passwordpassword` is as weak as `password`.
fn is_repetition(folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    (1..SHORTEST.min(chars.len())).any(|unit| {
        let repeats = chars.iter().zip(&chars[unit..]).all(|(a, b)| a == b);
        repeats && chars.len() >= 2 * unit
    })
}

/// Whether each character follows the one before, or precedes it: `abcdefghijklmno`, `987654321098765`.
fn is_sequence(folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    let all = |next: fn(char, char) -> bool| chars.windows(2).all(|pair| next(pair[0], pair[1]));
    let follows = |a: char, b: char| u32::from(a) + 1 == u32::from(b) || (a == '9' && b == '0');
    let precedes = |a: char, b: char| u32::from(b) + 1 == u32::from(a) || (a == '0' && b == '9');
    all(follows) || all(precedes)
}

/// A password to log in with. The rules for new passwords do not apply. Wiped from memory when it is dropped.
#[derive(Clone, ToSchema)]
#[schema(as = PresentedPassword, value_type = String, format = "password", min_length = 1, max_length = 128,
    examples("a small boat on a green lake"))]
pub struct PasswordCandidate(Zeroizing<String>);

impl PasswordCandidate {
    /// For the hash, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for PasswordCandidate {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = normalised(text);
        match text.chars().count() {
            0 => Err(Refusal::new("too_short", "must not be empty")),
            1..=LONGEST => Ok(Self(text)),
            _ => Err(Refusal::new("too_long", format!("must have at most {LONGEST} characters"))),
        }
    }
}

/// Leaves out the password, so that no log shows it.
impl fmt::Debug for PasswordCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordCandidate(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<&'static str> {
        password.parse::<Password>().err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_password_has_at_least_15_and_at_most_128_characters_of_any_kind() {
        assert_eq!(code("fourteen chars"), Some("too_short"));
        assert_eq!(code("fifteen chars !"), None);
        assert_eq!(code("ein grüner Baum"), None);
        assert_eq!(code("树上有一只会唱歌的小鸟在等春天"), None);
        let long: String = ('!'..='~').chain('!'..='~').take(129).collect();
        assert_eq!(code(&long), Some("too_long"));
        assert_eq!(code(&long[..128]), None);
        // Spaces at the ends are characters too.
        assert_eq!(code(" thirteen ch "), Some("too_short"));
        assert_eq!(code("  thirteen ch  "), None);
    }

    #[test]
    fn a_password_is_the_same_however_its_characters_are_composed() {
        for (one, other) in [("ein gru\u{308}ner Baum", "ein grüner Baum"), ("ﬁfteen chars ①!", "fifteen chars 1!")]
        {
            assert_eq!(one.parse::<Password>().unwrap().reveal(), other);
            assert_eq!(one.parse::<PasswordCandidate>().unwrap().reveal(), other);
        }
        // Fifteen characters as they come, fourteen once composed.
        assert_eq!(code("ein gru\u{308}ne Baum"), Some("too_short"));
        assert!("u\u{308}".repeat(128).parse::<PasswordCandidate>().is_ok());
    }

    #[test]
    fn a_common_repeated_or_sequential_password_is_too_easy() {
        let easy = [
            "passwordpassword",
            "PasswordPassword",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "abcdefghijklmno",
            "123456789012345",
            "ponmlkjihgfedcba",
            "qwertyuiopasdfgh",
            "1qaz2wsx3edc4rfv",
            "987654321098765",
        ];
        for password in easy {
            assert_eq!(code(password), Some("too_easy"), "{password} was taken");
        }
    }

    #[test]
    fn the_list_has_only_what_length_does_not_refuse_already() {
        for line in COMMON.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.chars().count() >= SHORTEST, "{line}");
            assert_eq!(line, line.to_lowercase());
        }
    }
}
