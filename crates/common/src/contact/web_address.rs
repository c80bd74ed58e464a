//! Web addresses in names. A mail shows the buyer's name and address lines to people who did not write them, and mail
//! programs turn text that looks like a web address into a link: a buyer with such a name would send links.
//! `docs/decisions/0029-no-web-addresses-in-names.md` has the reasons and limits.

use unicode_normalization::UnicodeNormalization;

use crate::input::Refusal;

/// All top-level domains.
const TOP_LEVEL: &str = include_str!("top_level_domains.txt");

/// Reserved top-level domains, which do not resolve, or only in local networks (RFC 2606, RFC 6761, RFC 6762, RFC
/// 7686).
const RESERVED: [&str; 8] = ["example", "test", "invalid", "localhost", "local", "internal", "onion", "lan"];

/// The generic domains that every mail program links, whatever precedes them.
const COMMON: [&str; 4] = ["com", "net", "org", "info"];

/// Words before a full stop in names, titles and streets: `Dr.med. Anna Weiß`, `St.Michael`. Some of the words that
/// follow are top-level domains.
const ABBREVIATIONS: [&str; 103] = [
    "abs", "ag", "al", "all", "apt", "assoc", "attn", "av", "ave", "bat", "bd", "bldg", "blk", "blvd", "bât", "capt",
    "ch", "co", "col", "corp", "dept", "dipl", "dr", "dra", "ds", "esc", "etg", "fa", "fam", "fl", "flt", "fr", "frl",
    "geb", "gen", "gmbh", "hab", "hon", "hr", "imm", "imp", "inc", "ing", "inh", "jl", "jr", "kg", "km", "lic", "llc",
    "lt", "ltd", "ma", "mag", "maj", "mba", "mbh", "med", "mlle", "mme", "mr", "mrs", "ms", "mt", "no", "nr", "os",
    "pal", "ph", "phil", "pl", "prof", "pty", "pvt", "rd", "ref", "rer", "res", "rev", "rte", "rés", "sec", "sgt",
    "sr", "sra", "st", "sta", "ste", "sto", "str", "ul", "univ", "vet", "vs", "zh", "кв", "корп", "обл", "пер", "пл",
    "пр", "стр", "ул",
];

/// Refuses text that a mail program could turn into a link.
pub(super) fn refuse(text: String) -> Result<String, Refusal> {
    if is_in(&text) {
        let message = "must not contain a web address; if this is none, put a space after the full stop";
        return Err(Refusal::new("web_address", message));
    }
    Ok(text)
}

fn is_in(text: &str) -> bool {
    let written = plain(text);
    let text = written.to_lowercase();
    let has_scheme = ["http:", "https:", "ftp:", "mailto:", "javascript:", "data:", "tel:", "://", "hxxp"];
    has_scheme.iter().any(|scheme| text.contains(scheme))
        || words(&text).any(|word| word.starts_with("www.") && word.len() > "www.".len())
        || words(&written).any(is_linked)
}

/// Normalises text as browsers do: compatibility forms (full-width, circled) become plain letters, every full stop that
/// IDNA recognises (UTS 46) a plain one, and invisible characters are removed.
fn plain(text: &str) -> String {
    text.nfkc()
        .filter(|c| !matches!(c, '\u{AD}' | '\u{34F}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}'))
        .map(|c| match c {
            '\u{3002}' | '\u{FF0E}' | '\u{FF61}' | '\u{2024}' | '\u{FE52}' => '.',
            '\u{2044}' | '\u{2215}' | '\u{29F8}' => '/',
            '\u{2236}' | '\u{A789}' | '\u{FE55}' => ':',
            c => c,
        })
        .collect()
}

/// Splits text at spaces and at characters that no host has; each part with the character that follows it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_of_word =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '?' | '#') || is_mark(c);
    text.split(move |c| !is_of_word(c))
}

/// Combining marks belong to letters, so that names are not split at them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{900}'..='\u{DFF}' | '\u{E31}'..='\u{E4E}' | '\u{64B}'..='\u{65F}')
}

/// Whether a part of a word is a host: mail programs also link hosts after `//` or within a path. A domain after `//`,
/// or before a path, a port or similar, always counts as one.
fn is_linked(word: &str) -> bool {
    let is_end = |c: char| matches!(c, '/' | ':' | '?' | '#');
    let mut begin = 0;
    word.split(is_end).any(|host| {
        let (before, rest) = (&word[..begin], &word[begin + host.len()..]);
        begin += host.len() + 1; // each end is one byte
        let is_certain = (rest.len() > 1 && !host.ends_with('.')) || before.ends_with("//");
        is_domain(host, is_certain) || is_number(host)
    })
}

