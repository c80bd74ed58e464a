#!/usr/bin/env bash
# cargo-lambda 1.9.2, `cargo lambda watch`: what stands in for API Gateway differs from payload format 2.0 in both directions.
# Expected: a function may answer with statusCode, headers and body alone; a header that was sent twice reaches it once, its
# values joined by a comma.
# Seen: an answer without `cookies` is a 500 for the client; of two lines of a header one comes alone.
# Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html ("Duplicate
# headers are combined with commas"; the response of format 2.0, of which API Gateway infers what is left out).
# Needs Rust. Exits with 1 once either is as expected.
set -euo pipefail
folder=$(mktemp -d)
watch=
trap '[ -z "$watch" ] || kill -- -"$watch"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'cargo-lambda==1.9.2'
mkdir -p "$folder/echo/src"
cat >"$folder/echo/Cargo.toml" <<'TOML'
[package]
name = "echo"
version = "0.1.0"
edition = "2024"

[dependencies]
lambda_runtime = { version = "=1.5.0", default-features = false }
serde_json = "1"
tokio = { version = "1", features = ["macros", "rt"] }
TOML
cat >"$folder/echo/src/main.rs" <<'RUST'
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |event: LambdaEvent<Value>| -> Result<Value, Error> {
        let request = &event.payload;
        let seen = request["headers"]["x-tag"].as_str().unwrap_or("none").to_owned();
        let mut answer = json!({ "statusCode": 200, "headers": { "content-type": "text/plain" }, "body": seen });
        if request["rawPath"] == "/with-cookies" {
            answer["cookies"] = json!([]);
        }
        Ok(answer)
    }))
    .await
}
RUST
cd "$folder/echo"
export CARGO_TARGET_DIR="$folder/target"
cargo build --quiet
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
setsid "$folder/venv/bin/cargo-lambda" lambda watch --invoke-address 127.0.0.1 --invoke-port "$port" --ignore-changes >"$folder/log" 2>&1 &
watch=$!
PORT=$port timeout 200 python3 - <<'PYTHON'
import http.client
import os
import sys
import time


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=60)
    connection.putrequest("GET", f"/lambda-url/echo{path}")
    connection.putheader("x-tag", "one")
    connection.putheader("x-tag", "two")
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


print("cargo-lambda 1.9.2")
for _ in range(300):
    try:
        full = get("/with-cookies")
        break
    except OSError:
        time.sleep(0.2)
plain = get("/without-cookies")
print("an answer with cookies, to a request with `x-tag: one` and `x-tag: two`:", *full)
print("an answer of statusCode, headers and body:", *plain)
sys.exit(0 if full in [(200, "one"), (200, "two")] and plain[0] == 500 else 1)
PYTHON
