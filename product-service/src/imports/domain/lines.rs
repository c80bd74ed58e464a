//! A file's lines, cut out of a part of it.

use std::collections::BTreeSet;

use common::{
    input::{Fields, MAX_BODY, read_json},
    problem::FieldError,
};
use serde::{Deserialize, Serialize};

use crate::products::domain::ProductLine;

/// The most bytes that a line may have; what the API takes as a body.
const MAX_LINE: usize = MAX_BODY;
/// How much of a file is read at once, in bytes: a line that may be is always in it as a whole, with its end.
pub const PART: i64 = 1024 * 1024;
/// Most lines of a [`Batch`].
const MAX_BATCH: usize = 100;

/// Where in a file the work is: the lines before it have been dealt with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// In bytes, from the file's beginning.
    pub offset: i64,
    /// How many lines begin before it, blank ones counted.
    pub line: i64,
    /// It is in the midst of a line that is too long, and was refused.
    pub is_inside: bool,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A product.
    Product(Box<ProductLine>),
    /// None.
    Refused(Vec<FieldError>),
}

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it says.
    pub content: Content,
    /// Behind it; `end.line` is its number.
    pub end: Place,
}

/// Lines that are worked off together: none has the slug of another, so that each is what its product will be.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The lines that are not blank.
    pub entries: Vec<Entry>,
    /// Behind the last of them, and the blank ones after it.
    pub end: Place,
}

/// A part of a file.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// From a place on.
    pub bytes: &'a [u8],
    /// It reaches to the file's end.
    pub is_last: bool,
}

impl Batch {
    /// The next lines from `start` on, where `part` begins; at most `limit`. It ends at `start` when the part has no whole
    /// line any more.
    pub fn take(part: Part<'_>, start: Place, limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(MAX_BATCH).min(MAX_BATCH);
        let mut batch = Self { entries: Vec::new(), end: start };
        let mut slugs = BTreeSet::new();
        let mut rest = part.bytes;
        while batch.entries.len() < limit {
            let Some((text, end)) = cut(Part { bytes: rest, ..part }, batch.end) else { break };
            let content = match text {
                Text::Line(bytes) => read(bytes),
                Text::TooLong => Some(Content::Refused(too_long())),
                Text::Remainder => None,
            };
            if let Some(Content::Product(line)) = &content
                && !slugs.insert(line.slug().clone())
            {
                break;
            }
            batch.entries.extend(content.map(|content| Entry { content, end }));
            rest = rest.get(length(batch.end, end)..).unwrap_or_default();
            batch.end = end;
        }
        batch
    }
}

fn length(from: Place, to: Place) -> usize {
    usize::try_from(to.offset - from.offset).unwrap_or_default()
}

enum Text<'a> {
    /// A line without its end.
    Line(&'a [u8]),
    /// One that is too long, or its beginning.
    TooLong,
    /// More of one that is too long.
    Remainder,
}

/// What comes first in a part, and where it ends; `None` when more of the file must be seen.
fn cut(part: Part<'_>, start: Place) -> Option<(Text<'_>, Place)> {
    let Part { bytes, is_last } = part;
    if bytes.is_empty() {
        return None;
    }
    let found = bytes.iter().position(|byte| *byte == b'\n');
    let (line, taken) = found.map_or((bytes, bytes.len()), |at| (&bytes[..at], at + 1));
    let has_end = found.is_some() || is_last;
    let offset = start.offset + i64::try_from(taken).unwrap_or(i64::MAX);
    if start.is_inside {
        return Some((Text::Remainder, Place { offset, line: start.line, is_inside: !has_end }));
    }
    let end = Place { offset, line: start.line + 1, is_inside: !has_end };
    let line = if start.offset == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LINE {
        return Some((Text::TooLong, end));
    }
    has_end.then_some((Text::Line(line), end))
}

/// What a line says; `None` when it is blank.
fn read(line: &[u8]) -> Option<Content> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Some(Content::Refused(whole("not_utf8", "must be UTF-8".to_owned())));
    };
    if text.trim().is_empty() {
        return None;
    }
    let product = read_json(line).map_err(|problem| whole(problem.kind(), problem.detail().to_owned()));
    let product = product.and_then(|product| Fields::read::<ProductLine>(product).map_err(Vec::from));
    Some(product.map_or_else(Content::Refused, |line| Content::Product(Box::new(line))))
}

