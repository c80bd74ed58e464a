//! Schemathesis reads openapi/product-service.yaml and sends product-service whatever that allows, and what it does not
//! allow: every answer must be one that the description knows, and none a 500.
//!
//! `cargo xtask prove api`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a proof prints, and stops where it fails")]

use std::{path::Path, process::ExitCode};

use e2e::Shop;
use serde_json::json;
use tokio::process::Command;

/// How many requests each phase invents for an operation.
const EXAMPLES: usize = 25;
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let shop = Shop::open_with(&e2e::UNLIMITED).await;
    let staff = shop.admin().await;
    make_bucket().await;
    let image = stock_shelves(&shop, &staff).await;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = workspace.join("crates/e2e/benches/api");
    let seed = seed();
    // What cargo adds for harnesses is not for Schemathesis.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut command = Command::new(arguments.next().expect("the first argument names Schemathesis"));
    // It remembers failures where it runs, to replay them.
    command.current_dir(workspace.join(".local")).arg("--config-file").arg(here.join("schemathesis.toml"));
    command.arg("run").arg(workspace.join("openapi/product-service.yaml")).args(["--url", &shop.address]);
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
    command.args(arguments);
    command.env("STAFF_TOKEN", staff).env("SERVICE_TOKEN", shop.service_token().await);
    command.env("IMAGE_ID", image).env("SCHEMATHESIS_HOOKS", here.join("hooks.py"));
    let status = command.kill_on_drop(true).status().await.unwrap();
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Given as `SEED`, or else chosen; printed, so that a failing run can be repeated.
fn seed() -> u32 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u32(..));
    println!("SEED={seed}\n");
    seed
}

/// Where uploads go.
async fn make_bucket() {
    let bucket = format!("{}/images", testkit::stores::aws_endpoint());
    let made = reqwest::Client::new().put(bucket).send().await.unwrap().status();
    assert!(made.is_success() || made == 409, "S3 did not make the bucket: {made}");
}

/// What the description's examples name, so that they find something; the id of an image that waits for its upload.
async fn stock_shelves(shop: &Shop, staff: &str) -> String {
    let category = json!({"slug": "coffee", "name": "Coffee"});
    shop.ask(reqwest::Method::POST, "/admin/categories", staff, Some(category)).await;
    for sku in ["TEE-ORG-NAVY-M", "OUT-FLASK-500-STL"] {
        shop.sell(staff, sku, 1_000).await;
    }
    let page = shop.get("/products?limit=1", staff).await;
    let path = format!("/admin/products/{}/images", page["items"][0]["id"].as_str().unwrap());
    let image = json!({"content_type": "image/png", "size": 4_096, "alt": ""});
    let form = shop.ask(reqwest::Method::POST, &path, staff, Some(image)).await;
    form["image_id"].as_str().unwrap().to_owned()
}
