//! notification-service as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::run::<notification_service::App>()
}
