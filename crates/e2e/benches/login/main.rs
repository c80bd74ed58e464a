//! What a login costs, in memory and in processor time: user-service of two builds beside bare argon2, in one run. Their
//! processes are the real ones, of a function and, for many logins at once, of a server with the same router.
//!
//! `cargo xtask bench login`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops when something is wrong")]

mod bare;
mod build;
mod process;
mod table;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use e2e::usage::{self, Memory};

use crate::{
    bare::{Bare, Way},
    build::{AT_ONCE, Build},
    process::Process,
    table::{MemoryRow, Rate, Round},
};

/// In each round so many logins are made by each build, and as many hashes by bare argon2.
const LOGINS: usize = 100;
const ROUNDS: usize = 10;
/// How often they do.
const BURSTS: usize = 3;
/// How long clients that hang up wait: less than the first of them needs.
const IMPATIENCE: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // What cargo adds for harnesses is not for us.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [tree, commit, other] = arguments.as_slice() else {
        panic!("three arguments are needed: this tree's programs, the other commit, its programs")
    };
    let tree = Build::prepare("this tree", PathBuf::from(tree)).await;
    let other = Build::prepare(commit, PathBuf::from(other)).await;
    let builds = [&tree, &other];
    for build in builds {
        Process::register_all(build).await;
    }

    let (rates, mut memory) = one_after_the_other(builds).await;
    memory.extend(queued_at_a_function(builds).await);
    memory.extend(at_once_in_one_process(builds).await);
    memory.extend(hanging_up(builds).await);

    println!("\n{ROUNDS} rounds of {LOGINS} logins one after the other, in turns; medians of the rounds\n");
    table::print_rates(&rates);
    println!("\nMemory in MiB, each row a process of its own; over idle: the peak above the idle process\n");
    table::print_memory(&memory);
    println!();
    table::print_targets(&rates, &memory, tree.name());
}

/// The speed, and the memory after all of that.
async fn one_after_the_other(builds: [&Build; 2]) -> (Vec<Rate>, Vec<MemoryRow>) {
    let mut bares = Vec::new();
    for way in Way::ALL {
        let bare = Bare::start(&builds[0].folder, way).await;
        bares.push((way, usage::memory(bare.id()), bare));
    }
    let mut functions = Vec::new();
    for build in builds {
        let function = Process::function(build).await;
        functions.push((build, usage::memory(function.id()), function));
    }
    // Whatever is made on first use is there before the clock runs.
    for (_, _, bare) in &mut bares {
        bare.hash(AT_ONCE / 8, 1).await;
    }
    for (build, _, function) in &functions {
        log_in_each(function, build, AT_ONCE / 8).await;
    }
    let mut rates: Vec<Rate> = Way::ALL.iter().map(|way| Rate::of(way.name())).collect();
    rates.extend(builds.map(|build| Rate::of(build.name())));
    for round in 0..ROUNDS {
        // In another order each time, so that none always follows the same one.
        for turn in 0..rates.len() {
            let who = (round + turn) % rates.len();
            let function = who.checked_sub(bares.len()).map(|nth| &functions[nth]);
            let id = function.map_or_else(|| bares[who].2.id(), |(_, _, function)| function.id());
            let (before, started) = (usage::processor_time(id), Instant::now());
            match function {
                Some((build, _, function)) => log_in_each(function, build, LOGINS).await,
                None => bares[who].2.hash(LOGINS, 1).await,
            }
            let (wall, processor) = (started.elapsed(), usage::processor_time(id).saturating_sub(before));
            rates[who].rounds.push(Round::of(LOGINS, wall, processor));
        }
    }
    let what = "one after the other";
    let mut memory = Vec::new();
    for (way, idle, bare) in &bares {
        memory.push(MemoryRow::of(what, way.name(), *idle, usage::memory(bare.id())));
    }
    for (build, idle, function) in &functions {
        memory.push(MemoryRow::of(what, build.name(), *idle, usage::memory(function.id())));
    }
    (rates, memory)
}

async fn log_in_each(process: &Process, build: &Build, logins: usize) {
    for nth in 0..logins {
        process.log_in(build.account(nth)).await;
    }
}

/// As many as there are clients wait in front of one instance: what a function gets when it may not have a second one.
async fn queued_at_a_function(builds: [&Build; 2]) -> Vec<MemoryRow> {
    let mut rows = Vec::new();
    for build in builds {
        rows.push(burst("at once, at one function", build, Process::function(build).await).await);
    }
    rows
}

/// All of them inside one process.
async fn at_once_in_one_process(builds: [&Build; 2]) -> Vec<MemoryRow> {
    let what = "at once, in one process";
    let mut rows = Vec::new();
    for way in Way::ALL {
        let mut bare = Bare::start(&builds[0].folder, way).await;
        let idle = usage::memory(bare.id());
        for _ in 0..BURSTS {
            bare.hash(AT_ONCE, AT_ONCE).await;
        }
        rows.push(MemoryRow::of(what, way.name(), idle, usage::memory(bare.id())));
    }
    for build in builds {
        rows.push(burst(what, build, Process::server(build).await).await);
    }
    rows
}

async fn burst(what: &'static str, build: &Build, process: Process) -> MemoryRow {
    let idle = usage::memory(process.id());
    let mut later = 0;
    for _ in 0..BURSTS {
        later += process.log_in_at_once(build, AT_ONCE).await;
    }
    MemoryRow::of(what, build.name(), idle, usage::memory(process.id())).with_later(later)
}

/// Clients give up while their passwords are being hashed, and others come.
async fn hanging_up(builds: [&Build; 2]) -> Vec<MemoryRow> {
    let mut rows = Vec::new();
    for build in builds {
        let process = Process::server(build).await;
        let idle: Memory = usage::memory(process.id());
        for _ in 0..BURSTS {
            process.hang_up_at_once(build, AT_ONCE, IMPATIENCE).await;
        }
        // Whatever they left behind is done before this is answered.
        process.log_in_at_once(build, AT_ONCE).await;
        rows.push(MemoryRow::of("at once, hanging up", build.name(), idle, usage::memory(process.id())));
    }
    rows
}
