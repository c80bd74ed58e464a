//! What an export is: files of products, each written by one step that can be repeated.

use std::time::Duration;

use common::{id::Id, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::ids::ProductId;

/// The id of an export.
pub type ExportId = Id<Export>;

/// Most products in one file.
pub const FILE_PRODUCTS: usize = 2_000;
/// A file of this many bytes or more gets no further products.
pub const FILE_SIZE: usize = 8 * 1024 * 1024;
/// How long the URL of a file is good for.
pub const URLS_VALID_FOR: Duration = Duration::from_mins(15);
/// How long an export is kept.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// The state of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ExportState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Files are being written.
    Running,
    /// All files are written.
    Done,
}

impl State {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Key of the file in the bucket.
    pub key: String,
    /// Number of products in the file.
    pub products: i64,
    /// Size of the file in bytes.
    pub size: i64,
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Id of the export.
    pub id: ExportId,
    /// The state of the export.
    pub state: State,
    /// The files that have been written.
    pub files: Vec<File>,
    /// The last product in them.
    pub after: Option<ProductId>,
    /// How often the lease was acquired. Only the process that acquired it last may save progress.
    pub attempt: i64,
    /// When the export was created.
    pub created_at: Timestamp,
    /// When progress was last saved.
    pub updated_at: Timestamp,
}

impl Export {
    /// A new export, as of `now`.
    pub fn new(now: Timestamp) -> Self {
        let (id, state, files) = (Id::new(now), State::Running, Vec::new());
        Self { id, state, files, after: None, attempt: 0, created_at: now, updated_at: now }
    }

    /// When the export is deleted.
    pub fn forgotten_at(&self) -> Timestamp {
        self.created_at.plus(KEPT_FOR)
    }

    /// Key of its next file. Each attempt writes under keys of its own: a process that lost the lease overwrites no file of the
    /// next one.
    pub fn next_key(&self) -> String {
        format!("exports/{}/{:04}-{}.ndjson", self.id, self.files.len() + 1, self.attempt)
    }
}

/// Key of the marker object of an export: the bucket's notification of it starts the export.
pub fn marker_key(id: ExportId) -> String {
    format!("exports/{id}/start")
}

/// The export that a marker's key names; `None` for other keys.
pub fn parse_marker_key(key: &str) -> Option<ExportId> {
    key.strip_prefix("exports/")?.strip_suffix("/start")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_names_an_export_and_its_files_do_not() {
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
