//! Counting the segments of a text message (3GPP TS 23.038 and 23.040). One character outside GSM's alphabet makes the whole
//! message UCS-2, in which a segment holds less than half as much.

/// The capacity, in septets or code units, of a message of one segment, and of each segment of a longer one, which begins with a
/// header.
const GSM: (usize, usize) = (160, 153);
const UCS2: (usize, usize) = (70, 67);

/// The basic alphabet, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The characters of the extension table, which take two septets: an escape and the character.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The encoding of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Encoding {
    /// GSM's alphabet of seven bits.
    Gsm7,
    /// Sixteen bits a character, twice that for one beyond Unicode's first plane.
    Ucs2,
}

impl Encoding {
    /// The name that is published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The size of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The encoding.
    pub encoding: Encoding,
    /// Length in septets or code units.
    pub units: usize,
    /// Number of segments, each of which is billed.
    pub segments: usize,
}

/// Counts a message. A character of two units is not split: it goes to the next segment, and the unit before it stays empty.
pub fn count(text: &str) -> Count {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (encoding, widths, (one, each)) = match septets {
        Some(widths) => (Encoding::Gsm7, widths, GSM),
        None => (Encoding::Ucs2, text.chars().map(char::len_utf16).collect(), UCS2),
    };
    let units = widths.iter().sum();
    let segments = if units <= one { 1 } else { cut(&widths, each) };
    Count { encoding, units, segments }
}

/// Whether every character is in GSM's alphabet.
pub fn is_gsm7(text: &str) -> bool {
    text.chars().all(|c| septets(c).is_some())
}

fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        return Some(1);
    }
    EXTENSION.contains(c).then_some(2)
}

fn cut(widths: &[usize], each: usize) -> usize {
    let (mut segments, mut filled) = (1, 0);
    for width in widths {
        if filled + width > each {
            segments += 1;
            filled = 0;
        }
        filled += width;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> (Encoding, usize, usize) {
        let Count { encoding, units, segments } = count(text);
        (encoding, units, segments)
    }

    #[test]
    fn an_encoding_has_the_name_that_staff_read() {
        assert_eq!([Encoding::Gsm7, Encoding::Ucs2].map(Encoding::as_str), ["gsm7", "ucs2"]);
    }

    #[test]
    fn the_alphabet_has_the_letters_of_the_standard() {
        assert_eq!(BASIC.chars().count(), 127, "128 less the escape");
        assert_eq!(EXTENSION.chars().count(), 10);
        assert!(!BASIC.contains(['ç', '`', 'ł', '’', '–', '\u{a0}', '\u{202f}', '\t']));
    }

    #[test]
    fn a_message_of_gsms_alphabet_is_cut_at_160_septets_and_then_at_153() {
        for (length, segments) in [(0, 1), (1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4)] {
            assert_eq!(counted(&"ä".repeat(length)), (Encoding::Gsm7, length, segments), "{length}");
        }
    }

    #[test]
    fn letters_of_the_extension_count_two_and_are_not_cut() {
        assert_eq!(counted(&"€".repeat(80)), (Encoding::Gsm7, 160, 1));
        assert_eq!(counted(&format!("{}a", "€".repeat(80))), (Encoding::Gsm7, 161, 2));
        // 153 is odd: each segment holds 76 and leaves one septet empty.
        assert_eq!(counted(&"€".repeat(152)), (Encoding::Gsm7, 304, 2));
        assert_eq!(counted(&"€".repeat(153)), (Encoding::Gsm7, 306, 3));
        assert_eq!(counted("^{}\\[~]|\u{c}"), (Encoding::Gsm7, 18, 1));
    }

    #[test]
    fn one_other_letter_makes_it_ucs2_which_is_cut_at_70_and_then_at_67() {
        for (length, segments) in [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3)] {
            assert_eq!(counted(&"ł".repeat(length)), (Encoding::Ucs2, length, segments), "{length}");
        }
        assert_eq!(counted(&format!("{}\u{a0}", "a".repeat(70))), (Encoding::Ucs2, 71, 2));
        // A pair of surrogates is not cut: 33 pairs a segment.
        assert_eq!(counted(&"🛍".repeat(35)), (Encoding::Ucs2, 70, 1));
        assert_eq!(counted(&"🛍".repeat(66)), (Encoding::Ucs2, 132, 2));
        assert_eq!(counted(&"🛍".repeat(67)), (Encoding::Ucs2, 134, 3));
    }
}