/// Whether it is an IPv4 address as mail programs recognise it: four numbers up to 255, without leading zeros.
fn is_number(host: &str) -> bool {
    let host = host.trim_matches('.').split(['-', '_']).next().unwrap_or_default();
    let is_part = |part: &str| part.parse::<u8>().is_ok_and(|number| number.to_string() == part);
    host.split('.').count() == 4 && host.split('.').all(is_part)
}

/// Whether its last label is a top-level domain, and not all labels are initials or abbreviations.
fn is_domain(host: &str, is_certain: bool) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let mut pairs = labels.windows(2).enumerate();
    pairs.any(|(place, pair)| {
        let (before, label) = (pair[0], pair[1].to_lowercase());
        let is_last = place + 2 == labels.len();
        // `evil.com-offer` is linked up to the hyphen; a label of its own, such as `xn--p1ai`, has it inside.
        let top = if label.starts_with("xn--") { label.as_str() } else { label.split(['-', '_']).next().unwrap_or("") };
        if before.is_empty() || !is_top_level(top) {
            return false;
        }
        (is_certain && is_last) || (COMMON.contains(&top) && !is_degree(before)) || !is_abbreviation(before, top)
    })
}

/// Whether it is a degree such as `B.Com` or `M.Com`: one capital.
fn is_degree(before: &str) -> bool {
    is_initial(before) && before.chars().all(char::is_uppercase)
}

/// Whether it is an initial, an ordinal or a common abbreviation. Hosts of one small letter are Latin and in a
/// country's domain (`t.co`); elsewhere it is a word (`г.Москва`, `i.Tirol`).
fn is_abbreviation(before: &str, top: &str) -> bool {
    let last = before.rsplit(['-', '_']).next().unwrap_or(before);
    let is_initial = is_initial(last) && (is_degree(last) || !last.is_ascii() || top.len() > 2);
    is_initial || last.chars().all(char::is_numeric) || ABBREVIATIONS.contains(&last.to_lowercase().as_str())
}

fn is_initial(label: &str) -> bool {
    label.chars().filter(|c| !is_mark(*c)).count() == 1
}

