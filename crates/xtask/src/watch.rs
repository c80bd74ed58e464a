//! `cargo lambda watch`: the gateway of a machine at home. It starts a service when it is first asked for.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::home::Home;
use crate::process::Process;
use crate::python::last_lines;
use crate::run::Run;
use crate::services::SERVICES;

/// The services are built already; linking again after a feature or profile change still takes minutes.
const PATIENCE: Duration = Duration::from_mins(15);

/// Starts it; `port` is the API's.
pub(crate) fn start(home: &Home, run: &Run, port: u16) -> Result<Process> {
    let mut command = Command::new(home.tool("cargo-lambda"));
    command.args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]);
    // Four instances a function, so that one slow request does not hold up the next.
    command.args(["--ignore-changes", "--concurrency", "4", "--env-file"]).arg(home.local("env"));
    command.current_dir(home.root());
    run.start("watch", command, &home.log("watch"))
}

/// Waits until every service answers. The first request of each starts it.
pub(crate) async fn until_it_answers(home: &Home, watch: Process, api: &str) -> Result<()> {
    let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build()?;
    let started = Instant::now();
    for service in &SERVICES {
        let page = format!("{api}/health/{}/live", service.name);
        loop {
            let answer = http.get(&page).send().await;
            let heard = match answer {
                Ok(answer) if answer.status() == 200 => break,
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            let log = home.log("watch");
            if !watch.lives() || started.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{page}: {heard}; {} ends with:\n{}", home.show(&log), last_lines(&said, 20));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
    Ok(())
}
