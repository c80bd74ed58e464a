//! The catalogue and the stock, as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::run::<product_service::App>()
}
