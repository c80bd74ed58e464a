//! Reads lines out of one chunk of a file.

use std::collections::BTreeSet;

use common::{
    input::{Fields, MAX_BODY, read_json},
    problem::FieldError,
};
use serde::{Deserialize, Serialize};

use crate::products::domain::ProductLine;

/// The most bytes that a line may have; what the API takes as a body.
const MAX_LINE: usize = MAX_BODY;
/// How much of a file is read at once, in bytes: more than the longest line that is allowed, so that a chunk always holds the
/// whole line at its beginning.
pub const CHUNK_SIZE: i64 = 1024 * 1024;
/// Most lines of a [`Batch`].
const MAX_BATCH: usize = 100;

/// A position in a file: the lines before it have been processed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// In bytes, from the beginning of the file.
    pub offset: i64,
    /// How many lines begin before it, blank ones included.
    pub line: i64,
    /// The position is inside a line that is too long and was refused.
    pub is_inside: bool,
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq)]
pub enum LineContent {
    /// A product.
    Product(Box<ProductLine>),
    /// No product, for these reasons.
    Refused(Vec<FieldError>),
}

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedLine {
    /// What the line holds.
    pub content: LineContent,
    /// The position after the line; `end.line` is the line's number.
    pub end: Position,
}

/// Lines that are applied together. No two of them have the same slug: what one line does, no other line of the batch undoes.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The lines that are not blank.
    pub lines: Vec<ParsedLine>,
    /// The position after the last of them and the blank lines that follow it.
    pub end: Position,
}

/// A part of a file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The chunk reaches to the end of the file.
    pub is_last: bool,
}

impl Batch {
    /// Reads the next lines of `chunk`, which begins at `start`; at most `limit`. The batch ends at `start` when no whole line is
    /// left in the chunk.
    pub fn read(chunk: Chunk<'_>, start: Position, limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(MAX_BATCH).min(MAX_BATCH);
        let mut reader = LineReader { chunk, position: start };
        let mut batch = Self { lines: Vec::new(), end: start };
        let mut slugs = BTreeSet::new();
        while batch.lines.len() < limit {
            let Some(raw) = reader.next() else { break };
            let content = match raw {
                RawLine::Whole(bytes) => parse(bytes),
                RawLine::TooLong => Some(LineContent::Refused(too_long())),
                RawLine::Remainder => None,
            };
            if let Some(LineContent::Product(line)) = &content
                && !slugs.insert(line.slug().clone())
            {
                break;
            }
            batch.end = reader.position;
            batch.lines.extend(content.map(|content| ParsedLine { content, end: batch.end }));
        }
        batch
    }
}

enum RawLine<'a> {
    /// A line without its line break.
    Whole(&'a [u8]),
    /// A line that is too long, or its beginning.
    TooLong,
    /// More of a line that is too long.
    Remainder,
}

/// Reads lines; ends when the next line does not end in the chunk.
struct LineReader<'a> {
    /// What is left of the chunk.
    chunk: Chunk<'a>,
    /// The position of its first byte.
    position: Position,
}

impl<'a> Iterator for LineReader<'a> {
    type Item = RawLine<'a>;

    fn next(&mut self) -> Option<RawLine<'a>> {
        let (Chunk { bytes, is_last }, start) = (self.chunk, self.position);
        if bytes.is_empty() {
            return None;
        }
        let found = bytes.iter().position(|byte| *byte == b'\n');
        let (line, taken) = found.map_or((bytes, bytes.len()), |at| (&bytes[..at], at + 1));
        let has_end = found.is_some() || is_last;
        let raw = if start.is_inside { RawLine::Remainder } else { raw_line(line, start) };
        if matches!(raw, RawLine::Whole(_)) && !has_end {
            return None;
        }
        self.chunk.bytes = &bytes[taken..];
        self.position = Position {
            offset: start.offset + i64::try_from(taken).unwrap_or(i64::MAX),
            line: start.line + i64::from(!start.is_inside),
            is_inside: !has_end,
        };
        Some(raw)
    }
}

/// The line without byte order mark and carriage return.
fn raw_line(line: &[u8], start: Position) -> RawLine<'_> {
    let line = if start.offset == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LINE { RawLine::TooLong } else { RawLine::Whole(line) }
}

/// Parses a line; `None` when it is blank.
fn parse(line: &[u8]) -> Option<LineContent> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Some(LineContent::Refused(whole("not_utf8", "must be UTF-8".to_owned())));
    };
    if text.trim().is_empty() {
        return None;
    }
    let product = read_json(line).map_err(|problem| whole(problem.kind(), problem.detail().to_owned()));
    let product = product.and_then(|product| Fields::read::<ProductLine>(product).map_err(Vec::from));
    Some(product.map_or_else(LineContent::Refused, |line| LineContent::Product(Box::new(line))))
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
    fn work_off(file: &[u8], chunk: usize) -> (Vec<String>, Position) {
        let (mut position, mut seen) = (Position::default(), Vec::new());
        loop {
            let from = usize::try_from(position.offset).unwrap();
            let to = (from + chunk).min(file.len());
            let batch = Batch::read(Chunk { bytes: &file[from..to], is_last: to == file.len() }, position, None);
            seen.extend(batch.lines.iter().map(|line| match &line.content {
                LineContent::Product(product) => format!("{} {}", line.end.line, product.slug()),
                LineContent::Refused(errors) => format!("{} {}", line.end.line, errors[0].code),
            }));
            if batch.end == position {
                return (seen, position);
            }
            position = batch.end;
        }
    }

    #[test]
    fn lines_are_found_behind_bom_and_carriage_returns_and_without_an_end() {
        let file = format!("\u{feff}{}\r\n\r\n  \n{}\n{}", product("a"), product("b"), product("c"));
        let (seen, position) = work_off(file.as_bytes(), file.len());
        assert_eq!(seen, ["1 a", "4 b", "5 c"]);
        assert_eq!(position, Position { offset: i64::try_from(file.len()).unwrap(), line: 5, is_inside: false });
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
        for chunk in [MAX_LINE + 2, MAX_LINE + 77, 2 * MAX_LINE, 3 * MAX_LINE + 1, file.len()] {
            let (seen, position) = work_off(file.as_bytes(), chunk);
            assert_eq!(seen, ["1 a", "2 too_long", "3 b", "4 too_long", "5 c", "6 too_long"], "{chunk}");
            assert_eq!(position, Position { offset: end, line: 6, is_inside: false }, "{chunk}");
        }
        assert!(CHUNK_SIZE > i64::try_from(MAX_LINE + 2).unwrap());
    }

    #[test]
    fn a_batch_has_no_slug_twice_and_no_more_lines_than_it_may() {
        let file = [product("a"), product("b"), product("a"), product("c")].join("\n");
        let read = |limit| Batch::read(Chunk { bytes: file.as_bytes(), is_last: true }, Position::default(), limit);
        assert_eq!((read(None).lines.len(), read(None).end.line), (2, 2));
        assert_eq!((read(Some(1)).lines.len(), read(Some(1)).end.line), (1, 1));
        let many: Vec<String> = (0..150).map(|n| product(&format!("p{n}"))).collect();
        let (seen, _) = work_off(many.join("\n").as_bytes(), usize::try_from(CHUNK_SIZE).unwrap());
        assert_eq!((seen.len(), seen[149].as_str()), (150, "150 p149"));
    }
}
