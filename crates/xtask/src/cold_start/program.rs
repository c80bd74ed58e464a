//! The programs whose first answers are measured.

use std::path::PathBuf;

use super::case::Case;
use super::hold::Hold;
use super::samples::Series;

/// The role of a program in its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function that calls nothing. It stands in the first case.
    Hello,
    /// The service in this tree.
    Own,
    /// The service at another commit.
    Other,
    /// The same calls by the drivers alone.
    Bare,
}

/// A program, and what was measured of it.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) kind: Kind,
    pub(super) case: Case,
    /// The name in tables.
    pub(super) title: String,
    pub(super) path: PathBuf,
    /// The shop whose stores it uses.
    pub(super) shop: usize,
    /// Samples for each of [`Hold::ALL`].
    pub(super) series: [Series; Hold::ALL.len()],
}

impl Program {
    pub(super) fn new(kind: Kind, case: Case, title: String, path: PathBuf, shop: usize) -> Self {
        Self { kind, case, title, path, shop, series: Default::default() }
    }

    /// The function, as Lambda names it.
    pub(super) fn function(&self) -> &'static str {
        match self.kind {
            Kind::Hello => "hello",
            Kind::Own | Kind::Other => self.case.service(),
            Kind::Bare => self.case.bare(),
        }
    }

    /// The case and, where it is not this tree's service, which program it is.
    pub(super) fn full_name(&self) -> String {
        match self.kind {
            Kind::Hello | Kind::Own => self.title.clone(),
            Kind::Other | Kind::Bare => format!("{}, {}", self.case.name(), self.title.trim()),
        }
    }
}
