//! moto: S3, SES, SQS, `EventBridge`, Secrets Manager and SSM in one server, in memory.

use anyhow::Result;
use tokio::process::Command;

use super::{Place, until_it_answers};
use crate::port;

pub(super) async fn start(place: &Place<'_>) -> Result<String> {
    let port = port::free()?;
    let log = place.log("aws");
    let mut command = Command::new(place.home.tool("python"));
    command.arg(place.home.root().join("crates/xtask/python/aws_double.py")).arg(port.to_string());
    let server = place.run.start("aws", command, &log)?;
    let address = format!("http://127.0.0.1:{port}");
    let page = format!("{address}/moto-api/");
    until_it_answers(server, &log, || async {
        reqwest::get(&page).await.and_then(reqwest::Response::error_for_status).map(drop)
    })
    .await?;
    Ok(address)
}
