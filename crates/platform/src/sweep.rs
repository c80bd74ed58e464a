//! The report of a sweep: one form in all services, which each fills with the counts of its own parts.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::trigger::{TriggerError, report};

/// How long after its start a sweep begins further batches of messages. A run may take a minute, and other work
/// follows.
pub const RELAY_WITHIN: Duration = Duration::from_secs(40);

/// The counts of one sweep: `{"service": ..., ...}`, a member for each count.
///
/// When a part fails, the others still run; the sweep fails at its end with the error of the first.
#[derive(Debug)]
pub struct SweepReport {
    service: &'static str,
    counts: Map<String, Value>,
    failure: Option<TriggerError>,
}

impl SweepReport {
    /// The report of a sweep of this service.
    pub fn of(service: &'static str) -> Self {
        Self { service, counts: Map::new(), failure: None }
    }

    /// Adds the count of a part under a name.
    pub fn note<E: Into<TriggerError>>(&mut self, name: &str, done: Result<impl Serialize, E>) {
        if let Some(count) = self.read(done) {
            self.counts.insert(name.to_owned(), count);
        }
    }

    /// Adds each member of a part's result under its own name; `()` has none.
    pub fn note_all<E: Into<TriggerError>>(&mut self, done: Result<impl Serialize, E>) {
        if let Some(Value::Object(counts)) = self.read(done) {
            self.counts.extend(counts);
        }
    }

    /// The answer of the sweep. Fails with the error of the first part that failed; further errors are logged.
    pub fn finish(self) -> Result<Value, TriggerError> {
        self.failure.map_or_else(|| Ok(report(self.service, Value::Object(self.counts))), Err)
    }

    fn read<E: Into<TriggerError>>(&mut self, done: Result<impl Serialize, E>) -> Option<Value> {
        let read = done.map_err(Into::into).and_then(|done| serde_json::to_value(done).map_err(Into::into));
        let Err(error) = read else { return read.ok() };
        if self.failure.is_some() {
            tracing::error!(%error, "part of the sweep failed");
        } else {
            self.failure = Some(error);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(message: &str) -> Result<usize, TriggerError> {
        Err(message.into())
    }

    #[test]
    fn a_report_names_its_service_and_what_each_part_did() {
        let mut report = SweepReport::of("sample-service");
        report.note("expired", Ok::<_, TriggerError>(2));
        report.note_all(Ok::<_, TriggerError>(json!({"delivered": 1, "deferred": 0})));
        report.note_all(Ok::<_, TriggerError>(()));
        let expected = json!({"service": "sample-service", "expired": 2, "delivered": 1, "deferred": 0});
        assert_eq!(report.finish().unwrap(), expected);
    }

    #[test]
    fn a_sweep_fails_by_its_first_part_that_failed() {
        let mut report = SweepReport::of("sample-service");
        report.note("first", failed("no database"));
        report.note("second", failed("no bucket"));
        report.note("third", Ok::<_, TriggerError>(1));
        assert_eq!(report.finish().unwrap_err().to_string(), "no database");
    }
}
