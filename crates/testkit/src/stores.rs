//! The addresses of the stores for tests: from environment variables, or the file that `cargo xtask up` and `cargo xtask test` write.

use std::{collections::HashMap, net::TcpStream, path::Path, sync::OnceLock, time::Duration};

/// PostgreSQL, as a user who may create databases.
pub fn postgres_url() -> String {
    running("TEST_POSTGRES_URL")
}

/// MongoDB, without a database name.
pub fn mongodb_uri() -> String {
    running("TEST_MONGODB_URI")
}

/// The stand-in for AWS.
pub fn aws_endpoint() -> String {
    running("TEST_AWS_ENDPOINT_URL")
}

/// The address of a store that answers; otherwise the test fails at once and names the command that starts it.
fn running(name: &str) -> String {
    answering(name, setting(name)).unwrap_or_else(|help| panic!("{help}"))
}

fn answering(name: &str, url: Option<String>) -> Result<String, String> {
    let help = "start the stores with `cargo xtask up`, or run everything with `cargo xtask test`";
    let Some(url) = url else { return Err(format!("no stores for tests ({name} is not set): {help}")) };
    let address = host_and_port(&url);
    let connected = address.parse().ok().and_then(|to| TcpStream::connect_timeout(&to, Duration::from_secs(2)).ok());
    match connected {
        Some(_) => Ok(url),
        None => Err(format!("nothing listens at {address} ({name}): {help}")),
    }
}

fn setting(name: &str) -> Option<String> {
    static FILE: OnceLock<HashMap<String, String>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/test.env");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
    });
    std::env::var(name).ok().or_else(|| file.get(name).cloned())
}

/// `127.0.0.1:5432` of `postgres://user:password@127.0.0.1:5432/name?options`.
pub(crate) fn host_and_port(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit('@').next().unwrap_or(rest).to_owned()
}

/// The same URL with another host and port.
pub(crate) fn through(url: &str, address: &str) -> String {
    url.replacen(&host_and_port(url), address, 1)
}

/// Runs a clean-up future from `Drop`, in a thread of its own because the test's runtime is busy dropping.
pub(crate) fn clean_up(work: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A store that the test has stopped must not hang the test's end.
        let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), work).await });
    });
    let _ = thread.join();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_stores_a_test_says_at_once_which_command_starts_them() {
        let unset = answering("TEST_MONGODB_URI", None).unwrap_err();
        let dead = answering("TEST_MONGODB_URI", Some("mongodb://127.0.0.1:9/".into())).unwrap_err();
        for message in [unset, dead] {
            assert!(message.contains("TEST_MONGODB_URI") && message.contains("cargo xtask up"), "{message}");
        }
    }

    #[test]
    fn the_address_is_found_in_any_store_url() {
        assert_eq!(host_and_port("postgres://u:p@127.0.0.1:5432/db?x=1"), "127.0.0.1:5432");
        assert_eq!(host_and_port("mongodb://127.0.0.1:27017/?directConnection=true"), "127.0.0.1:27017");
        assert_eq!(through("postgres://u:p@127.0.0.1:5432/db", "127.0.0.1:9"), "postgres://u:p@127.0.0.1:9/db");
    }
}
