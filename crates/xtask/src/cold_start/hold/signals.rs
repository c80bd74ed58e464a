//! Holding a process without a control group: a thread of ours looks for how long the process has run, and stops it with
//! SIGSTOP once the period's quota is used. It looks every tenth of a millisecond, so a quota is kept less exactly than
//! by the kernel; what is used beyond one period's quota is taken from the next.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::PERIOD;

const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// Holds one process until it is dropped.
#[derive(Debug)]
pub(in crate::cold_start) struct Scheduler {
    orders: Arc<Orders>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Orders {
    is_over: AtomicBool,
    /// In nanoseconds.
    quota: AtomicU64,
}

impl Scheduler {
    pub(super) fn start(process: u32, quota: Duration) -> Result<Self> {
        let pid = i32::try_from(process).ok().and_then(Pid::from_raw).context("the process has no id")?;
        let orders = Arc::new(Orders { is_over: AtomicBool::new(false), quota: AtomicU64::new(nanoseconds(quota)) });
        let theirs = Arc::clone(&orders);
        Ok(Self { orders, thread: Some(thread::spawn(move || keep(process, pid, &theirs))) })
    }

    /// Holds it to another quota from the next period on.
    pub(super) fn limit(&self, quota: Duration) {
        self.orders.quota.store(nanoseconds(quota), Ordering::Relaxed);
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.orders.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn keep(process: u32, pid: Pid, orders: &Orders) {
    let mut account = Account::since(ran(process));
    while !orders.is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        account.begin(orders.quota.load(Ordering::Relaxed));
        while begun.elapsed() < PERIOD && account.is_left() && !orders.is_over.load(Ordering::Relaxed) {
            thread::sleep(BETWEEN_LOOKS);
            account.look(ran(process));
        }
        if let Some(rest) = PERIOD.checked_sub(begun.elapsed()).filter(|_| !account.is_left()) {
            // It may have ended meanwhile; its id is not given away before we, its parent, have waited for it.
            let _ = kill_process(pid, Signal::STOP);
            thread::sleep(rest);
            let _ = kill_process(pid, Signal::CONT);
        }
    }
}

/// How much of a period's quota is left, in nanoseconds.
#[derive(Debug)]
struct Account {
    left: i64,
    seen: u64,
}

impl Account {
    /// What the process ran before is not counted.
    fn since(ran: u64) -> Self {
        Self { left: 0, seen: ran }
    }

    /// A period begins. What is left of the one before is lost, what was used beyond it is not forgotten.
    fn begin(&mut self, quota: u64) {
        self.left = self.left.min(0).saturating_add_unsigned(quota);
    }

    /// The process has run for so long in all. Threads that end take their time with them; then this is less than before.
    fn look(&mut self, ran: u64) {
        self.left = self.left.saturating_sub_unsigned(ran.saturating_sub(self.seen));
        self.seen = ran;
    }

    fn is_left(&self) -> bool {
        self.left > 0
    }
}

/// For how many nanoseconds the process's threads have run.
fn ran(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.map(|thread| fs::read_to_string(thread.path().join("schedstat")).map_or(0, |text| first(&text))).sum()
}

fn first(schedstat: &str) -> u64 {
    schedstat.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_beyond_a_quota_is_taken_from_the_next_and_what_is_left_is_lost() {
        let mut account = Account::since(1_000);
        account.begin(100);
        account.look(1_130);
        assert!(!account.is_left());
        account.begin(100);
        assert_eq!(account.left, 70);
        account.look(1_140);
        account.begin(100);
        assert_eq!(account.left, 100);
    }

    #[test]
    fn a_thread_that_ends_gives_nothing_back() {
        let mut account = Account::since(0);
        account.begin(100);
        account.look(60);
        account.look(20);
        assert_eq!(account.left, 40);
        account.look(50);
        assert_eq!(account.left, 10);
    }

    #[test]
    fn the_time_that_threads_ran_is_read_from_proc() {
        assert_eq!(first("123456 7 8\n"), 123_456);
        assert_eq!(first(""), 0);
        assert!(ran(std::process::id()) > 0);
    }

    fn is_stopped(process: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    }

    #[test]
    fn a_process_that_has_used_its_quota_is_stopped_and_goes_on_when_the_hold_ends() {
        let mut busy = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let scheduler = Scheduler::start(busy.id(), Duration::from_nanos(1)).unwrap();
        while !is_stopped(busy.id()) {
            thread::yield_now();
        }
        drop(scheduler);
        assert!(!is_stopped(busy.id()));
        busy.kill().unwrap();
        busy.wait().unwrap();
    }
}
