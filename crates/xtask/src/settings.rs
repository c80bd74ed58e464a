//! Environment files: the settings of services and of tests.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::secrets::write_private;

/// Names and values, in the order they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    /// Sets a value; a later one replaces an earlier one.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Writes `NAME="value"` lines, readable by their owner only: there are passwords among them.
    pub(crate) fn write(&self, file: &Path, heading: &str) -> Result<()> {
        let mut text = format!("# {heading}\n");
        for (name, value) in &self.0 {
            // `cargo lambda watch` refuses `=` and spaces outside quotes. Inside them, readers of such files disagree
            // about the characters that are refused here.
            if value.contains(['"', '\\', '$', '\n', '\r']) {
                bail!("{name} holds a character that environment files cannot: a quote, \\, $ or a line's end");
            }
            let _ = writeln!(text, "{name}=\"{value}\"");
        }
        write_private(file, &text)
    }

    /// Reads a file that `write` made.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("reading {}: start the stack first: cargo xtask up", file.display()))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once('='));
        Ok(Self(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let mut settings = Settings::default();
        settings.set("ISSUER", "http://127.0.0.1:9000");
        settings.set("MONGODB_URI", "mongodb://127.0.0.1:1/bodega?directConnection=true");
        settings.set("ISSUER", "http://127.0.0.1:9001");
        settings.write(&file, "a comment").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().take(2).collect();
        assert_eq!(lines, ["# a comment", "ISSUER=\"http://127.0.0.1:9001\""]);
        let read = Settings::read(&file).unwrap();
        assert_eq!(read, settings);
        assert_eq!(read.get("ISSUER"), Some("http://127.0.0.1:9001"));
    }

    #[test]
    fn a_value_that_readers_would_take_apart_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for value in ["a\nb", "a\"b", "$HOME", "a\\b"] {
            let mut settings = Settings::default();
            settings.set("KEY", value);
            assert!(settings.write(&folder.path().join("env"), "").is_err(), "{value}");
        }
    }
}
