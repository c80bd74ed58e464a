//! The double as a program.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

const PATIENCE: Duration = Duration::from_secs(15);

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stripe-double"));
    command.env_clear().stdout(Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn it_takes_its_settings_from_the_environment_says_where_it_is_and_ends_on_sigterm() {
    let mut child = program().env("STRIPE_SECRET_KEY", "sk_test_given").env("STRIPE_DOUBLE_PORT", "0").spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let url = format!("{}/v1/customers", line["fields"]["address"].as_str().unwrap());
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    assert_eq!(http.get(&url).bearer_auth("sk_test_given").send().await.unwrap().status(), 200);
    assert_eq!(http.get(&url).bearer_auth("sk_test_other").send().await.unwrap().status(), 401);
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert!(ended.success());
}

#[tokio::test]
async fn a_port_that_is_none_is_refused() {
    let ended = program().env("STRIPE_DOUBLE_PORT", "http").spawn().unwrap().wait_with_output();
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert!(!ended.status.success());
}
