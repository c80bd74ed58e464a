//! The lines of an address on a parcel or letter: in the format of the destination country, with the country's name in
//! the sender's language.
//!
//! Formats come from libaddressinput, names from CLDR; `docs/decisions/0038-addresses-phones-and-language-tags.md` has
//! their licences, and `cargo xtask addresses` regenerates both files. They are read line by line when an address is
//! written: nothing is parsed at start.

use super::{
    address::{AddressLine, PostalAddress, PostalCode},
    country::CountryCode,
};
use crate::locale::LanguageTag;

/// One country a line, separated by tabs: code, format, format in Latin letters, letters of the fields that are written in
/// capitals. The row ZZ is the default.
const FORMATS: &str = include_str!("formats.txt");
/// The names of countries by language. The first is the default for other languages.
const NAMES: [(&str, &str); 2] = [("en", include_str!("names/en.txt")), ("de", include_str!("names/de.txt"))];

impl PostalAddress {
    /// The lines of the address in its country's format, followed by the country's name in the sender's language
    /// (English for languages without a file). The telephone number is left out.
    ///
    /// Fields that a country's format does not have are left out (a county in Britain), except for the city: where the
    /// format has no place for it (Japan, the Emirates, Singapore, Macao and others), it is on the line of the street.
    pub fn lines(&self, sender: &LanguageTag) -> Vec<String> {
        let form = CountryFormat::of(self.country);
        let format = form.format(self.is_latin());
        let country = self.country.name(sender);
        let mut lines = form.fill(format, &self.parts(format, country));
        lines.push(country.to_owned());
        lines
    }

    /// Whether the address is written in Latin letters. The recipient's name does not count: it can be in any script.
    fn is_latin(&self) -> bool {
        let Self { line1, line2, city, region, .. } = self;
        let texts = [Some(line1), line2.as_ref(), Some(city), region.as_ref()];
        texts.into_iter().flatten().all(|text| text.as_str().chars().all(|c| !c.is_alphabetic() || is_latin(c)))
    }

    /// The fields to fill in. Where the format has no place for the city (`%C`), the city joins the lines of the street, unless
    /// another part of the label names it already.
    fn parts<'a>(&'a self, format: &str, country: &str) -> Parts<'a> {
        let Self { name, line1, line2, city, region, postal_code, .. } = self;
        let mut street = vec![line1.as_str()];
        street.extend(line2.as_ref().map(AddressLine::as_str));
        let city = city.as_str();
        let region = region.as_ref().map(AddressLine::as_str);
        let is_named_elsewhere = region.is_some_and(|region| equal_ignoring_case(region, city))
            && format.contains("%S")
            || equal_ignoring_case(country, city)
            || elements(format)
                .iter()
                .any(|it| matches!(it, Element::Literal(text) if equal_ignoring_case(text.trim(), city)));
        if !format.contains("%C") && !is_named_elsewhere {
            // A format with the region before the street goes from large to small, so the city comes before the street.
            let is_large_first = matches!((format.find("%S"), format.find("%A")), (Some(s), Some(a)) if s < a);
            street.insert(if is_large_first { 0 } else { street.len() }, city);
        }
        Parts { name: name.as_str(), street, city, region, postal_code: postal_code.as_ref().map(PostalCode::as_str) }
    }
}

impl CountryCode {
    /// The country's name in this language; in English for languages without a file.
    pub fn name(self, language: &LanguageTag) -> &'static str {
        let [english, ..] = NAMES;
        let (_, names) = NAMES.into_iter().find(|(code, _)| *code == language.language()).unwrap_or(english);
        row(names, self.as_str()).unwrap_or(self.as_str())
    }
}

/// The row of a code in a file, without the code.
fn row(file: &'static str, code: &str) -> Option<&'static str> {
    file.lines().find_map(|line| line.strip_prefix(code)?.strip_prefix('\t'))
}

fn equal_ignoring_case(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Whether the character is in a Latin block of Unicode or among the fullwidth Latin letters.
fn is_latin(c: char) -> bool {
    matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}'
        | '\u{ff21}'..='\u{ff5a}')
}

/// The address format of a country.
struct CountryFormat {
    format: &'static str,
    latin_format: &'static str,
    capitals: &'static str,
    is_known: bool,
}

