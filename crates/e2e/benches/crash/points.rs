//! Where a process is killed.

use std::{collections::BTreeMap, fmt};

/// A command or call that a scenario makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Point {
    /// The command to PostgreSQL after so many others of the scenario.
    Postgres { passing: usize, sql: String },
    /// The call of a sibling after so many others of its name.
    Sibling { passing: usize, call: String },
    /// The call of Stripe after so many others of its name.
    Stripe { passing: usize, call: String },
}

impl Point {
    /// Every command, as they were met.
    pub(crate) fn postgres(commands: Vec<String>) -> impl Iterator<Item = Self> {
        commands.into_iter().enumerate().map(|(passing, sql)| Self::Postgres { passing, sql })
    }

    /// Every call of a sibling, as they were met.
    pub(crate) fn siblings(calls: Vec<String>) -> impl Iterator<Item = Self> {
        counted(calls).map(|(passing, call)| Self::Sibling { passing, call })
    }

    /// Every call of Stripe, as they were met.
    pub(crate) fn stripe(calls: Vec<String>) -> impl Iterator<Item = Self> {
        counted(calls).map(|(passing, call)| Self::Stripe { passing, call })
    }
}

fn counted(calls: Vec<String>) -> impl Iterator<Item = (usize, String)> {
    let mut seen = BTreeMap::<String, usize>::new();
    calls.into_iter().map(move |call| {
        let passing = seen.entry(call.clone()).or_default();
        *passing += 1;
        (*passing - 1, call)
    })
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { sql, .. } => write!(f, "PostgreSQL  {}", sql.chars().take(72).collect::<String>()),
            Self::Sibling { call, .. } => write!(f, "sibling     {call}"),
            Self::Stripe { call, .. } => write!(f, "Stripe      {call}"),
        }
    }
}
