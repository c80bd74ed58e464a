//! What an error of MongoDB's driver means: refused credentials, an outage, a write that a condition or an index refused.
//! This file uses the driver and nothing of this service.

use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::error::{Error as MongoError, ErrorKind, WriteError, WriteFailure};

/// Whether the server refused our credentials since they were looked at last. A process has one database; the driver
/// connects at any time, so any statement may be the one that fails.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// The index of the write of a bulk that a condition, index or validator refused; `None` when the bulk failed for another reason.
pub(crate) fn refused_write(error: &MongoError) -> Option<usize> {
    let ErrorKind::BulkWrite(bulk) = &*error.kind else { return None };
    let (index, refused) = bulk.write_errors.iter().next()?;
    is_refusal(refused.code).then_some(*index)
}

/// A duplicate key (11000), a document that its validator refuses (121), or an upsert that would have to change an `_id`
/// (66): `mongo::update_or_fail` without a match.
fn is_refusal(code: i32) -> bool {
    matches!(code, 66 | 121 | 11_000)
}

/// Whether the server refused our credentials; remembers it for [`take_refusal`].
pub(crate) fn note_refusal(error: &MongoError) -> bool {
    let is_refused = match &*error.kind {
        ErrorKind::Authentication { .. } => true,
        // AuthenticationFailed
        ErrorKind::Command(error) => error.code == 18,
        ErrorKind::BulkWrite(_) => {
            let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
            source.is_some_and(note_refusal)
        }
        _ => false,
    };
    if is_refused {
        REFUSED.store(true, Ordering::Relaxed);
    }
    is_refused
}

/// Whether [`note_refusal`] has seen a refusal since this was asked last.
pub(crate) fn take_refusal() -> bool {
    REFUSED.swap(false, Ordering::Relaxed)
}

/// Whether a single write was refused by a validator.
pub(crate) fn is_invalid(error: &MongoError) -> bool {
    write_error(error).is_some_and(|error| error.code == 121)
}

/// The unique index that a single write violated, from the server's message, which names it.
pub(crate) fn violates(error: &MongoError, index: &str) -> bool {
    write_error(error).is_some_and(|error| error.code == 11_000 && error.message.contains(index))
}

fn write_error(error: &MongoError) -> Option<&WriteError> {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error),
        _ => None,
    }
}

/// Whether the database could not be reached, is changing its primary, or refused our credentials: a later try may succeed.
pub(crate) fn is_outage(error: &MongoError) -> bool {
    match &*error.kind {
        ErrorKind::ServerSelection { .. }
        | ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Shutdown
        | ErrorKind::Authentication { .. }
        | ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        ErrorKind::Command(error) => passes(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => passes(error.code),
        ErrorKind::BulkWrite(bulk) => {
            // The bulk wraps what stopped it.
            let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
            !bulk.write_concern_errors.is_empty()
                || bulk.write_errors.values().any(|error| passes(error.code))
                || source.is_some_and(is_outage)
        }
        _ => false,
    }
}

/// Codes of a server that steps down, recovers, shuts down, runs out of time or refuses our credentials (the list of the
/// "Server Discovery and Monitoring" and "Retryable Writes" specifications of MongoDB's drivers).
fn passes(code: i32) -> bool {
    const CODES: [i32; 15] = [6, 7, 18, 50, 64, 89, 91, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436];
    CODES.contains(&code)
}
