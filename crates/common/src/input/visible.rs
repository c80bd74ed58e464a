//! Invisible characters. Text that consists of them looks empty; some make the text around them look different from
//! what is stored (Unicode Technical Report 36, "Bidirectional Text Spoofing"). Others are part of how a script is
//! written, and are accepted where it needs them: `docs/decisions/0028-text-that-can-be-seen.md`.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::Refusal;

/// Accepts text whose invisible characters are all needed by a script, and that is empty or has a visible character.
pub(super) fn check(text: &str) -> Result<(), Refusal> {
    let chars: Vec<char> = text.chars().collect();
    let is_rtl = text.chars().any(is_right_to_left);
    for (place, c) in chars.iter().copied().enumerate() {
        let before = place.checked_sub(1).map(|place| chars[place]);
        let after = chars.get(place + 1).copied();
        if is_never_taken(c) || (is_taken_in_place(c) && !is_in_place(c, before, after, is_rtl)) {
            let message = format!("must not contain the invisible character U+{:04X} here", u32::from(c));
            return Err(Refusal::new("invisible_character", message));
        }
    }
    if !chars.is_empty() && !chars.into_iter().any(is_visible) {
        return Err(Refusal::new("nothing_visible", "must have a visible character"));
    }
    Ok(())
}

/// Whether it is visible by itself. A combining mark needs a base character, a format character has no form of its own,
/// and code points without a character (private use, unassigned, U+FFFD) look different on each device.
fn is_visible(c: char) -> bool {
    has_form(c)
        && c != '\u{FFFD}'
        && !matches!(c.general_category_group(), GeneralCategoryGroup::Mark | GeneralCategoryGroup::Other)
}

/// Whether it leaves a mark on the page, if only on the character before it.
fn has_form(c: char) -> bool {
    // A braille pattern without dots is a blank, with a place in braille text.
    !c.is_whitespace() && !c.is_control() && c != '\u{2800}' && !is_taken_in_place(c) && !is_never_taken(c)
}

/// Whether no text needs the character: soft hyphens, overrides, embeddings and isolates of direction, separators of
/// lines, marks of byte order, annotations, fillers, invisible operators, and code points that are no characters.
fn is_never_taken(c: char) -> bool {
    let is_no_character = u32::from(c) & 0xFFFE == 0xFFFE;
    is_no_character
        || matches!(c,
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' // direction
            | '\u{2028}' | '\u{2029}' // separators of lines and paragraphs
            | '\u{2061}'..='\u{2065}' | '\u{206A}'..='\u{206F}' // invisible operators; deprecated controls
            | '\u{00AD}' // soft hyphen: two words with and without it look the same
            | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFC}' // byte order mark; reserved; annotations; an object that is not there
            | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' // Hangul fillers
            | '\u{17B4}' | '\u{17B5}' // Khmer vowels that Unicode advises against
            | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}' | '\u{1BCA0}'..='\u{1BCA3}' // of music and shorthand
            | '\u{FDD0}'..='\u{FDEF}' // no characters
            | '\u{E0000}'..='\u{E001F}' | '\u{E0080}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}') // unused tags
}

/// Whether it is invisible by itself and part of how visible text is written.
fn is_taken_in_place(c: char) -> bool {
    matches!(c,
        '\u{200C}' | '\u{200D}' // joiners
        | '\u{200E}' | '\u{200F}' | '\u{061C}' // marks of direction
        | '\u{200B}' // where a line may break
        | '\u{2060}' // where a line must not break
        | '\u{034F}' // between marks that would change places
        | '\u{13430}'..='\u{1343F}' // how hieroglyphs stand to each other
        | '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' // variants of the character before
        | '\u{E0020}'..='\u{E007F}') // tags, in the flags of England, Scotland and Wales
}

fn is_in_place(c: char, before: Option<char>, after: Option<char>, is_rtl: bool) -> bool {
    let Some(before) = before else {
        // A mark of direction may come first in text of a script that is written from the right.
        return is_rtl && matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}');
    };
    match c {
        // After a letter that is joined, or the sign that joins it (RFC 5892, appendices A.1 and A.2).
        '\u{200C}' => has_joiners(before),
        '\u{200D}' => has_joiners(before) || (is_pictured(before) && after.is_some_and(is_pictured)),
        '\u{200E}' | '\u{200F}' | '\u{061C}' => is_rtl,
        '\u{200B}' => has_no_spaces(before) && after.is_some_and(has_no_spaces),
        '\u{E0020}'..='\u{E007F}' => {
            let begun = before == '\u{1F3F4}' || matches!(before, '\u{E0020}'..='\u{E007E}');
            begun && (c == '\u{E007F}' || after.is_some_and(|after| matches!(after, '\u{E0020}'..='\u{E007F}')))
        }
        '\u{034F}' => is_hebrew_point(before) && after.is_some_and(is_hebrew_point),
        '\u{2060}' => after.is_some_and(|after| binds(before, after)),
        '\u{13430}'..='\u{1343F}' => matches!(before, '\u{13000}'..='\u{143FF}'),
        // Variants of letters are of other scripts; on Latin, Greek and Cyrillic ones they only hide.
        _ => has_form(before) && !(before.is_alphabetic() && before < '\u{530}'),
    }
}

