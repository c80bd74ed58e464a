//! What an import is: one NDJSON file of products, and how far it has been worked off.
//!
//! Whatever is done to the catalogue can be done again: a line whose product is as it says changes nothing. So the work
//! goes on from the last place that was saved, whoever does it and wherever the one before stopped.

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
/// What a file must be uploaded as.
pub const CONTENT_TYPE: &str = "application/x-ndjson";
/// So many lines of one import, the first ones that were refused, can be asked for their reasons.
pub const MAX_REPORTED: i64 = 10_000;
/// Most reasons that are kept of one line.
const MAX_REASONS: usize = 50;
/// How long an upload may be begun after it was granted.
const GRANTED_FOR: Duration = Duration::from_hours(1);
/// How long an import and its reasons are kept.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ImportState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Granted; waits for its file.
    Pending,
    /// Being worked off.
    Running,
    /// Worked off to its end.
    Done,
    /// Ended before that, for good.
    Failed,
}

impl State {
    /// As documents have it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// What a line did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Made a product.
    Created,
    /// Changed one.
    Changed,
    /// Found one that was so already.
    Unchanged,
    /// Nothing, for its reasons.
    Refused,
}

impl Outcome {
    /// As what a line counts that was to do `planned`, and is seen to do `found`. After a crash a line that was worked off
    /// before finds nothing left to do.
    #[must_use]
    pub fn counted(planned: Option<Self>, found: Self) -> Self {
        match (planned, found) {
            (_, Self::Refused) | (None | Some(Self::Refused), _) => found,
            (Some(planned), _) => planned,
        }
    }
}

/// How many lines did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Made a product.
    pub created: i64,
    /// Changed one.
    pub changed: i64,
    /// Found one that was so already.
    pub unchanged: i64,
    /// Nothing, for their reasons.
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

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which, from 1.
    pub line: i64,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
}

impl Refused {
    /// The line's first reasons.
    pub fn new(line: i64, mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_REASONS);
        Self { line, errors }
    }
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Names it, and its file.
    pub id: ImportId,
    /// How far it has come.
    pub state: State,
    /// Why it failed.
    pub reason: Option<String>,
    /// How many bytes the file has; known once the work began.
    pub size: Option<i64>,
    /// The file that the work began with.
    pub e_tag: Option<String>,
    /// How far its lines have been worked off.
    pub position: Position,
    /// What they did.
    pub counts: Counts,
    /// What the next lines were to do, as far as anybody may have begun with them.
    pub planned: Vec<Outcome>,
    /// Which attempt at working it off this is; only the last one's word counts.
    pub attempt: i64,
    /// Until when an upload may begin.
    pub expires_at: Timestamp,
    /// When it was granted.
    pub created_at: Timestamp,
    /// When it came further last.
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

    /// When it is forgotten, with all that was said about its lines.
    pub fn forgotten_at(&self) -> Timestamp {
        self.created_at.plus(KEPT_FOR)
    }

    /// What its form lets in.
    pub fn policy<'a>(&self, key: &'a str) -> PostPolicy<'a> {
        let expires_at = self.expires_at;
        PostPolicy { key, content_type: CONTENT_TYPE, cache_control: "no-store", size: MAX_SIZE, expires_at }
    }

    /// Whether `end` is where its file ends.
    pub fn ends_at(&self, end: Position) -> bool {
        self.size.is_some_and(|size| end.offset >= size)
    }
}

/// Where an import's file is.
pub fn key(id: ImportId) -> String {
    format!("imports/{id}.ndjson")
}

/// Which import an object's key names; `None` when the key is none of ours.
pub fn parse_key(key: &str) -> Option<ImportId> {
    key.strip_prefix("imports/")?.strip_suffix(".ndjson")?.parse().ok()
}

/// Why an object is no file to import, for people; nothing when it is one.
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
