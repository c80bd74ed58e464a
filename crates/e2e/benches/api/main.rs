//! Schemathesis reads a service's description in `openapi/` and sends the service whatever that allows, and what it does not
//! allow: every answer must be one that the description knows, and none a 500.
//!
//! `cargo xtask prove api`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a proof prints, and stops where it fails")]

mod fixture;
mod notifications;
mod products;

use std::{path::Path, process::ExitCode};

use tokio::process::Command;

use crate::fixture::Fixture;

/// How many requests each phase invents for an operation.
const EXAMPLES: usize = 25;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    // What cargo adds for harnesses is not for Schemathesis.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let schemathesis = arguments.next().expect("the first argument names Schemathesis");
    let services = arguments.next().expect("the second argument names services");
    let more: Vec<String> = arguments.collect();
    let mut is_proved = true;
    for service in services.split(',') {
        is_proved &= prove(&schemathesis, service, &more).await;
    }
    if is_proved { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn prove(schemathesis: &str, service: &str, more: &[String]) -> bool {
    let Fixture { shop, names } = match service {
        "product-service" => products::open().await,
        "notification-service" => notifications::open().await,
        other => panic!("there is no fixture for {other}"),
    };
    println!("{service}");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = workspace.join("crates/e2e/benches/api");
    let seed = seed();
    let mut command = Command::new(schemathesis);
    // It remembers failures where it runs, to replay them.
    command.current_dir(workspace.join(".local"));
    command.arg("--config-file").arg(here.join(format!("{service}.toml")));
    command.arg("run").arg(workspace.join(format!("openapi/{service}.yaml"))).args(["--url", &shop.address]);
    command.args([
        "--checks",
        "all",
        "--exclude-checks",
        "positive_data_acceptance",
        "--workers",
        "1",
        "--continue-on-failure",
        "--generation-database",
        "none",
    ]);
    // Of the first guesses at a whole product few are one; it guesses on.
    command.args(["--suppress-health-check", "filter_too_much,too_slow"]);
    command.args(["--max-examples", &EXAMPLES.to_string(), "--seed", &seed.to_string()]);
    command.args(more);
    command.envs(names).env("SERVICE", service).env("SCHEMATHESIS_HOOKS", here.join("hooks.py"));
    command.kill_on_drop(true).status().await.unwrap().success()
}

/// Given as `SEED`, or else chosen; printed, so that a failing run can be repeated.
fn seed() -> u32 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u32(..));
    println!("SEED={seed}\n");
    seed
}