fn is_top_level(label: &str) -> bool {
    label.chars().count() > 1
        && (label.starts_with("xn--")
            || RESERVED.contains(&label)
            || TOP_LEVEL.lines().any(|top| !top.starts_with('#') && top == label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_address_lines_of_people_are_taken() {
        let names = [
            "Ada Lovelace",
            "J.R.R. Tolkien",
            "J.R.R.Tolkien",
            "St.Petersburg",
            "St. Petersburg",
            "Dr.med. Anna Weiß",
            "Dr.med.Anna Weiß",
            "Prof.Dr.med.dent. Max Mustermann",
            "Dr. rer. nat. Anna Weiß",
            "Dipl.-Ing. Anna Weiß",
            "Am Bahnhof 3.OG",
            "Am Bahnhof 5, 2.OG",
            "5.th floor",
            "P.O. Box 12",
            "P.O.Box 12",
            "Str. 5/7",
            "Hauptstr.5/7",
            "Hauptstr. 12a",
            "c/o Weiß",
            "O'Neil-Smith",
            "Sammy Davis Jr.",
            "Sammy Davis, Jr.",
            "Martin Luther King Jr",
            "J.Li",
            "T.Ma",
            "M.de la Cruz",
            "Ma.de Lourdes",
            "A. Kumar B.Com",
            "A. Kumar M.Sc.",
            "Ph.D. Ada Lovelace",
            "Muster GmbH & Co. KG",
            "Müller Co.Ltd.",
            "Acme Pty.Ltd",
            "Acme Inc.Ltd., Bldg.A",
            "S.A. de C.V.",
            "ACME s.r.o.",
            "ООО Ромашка, ул.Ленина 5",
            "г.Москва, д.5, кв.7",
            "пл.Москва 1",
            "Apt.12B",
            "Flat 3/2",
            "No.5-7",
            "1.2.3",
            "Unit 4.1",
            "42nd St.",
            "Washington D.C.",
            "N.E.23rd Ave",
            "Mt.Pleasant",
            "St.Gallen",
            "St.Johann i.Tirol",
            "Frankfurt a.M.",
            "Nguyễn Văn A.",
            "王小明。",
            "東京都千代田区1−1",
            "Sr.Dr.Ana Pérez",
            "12 Ch.de la Croix, Bât.A",
            "Rte.de Paris 4",
            "ул.Ленина 5, кв.7",
            "Nørregade 5, 2.tv",
            "and so on...",
            "Yes...No",
            "O'Neil",
            "c/o Smith",
            "c/o J.Li",
            "12 St. James's",
            "Dr.Smith",
            "A.B.C. Ltd.",
            "No.5/7",
            "St.-Denis",
            "Str.12",
            "Hr./Fr.Li",
            "Muster GmbH/Co.KG",
            "Esc.B/Pl.2",
            "Blk.1.2.3/4",
            "01.23.45.67.89",
            "01.02.03.04",
            "1.2.3.400",
            "1/2/3/4",
            "Flat 3//2",
            "Lot: 5",
            "Via S.Marco 3/A",
            "Calle Mayor 5, 3.º/A",
            "Rua 5, n.º 3/2.º Esq.",
            "Apt. 4/B.2",
            "P.O. Box:12",
            "Haus 3/Top.4",
            "Stiege 2/3.OG/Tür 7",
            "Frankfurt/O.",
            "z.Hd./c/o Weiß",
            "Km.12/5",
            "Shop #5/B",
        ];
        for name in names {
            assert_eq!(refuse(name.to_owned()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn names_and_address_lines_that_a_mail_program_would_link_are_refused() {
        let names = [
            "http://evil.example/x",
            "HTTPS://EVIL.EXAMPLE",
            "see http:evil",
            "http\u{FF1A}//evil",
            "hxxp evil",
            "javascript:alert(1)",
            "www.evil",
            "WWW.Evil.Example",
            "ｗｗｗ．ｅｖｉｌ",
            "evil.example",
            "Evil.Example",
            "evil.com",
            "evil.com.",
            "evil.com!",
            "(evil.com)",
            "\"evil.com\"",
            "Free gift: evil.com, today",
            "You won! evil.com/claim?x=1",
            "evil.com-offer",
            "co.com",
            "shop.evil.co.uk",
            "bit.ly/x",
            "bit.ly",
            "t.co/abc",
            "t.me/evil",
            "x.com",
            "g.co/gift",
            "ev-il.zip",
            "ada@evil.example",
            "mailto:ada",
            "evil。com",
            "evil．com",
            "evil｡com",
            "evil\u{2024}com",
            "ｅｖｉｌ.ｃｏｍ",
            "ⓔⓥⓘⓛ.ⓒⓞⓜ",
            "ev\u{AD}il.c\u{AD}om",
            "evil.co\u{200D}m",
            "exämple.com",
            "xn--exmple-cua.com",
            "пример.рф",
            "例え.xn--q9jyb4c",
            "例え.みんな",
            "1.2.3.4.com",
            "evil.com:8080",
            "dr.med/claim",
            "Ada evil.dev Lovelace",
            "ACME,evil.io",
            "evil.online#x",
            "192.0.2.7.evil.info",
            "//evil.com",
            "/evil.com",
            ":evil.com",
            "?evil.com",
            "#evil.com",
            "x/evil.com",
            "a//evil.com",
            "a/b/evil.com",
            "a:b:evil.com/x",
            "Flat 3/evil.com",
            "//dr.med",
            "x//t.co",
            "\u{2215}\u{2215}evil.com",
            "1.2.3.4/pay",
            "1.2.3.4:8080",
            "1.2.3.4",
            "//1.2.3.4.",
            "x/255.255.255.0?a",
            "1.2.3.4-pay",
            "１．２．３．４",
        ];
        for name in names {
            assert_eq!(refuse(name.to_owned()).unwrap_err().code, "web_address", "{name} was taken");
        }
    }

    #[test]
    fn the_list_is_in_order_and_in_lower_case() {
        let listed: Vec<&str> = TOP_LEVEL.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(listed.len() > 1_400 && listed.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(listed.iter().all(|top| top.to_lowercase() == *top && top.nfkc().eq(top.chars())));
        for known in ["com", "de", "zip", "рф"] {
            assert!(listed.contains(&known), "{known}");
        }
        assert!(!listed.iter().any(|top| RESERVED.contains(top)));
    }
}
