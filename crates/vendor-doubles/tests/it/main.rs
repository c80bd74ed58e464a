//! The doubles over HTTP, as the vendors' callers see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod delivery;
mod faults;
mod sendgrid;
mod ses;
mod twilio;

use std::sync::LazyLock;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use vendor_doubles::{Options, Vendor, VendorDoubles};

/// An answer, read.
struct Received {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

async fn doubles() -> VendorDoubles {
    let sets = vec!["shop".to_owned()];
    VendorDoubles::start(Options { configuration_sets: sets, ..Options::default() }).await
}

async fn receive(request: RequestBuilder) -> Received {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    Received { status, headers, body }
}

/// One for all tests, since reading root certificates is most of what a test would cost otherwise. It keeps no connections:
/// they belong to the runtime of the test that opened them.
fn http() -> &'static Client {
    static CLIENT: LazyLock<Client> =
        LazyLock::new(|| Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap());
    &CLIENT
}

fn post(doubles: &VendorDoubles, vendor: Vendor, path: &str) -> RequestBuilder {
    http().post(format!("{}{path}", doubles.base(vendor)))
}