impl CountryFormat {
    fn of(country: CountryCode) -> Self {
        let own = row(FORMATS, country.as_str());
        let mut columns = own.or_else(|| row(FORMATS, "ZZ")).unwrap_or_default().split('\t');
        let mut column = || columns.next().unwrap_or_default();
        Self { format: column(), latin_format: column(), capitals: column(), is_known: own.is_some() }
    }

    fn format(&self, is_latin: bool) -> &'static str {
        match (is_latin && !self.latin_format.is_empty(), self.is_known) {
            (true, _) => self.latin_format,
            (false, true) => self.format,
            // The country has no row, and ZZ leaves fields out: this has a place for every field.
            (false, false) => "%N%n%A%n%C%n%S%n%Z",
        }
    }

    /// Fills in the format. Punctuation is dropped where the field after it is empty or the field before it was dropped; empty
    /// lines are dropped.
    fn fill(&self, format: &str, parts: &Parts<'_>) -> Vec<String> {
        let elements = elements(format);
        let mut kept: Vec<(Element<'_>, Vec<String>)> = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| elements.get(index));
            let texts = match *element {
                Element::Field(field) => self.lines_of(field, parts),
                Element::NewLine => vec![String::new()],
                Element::Literal(text) => {
                    let follows_field = matches!(before, Some(Element::Field(_)));
                    let last_is_field = matches!(kept.last(), Some((Element::Field(_), _)));
                    let is_next_field_empty =
                        matches!(elements.get(index + 1), Some(Element::Field(next)) if parts.of(*next).is_empty());
                    if is_next_field_empty || follows_field && !last_is_field {
                        Vec::new()
                    } else {
                        vec![text.to_owned()]
                    }
                }
            };
            if !texts.is_empty() {
                kept.push((*element, texts));
            }
        }
        let mut lines = vec![String::new()];
        for (element, texts) in kept {
            for (index, text) in texts.into_iter().enumerate() {
                if index > 0 || matches!(element, Element::NewLine) {
                    lines.push(String::new());
                }
                if let Some(line) = lines.last_mut() {
                    line.push_str(&text);
                }
            }
        }
        lines.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    fn lines_of(&self, field: char, parts: &Parts<'_>) -> Vec<String> {
        let in_capitals = self.capitals.contains(field);
        let write = |text: &str| if in_capitals { text.to_uppercase() } else { text.to_owned() };
        parts.of(field).into_iter().map(write).collect()
    }
}

