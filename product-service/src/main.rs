//! The catalogue and the stock, as a Lambda function.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::run::<product_service::App>()
}
