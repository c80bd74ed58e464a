//! Versions of functions: which are deleted.

use anyhow::Result;

use super::super::command;
use super::super::plan::{function, shifted};
use super::Runner;

/// How many versions of a function are kept to go back to.
const KEPT_VERSIONS: usize = 5;

impl Runner<'_> {
    /// Nothing depends on it, so that it fails is only said.
    pub(super) async fn prune(&mut self, service: &str) -> Result<()> {
        for trigger in shifted(service) {
            let name = function(self.wanted.stage, service, trigger);
            let Ok(Some(text)) = self.lookup(&command::versions(&self.wanted, &name)).await else { continue };
            let serves = self.lookup(&command::get_alias(&self.wanted, &name)).await.ok().flatten();
            for version in old_versions(&serde_json::from_str::<Vec<String>>(&text)?, serves.as_deref()) {
                if let Err(error) = self.run(&command::delete_version(&self.wanted, &name, &version)).await {
                    println!("{name}:{version} stays: {error:#}");
                }
            }
        }
        Ok(())
    }
}

/// All but the newest, and never the one that serves.
pub(super) fn old_versions(all: &[String], serves: Option<&str>) -> Vec<String> {
    let mut numbers: Vec<u64> = all.iter().filter_map(|version| version.parse().ok()).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let old = numbers.into_iter().skip(KEPT_VERSIONS).map(|version| version.to_string());
    old.filter(|version| Some(version.as_str()) != serves).collect()
}
