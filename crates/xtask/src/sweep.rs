//! The timer of a machine at home: wakes each service's `sweep` every few seconds, as `EventBridge` does on AWS.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::home::Home;
use crate::settings::Settings;
use crate::trigger::Standing;

const BETWEEN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(1);

/// Sweeps `service` until dropped. A failure is reported once, not every five seconds.
pub(crate) async fn keep_sweeping(home: &Home, settings: &Settings, service: &str) -> Result<()> {
    let mut sweeper = Standing::new(home, settings, service, "sweep");
    let mut broken = false;
    loop {
        let swept = sweeper.invoke(json!({}), PATIENCE).await;
        match &swept {
            Ok(_) if broken => println!("{service}: sweeping works again"),
            Err(error) if !broken => {
                println!("{service}: sweeping fails, and is tried again every {} s: {error:#}", BETWEEN.as_secs());
            }
            _ => {}
        }
        broken = swept.is_err();
        tokio::time::sleep(BETWEEN).await;
    }
}
