//! A temporary folder for one program, removed after it, and a complaint where the program left something in it.

use std::ffi::OsString;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

/// Where a program keeps what it needs while it runs. Dropping it removes the folder and what is in it.
#[derive(Debug)]
pub(crate) struct Temporary(TempDir);

impl Temporary {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir().context("making a temporary folder")?))
    }

    /// Programs in any language take their temporary folder from `TMPDIR`, and so do those that they start.
    pub(crate) fn lend(&self, command: &mut Command) {
        command.env("TMPDIR", self.0.path());
    }

    /// Fails with the names of what the program left behind.
    pub(crate) fn must_be_empty(self) -> Result<()> {
        let entries = fs::read_dir(self.0.path()).context("reading a temporary folder")?;
        let mut left: Vec<OsString> = entries.flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        let left: Vec<String> = left.iter().map(|name| name.display().to_string()).collect();
        ensure!(left.is_empty(), "left behind in the temporary folder: {}", left.join(", "));
        self.0.close().context("removing a temporary folder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> (Temporary, String) {
        let temporary = Temporary::new().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        temporary.lend(&mut shell);
        let output = shell.output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let folder = temporary.0.path().display().to_string();
        (temporary, folder)
    }

    #[tokio::test]
    async fn a_program_that_leaves_a_file_is_told_of_and_the_file_is_removed() {
        let (temporary, folder) = sh("mkdir \"$TMPDIR/a\" && echo x > \"$TMPDIR/a/file\" && touch \"$TMPDIR/b\"").await;
        let error = temporary.must_be_empty().unwrap_err().to_string();
        assert_eq!(error, "left behind in the temporary folder: a, b");
        assert!(!fs::exists(folder).unwrap());
    }

    #[tokio::test]
    async fn a_program_that_cleans_up_leaves_no_folder_either() {
        let (temporary, folder) = sh("touch \"$TMPDIR/file\" && rm \"$TMPDIR/file\"").await;
        temporary.must_be_empty().unwrap();
        assert!(!fs::exists(folder).unwrap());
    }
}
