//! The tables of first answers, and what is aimed for.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::case::Case;
use super::hold::Hold;
use super::program::{Kind, Program};
use super::samples::{Part, Sample, Series};

const INIT: Part = |sample| sample.init;
const ANSWER: Part = |sample| sample.answer;
const BOTH: Part = Sample::both;
/// The commit that first answers are to be faster than.
const BEFORE: &str = "42cd39f";
/// Targets for the sizes of programs, in MB.
const SIZES: [(&str, f64); 4] =
    [("product-service", 14.0), ("transaction-service", 16.0), ("user-service", 16.0), ("notification-service", 16.0)];

/// The medians under one of [`Hold::ALL`], and whatever had no answer.
pub(super) fn table(programs: &[Program], hold: usize) -> String {
    let mut text = format!("\n{}\n\n{:<22}", Hold::ALL[hold], "");
    for heading in ["init ms", "answer ms", "both ms", "init/hello", "both/bare", "faster"] {
        let _ = write!(text, " {heading:>10}");
    }
    let mut failures = String::new();
    for program in programs {
        let series = &program.series[hold];
        let _ = write!(text, "\n{:<22}", program.title);
        for part in [INIT, ANSWER, BOTH] {
            let _ = write!(text, " {:>10}", milliseconds(series.median(part)));
        }
        for ratio in ratios(programs, program, hold) {
            let _ = write!(text, " {:>10}", ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x")));
        }
        if let Some((rounds, why)) = series.failures() {
            let _ = write!(failures, "\n{}: no answer in {rounds} rounds: {why}", program.full_name());
        }
    }
    text + &failures
}

fn milliseconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{:.2}", time.as_secs_f64() * 1000.0))
}

/// Its init to hello's, both to the bare function's, and the other commit's both to its own.
fn ratios(programs: &[Program], of: &Program, hold: usize) -> [Option<f64>; 3] {
    let own = &of.series[hold];
    let to_hello = find(programs, of.case, Kind::Hello, hold).and_then(|hello| own.ratio(hello, INIT));
    let to_bare = find(programs, of.case, Kind::Bare, hold).and_then(|bare| own.ratio(bare, BOTH));
    let faster = find(programs, of.case, Kind::Other, hold).and_then(|other| other.ratio(own, BOTH));
    match of.kind {
        Kind::Hello => [None, None, None],
        Kind::Own => [to_hello, to_bare, faster],
        Kind::Other => [to_hello, to_bare, None],
        Kind::Bare => [to_hello, None, None],
    }
}

fn find(programs: &[Program], case: Case, kind: Kind, hold: usize) -> Option<&Series> {
    let is_it = |program: &&Program| program.kind == kind && (kind == Kind::Hello || program.case == case);
    programs.iter().find(is_it).map(|program| &program.series[hold])
}

/// A target.
#[derive(Debug)]
struct Aim {
    what: String,
    bound: Bound,
    found: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, limit) = match self.bound {
            Bound::AtMost(limit) => ("<=", limit),
            Bound::AtLeast(limit) => (">=", limit),
        };
        let is_reached = self.found.map(|found| match self.bound {
            Bound::AtMost(limit) => found <= limit,
            Bound::AtLeast(limit) => found >= limit,
        });
        let found = self.found.map_or_else(|| "-".to_owned(), |found| format!("{found:.2}"));
        let verdict = match is_reached {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "not measured",
        };
        write!(f, "{:<58} {found:>7}  {sign} {limit:>5.2}  {verdict}", self.what)
    }
}

