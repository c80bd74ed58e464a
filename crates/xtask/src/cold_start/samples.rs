//! Measured times, and the figures derived from them.

use std::time::Duration;

/// One start and its first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// From exec to the first call for an event.
    pub(super) init: Duration,
    /// From the event's being handed out to the last byte of the answer.
    pub(super) answer: Duration,
}

impl Sample {
    /// From exec to the last byte of the answer.
    pub(super) fn both(&self) -> Duration {
        self.init + self.answer
    }
}

/// A part of a sample, such as [`Sample::both`].
pub(super) type Part = fn(&Sample) -> Duration;

/// A sample for each round, or why there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Series(Vec<Result<Sample, String>>);

impl Series {
    pub(super) fn push(&mut self, outcome: Result<Sample, String>) {
        self.0.push(outcome);
    }

    /// The median of a part; none where no round had an answer.
    pub(super) fn median(&self, part: Part) -> Option<Duration> {
        middle(self.0.iter().flatten().map(part).collect(), Duration::cmp)
    }

    /// How many times as long as another series a part took: the median of the rounds' ratios, of rounds in which both had
    /// an answer. What else the machine does falls on both of a round.
    pub(super) fn ratio(&self, other: &Self, part: Part) -> Option<f64> {
        let rounds = self.0.iter().zip(&other.0);
        let both = rounds.filter_map(|(own, other)| Some((own.as_ref().ok()?, other.as_ref().ok()?)));
        middle(both.map(|(own, other)| part(own).as_secs_f64() / part(other).as_secs_f64()).collect(), f64::total_cmp)
    }

    /// In how many rounds there was no answer, and why in the first of them.
    pub(super) fn failures(&self) -> Option<(usize, &str)> {
        let mut failures = self.0.iter().filter_map(|outcome| outcome.as_ref().err());
        let first = failures.next()?;
        Some((failures.count() + 1, first))
    }
}

/// The upper one of the two in the middle.
fn middle<T: Copy>(mut values: Vec<T>, order: fn(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    values.sort_unstable_by(order);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rounds: &[Option<(u64, u64)>]) -> Series {
        let mut series = Series::default();
        for round in rounds {
            let sample = round.map(|(init, answer)| (Duration::from_millis(init), Duration::from_millis(answer)));
            let sample = sample.map(|(init, answer)| Sample { init, answer });
            series.push(sample.ok_or_else(|| "503".to_owned()));
        }
        series
    }

    #[test]
    fn medians_are_of_the_rounds_that_had_an_answer() {
        let measured = series(&[Some((1, 9)), None, Some((3, 30)), Some((2, 20)), None]);
        assert_eq!(measured.median(|sample| sample.init), Some(Duration::from_millis(2)));
        assert_eq!(measured.median(Sample::both), Some(Duration::from_millis(22)));
        assert_eq!(measured.failures(), Some((2, "503")));
        assert_eq!(series(&[None]).median(Sample::both), None);
        assert_eq!(series(&[Some((1, 1))]).failures(), None);
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_that_both_have() {
        let own = series(&[Some((10, 10)), Some((30, 30)), Some((40, 40)), None]);
        let other = series(&[Some((5, 5)), Some((10, 10)), None, Some((1, 1))]);
        assert_eq!(own.ratio(&other, Sample::both), Some(3.0));
        assert_eq!(own.ratio(&series(&[None, None]), Sample::both), None);
    }
}