/// The fields of an address, by libaddressinput's letters.
struct Parts<'a> {
    name: &'a str,
    street: Vec<&'a str>,
    city: &'a str,
    region: Option<&'a str>,
    postal_code: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// The lines of a field; empty for fields that addresses do not have here (organisation, sublocality, sorting
    /// code).
    fn of(&self, field: char) -> Vec<&'a str> {
        match field {
            'N' => vec![self.name],
            'A' => self.street.clone(),
            'C' => vec![self.city],
            'S' => self.region.into_iter().collect(),
            'Z' => self.postal_code.into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[derive(Clone, Copy)]
enum Element<'a> {
    Field(char),
    NewLine,
    Literal(&'a str),
}

fn elements(format: &str) -> Vec<Element<'_>> {
    let mut elements = Vec::new();
    let mut rest = format;
    while !rest.is_empty() {
        if let Some(field) = rest.strip_prefix('%').and_then(|after| after.chars().next()) {
            elements.push(if field == 'n' { Element::NewLine } else { Element::Field(field) });
            rest = &rest[1 + field.len_utf8()..];
        } else {
            let end = rest.char_indices().skip(1).find(|(_, c)| *c == '%').map_or(rest.len(), |(end, _)| end);
            elements.push(Element::Literal(&rest[..end]));
            rest = &rest[end..];
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contact::countries::CODES;

    fn written(address: &Value, language: &str) -> String {
        let mut whole =
            json!({"name": "Ada Lovelace", "line2": null, "region": null, "postal_code": null, "phone": null});
        for (name, value) in address.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let address: PostalAddress = serde_json::from_value(whole).unwrap();
        address.lines(&language.parse().unwrap()).join(" / ")
    }

    #[test]
    fn an_address_is_written_by_the_custom_of_the_country_it_goes_to() {
        for (address, expected) in [
            (
                json!({"line1": "12 St James's Square", "line2": "Flat 1", "city": "London", "region": "Greater London",
                    "postal_code": "SW1Y 4JH", "country": "GB"}),
                "Ada Lovelace / 12 St James's Square / Flat 1 / LONDON / SW1Y 4JH / United Kingdom",
            ),
            (
                json!({"line1": "548 Market St", "city": "San Francisco", "region": "CA", "postal_code": "94104",
                    "country": "US"}),
                "Ada Lovelace / 548 Market St / SAN FRANCISCO, CA 94104 / United States",
            ),
            (
                json!({"line1": "Unter den Linden 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}),
                "Ada Lovelace / Unter den Linden 1 / 10117 Berlin / Germany",
            ),
            (
                json!({"line1": "1 rue de Rivoli", "city": "Paris", "postal_code": "75001", "country": "FR"}),
                "Ada Lovelace / 1 rue de Rivoli / 75001 PARIS / France",
            ),
            (
                json!({"line1": "Av. Paulista, 1", "city": "São Paulo", "region": "SP", "postal_code": "01310-100",
                    "country": "BR"}),
                "Ada Lovelace / Av. Paulista, 1 / SÃO PAULO-SP / 01310-100 / Brazil",
            ),
            (
                json!({"line1": "1 Main St", "city": "Cork", "region": "Co. Cork", "postal_code": "T12 X70A", "country": "IE"}),
                "Ada Lovelace / 1 Main St / Cork / Co. Cork / T12 X70A / Ireland",
            ),
            (
                json!({"line1": "Rr. Nëna Terezë 1", "city": "Prishtinë", "postal_code": "10000", "country": "XK"}),
                "Ada Lovelace / Rr. Nëna Terezë 1 / 10000 Prishtinë / Kosovo",
            ),
        ] {
            assert_eq!(written(&address, "en-GB"), expected);
        }
    }

    #[test]
    fn an_address_in_a_script_of_its_own_goes_from_large_to_small_and_one_in_latin_letters_does_not() {
        for (address, expected) in [
            (
                json!({"line1": "神南1-1-1", "city": "渋谷区", "region": "東京都", "postal_code": "150-0041", "country": "JP"}),
                "〒150-0041 / 東京都 / 渋谷区 / 神南1-1-1 / Ada Lovelace / Japan",
            ),
            (
                json!({"line1": "1-1-1 Jinnan", "city": "Shibuya-ku", "region": "Tokyo", "postal_code": "150-0041",
                    "country": "JP"}),
                "Ada Lovelace / 1-1-1 Jinnan / Shibuya-ku, TOKYO / 150-0041 / Japan",
            ),
            (
                json!({"line1": "彌敦道1號", "city": "尖沙咀", "region": "九龍", "country": "HK"}),
                "九龍 / 尖沙咀 / 彌敦道1號 / Ada Lovelace / Hong Kong SAR China",
            ),
            (
                json!({"line1": "1 Nathan Road", "city": "Tsim Sha Tsui", "region": "Kowloon", "country": "HK"}),
                "Ada Lovelace / 1 Nathan Road / Tsim Sha Tsui / KOWLOON / Hong Kong SAR China",
            ),
            (
                json!({"line1": "信義路五段7號", "city": "信義區", "region": "台北市", "postal_code": "110", "country": "TW"}),
                "110 / 台北市信義區 / 信義路五段7號 / Ada Lovelace / Taiwan",
            ),
            (
                json!({"line1": "테헤란로 1", "city": "강남구", "region": "서울특별시", "postal_code": "06000", "country": "KR"}),
                "서울특별시 강남구 / 테헤란로 1 / Ada Lovelace / 06000 / South Korea",
            ),
        ] {
            assert_eq!(written(&address, "en"), expected);
        }
    }

    #[test]
    fn what_is_not_there_takes_its_punctuation_along() {
        for (address, expected) in [
            (
                json!({"line1": "548 Market St", "city": "San Francisco", "postal_code": "94104", "country": "US"}),
                "Ada Lovelace / 548 Market St / SAN FRANCISCO 94104 / United States",
            ),
            (
                json!({"line1": "548 Market St", "city": "San Francisco", "country": "US"}),
                "Ada Lovelace / 548 Market St / SAN FRANCISCO / United States",
            ),
            (
                json!({"line1": "Av. Paulista, 1", "city": "São Paulo", "country": "BR"}),
                "Ada Lovelace / Av. Paulista, 1 / SÃO PAULO / Brazil",
            ),
            (
                json!({"line1": "神南1-1-1", "city": "渋谷区", "country": "JP"}),
                "渋谷区 / 神南1-1-1 / Ada Lovelace / Japan",
            ),
            (
                json!({"line1": "Hauptstr. 1", "city": "Bern", "country": "CH"}),
                "Ada Lovelace / Hauptstr. 1 / Bern / Switzerland",
            ),
        ] {
            assert_eq!(written(&address, "en"), expected);
        }
    }

    #[test]
    fn a_city_stands_with_the_street_where_its_country_has_no_place_for_it_and_not_twice() {
        for (address, expected) in [
            (
                json!({"line1": "Al Wasl Road 1", "city": "Jumeirah", "region": "Dubai", "country": "AE"}),
                "Ada Lovelace / Al Wasl Road 1 / Jumeirah / Dubai / United Arab Emirates",
            ),
            (
                json!({"line1": "Al Wasl Road 1", "city": "Dubai", "region": "Dubai", "country": "AE"}),
                "Ada Lovelace / Al Wasl Road 1 / Dubai / United Arab Emirates",
            ),
            (
                json!({"line1": "Al Wasl Road 1", "city": "Dubai", "country": "AE"}),
                "Ada Lovelace / Al Wasl Road 1 / Dubai / United Arab Emirates",
            ),
            (
                json!({"line1": "1 Raffles Place", "city": "Singapore", "postal_code": "048616", "country": "SG"}),
                "Ada Lovelace / 1 Raffles Place / SINGAPORE 048616 / Singapore",
            ),
            (
                json!({"line1": "1 Raffles Place", "city": "Downtown Core", "postal_code": "048616", "country": "SG"}),
                "Ada Lovelace / 1 Raffles Place / Downtown Core / SINGAPORE 048616 / Singapore",
            ),
            (
                json!({"line1": "Rua 1", "city": "Taipa", "country": "MO"}),
                "Ada Lovelace / Rua 1 / Taipa / Macao SAR China",
            ),
        ] {
            assert_eq!(written(&address, "en"), expected);
        }
    }

    #[test]
    fn the_city_and_the_street_are_on_every_label_of_the_world_in_either_script() {
        for code in CODES {
            for (street, city) in [("Street 1", "Cityville"), ("通り1", "都市")] {
                let address = json!({"line1": street, "line2": "c/o B", "city": city, "country": code});
                let label = written(&address, "en").to_uppercase();
                for part in ["ADA LOVELACE", "C/O B", &street.to_uppercase(), &city.to_uppercase()] {
                    assert!(label.contains(part), "{code}: {label}");
                }
                assert!(!label.contains('%') && !label.contains(" / ,") && !label.contains(", /"), "{code}: {label}");
            }
        }
    }

    #[test]
    fn of_a_country_whose_custom_is_not_known_nothing_is_left_out() {
        let address = json!({"line1": "Plot 1, Kampala Rd", "city": "Kampala", "region": "Central Region",
            "postal_code": "P.O. Box 7", "country": "UG"});
        let expected = "Ada Lovelace / Plot 1, Kampala Rd / KAMPALA / Central Region / P.O. Box 7 / Uganda";
        assert_eq!(written(&address, "en"), expected);
    }

    #[test]
    fn the_country_is_called_as_in_the_senders_language_and_in_english_where_that_is_not_known() {
        let address = json!({"line1": "1 rue de Rivoli", "city": "Paris", "postal_code": "75001", "country": "FR"});
        for (language, name) in [("en-US", "France"), ("de-AT", "Frankreich"), ("nl", "France"), ("x-shop", "France")] {
            assert_eq!(written(&address, language).split(" / ").last(), Some(name), "{language}");
        }
        for (language, _) in NAMES {
            for code in CODES {
                let country: CountryCode = code.parse().unwrap();
                assert!(country.name(&language.parse().unwrap()).len() > 2, "{code} has no name in {language}");
            }
        }
    }
}
