//! Thousands of queued messages, vendors that fail and are late, a queue that delivers twice, and functions that are killed
//! (`kill -9`): each key is reached, or dead-lettered with a reason. Then, without any fault, how fast it is beside bare calls
//! of the provider.
//!
//! `cargo xtask prove notifications`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a proof prints, and stops where it fails")]

mod asked;
mod fixture;
mod pace;
mod queue;
mod storm;
mod verdict;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(python), Some(messages), Some(seed)) = (arguments.next(), arguments.next(), arguments.next()) else {
        panic!("start it by cargo xtask prove notifications");
    };
    let (messages, seed) = (messages.parse().unwrap(), seed.parse().unwrap());
    println!("seed {seed}");
    storm::run(&python, messages, seed).await;
    pace::run(&python, messages).await;
}
