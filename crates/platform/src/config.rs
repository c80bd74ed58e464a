//! Settings from the environment. All missing and malformed settings are reported at once. Secrets may be literal
//! values or references to where they are stored, and are then fetched together when the first of them is needed.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt::{self, Display},
    ops::RangeInclusive,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use validator::ValidateUrl;

pub(crate) use self::cache::Clock;
use self::{
    cache::MAX_AGE,
    parameters::parameter_of,
    secrets::{Secrets, is_shorter, too_short},
};

mod cache;
mod derived;
mod parameters;
mod secrets;

pub use self::{
    derived::Derived,
    secrets::{Secret, SecretError},
};

/// Lambda sets this variable and refuses functions that configure it; `cargo lambda watch` does not set it.
const LAMBDA: &str = "LAMBDA_TASK_ROOT";

/// The environment, and the problems found in it.
pub struct Env {
    variables: HashMap<String, String>,
    wrong: Vec<String>,
    secrets: Arc<Secrets>,
}

/// Shows the problems and no values.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env(wrong: {:?})", self.wrong)
    }
}

impl Env {
    /// This process's environment.
    pub fn from_process() -> Self {
        // No setting has a name or value that is not UTF-8.
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self::from_pairs(std::env::vars_os().filter_map(text))
    }

    /// An environment of these variables; tests use it so that they need not change the process.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, wrong: Vec::new(), secrets: Arc::default() }
    }

    /// A value that may be absent; empty counts as absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A required value.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.wrong.push(format!("{name} is missing"));
        }
        value
    }

    /// A required `http` or `https` URL without a query; a trailing slash is removed, so that paths can be appended.
    pub fn url(&mut self, name: &str) -> Option<String> {
        let value = self.text(name)?;
        let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
        // A URL parser takes `https:///host` for `https://host`.
        let has_host = rest.is_some_and(|rest| !rest.starts_with('/'));
        if !has_host || !value.validate_url() || value.contains(['?', '#']) {
            self.wrong.push(format!("{name} must be an address such as https://shop.example, and have no query"));
            return None;
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// A URL as in [`Self::url`], or `default` when absent.
    pub fn url_or(&mut self, name: &str, default: &str) -> Option<String> {
        if self.optional(name).is_none() { Some(default.to_owned()) } else { self.url(name) }
    }

    /// A required value of type `T`.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let value = self.text(name)?;
        value.parse().map_err(|error| self.wrong.push(format!("{name} {error}"))).ok()
    }

    /// A value of type `T`, or `default` when absent.
    pub fn parsed_or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Option<T> {
        if self.optional(name).is_none() { Some(default) } else { self.parsed(name) }
    }

    /// A value of type `T` that may be absent, and must be absent on AWS, because it allows what only a development
    /// machine may do. On AWS Lambda sets `LAMBDA_TASK_ROOT` in each function.
    pub fn at_home<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<Option<T>> {
        if self.optional(name).is_none() {
            return Some(None);
        }
        if self.variables.contains_key(LAMBDA) {
            self.wrong.push(format!("{name} must not be set on AWS: it is for development machines"));
            return None;
        }
        self.parsed(name).map(Some)
    }

    /// A whole number within `range`, or `default` when absent.
    pub fn number_or<N>(&mut self, name: &str, default: N, range: RangeInclusive<N>) -> Option<N>
    where
        N: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.optional(name) else { return Some(default) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong.push(format!("{name} must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A required secret: a literal value, `ssm:<parameter name>` (optionally with a version or label: `ssm:/name:3`,
    /// `ssm:/name:label`) or `secretsmanager:<secret id>`. Nothing is fetched here.
    pub fn secret(&mut self, name: &str) -> Option<Secret> {
        let value = self.text(name)?;
        Some(match parameter_of(&value) {
            None => Secret::literal(name, value),
            Some(parameter) => Secret::fetched(name, parameter, &self.secrets),
        })
    }

    /// Reads `SECRET_MAX_AGE_SECONDS`: how long fetched secrets are used before they are fetched again.
    pub(crate) fn secret_age(&mut self) {
        if let Some(seconds) = self.number_or("SECRET_MAX_AGE_SECONDS", MAX_AGE, 1..=3_600) {
            self.secrets.kept().set_max_age(Duration::from_secs(seconds));
        }
    }

    /// A secret of at least `least` characters. A shorter literal one is reported here; a shorter fetched one is
    /// refused by [`Secret::get`].
    pub fn secret_of_at_least(&mut self, name: &str, least: usize) -> Option<Secret> {
        let is_literal = |value: &String| parameter_of(value).is_none();
        if self.optional(name).filter(is_literal).is_some_and(|value| is_shorter(&value, least)) {
            self.wrong.push(too_short(name, least));
            return None;
        }
        self.secret(name).map(|secret| secret.of_at_least(least))
    }

    /// A secret that may be absent.
    pub fn optional_secret(&mut self, name: &str) -> Option<Secret> {
        self.optional(name).and_then(|_| self.secret(name))
    }

    /// Whether all settings that were read are present and well-formed.
    pub fn is_complete(&self) -> bool {
        self.wrong.is_empty()
    }

    /// All problems in one message. It holds names only: a value may be a secret.
    pub fn report(&self) -> String {
        format!("cannot start, {} setting(s) are wrong: {}", self.wrong.len(), self.wrong.join("; "))
    }
}

#[cfg(test)]
pub(crate) mod fake;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_reported_in_one_message_without_values() {
        let mut env = Env::from_pairs([("ISSUER", "ftp://hunter2"), ("RETRIES", "hunter2"), ("EMPTY", "")]);
        assert_eq!(env.url("ISSUER"), None);
        assert_eq!(env.parsed_or("RETRIES", 3_u32), None);
        assert_eq!(env.parsed::<u32>("WORKERS"), None);
        assert_eq!(env.text("EMPTY"), None);
        assert!(env.secret("DATABASE_URL").is_none());
        assert_eq!(env.parsed_or("ABSENT", 3_u32), Some(3));
        assert!(!env.is_complete());
        let report = env.report();
        for name in ["ISSUER", "RETRIES", "WORKERS is missing", "EMPTY is missing", "DATABASE_URL is missing"] {
            assert!(report.contains(name), "{report}");
        }
        assert!(!report.contains("hunter2"), "{report}");
    }

    #[test]
    fn a_number_is_whole_and_within_its_range() {
        let read = |value: &str| {
            let mut env = Env::from_pairs([("MOST", value)]);
            (env.number_or("MOST", 5, 1..=1_000), env.report())
        };
        assert_eq!(read("1").0, Some(1));
        assert_eq!(read("1000").0, Some(1_000));
        assert_eq!(Env::from_pairs([("OTHER", "7")]).number_or("MOST", 5, 1..=1_000), Some(5));
        for value in ["0", "1001", "-1", "1.5", "five", " ", "4294967296"] {
            let (number, report) = read(value);
            assert_eq!(number, None, "{value:?} was taken");
            assert!(report.contains("MOST must be a whole number from 1 to 1000"), "{report}");
        }
    }

    #[test]
    fn what_is_for_machines_at_home_is_refused_on_aws_whatever_it_says() {
        let read = |pairs: &[(&str, &str)]| {
            let mut env = Env::from_pairs(pairs.iter().copied());
            (env.at_home::<u16>("DOUBLE"), env.report())
        };
        assert_eq!(read(&[]).0, Some(None));
        assert_eq!(read(&[("DOUBLE", "7")]).0, Some(Some(7)));
        assert_eq!(read(&[("LAMBDA_TASK_ROOT", "/var/task")]).0, Some(None));
        assert_eq!(read(&[("DOUBLE", "seven")]).0, None);
        for root in ["/var/task", ""] {
            for value in ["7", "seven"] {
                let (value, report) = read(&[("LAMBDA_TASK_ROOT", root), ("DOUBLE", value)]);
                assert_eq!(value, None, "{root:?}");
                assert!(report.contains("DOUBLE must not be set on AWS"), "{report}");
            }
        }
    }

    #[test]
    fn an_address_is_one_that_paths_can_be_appended_to() {
        let read = |value: &str| Env::from_pairs([("API", value)]).url("API");
        for (value, kept) in [
            ("https://shop.example", "https://shop.example"),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
            ("http://[::1]:9000/base/", "http://[::1]:9000/base"),
            ("https://exämple.com", "https://exämple.com"),
        ] {
            assert_eq!(read(value).as_deref(), Some(kept));
        }
        for value in [
            "shop.example",
            "ftp://shop.example",
            "http://",
            "https:///path",
            "http://shop.example:port",
            "http://shop.example:99999",
            "http://shop example",
            "http://[::1",
            "http://shop.example/?a=b",
            "http://shop.example#a",
            "javascript:alert(1)",
        ] {
            assert_eq!(read(value), None, "{value} was taken");
        }
    }
}
