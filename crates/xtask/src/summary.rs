//! Reading `cargo test`: which tests belong to which package, and how they ended.

use std::collections::BTreeMap;

use serde_json::Value;

/// How the tests of one package ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// Adds up `cargo test`'s output as it goes by.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// A test binary's file name does not say whose it is; `cargo test --no-run --message-format=json` does.
    owners: BTreeMap<String, String>,
    running: Option<String>,
    counts: BTreeMap<String, Count>,
}

impl Summary {
    /// Learns from one line of cargo's JSON messages.
    pub(crate) fn learn(&mut self, message: &str) {
        let Ok(message) = serde_json::from_str::<Value>(message) else { return };
        let (Some(binary), Some(id)) = (message["executable"].as_str(), message["package_id"].as_str()) else { return };
        self.owners.insert(file_name(binary).to_owned(), package_name(id).to_owned());
    }

    /// Reads one line of the tests' output.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("Running ") {
            let binary = line.rsplit_once('(').map_or("", |(_, path)| path.trim_end_matches(')'));
            let name = file_name(binary);
            self.running = Some(self.owners.get(name).map_or(name, String::as_str).to_owned());
        } else if let Some(library) = line.strip_prefix("Doc-tests ") {
            self.running = Some(library.replace('_', "-"));
        } else if let (Some(result), Some(package)) = (line.strip_prefix("test result: "), &self.running) {
            let count = self.counts.entry(package.clone()).or_default();
            count.passed += number_before(result, "passed");
            count.failed += number_before(result, "failed");
            count.ignored += number_before(result, "ignored");
        }
    }

    /// Packages in the order of the alphabet.
    pub(crate) fn counts(&self) -> &BTreeMap<String, Count> {
        &self.counts
    }

    pub(crate) fn total(&self) -> Count {
        self.counts.values().fold(Count::default(), |sum, count| Count {
            passed: sum.passed + count.passed,
            failed: sum.failed + count.failed,
            ignored: sum.ignored + count.ignored,
        })
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `path+file:///somewhere/crates/common#0.1.0`, or `...#name@0.1.0` where the folder is named otherwise.
fn package_name(id: &str) -> &str {
    let (place, version) = id.split_once('#').unwrap_or((id, ""));
    version.split_once('@').map_or_else(|| file_name(place), |(name, _)| name)
}

/// The number before a word: 2 in `ok. 2 passed; 0 failed`.
fn number_before(result: &str, word: &str) -> u64 {
    let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    let pair = words.windows(2).find(|pair| pair[1] == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
     Running unittests src/lib.rs (target/debug/deps/common-5cd1738db21aea70)
running 3 tests
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/routes.rs (/elsewhere/target/debug/deps/routes-0e5c854061f0f8ba)
test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s
   Doc-tests lambda_double
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_are_added_up_by_package() {
        let mut summary = Summary::default();
        for message in [
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/crates/common#0.1.0","executable":"/w/target/debug/deps/common-5cd1738db21aea70"}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/shop#user-service@0.1.0","executable":"/w/target/debug/deps/routes-0e5c854061f0f8ba"}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/crates/common#0.1.0","executable":null}"#,
            "not JSON",
        ] {
            summary.learn(message);
        }
        OUTPUT.lines().for_each(|line| summary.read(line));
        let count = |passed, failed, ignored| Count { passed, failed, ignored };
        let counts: Vec<_> = summary.counts().iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(
            counts,
            [("common", count(3, 0, 0)), ("lambda-double", count(4, 0, 0)), ("user-service", count(1, 2, 1))]
        );
        assert_eq!(summary.total(), count(8, 2, 1));
    }
}
