//! Accounts and identity, as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::run::<user_service::App>()
}
