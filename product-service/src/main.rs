//! The catalogue and the stock, as a Lambda function.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]

use std::process::ExitCode;

/// Why, and why not in user-service: `docs/decisions/0041-allocator.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform::run::<product_service::App>()
}
