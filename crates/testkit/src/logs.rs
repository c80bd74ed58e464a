//! Captured log lines, for tests of what is logged and what must not be.

use std::{
    io,
    sync::{Arc, Mutex},
};

/// A log writer that keeps what is written.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Everything written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// The lines as JSON.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("log lines are JSON")).collect()
    }

    /// The lines as JSON, which are forgotten then.
    pub fn take_lines(&self) -> Vec<serde_json::Value> {
        let lines = self.lines();
        self.0.lock().unwrap().clear();
        lines
    }

    /// Makes writers for a subscriber: `telemetry::subscriber(name, level, captured.writer())`.
    pub fn writer(&self) -> impl Fn() -> Self + Send + Sync + 'static {
        let captured = self.clone();
        move || captured.clone()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
