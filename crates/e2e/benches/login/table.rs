//! What was measured, in tables, and whether it is what was aimed at.

use std::time::Duration;

use e2e::usage::{Memory, median};

use crate::bare::Way;

/// The most memory over the idle process that logins may need: one hash, and some room.
const MOST_OVER_IDLE: f64 = 24.0;
/// The least share of bare argon2's rate.
const LEAST_RATIO: f64 = 0.9;

/// One round: seconds for one login.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    wall: f64,
    processor: f64,
}

impl Round {
    pub(crate) fn of(logins: usize, wall: Duration, processor: Duration) -> Self {
        let each = |time: Duration| time.as_secs_f64() / f64::from(u32::try_from(logins).unwrap());
        Self { wall: each(wall), processor: each(processor) }
    }
}

/// All rounds of one way to make logins.
#[derive(Debug)]
pub(crate) struct Rate {
    name: String,
    pub(crate) rounds: Vec<Round>,
}

impl Rate {
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), rounds: Vec::new() }
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    /// How many are made in the time in which `bare` makes one: the median of each round's.
    fn ratio(&self, bare: &Self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&bare.rounds).map(|(own, bare)| of(bare) / of(own)))
    }
}

/// The first ones are bare argon2's, in the order of [`Way::ALL`]; ratios are to the first.
pub(crate) fn print_rates(rates: &[Rate]) {
    let [bare, ..] = rates else { return };
    println!(
        "{:<26} {:>12} {:>16} {:>8} {:>10} {:>8}",
        "", "processor ms", "a core a second", "ratio", "elapsed ms", "ratio"
    );
    for rate in rates {
        let (processor, wall) = (rate.median(|round| round.processor), rate.median(|round| round.wall));
        println!(
            "{:<26} {:>12.2} {:>16.1} {:>8.3} {:>10.2} {:>8.3}",
            rate.name,
            processor * 1000.0,
            1.0 / processor,
            rate.ratio(bare, |round| round.processor),
            wall * 1000.0,
            rate.ratio(bare, |round| round.wall),
        );
    }
}

/// The memory of one process.
#[derive(Debug)]
pub(crate) struct MemoryRow {
    what: &'static str,
    name: String,
    idle: Memory,
    after: Memory,
    /// How often clients had to come back.
    later: usize,
}

impl MemoryRow {
    pub(crate) fn of(what: &'static str, name: &str, idle: Memory, after: Memory) -> Self {
        Self { what, name: name.to_owned(), idle, after, later: 0 }
    }

    pub(crate) fn with_later(self, later: usize) -> Self {
        Self { later, ..self }
    }

    fn over_idle(&self) -> f64 {
        mebibytes(self.after.peak) - mebibytes(self.idle.resident)
    }
}

pub(crate) fn print_memory(rows: &[MemoryRow]) {
    println!(
        "{:<26} {:<26} {:>7} {:>7} {:>10} {:>7} {:>12}",
        "logins", "", "idle", "peak", "over idle", "after", "503 answers"
    );
    for row in rows {
        println!(
            "{:<26} {:<26} {:>7.1} {:>7.1} {:>10.1} {:>7.1} {:>12}",
            row.what,
            row.name,
            mebibytes(row.idle.resident),
            mebibytes(row.after.peak),
            row.over_idle(),
            mebibytes(row.after.resident),
            row.later,
        );
    }
}

/// Whether the build of this name keeps to the limits.
pub(crate) fn print_targets(rates: &[Rate], memory: &[MemoryRow], name: &str) {
    println!("targets for {name}");
    let print = |what: String, is_met: bool, value: f64, digits: usize| {
        println!("  {what:<60} {:<3}  ({value:.digits$})", if is_met { "yes" } else { "NO" });
    };
    for row in memory.iter().filter(|row| row.name == name) {
        let over = row.over_idle();
        print(format!("peak <= idle + {MOST_OVER_IDLE:.0} MiB, {}", row.what), over <= MOST_OVER_IDLE, over, 1);
    }
    let Some(rate) = rates.iter().find(|rate| rate.name == name) else { return };
    for bare in rates.iter().take(Way::ALL.len()) {
        let ratio = rate.ratio(bare, |round| round.processor);
        let what = format!("logins a core a second >= {LEAST_RATIO} of bare {}", bare.name);
        print(what, ratio >= LEAST_RATIO, ratio, 3);
    }
}

fn mebibytes(kibibytes: u64) -> f64 {
    f64::from(u32::try_from(kibibytes).unwrap()) / 1024.0
}
