//! The timer of a machine at home: wakes each service's `sweep` every few seconds, as `EventBridge` does on AWS.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use lambda_double::Function;
use serde_json::json;

use crate::home::{Home, Profile};
use crate::settings::Settings;
use crate::trigger;

const BETWEEN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(1);

/// Sweeps `service` until dropped. A failure is told once: what is broken now is broken in five seconds too.
pub(crate) async fn keep_sweeping(home: &Home, settings: &Settings, service: &str) -> Result<()> {
    let mut sweeper = Sweeper { home, settings, service, running: None };
    let mut broken = false;
    loop {
        match sweeper.sweep().await {
            Ok(()) if broken => println!("{service}: sweeping works again"),
            Err(error) if !broken => {
                println!("{service}: sweeping fails, and is tried again every {} s: {error:#}", BETWEEN.as_secs());
            }
            _ => {}
        }
        broken = sweeper.running.is_none();
        tokio::time::sleep(BETWEEN).await;
    }
}

struct Sweeper<'a> {
    home: &'a Home,
    settings: &'a Settings,
    service: &'a str,
    /// The process is kept, as Lambda keeps one, until it fails or its binary was built anew.
    running: Option<(Function, Option<SystemTime>)>,
}

impl Sweeper<'_> {
    async fn sweep(&mut self) -> Result<()> {
        let built = modified(&self.home.binary(Profile::Dev, self.service));
        let (function, built) = match self.running.take() {
            Some((function, of)) if of == built => (function, built),
            _ => (trigger::start(self.home, self.settings, self.service, "sweep").await?, built),
        };
        function.invoke(json!({}), PATIENCE).await.with_context(|| {
            let log = self.home.log(&format!("{}-sweep", self.service));
            format!("see {}", self.home.show(&log))
        })?;
        self.running = Some((function, built));
        Ok(())
    }
}

fn modified(binary: &Path) -> Option<SystemTime> {
    std::fs::metadata(binary).and_then(|file| file.modified()).ok()
}
