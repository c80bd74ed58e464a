//! Versions of functions: which served, and which are deleted.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::super::command::{self, VERSIONS};
use super::super::plan::{function, shifted};
use super::Runner;

/// Versions of a function that are kept for a roll-back.
const KEPT_VERSIONS: usize = 5;

impl Runner<'_> {
    /// A version that was refused stays as well, so that the one to go back to is not the one below.
    pub(super) async fn record(&mut self, service: &'static str) -> Result<()> {
        // A release that serves is not taken back because the record of the one before cannot be read.
        let written = self.versions_of(service).await.unwrap_or_else(|error| {
            println!("the versions recorded before are not read: {error:#}");
            Value::Null
        });
        let mut versions = Map::new();
        for &trigger in shifted(service) {
            let name = function(self.wanted.stage, service, trigger);
            let now = self.lookup(&command::get_alias(&self.wanted, &name)).await?;
            let now = now.with_context(|| format!("{name} has no alias, though it was deployed"))?;
            let before = self.before.iter().find(|alias| alias.service == service && alias.trigger == trigger);
            let before = before.and_then(|alias| alias.version.as_deref());
            versions.insert(trigger.to_owned(), json!({ "before": before, "now": now }));
        }
        self.known.versions.insert(service, released(versions.into(), written).to_string());
        for line in command::record(&self.wanted, &self.known, service) {
            self.run(&line).await?;
        }
        Ok(())
    }

    /// Nothing depends on it, so that it fails is only said.
    pub(super) async fn prune(&mut self, service: &str) -> Result<()> {
        let written = match self.versions_of(service).await {
            Ok(written) => written,
            Err(error) => {
                println!("all versions stay: {error:#}");
                return Ok(());
            }
        };
        for trigger in shifted(service) {
            let name = function(self.wanted.stage, service, trigger);
            let Ok(Some(text)) = self.lookup(&command::versions(&self.wanted, &name)).await else { continue };
            let Ok(Some(serves)) = self.lookup(&command::get_alias(&self.wanted, &name)).await else { continue };
            let named = ["before", "now"].map(|which| written[trigger][which].as_str().unwrap_or_default());
            let kept = [named[0], named[1], &serves];
            for version in old_versions(&serde_json::from_str::<Vec<String>>(&text)?, &kept) {
                if let Err(error) = self.run(&command::delete_version(&self.wanted, &name, &version)).await {
                    println!("{name}:{version} stays: {error:#}");
                }
            }
        }
        Ok(())
    }

    async fn versions_of(&self, service: &str) -> Result<Value> {
        let written = self.lookup(&command::get_parameter(&self.wanted, service, VERSIONS)).await?;
        let Some(written) = written else { return Ok(Value::Null) };
        serde_json::from_str(&written).with_context(|| format!("{VERSIONS} of {service} is no JSON"))
    }
}

/// A deployment that changed no version is no release: what is written of the last one stays.
fn released(made: Value, written: Value) -> Value {
    let mut functions = made.as_object().into_iter().flatten();
    let is_same = functions
        .all(|(trigger, function)| function["before"] == function["now"] && function["now"] == written[trigger]["now"]);
    if is_same { written } else { made }
}

/// All but the newest, and never one of `kept`.
pub(super) fn old_versions(all: &[String], kept: &[&str]) -> Vec<String> {
    let mut numbers: Vec<u64> = all.iter().filter_map(|version| version.parse().ok()).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let old = numbers.into_iter().skip(KEPT_VERSIONS).map(|version| version.to_string());
    old.filter(|version| !kept.contains(&version.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_versions_stay_and_those_that_serve_or_served_before() {
        let all: Vec<String> = ["$LATEST", "1", "2", "9", "10", "11", "12", "13"].map(str::to_owned).to_vec();
        assert_eq!(old_versions(&all, &["2"]), ["1"]);
        assert_eq!(old_versions(&all, &["13", "1"]), ["2"]);
        assert_eq!(old_versions(&all, &["", "13"]), ["2", "1"]);
    }

    #[test]
    fn a_deployment_without_a_new_version_leaves_what_served_before_the_last_release() {
        let function = |before: Value, now: &str| json!({ "http": { "before": before, "now": now } });
        let last = function("7".into(), "8");
        assert_eq!(released(function("8".into(), "8"), last.clone()), last);
        assert_eq!(released(function("8".into(), "9"), last.clone()), function("8".into(), "9"));
        assert_eq!(released(function(Value::Null, "1"), Value::Null), function(Value::Null, "1"));
        // An operator has gone back by hand: the recorded version is not the one that serves.
        assert_eq!(released(function("7".into(), "7"), last), function("7".into(), "7"));
    }

    #[test]
    fn a_function_that_stayed_in_a_release_goes_back_to_where_it_is() {
        let made = json!({ "http": { "before": "8", "now": "9" }, "sweep": { "before": "4", "now": "4" } });
        let written = json!({ "http": { "before": "7", "now": "8" }, "sweep": { "before": "3", "now": "4" } });
        assert_eq!(released(made.clone(), written), made);
    }
}
