//! transaction-service as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::run::<transaction_service::App>()
}
