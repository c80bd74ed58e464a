//! Telling the person at the terminal what is going on, and for how long already.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// A step that ends sooner is announced by its end only.
const WORTH_ANNOUNCING: Duration = Duration::from_millis(400);
const BETWEEN_REMINDERS: Duration = Duration::from_secs(10);

/// Does `work`, says what it is when it takes a moment, reminds while it goes on, and says how long it took.
pub(crate) async fn step<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let started = Instant::now();
    let mut work = std::pin::pin!(work);
    let mut pause = WORTH_ANNOUNCING;
    let outcome = loop {
        match tokio::time::timeout(pause, &mut work).await {
            Ok(outcome) => break outcome,
            Err(_) if pause == WORTH_ANNOUNCING => println!("{name} ..."),
            Err(_) => println!("{name} ... {} s so far", started.elapsed().as_secs()),
        }
        pause = BETWEEN_REMINDERS;
    };
    if outcome.is_ok() {
        println!("{name}: done in {}", seconds(started.elapsed()));
    }
    outcome.with_context(|| format!("{name}: failed after {}", seconds(started.elapsed())))
}

/// `0.3 s`, `41 s`, `4 min 5 s`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        whole @ 10..120 => format!("{whole} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let read = |milliseconds| seconds(Duration::from_millis(milliseconds));
        assert_eq!([read(320), read(41_200), read(245_000)], ["0.3 s", "41 s", "4 min 5 s"]);
    }
}