/// Whether a word joiner does something between the two: not within a word, but beside a sign or in a script without
/// spaces.
fn binds(before: char, after: char) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || !is_visible(c);
    let is_beside_sign = !is_of_word(before) || !is_of_word(after);
    has_form(before) && has_form(after) && (is_beside_sign || (has_no_spaces(before) && has_no_spaces(after)))
}

fn is_hebrew_point(c: char) -> bool {
    matches!(c, '\u{0591}'..='\u{05C7}')
}

/// Letters and signs of scripts whose letters change with their neighbours.
fn has_joiners(c: char) -> bool {
    let is_of_script = matches!(c,
        '\u{0600}'..='\u{074F}' | '\u{0750}'..='\u{077F}' | '\u{07C0}'..='\u{07FF}' // Arabic, Syriac, N'Ko
        | '\u{0840}'..='\u{08FF}' | '\u{FB50}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
        | '\u{0900}'..='\u{0DFF}' // Devanagari to Sinhala
        | '\u{0F00}'..='\u{109F}' | '\u{1780}'..='\u{18AA}' // Tibetan, Myanmar, Khmer, Mongolian
        | '\u{1B00}'..='\u{1BFF}' | '\u{1CD0}'..='\u{1CFF}' // Balinese to Batak, Vedic
        | '\u{A840}'..='\u{A95F}' | '\u{A980}'..='\u{A9FF}' | '\u{AAE0}'..='\u{AAFF}' | '\u{ABC0}'..='\u{ABFF}'
        | '\u{10A00}'..='\u{10AFF}' | '\u{10D00}'..='\u{10D3F}' | '\u{11000}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}');
    is_of_script && !is_taken_in_place(c) && !c.is_numeric()
}

/// Emoji, what modifies their skin, and the selector that makes one of another character.
fn is_pictured(c: char) -> bool {
    matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2190}'..='\u{23FF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{FE0F}')
}

/// Letters and signs of scripts without spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, Tai, Javanese,
/// Chinese and Japanese.
fn has_no_spaces(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{0F00}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1950}'..='\u{19FF}'
        | '\u{1A20}'..='\u{1AAF}' | '\u{A980}'..='\u{A9FF}' | '\u{AA00}'..='\u{AADF}'
        | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFD}')
        && !is_never_taken(c)
}

fn is_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{0590}'..='\u{061B}' | '\u{061D}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

#[cfg(test)]
mod tests {
    use crate::input::{line, multiline_text};

    #[test]
    fn names_and_titles_of_every_script_are_taken_as_they_are_written() {
        let names = [
            "Ada Lovelace",
            "Anna Weiß",
            "O'Neil-Smith",
            "D’Artagnan",
            "Zoë",
            "Zoe\u{308}",
            "Nguyễn Thị Ánh",
            "Nguye\u{302}\u{303}n",
            "Владимир",
            "Γιώργος",
            "王小明",
            "山田 太郎",
            "김민수",
            "علی\u{200C}رضا",       // Persian
            "می\u{200C}خواهم",      // Persian
            "محمد بن سلمان",        // Arabic
            "לוי כהן",              // Hebrew
            "בע\"מ (1998)\u{200F}", // Hebrew, its bracket on the right side
            "\u{200F}שלום!",        // Hebrew
            "क्\u{200D}षत्रिय",       // Hindi, half letter
            "र्\u{200D}याचे",         // Marathi, eyelash
            "ಕ್\u{200C}ಷ",           // Kannada
            "ശ്രീ\u{200C}ലത",        // Malayalam
            "അവന്\u{200D}",          // Malayalam, at the end of a word as older text has it
            "ශ්\u{200D}රී ලංකා",       // Sinhala
            "মহত্\u{200D}",          // Bengali
            "নূর",
            "สมชาย ใจดี",                // Thai
            "กรุงเทพ\u{200B}มหานคร",     // Thai, where a line may break
            "ភ្នំ\u{200B}ពេញ",             // Khmer
            "ᠮᠣᠩᠭᠣᠯ\u{180B}",           // Mongolian
            "葛\u{E0100}飾区",          // Japanese, the variant that its people write
            "⠃⠗⠁⠊⠇⠇⠑\u{2800}⠞⠑⠭⠞",      // braille
            "תִּירָ\u{5B8}\u{34F}\u{5B4}", // Hebrew, two points in the order that is meant
            "𓀀\u{13430}𓀁",              // Egyptian, one sign above the other
            "A/\u{2060}B",              // no line breaks after the stroke
            "e\u{301}te\u{301}",
            "한국 \u{1112}\u{1161}",
            "Apple \u{F8FF}",
            "Jos\u{FFFD}",
            "Team 👩\u{200D}💻 ❤\u{FE0F}\u{200D}🔥 1\u{FE0F}\u{20E3}",
            "👩🏽\u{200D}🤝\u{200D}👨🏿",
            "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F} Glasgow",
            "🇩🇪",
        ];
        for name in names {
            assert_eq!(line(name, 1..=100).unwrap(), name);
            assert_eq!(multiline_text(name, 0..=100).unwrap(), name);
        }
    }

