//! argon2 and nothing else, with the parameters of the services: the least that logins need. The argument `fresh` takes
//! memory for each hash, as `Argon2::hash_password` does; `reused` keeps one buffer that every hash waits for.
//!
//! Each line of the input is a number of hashes and a number of threads that make them; the answer to it is a line, too.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that another one starts and listens to")]

use std::{
    hint::black_box,
    io::stdin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use argon2::{Argon2, Block, Params, PasswordHasher};

const PASSWORD: &[u8] = b"seven green umbrellas sing";
const SALT: [u8; 16] = [7; 16];

fn main() {
    let one = match std::env::args().nth(1).as_deref() {
        Some("fresh") => fresh as fn(&Mutex<Vec<Block>>),
        Some("reused") => reused,
        other => panic!("fresh or reused, not {other:?}"),
    };
    let buffer = Mutex::new(Vec::new());
    for line in stdin().lines() {
        let line = line.unwrap();
        let (hashes, threads) = line.split_once(' ').unwrap();
        let left = AtomicUsize::new(hashes.parse().unwrap());
        thread::scope(|scope| {
            for _ in 0..threads.parse().unwrap() {
                scope.spawn(|| {
                    let take = |left: usize| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        one(&buffer);
                    }
                });
            }
        });
        println!("{line}");
    }
}

fn fresh(_: &Mutex<Vec<Block>>) {
    black_box(Argon2::default().hash_password(PASSWORD).unwrap());
}

fn reused(buffer: &Mutex<Vec<Block>>) {
    let mut buffer = buffer.lock().unwrap();
    buffer.resize(Params::DEFAULT.block_count(), Block::new());
    let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::default().hash_password_into_with_memory(PASSWORD, &SALT, &mut hash, buffer.as_mut_slice()).unwrap();
    black_box(hash);
}
