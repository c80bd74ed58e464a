//! Builds and restarts the services when their source changes.
//!
//! `cargo lambda watch` would do that itself, but version 1.9.2 answers 500 to everything after its first reload, and
//! reloads whenever git touches its index. So it runs without, and is restarted as a whole, after a build that succeeded.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::home::{Home, Profile};
use crate::process::Process;
use crate::progress::step;
use crate::run::Run;
use crate::{services, watch};

const BETWEEN: Duration = Duration::from_secs(1);

/// The folders that the services are built from.
const SOURCES: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates/common",
    "crates/platform",
    "crates/stripe",
    "migrations",
    "notification-service",
    "product-service",
    "transaction-service",
    "user-service",
];

/// Keeps the running services those of the source, until dropped. A build that fails leaves the old ones running.
pub(crate) async fn keep_current(home: &Home, run: &Run, port: u16, mut gateway: Process) -> Result<()> {
    let api = format!("http://127.0.0.1:{port}");
    let mut built = newest(home);
    loop {
        tokio::time::sleep(BETWEEN).await;
        let changed = newest(home);
        if changed == built {
            continue;
        }
        // An editor saves several files: look again until they rest.
        tokio::time::sleep(BETWEEN).await;
        if newest(home) != changed {
            continue;
        }
        built = changed;
        if let Err(error) = services::build(home, Profile::Dev, &[]).await {
            println!("{error:#}: the services stay as they were; save again to try again");
            continue;
        }
        gateway.stop().await;
        gateway = watch::start(home, run, port)?;
        step("the source changed: restarting the services", watch::until_it_answers(home, gateway, &api)).await?;
    }
}

fn newest(home: &Home) -> Option<SystemTime> {
    SOURCES.iter().filter_map(|source| newest_below(&home.root().join(source))).max()
}

/// When the youngest file here or below was changed; tests are not what the services are built from.
fn newest_below(path: &Path) -> Option<SystemTime> {
    if path.ends_with("tests") || path.ends_with("benches") {
        return None;
    }
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().filter_map(|entry| newest_below(&entry.path())).max(),
        Err(_) => path.metadata().and_then(|file| file.modified()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_source_is_noticed_and_a_changed_test_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: u64| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(age);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
            time
        };
        let source = write("src/a/b.rs", 10);
        write("tests/it/main.rs", 99);
        assert_eq!(newest_below(folder.path()), Some(source));
        let changed = write("src/a/c.rs", 20);
        assert_eq!(newest_below(folder.path()), Some(changed));
    }
}