/// What is aimed for, found and reached. `sizes` are the programs' in bytes; `commit` is what was measured beside.
pub(super) fn aims(programs: &[Program], sizes: &[(&str, u64)], commit: Option<&str>) -> String {
    let mut text = "\naimed for".to_owned();
    let small = Hold::ALL.iter().position(|hold| hold.is_small()).unwrap_or_default();
    let is_before = commit.is_some_and(|commit| commit.starts_with(BEFORE));
    for program in programs.iter().filter(|program| program.kind == Kind::Own) {
        let [to_hello, to_bare, faster] = ratios(programs, program, small);
        let (service, share) = (program.case.service(), Hold::ALL[small].answer);
        let mut aims = vec![
            (format!("{}: first answer at {share}, to bare", program.title), Bound::AtMost(1.5), to_bare),
            (format!("{service}: init at {share}, to hello"), Bound::AtMost(1.3), to_hello),
        ];
        if is_before {
            let what = format!("{}: first answer at {share}, faster than {BEFORE}", program.title);
            aims.push((what, Bound::AtLeast(2.0), faster));
        }
        for (what, bound, found) in aims {
            let _ = write!(text, "\n{}", Aim { what, bound, found });
        }
    }
    for (service, limit) in SIZES {
        let size = sizes.iter().find(|(name, _)| *name == service).map(|(_, size)| megabytes(*size));
        let _ = write!(
            text,
            "\n{}",
            Aim { what: format!("{service}: MB, stripped"), bound: Bound::AtMost(limit), found: size }
        );
    }
    text
}

fn megabytes(bytes: u64) -> f64 {
    // Exact far beyond the size of any program.
    f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(kind: Kind, title: &str, rounds: &[Option<(u64, u64)>]) -> Program {
        let mut program = Program::new(kind, Case::Product, title.to_owned(), "program".into(), 0);
        for round in rounds {
            let sample = round.map(|(init, answer)| Sample {
                init: Duration::from_millis(init),
                answer: Duration::from_millis(answer),
            });
            program.series[0].push(sample.ok_or_else(|| "503".to_owned()));
        }
        program
    }

    fn programs() -> [Program; 4] {
        [
            program(Kind::Hello, "hello", &[Some((20, 1))]),
            program(Kind::Own, "product by slug", &[Some((25, 35))]),
            program(Kind::Other, "  at 42cd39f", &[Some((80, 70))]),
            program(Kind::Bare, "  bare", &[Some((20, 30))]),
        ]
    }

    #[test]
    fn a_row_has_medians_and_the_ratios_that_mean_something_for_it() {
        let text = table(&programs(), 0);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["0.14", "of", "a", "processor"]);
        assert_eq!(rows[4][1..], ["20.00", "1.00", "21.00", "-", "-", "-"]);
        assert_eq!(rows[5][3..], ["25.00", "35.00", "60.00", "1.25x", "1.20x", "2.50x"]);
        assert_eq!(rows[6][2..], ["80.00", "70.00", "150.00", "4.00x", "3.00x", "-"]);
        assert_eq!(rows[7][1..], ["20.00", "30.00", "50.00", "1.00x", "-", "-"]);
    }

    #[test]
    fn what_had_no_answer_is_told_below_the_table() {
        let text = table(&[program(Kind::Other, "  at 42cd39f", &[None, Some((1, 1)), None])], 0);
        assert!(text.ends_with("\nproduct by slug, at 42cd39f: no answer in 2 rounds: 503"), "{text}");
    }

    #[test]
    fn aims_are_judged_at_the_small_share_and_faster_than_one_commit_only() {
        let sizes = [("product-service", 18_700_000)];
        let text = aims(&programs(), &sizes, Some("42cd39f"));
        let verdict = |what: &str| {
            let line = text.lines().find(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what}: {text}"));
            line.rsplit("  ").next().unwrap().to_owned()
        };
        assert_eq!(verdict("product by slug: first answer at 0.14, to bare"), "reached");
        assert_eq!(verdict("product-service: init at 0.14, to hello"), "reached");
        assert_eq!(verdict("product by slug: first answer at 0.14, faster"), "reached");
        assert_eq!(verdict("product-service: MB"), "missed");
        assert_eq!(verdict("user-service: MB"), "not measured");
        assert!(!aims(&programs(), &sizes, Some("97d3922")).contains("faster"));
        assert!(!aims(&programs(), &sizes, None).contains("faster"));
    }
}
