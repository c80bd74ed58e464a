//! Everything a developer types: `cargo xtask <verb>`. State is kept in `.local/`, nothing is installed elsewhere.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod addresses;
mod admin;
mod api;
mod baseline;
mod catalogue;
mod checks;
mod cli;
mod cold_start;
mod demo;
mod deploy;
mod home;
mod images;
mod infra;
mod letters;
mod logs;
mod mail_pictures;
mod measure;
mod openapi;
mod pictures;
mod port;
mod process;
mod progress;
mod python;
mod reload;
mod rooms;
mod router;
mod run;
mod sdk;
mod secrets;
mod seed;
mod services;
mod settings;
mod smoke;
mod stores;
mod stripe;
mod summary;
mod supply;
mod sweep;
mod temporary;
mod trigger;
mod up;
mod vendors;
mod watch;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
