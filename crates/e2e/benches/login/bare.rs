//! The process that does nothing but argon2.

use std::{path::Path, process::Stdio};

use e2e::usage::{self, median};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// How often each way is tried before one is chosen, and with how many hashes.
const TRIALS: usize = 5;
const HASHES: usize = 30;

/// How it comes by the memory for a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Fresh,
    Reused,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "argon2, memory for each",
            Self::Reused => "argon2, one buffer",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Reused => "reused",
        }
    }
}

/// A running one.
#[derive(Debug)]
pub(crate) struct Bare {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Bare {
    /// It has started, and hashed nothing.
    pub(crate) async fn start(folder: &Path, way: Way) -> Self {
        let mut command = Command::new(folder.join("bare-argon2"));
        command.arg(way.argument()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (orders, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut bare = Self { process, orders, answers: BufReader::new(answers).lines() };
        bare.hash(0, 0).await;
        bare
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// So many hashes, by so many threads together.
    pub(crate) async fn hash(&mut self, hashes: usize, threads: usize) {
        self.orders.write_all(format!("{hashes} {threads}\n").as_bytes()).await.unwrap();
        self.answers.next_line().await.unwrap().expect("bare argon2 goes on");
    }
}

/// The way that takes less processor time, tried in turns.
pub(crate) async fn faster(folder: &Path) -> Way {
    let mut ways = Vec::new();
    for way in [Way::Fresh, Way::Reused] {
        ways.push((way, Bare::start(folder, way).await, Vec::new()));
    }
    for _ in 0..TRIALS {
        for (_, bare, times) in &mut ways {
            let before = usage::processor_time(bare.id());
            bare.hash(HASHES, 1).await;
            let took = usage::processor_time(bare.id()).saturating_sub(before);
            times.push(took.as_secs_f64() * 1000.0 / f64::from(u32::try_from(HASHES).unwrap()));
        }
    }
    let times: Vec<(Way, f64)> = ways.into_iter().map(|(way, _, times)| (way, median(times))).collect();
    for (way, milliseconds) in &times {
        println!("{}: {milliseconds:.1} ms of processor time a hash", way.name());
    }
    let (chosen, _) = times.into_iter().min_by(|one, other| one.1.total_cmp(&other.1)).unwrap();
    println!("bare argon2 is the faster one: {}", chosen.name());
    chosen
}