fn too_long() -> Vec<FieldError> {
    whole("too_long", format!("must have at most {MAX_LINE} bytes"))
}

/// What is wrong with a line as a whole.
fn whole(code: &str, message: String) -> Vec<FieldError> {
    vec![FieldError::new("", code, message)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn product(slug: &str) -> String {
        let price = json!([{"amount": 1, "currency": "USD"}]);
        let variant = json!({"sku": slug.to_uppercase(), "options": {}, "prices": price});
        json!({
            "slug": slug, "title": "A", "description": "", "status": "active", "categories": [], "options": [],
            "variants": [variant]
        })
        .to_string()
    }

    /// `line slug` or `line code`, the way a worker does it that sees at most so many bytes at a time.
    fn work_off(file: &[u8], part: usize) -> (Vec<String>, Place) {
        let (mut place, mut seen) = (Place::default(), Vec::new());
        loop {
            let from = usize::try_from(place.offset).unwrap();
            let to = (from + part).min(file.len());
            let batch = Batch::take(Part { bytes: &file[from..to], is_last: to == file.len() }, place, None);
            seen.extend(batch.entries.iter().map(|entry| match &entry.content {
                Content::Product(line) => format!("{} {}", entry.end.line, line.slug()),
                Content::Refused(errors) => format!("{} {}", entry.end.line, errors[0].code),
            }));
            if batch.end == place {
                return (seen, place);
            }
            place = batch.end;
        }
    }

    #[test]
    fn lines_are_found_behind_bom_and_carriage_returns_and_without_an_end() {
        let file = format!("\u{feff}{}\r\n\r\n  \n{}\n{}", product("a"), product("b"), product("c"));
        let (seen, place) = work_off(file.as_bytes(), file.len());
        assert_eq!(seen, ["1 a", "4 b", "5 c"]);
        assert_eq!(place, Place { offset: i64::try_from(file.len()).unwrap(), line: 5, is_inside: false });
    }

    #[test]
    fn what_is_no_product_is_refused_alone() {
        let unknown = product("b").replacen('{', "{\"colour\":1,", 1);
        let deep = "[".repeat(100_000);
        let lines =
            [product("a").as_bytes(), b"{\"a\":", b"\xff\xfe", b"[]", deep.as_bytes(), unknown.as_bytes()].join(&b'\n');
        let (seen, _) = work_off(&lines, lines.len());
        let expected = ["1 a", "2 malformed_json", "3 not_utf8", "4 wrong_type", "5 too_deep", "6 unknown_field"];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_once_and_passed_over_however_the_file_is_cut() {
        let long = "x".repeat(5 * MAX_LINE);
        let just_too_long = "x".repeat(MAX_LINE + 1);
        let longest = " ".repeat(MAX_LINE - product("b").len()) + &product("b");
        let file = format!("{}\n{long}\n{longest}\r\n{just_too_long}\n{}\n{long}", product("a"), product("c"));
        let end = i64::try_from(file.len()).unwrap();
        for part in [MAX_LINE + 2, MAX_LINE + 77, 2 * MAX_LINE, 3 * MAX_LINE + 1, file.len()] {
            let (seen, place) = work_off(file.as_bytes(), part);
            assert_eq!(seen, ["1 a", "2 too_long", "3 b", "4 too_long", "5 c", "6 too_long"], "{part}");
            assert_eq!(place, Place { offset: end, line: 6, is_inside: false }, "{part}");
        }
        assert!(PART > i64::try_from(MAX_LINE + 2).unwrap());
    }

    #[test]
    fn a_batch_has_no_slug_twice_and_no_more_lines_than_it_may() {
        let file = [product("a"), product("b"), product("a"), product("c")].join("\n");
        let take = |limit| Batch::take(Part { bytes: file.as_bytes(), is_last: true }, Place::default(), limit);
        assert_eq!((take(None).entries.len(), take(None).end.line), (2, 2));
        assert_eq!((take(Some(1)).entries.len(), take(Some(1)).end.line), (1, 1));
        let many: Vec<String> = (0..150).map(|n| product(&format!("p{n}"))).collect();
        let (seen, _) = work_off(many.join("\n").as_bytes(), usize::try_from(PART).unwrap());
        assert_eq!((seen.len(), seen[149].as_str()), (150, "150 p149"));
    }
}
