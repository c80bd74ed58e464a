//! What a process has used, as Linux counts it: memory and processor time.

use std::{fs, time::Duration};

/// The unit of times in `/proc`: `USER_HZ` is 100 on every processor that we build for.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Resident now (`VmRSS`).
    pub resident: u64,
    /// The most that was ever resident (`VmHWM`).
    pub peak: u64,
}

/// The memory of a process that runs; panics when it has ended.
pub fn memory(process: u32) -> Memory {
    let status = read(process, "status");
    let field = |name| kibibytes(&status, name).unwrap_or_else(|| panic!("process {process} has no {name}"));
    Memory { resident: field("VmRSS:"), peak: field("VmHWM:") }
}

/// The processor time, user and system, of all threads that a process has or had; panics when it has ended.
pub fn processor_time(process: u32) -> Duration {
    let stat = read(process, "stat");
    TICK * ticks(&stat).unwrap_or_else(|| panic!("process {process} has an odd stat: {stat}"))
}

fn read(process: u32, file: &str) -> String {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// `utime` and `stime`, fields 14 and 15.
fn ticks(stat: &str) -> Option<u32> {
    // The command's name stands in parentheses and may itself hold spaces and parentheses.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |nth: usize| fields.get(nth - 3)?.parse::<u32>().ok();
    Some(field(14)? + field(15)?)
}

/// The value in the middle; the mean of the two in the middle of an even number. Zero where there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values = sorted(values);
    let upper = values.get(values.len() / 2).copied().unwrap_or_default();
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}

/// Between which values the middle half of them lies. Zeros where there are none.
pub fn middle_half(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let values = sorted(values);
    let quarter = values.len() / 4;
    let at = |nth: usize| values.get(nth).copied().unwrap_or_default();
    (at(quarter), at(values.len().saturating_sub(1 + quarter)))
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, time::Instant};

    use super::*;

    #[test]
    fn processor_time_is_user_and_system_time_whatever_the_command_is_called() {
        let stat = "7 (a ) name) S 1 7 7 0 -1 4194560 81 0 0 0 250 50 900 900 20 0 1 0 4711 1 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (cut) S 1"), None);
    }

    #[test]
    fn work_of_a_thread_that_has_ended_counts() {
        let before = processor_time(std::process::id());
        let work = || {
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(300) {
                black_box(started);
            }
        };
        std::thread::spawn(work).join().unwrap();
        // A busy machine gives the thread less than all of that time.
        let used = processor_time(std::process::id()).saturating_sub(before);
        assert!(used >= TICK * 3, "{used:?}");
    }

    #[test]
    fn the_peak_of_memory_outlives_what_needed_it() {
        const LARGE: usize = 64 << 20;
        // Compared with nothing measured before: what was resident then may have been taken back by the system meanwhile.
        drop(black_box(vec![1_u8; LARGE]));
        let after = memory(std::process::id());
        assert!(after.peak >= LARGE as u64 >> 10, "{after:?}");
        assert!(after.peak >= after.resident);
        assert_eq!(kibibytes("VmPeak:\t  9 kB\nVmRSS:\t   12345 kB\n", "VmRSS:"), Some(12_345));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median([]).abs() < f64::EPSILON);
        assert_eq!(middle_half([9.0, 2.0, 3.0, 1.0, 4.0, 5.0, 6.0, 8.0]), (3.0, 6.0));
        assert_eq!(middle_half([2.0, 1.0, 3.0]), (1.0, 3.0));
        assert_eq!(middle_half([]), (0.0, 0.0));
    }
}
