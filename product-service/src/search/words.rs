//! How words are compared: without case, accents and simple plurals, in any language that puts blanks between words.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Plurals that no rule makes, of things that shops have.
const IRREGULAR: [(&str, &str); 14] = [
    ("children", "child"),
    ("feet", "foot"),
    ("halves", "half"),
    ("knives", "knife"),
    ("leaves", "leaf"),
    ("loaves", "loaf"),
    ("men", "man"),
    ("mice", "mouse"),
    ("people", "person"),
    ("scarves", "scarf"),
    ("shelves", "shelf"),
    ("teeth", "tooth"),
    ("wolves", "wolf"),
    ("women", "woman"),
];
/// Longer words are cut to this length.
const MAX_WORD: usize = 40;

/// The words of a text in the one form in which they are compared.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).filter_map(|word| {
        let word = singular(&folded(word));
        (!word.is_empty()).then(|| word.chars().take(MAX_WORD).collect())
    })
}

/// Lower case without accents: `Café` and `cafe` are one.
pub fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    // Which is how it is written where there is none.
    plain.collect::<String>().replace('ß', "ss")
}

/// Without the ending of a simple English plural. What it makes of other words does not matter, since both sides of every
/// comparison went through it.
fn singular(word: &str) -> String {
    if let Some((_, singular)) = IRREGULAR.iter().find(|(plural, _)| *plural == word) {
        return (*singular).to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 2) {
        return format!("{stem}y");
    }
    for ending in ["ches", "shes", "xes", "sses"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_simple_plurals_make_no_difference() {
        for (one, other) in [
            ("Mugs", "mug"),
            ("Café", "cafe"),
            ("CAFE\u{301}", "café"),
            ("berries", "berry"),
            ("brushes", "brush"),
            ("boxes", "box"),
            ("glasses", "glass"),
            ("Knives", "knife"),
            ("olives", "olive"),
            ("Straße", "strasse"),
            ("Ⅻ", "xii"),
        ] {
            assert_eq!(words(one).collect::<Vec<_>>(), words(other).collect::<Vec<_>>(), "{one} {other}");
        }
    }

    #[test]
    fn words_that_only_end_like_plurals_stay_whole() {
        for word in ["glass", "bus", "this", "gas", "es", "s"] {
            assert_eq!(words(word).collect::<Vec<_>>(), [word]);
        }
    }

    #[test]
    fn whatever_is_no_letter_or_digit_stands_between_words() {
        let found: Vec<String> = words("T-shirt, \"500 ml\" $gt .* a/b\u{0}c").collect();
        assert_eq!(found, ["t", "shirt", "500", "ml", "gt", "a", "b", "c"]);
        assert_eq!(words(" ... ").count(), 0);
    }
}
