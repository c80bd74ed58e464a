//! A line as a person would type it.

use std::fmt::{self, Display};
use std::path::Path;

/// The program of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Git,
    Cargo,
    Npm,
    Npx,
    Node,
    Aws,
    /// This program itself.
    Xtask,
}

/// A command line, as it is printed and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) program: Program,
    pub(crate) arguments: Vec<String>,
    /// Variables set beside the inherited ones.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Working folder, relative to the repository.
    pub(crate) folder: &'static str,
}

impl Line {
    pub(crate) fn new(program: Program, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program, arguments, environment: Vec::new(), folder: "" }
    }

    pub(super) fn with(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(super) fn within(self, folder: &'static str) -> Self {
        Self { folder, ..self }
    }

    pub(super) fn knowing(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }
}

impl Line {
    /// For a person in the repository: paths below it are relative.
    pub(crate) fn shown(&self, root: &Path) -> String {
        let whole = format!("{}/", root.display());
        let up = if self.folder.is_empty() { "" } else { "../" };
        // A URL of a file stays whole.
        self.to_string().split(' ').map(|word| relative(word, &whole, up)).collect::<Vec<_>>().join(" ")
    }
}

fn relative(word: &str, whole: &str, up: &str) -> String {
    if word.contains("://") { word.to_owned() } else { word.replace(whole, up) }
}

/// As it would be typed into a shell.
impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.folder.is_empty() {
            write!(f, "cd {} && ", self.folder)?;
        }
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(match self.program {
            Program::Git => "git",
            Program::Cargo => "cargo",
            Program::Npm => "npm",
            Program::Npx => "npx",
            Program::Node => "node",
            Program::Aws => "aws",
            Program::Xtask => "cargo xtask",
        })?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_take_apart_is_quoted() {
        assert_eq!(
            [quoted("a b"), quoted("it's"), quoted(""), quoted("plain-1.2")],
            ["'a b'", r"'it'\''s'", "''", "plain-1.2"]
        );
    }
}