    #[test]
    fn text_in_which_nothing_can_be_seen_is_refused() {
        let invisible = [
            0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x180B, 0x180E, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F,
            0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2060, 0x2061, 0x2064, 0x2066, 0x2067, 0x2068, 0x2069, 0x206A,
            0x206F, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFB, 0xFFFE, 0x1D159, 0x1D173, 0xE0001,
            0xE0020, 0xE0041, 0xE007F, 0xE0100, 0xE01EF, 0xFDD0, 0x1FFFE, 0xFFFC, 0xFFFD, 0xE000, 0xF8FF, 0xF0000,
            0xFFFFD, 0x0378, 0x2FE0, 0x3FFF0, 0x0600, 0x06DD, 0x070F, 0x110BD, 0x13430, 0x1343F, 0x0300, 0x0301,
            0x0903, 0x0E31, 0x20DD, 0x20E3, 0x1DA00,
        ];
        for code in invisible {
            let c = char::from_u32(code).unwrap();
            for text in [format!("{c}"), format!("{c}{c}"), format!(" {c} {c}")] {
                let refused = line(&text, 1..=100).unwrap_err();
                assert!(["invisible_character", "nothing_visible"].contains(&refused.code), "U+{code:04X} {refused:?}");
                assert!(multiline_text(&text, 0..=100).is_err(), "U+{code:04X}");
            }
        }
        for blank in ["", " ", "\u{A0}", "\u{3000}", "\u{2028}", "\u{2029}", "\u{1680}\u{2003}\u{202F}\u{205F}"] {
            assert_eq!(line(blank, 1..=100).unwrap_err().code, "too_short", "{blank:?}");
            assert_eq!(multiline_text(blank, 0..=100).unwrap(), "", "{blank:?}");
        }
    }

    #[test]
    fn what_turns_the_direction_breaks_the_line_or_hides_is_refused_inside_text_too() {
        let hidden = [
            ("Ada\u{202E}moc.elpmaxe", "U+202E"),
            ("\u{202D}Ada", "U+202D"),
            ("محمد\u{202B}x", "U+202B"),
            ("Ada\u{2067}x\u{2069}", "U+2067"),
            ("Ada\u{2028}Lovelace", "U+2028"),
            ("Ada\u{2029}Lovelace", "U+2029"),
            ("\u{FEFF}Ada", "U+FEFF"),
            ("Ada\u{E0041}", "U+E0041"),
            ("🏴\u{E0067}", "U+E0067"),
            ("Ada\u{E0001}", "U+E0001"),
            ("김\u{3164}수", "U+3164"),
            ("Ada\u{2063}", "U+2063"),
            ("Ada\u{200B}Lovelace", "U+200B"),
            ("สม\u{200B}", "U+200B"),
            ("Ada\u{200C}Lovelace", "U+200C"),
            ("Ada\u{200D}Lovelace", "U+200D"),
            ("Ада\u{200D}", "U+200D"),
            ("علی\u{200C}\u{200C}رضا", "U+200C"),
            ("\u{200D}क", "U+200D"),
            ("👩\u{200D}", "U+200D"),
            ("Ada\u{200F}", "U+200F"),
            ("Ada \u{AD}", "U+00AD"),
            ("co\u{AD}op", "U+00AD"),
            ("Donau\u{AD}dampf\u{AD}schiff", "U+00AD"),
            ("co\u{34F}op", "U+034F"),
            ("co\u{301}\u{34F}\u{301}op", "U+034F"),
            ("co\u{2060}op", "U+2060"),
            ("coop\u{2060}", "U+2060"),
            ("co\u{FE0F}op", "U+FE0F"),
            ("ко\u{FE00}т", "U+FE00"),
            ("co\u{13430}op", "U+13430"),
            ("co\u{FFFC}op", "U+FFFC"),
            ("Ada\u{AD}\u{AD}", "U+00AD"),
            ("Ada\u{FE0F}\u{FE0F}", "U+FE0F"),
        ];
        for (text, named) in hidden {
            let refused = line(text, 1..=100).unwrap_err();
            assert_eq!(refused.code, "invisible_character", "{text:?}");
            assert_eq!(refused.message, format!("must not contain the invisible character {named} here"), "{text:?}");
            assert_eq!(multiline_text(text, 0..=100).unwrap_err(), refused, "{text:?}");
        }
    }
}
