//! What an import is: one NDJSON file of products, and the progress of applying it.
//!
//! Applying a line can be repeated: a line whose product already is as the line says changes nothing. So an import continues
//! from the last position that was saved, in whichever process, wherever the process before stopped.

use std::time::Duration;

use common::{id::Id, problem::FieldError, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

pub use self::lines::{Batch, CHUNK_SIZE, Chunk, LineContent, ParsedLine, Position};
use crate::bucket::object::{Object, PostPolicy};

mod lines;

/// The id of an import.
pub type ImportId = Id<Import>;

/// The largest file that is taken, in bytes.
pub const MAX_SIZE: i64 = 100 * 1024 * 1024;
/// The media type that a file must be uploaded with.
pub const CONTENT_TYPE: &str = "application/x-ndjson";
/// How many refused lines of one import are kept with their reasons: the first ones.
pub const MAX_REPORTED: i64 = 10_000;
/// Most reasons that are kept for one line.
const MAX_REASONS: usize = 50;
/// How long an upload may be begun after it was granted.
const GRANTED_FOR: Duration = Duration::from_hours(1);
/// How long an import and its reasons are kept.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// The state of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ImportState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The upload was granted; the file has not arrived yet.
    Pending,
    /// The lines of the file are being applied.
    Running,
    /// All lines have been processed.
    Done,
    /// The import ended before its last line; it does not continue.
    Failed,
}

impl State {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the import has ended.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// The outcome of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The line created a product.
    Created,
    /// The line changed a product.
    Changed,
    /// The product already was as the line says.
    Unchanged,
    /// The line was refused.
    Refused,
}

impl Outcome {
    /// The outcome to count for a line that was planned to do `planned` and did `found`: after a crash, a line that was applied
    /// before finds nothing left to do.
    #[must_use]
    pub fn counted(planned: Option<Self>, found: Self) -> Self {
        match (planned, found) {
            (_, Self::Refused) | (None | Some(Self::Refused), _) => found,
            (Some(planned), _) => planned,
        }
    }
}

/// The number of lines by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines that created a product.
    pub created: i64,
    /// Lines that changed a product.
    pub changed: i64,
    /// Lines whose product already was as the line says.
    pub unchanged: i64,
    /// Lines that were refused.
    pub refused: i64,
}

impl Counts {
    /// Counts one more line.
    pub fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Changed => &mut self.changed,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Refused => &mut self.refused,
        };
        *count += 1;
    }
}

/// A refused line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Number of the line, from 1.
    pub line: i64,
    /// What is wrong with the line.
    pub errors: Vec<FieldError>,
}

impl Refused {
    /// A refused line with the first of its reasons.
    pub fn new(line: i64, mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_REASONS);
        Self { line, errors }
    }
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Id of the import; the key of its file has it, too.
    pub id: ImportId,
    /// The state of the import.
    pub state: State,
    /// Why it failed.
    pub reason: Option<String>,
    /// Size of the file in bytes; known once the import has started.
    pub size: Option<i64>,
    /// The `ETag` of the file when the import started.
    pub e_tag: Option<String>,
    /// The position up to which lines have been processed.
    pub position: Position,
    /// The outcomes of these lines.
    pub counts: Counts,
    /// The planned outcomes of the next lines, as far as a process may have begun to apply them.
    pub planned: Vec<Outcome>,
    /// How often the lease was acquired. Only the process that acquired it last may save progress.
    pub attempt: i64,
    /// Until when an upload may begin.
    pub expires_at: Timestamp,
    /// When the import was created.
    pub created_at: Timestamp,
    /// When progress was last saved.
    pub updated_at: Timestamp,
}

impl Import {
    /// A new import that waits for its file, as of `now`.
    pub fn grant(now: Timestamp) -> Self {
        Self {
            id: Id::new(now),
            state: State::Pending,
            reason: None,
            size: None,
            e_tag: None,
            position: Position::default(),
            counts: Counts::default(),
            planned: Vec::new(),
            attempt: 0,
            expires_at: now.plus(GRANTED_FOR),
            created_at: now,
            updated_at: now,
        }
    }

    /// When the import and its refused lines are deleted.
    pub fn forgotten_at(&self) -> Timestamp {
        self.created_at.plus(KEPT_FOR)
    }

    /// The policy of its form.
    pub fn policy<'a>(&self, key: &'a str) -> PostPolicy<'a> {
        let expires_at = self.expires_at;
        PostPolicy { key, content_type: CONTENT_TYPE, cache_control: "no-store", size: MAX_SIZE, expires_at }
    }

    /// Whether `end` is where its file ends.
    pub fn ends_at(&self, end: Position) -> bool {
        self.size.is_some_and(|size| end.offset >= size)
    }
}

/// Key of an import's file.
pub fn key(id: ImportId) -> String {
    format!("imports/{id}.ndjson")
}

/// The import that an object's key names; `None` for other keys.
pub fn parse_key(key: &str) -> Option<ImportId> {
    key.strip_prefix("imports/")?.strip_suffix(".ndjson")?.parse().ok()
}

/// Why an object cannot be imported, for people; `None` when it can.
pub fn mismatch(object: &Object) -> Option<String> {
    if !(1..=MAX_SIZE).contains(&object.size) {
        return Some(format!("The file has {} bytes; 1 to {MAX_SIZE} can be imported.", object.size));
    }
    let is_ndjson = object.content_type.as_deref() == Some(CONTENT_TYPE);
    (!is_ndjson).then(|| format!("The file was not uploaded as {CONTENT_TYPE}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_import_and_only_ours_do() {
        let id = Import::grant(Timestamp::EPOCH).id;
        assert_eq!(parse_key(&key(id)), Some(id));
        for other in ["", "imports/", "imports/x.ndjson", "exports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.ndjson"] {
            assert_eq!(parse_key(other), None, "{other}");
        }
        assert_eq!(parse_key(&format!("imports/{id}")), None);
        assert_eq!(parse_key(&format!("imports/{id}/{id}.ndjson")), None);
    }

    #[test]
    fn a_file_is_taken_by_its_size_and_type() {
        let object = |size, content_type: Option<&str>| Object {
            size,
            content_type: content_type.map(str::to_owned),
            e_tag: None,
            bytes: Vec::new(),
        };
        assert_eq!(mismatch(&object(MAX_SIZE, Some(CONTENT_TYPE))), None);
        for refused in [
            object(0, Some(CONTENT_TYPE)),
            object(MAX_SIZE + 1, Some(CONTENT_TYPE)),
            object(1, Some("text/csv")),
            object(1, None),
        ] {
            assert!(mismatch(&refused).is_some(), "{refused:?}");
        }
    }

    #[test]
    fn a_line_counts_as_what_it_was_to_do_however_often_it_is_worked_off() {
        use Outcome::{Changed, Created, Refused, Unchanged};
        for (planned, found, counts) in [
            (None, Changed, Changed),
            (Some(Created), Created, Created),
            (Some(Created), Unchanged, Created),
            (Some(Changed), Unchanged, Changed),
            (Some(Created), Refused, Refused),
            (Some(Refused), Created, Created),
            (Some(Unchanged), Unchanged, Unchanged),
        ] {
            assert_eq!(Outcome::counted(planned, found), counts, "{planned:?} {found:?}");
        }
    }

    #[test]
    fn nothing_is_forgotten_while_its_form_works() {
        let import = Import::grant(Timestamp::EPOCH);
        assert!(import.forgotten_at() > import.expires_at.plus(Duration::from_hours(24)));
    }
}
