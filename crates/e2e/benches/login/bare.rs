//! The process that does nothing but argon2.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// How it comes by the memory for a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In one buffer, which is never wiped: the least that a hash can cost.
    Reused,
    /// As `hash_password` of the library does it.
    Fresh,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Reused, Self::Fresh];

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
