//! What an export is: files of products, each written by one step that can be repeated.

use std::time::Duration;

use common::{id::Id, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::ids::ProductId;

/// The id of an export.
pub type ExportId = Id<Export>;

/// Most products of one file.
pub const FILE_PRODUCTS: usize = 2_000;
/// A file that has so many bytes gets no further products.
pub const FILE_SIZE: usize = 8 * 1024 * 1024;
/// How long a file's address is good for.
pub const URLS_VALID_FOR: Duration = Duration::from_mins(15);
/// How long an export is kept.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// How far an export has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ExportState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Being written.
    Running,
    /// All files are there.
    Done,
}

impl State {
    /// As documents have it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is in the bucket.
    pub key: String,
    /// How many products are in it.
    pub products: i64,
    /// How many bytes it has.
    pub size: i64,
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Names it.
    pub id: ExportId,
    /// How far it has come.
    pub state: State,
    /// What has been written.
    pub files: Vec<File>,
    /// The last product in them.
    pub after: Option<ProductId>,
    /// Which attempt at writing it this is; only the last one's word counts.
    pub attempt: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it came further last.
    pub updated_at: Timestamp,
}

impl Export {
    /// A new export, as of `now`.
    pub fn new(now: Timestamp) -> Self {
        let (id, state, files) = (Id::new(now), State::Running, Vec::new());
        Self { id, state, files, after: None, attempt: 0, created_at: now, updated_at: now }
    }

    /// When it is forgotten.
    pub fn forgotten_at(&self) -> Timestamp {
        self.created_at.plus(KEPT_FOR)
    }

    /// Where its next file goes. Another attempt writes elsewhere: one that comes late changes no file of the other.
    pub fn next_key(&self) -> String {
        format!("exports/{}/{:04}-{}.ndjson", self.id, self.files.len() + 1, self.attempt)
    }
}

/// The object whose making tells the queue that an export waits.
pub fn marker_key(id: ExportId) -> String {
    format!("exports/{id}/start")
}

/// Which export an object's key tells of; `None` when it tells of none.
pub fn parse_marker_key(key: &str) -> Option<ExportId> {
    key.strip_prefix("exports/")?.strip_suffix("/start")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signal_tells_of_an_export_and_its_files_do_not() {
        let export = Export::new(Timestamp::EPOCH);
        assert_eq!(parse_marker_key(&marker_key(export.id)), Some(export.id));
        for other in ["", "exports/x/start", &export.next_key(), &format!("imports/{}/start", export.id)] {
            assert_eq!(parse_marker_key(other), None, "{other}");
        }
    }

    #[test]
    fn no_two_attempts_write_the_same_file() {
        let one = Export { attempt: 1, ..Export::new(Timestamp::EPOCH) };
        let other = Export { attempt: 2, ..one.clone() };
        assert_ne!(one.next_key(), other.next_key());
    }
}
