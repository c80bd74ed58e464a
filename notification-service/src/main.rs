//! notification-service as a Lambda function.

use std::process::ExitCode;

/// Why, and why not in user-service: `docs/decisions/0041-allocator.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform::run::<notification_service::App>()
}
