//! transaction-service as a Lambda function.

use std::process::ExitCode;

/// The reason, and why user-service has another: `docs/decisions/0041-allocator.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform::run::<transaction_service::App>()
}
