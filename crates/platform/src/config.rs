//! Settings from the environment. Everything that is missing or malformed is reported at once; secrets may be literal
//! values, or say where they are kept, and are then fetched together when the first of them is needed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::OsString,
    fmt::{self, Display},
    ops::RangeInclusive,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

use aws_sdk_ssm::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_parameters::GetParametersError,
    types::Parameter,
};
use tokio::sync::OnceCell;
use validator::ValidateUrl;

pub(crate) use self::kept::Clock;
use self::kept::Kept;
use crate::trigger::chain;

mod kept;
mod made;

pub use self::made::Made;

/// How long fetching the secrets may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// The same where there are old values to go on with.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);
/// For how long fetched values are taken for true unless configured otherwise, in seconds.
const MAX_AGE: u64 = 300;
/// `GetParameters` takes at most ten names a call.
const NAMES_A_CALL: usize = 10;
/// Where Parameter Store answers for Secrets Manager.
const SECRETS_MANAGER: &str = "/aws/reference/secretsmanager/";

/// The environment, and what was found wrong with it.
pub struct Env {
    variables: HashMap<String, String>,
    wrong: Vec<String>,
    secrets: Arc<Secrets>,
}

/// Shows what is wrong and no values.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env(wrong: {:?})", self.wrong)
    }
}

impl Env {
    /// This process's environment.
    pub fn from_process() -> Self {
        // Variables that are not UTF-8 are none of ours.
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self::from_pairs(std::env::vars_os().filter_map(text))
    }

    /// Given variables; tests hand these over so that they need not change the process.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, wrong: Vec::new(), secrets: Arc::default() }
    }

    /// A value that may be absent; empty counts as absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A value that must be there.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.wrong.push(format!("{name} is missing"));
        }
        value
    }

    /// A value that must be an `http` or `https` address without a query; a slash at its end is cut, so that paths can be
    /// appended.
    pub fn url(&mut self, name: &str) -> Option<String> {
        let value = self.text(name)?;
        let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
        // A parser of addresses takes `https:///host` for `https://host`.
        let has_host = rest.is_some_and(|rest| !rest.starts_with('/'));
        if !has_host || !value.validate_url() || value.contains(['?', '#']) {
            self.wrong.push(format!("{name} must be an address such as https://shop.example, and have no query"));
            return None;
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// Such an address, or `default` when absent.
    pub fn url_or(&mut self, name: &str, default: &str) -> Option<String> {
        if self.optional(name).is_none() { Some(default.to_owned()) } else { self.url(name) }
    }

    /// A value of type `T` that must be there.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let value = self.text(name)?;
        value.parse().map_err(|error| self.wrong.push(format!("{name} {error}"))).ok()
    }

    /// A value of type `T`, or `default` when absent.
    pub fn parsed_or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Option<T> {
        if self.optional(name).is_none() { Some(default) } else { self.parsed(name) }
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

    /// A secret: literal, `ssm:<parameter name>` (with a version or label behind it: `ssm:/name:3`, `ssm:/name:label`) or
    /// `secretsmanager:<secret id>`. Nothing is fetched here.
    pub fn secret(&mut self, name: &str) -> Option<Secret> {
        let value = self.text(name)?;
        let source = match parameter_of(&value) {
            None => Source::Literal(value.into()),
            Some(parameter) => {
                self.secrets.declare(name, parameter.clone());
                Source::Fetched { parameter, secrets: Arc::clone(&self.secrets) }
            }
        };
        Some(Secret { name: name.to_owned(), least: 0, complaint: Arc::new(Once::new()), source })
    }

    /// Reads `SECRET_MAX_AGE_SECONDS`: for how long fetched secrets are taken for true.
    pub(crate) fn secret_age(&mut self) {
        if let Some(seconds) = self.number_or("SECRET_MAX_AGE_SECONDS", MAX_AGE, 1..=3_600) {
            self.secrets.kept().set_max_age(Duration::from_secs(seconds));
        }
    }

    /// A secret of at least so many characters. A literal one that is shorter is wrong here; one that is kept elsewhere is
    /// refused by [`Secret::get`].
    pub fn secret_of_at_least(&mut self, name: &str, least: usize) -> Option<Secret> {
        let is_literal = |value: &String| parameter_of(value).is_none();
        if self.optional(name).filter(is_literal).is_some_and(|value| is_shorter(&value, least)) {
            self.wrong.push(too_short(name, least));
            return None;
        }
        self.secret(name).map(|secret| Secret { least, ..secret })
    }

    /// A secret that may be absent.
    pub fn optional_secret(&mut self, name: &str) -> Option<Secret> {
        self.optional(name).and_then(|_| self.secret(name))
    }

    /// Whether everything asked for was there and well-formed.
    pub fn is_complete(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Everything that is wrong, in one message. Names only: a value may be a secret.
    pub fn report(&self) -> String {
        format!("cannot start, {} setting(s) are wrong: {}", self.wrong.len(), self.wrong.join("; "))
    }
}

/// A secret of this process, fetched on first use, and again when its value is older than it may be.
#[derive(Clone)]
pub struct Secret {
    name: String,
    /// How many characters it must have.
    least: usize,
    /// Whether the log says already that it has fewer.
    complaint: Arc<Once>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Literal(Arc<str>),
    Fetched { parameter: String, secrets: Arc<Secrets> },
}

impl Secret {
    /// The value. The first call of any secret fetches all of them.
    pub async fn get(&self) -> Result<String, SecretError> {
        self.shared().await.map(|value| (*value).to_owned())
    }

    /// The value, shared: the same pointer as before unless the value has changed. What keeps something that was made of a
    /// secret asks for this and compares ([`Arc::ptr_eq`]).
    pub async fn shared(&self) -> Result<Arc<str>, SecretError> {
        let value = match &self.source {
            Source::Literal(value) => Arc::clone(value),
            Source::Fetched { parameter, secrets } => {
                let value = secrets.get(parameter).await?;
                value.ok_or_else(|| SecretError(format!("{} names nothing that can be read", self.name)))?
            }
        };
        if !is_shorter(&value, self.least) {
            return Ok(value);
        }
        let what = too_short(&self.name, self.least);
        self.complaint.call_once(|| tracing::error!(setting = self.name, least = self.least, "secret is too short"));
        Err(SecretError(what))
    }

    /// The value to try instead of one that was refused, if there is another: secrets are fetched anew, at most once in
    /// five seconds, as what is refused for another reason will be refused again.
    pub async fn instead_of(&self, refused: &str) -> Option<Arc<str>> {
        let Source::Fetched { secrets, .. } = &self.source else { return None };
        let other = async || self.shared().await.ok().filter(|value| **value != *refused);
        if let Some(known) = other().await {
            return Some(known);
        }
        secrets.refetch().await;
        other().await
    }
}

fn is_shorter(value: &str, least: usize) -> bool {
    value.chars().count() < least
}

fn too_short(name: &str, least: usize) -> String {
    format!("{name} must have at least {least} characters")
}

/// Never shows the value.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

/// The secrets could not be had. The message names settings, never values.
#[derive(Debug, Clone)]
pub struct SecretError(String);

impl Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretError {}

#[derive(Default)]
struct Secrets {
    /// Which parameters the settings name.
    declared: Mutex<BTreeMap<String, String>>,
    client: OnceCell<aws_sdk_ssm::Client>,
    kept: Mutex<Kept>,
    /// Held while fetching, so that those who need a value at the same time share one fetch.
    fetching: tokio::sync::Mutex<()>,
    clock: Clock,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    fn declare(&self, name: &str, parameter: String) {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), parameter);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a parameter; `None` where there is none.
    async fn get(&self, parameter: &str) -> Result<Option<Arc<str>>, SecretError> {
        {
            let kept = self.kept();
            if kept.is_good(self.clock.now()) {
                return Ok(kept.value(parameter));
            }
        }
        let is_due = |kept: &mut Kept| !kept.is_good(self.clock.now());
        let is_empty = self.kept().is_empty();
        if is_empty {
            let _fetching = self.fetching.lock().await;
            let is_due = is_due(&mut self.kept());
            if is_due {
                self.fetch(FETCH_TIMEOUT).await?;
            }
        } else {
            self.refresh(is_due).await;
        }
        Ok(self.kept().value(parameter))
    }

    /// Fetches anew because a value was refused.
    async fn refetch(&self) {
        self.refresh(|kept| kept.is_refetched(self.clock.now())).await;
    }

    /// Fetches where there are old values to go on with; one fetch at a time.
    async fn refresh(&self, is_due: impl Fn(&mut Kept) -> bool) {
        let _fetching = self.fetching.lock().await;
        let is_due = is_due(&mut self.kept());
        if !is_due {
            return;
        }
        let Err(error) = self.fetch(REFRESH_TIMEOUT).await else { return };
        if self.kept().is_first_failure() {
            tracing::warn!(%error, "secrets not refreshed; the values of before are used until they can be");
        }
    }

    async fn fetch(&self, limit: Duration) -> Result<(), SecretError> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let settings: Vec<&str> = declared.keys().map(String::as_str).collect();
        // Two settings may name the same secret; asking twice for one is an error.
        let names: BTreeSet<String> = declared.values().cloned().collect();
        let fetched = tokio::time::timeout(limit, ask(&self.client, names)).await;
        let fetched = fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let now = self.clock.now();
        match fetched {
            Ok(values) => {
                self.kept().take(values, now);
                Ok(())
            }
            Err(why) => {
                self.kept().failed(now);
                Err(SecretError(format!("{} could not be fetched: {why}", settings.join(", "))))
            }
        }
    }
}

/// The Parameter Store name of an indirection. Parameter Store also answers for Secrets Manager under a reserved path,
/// so that one call fetches both kinds.
fn parameter_of(value: &str) -> Option<String> {
    if let Some(name) = value.strip_prefix("ssm:") {
        return Some(name.to_owned());
    }
    value.strip_prefix("secretsmanager:").map(|id| format!("{SECRETS_MANAGER}{id}"))
}

async fn ask(
    client: &OnceCell<aws_sdk_ssm::Client>,
    names: BTreeSet<String>,
) -> Result<HashMap<String, String>, String> {
    let client = client.get_or_init(|| async { aws_sdk_ssm::Client::new(&aws_config::load_from_env().await) }).await;
    let mut values = HashMap::new();
    for names in calls(names) {
        let call = client.get_parameters().set_names(Some(names.clone())).with_decryption(true);
        let answer = call.send().await.map_err(|error| refusal(&error))?;
        let parameters = answer.parameters.unwrap_or_default();
        values.extend(parameters.iter().filter_map(|parameter| answered(&names, parameter)));
    }
    Ok(values)
}

/// AWS's own words where it has any. Never the SDK's rendering: that shows the answer as it came, values included.
fn refusal(error: &SdkError<GetParametersError>) -> String {
    match (error.code(), error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or("without a message")),
        (None, _) => chain(error),
    }
}

/// The names, as calls ask for them: at most ten a call, and no parameter twice in one, so that an answer, which names the
/// parameter without its selector, belongs to one of the names.
fn calls(names: BTreeSet<String>) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    for name in names {
        let has_room = |call: &&mut Vec<String>| {
            call.len() < NAMES_A_CALL && call.iter().all(|other| without_selector(other) != without_selector(&name))
        };
        match calls.iter_mut().find(has_room) {
            Some(call) => call.push(name),
            None => calls.push(vec![name]),
        }
    }
    calls
}

/// `/shop/url` of `/shop/url:3` and `/shop/url:label`. Of a colon only a selector begins; an ARN has five of its own.
fn without_selector(name: &str) -> &str {
    let own = if name.starts_with("arn:") { 5 } else { 0 };
    name.match_indices(':').nth(own).map_or(name, |(at, _)| &name[..at])
}

/// The name that was asked for with its value. Parameter Store answers `Name` without the selector, which stands apart as
/// `Selector` (moto leaves that out). A secret of Secrets Manager comes with its source; moto gives it without the
/// reserved path in front of its id.
fn answered(names: &[String], parameter: &Parameter) -> Option<(String, String)> {
    let name = parameter.name()?;
    let is_short = parameter.source_result().is_some() && !name.starts_with(SECRETS_MANAGER);
    let name = if is_short { format!("{SECRETS_MANAGER}{name}") } else { name.to_owned() };
    let is_it = |asked: &&String| {
        let bare = without_selector(asked);
        **asked == name || bare == without_selector(&name) || parameter.arn() == Some(bare)
    };
    Some((names.iter().find(is_it)?.clone(), parameter.value()?.to_owned()))
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

    #[tokio::test]
    async fn a_literal_secret_needs_no_network_and_is_not_shown() {
        let mut env = Env::from_pairs([("PASSWORD", "hunter2")]);
        let secret = env.secret("PASSWORD").unwrap();
        assert_eq!(secret.get().await.unwrap(), "hunter2");
        assert_eq!(format!("{secret:?} {env:?}"), "Secret(PASSWORD) Env(wrong: [])");
    }

    #[tokio::test]
    async fn a_fetched_secret_that_is_too_short_is_refused_by_name_whenever_it_is_asked_for() {
        let fetched = async |value: &str| {
            let mut env = Env::from_pairs([("KEY", "ssm:/shop/key")]);
            let secret = env.secret_of_at_least("KEY", 8).unwrap();
            let values = HashMap::from([("/shop/key".to_owned(), value.to_owned())]);
            env.secrets.kept().take(values, env.secrets.clock.now());
            let first = secret.clone().get().await;
            assert_eq!(secret.get().await.is_ok(), first.is_ok());
            (first, secret.complaint.is_completed())
        };
        let (refused, is_logged) = fetched("hunter2").await;
        let error = refused.unwrap_err();
        assert_eq!((error.to_string().as_str(), is_logged), ("KEY must have at least 8 characters", true));
        let (taken, is_logged) = fetched("hunter22").await;
        assert_eq!((taken.unwrap().as_str(), is_logged), ("hunter22", false));
    }

    #[tokio::test]
    async fn secrets_are_fetched_again_by_one_call_once_they_are_old_and_not_before() {
        let store = fake::Store::default();
        let mut env = store.env(&[("A", "ssm:/a"), ("B", "ssm:/b"), ("C", "literal")]).await;
        let (a, b) = (env.secret("A").unwrap(), env.secret("B").unwrap());
        store.set("/a", "a1");
        store.set("/b", "b1");
        let read = async || (a.get().await.unwrap(), b.get().await.unwrap(), store.calls());
        assert_eq!(read().await, ("a1".into(), "b1".into(), 1));
        store.set("/a", "a2");
        store.at(299);
        assert_eq!(read().await, ("a1".into(), "b1".into(), 1));
        store.at(300);
        assert_eq!(read().await, ("a2".into(), "b1".into(), 2));
        store.at(599);
        assert_eq!(read().await, ("a2".into(), "b1".into(), 2));
    }

    #[tokio::test]
    async fn while_secrets_cannot_be_refreshed_those_of_before_go_on_and_the_log_says_so_once_a_period() {
        let captured = testkit::logs::Captured::default();
        let subscriber = crate::telemetry::subscriber("sample-service", "info", captured.writer());
        let _logging = tracing::subscriber::set_default(subscriber);
        let store = fake::Store::default();
        let mut env = store.env(&[("A", "ssm:/a")]).await;
        let a = env.secret("A").unwrap();
        let warnings = || captured.text().matches("secrets not refreshed").count();
        assert!(a.get().await.is_err(), "there is nothing to go on with");
        store.set("/a", "hunter2");
        assert_eq!(a.get().await.unwrap(), "hunter2");
        store.refuse();
        for (at, calls) in [(302, 3), (303, 3), (361, 3), (362, 4), (421, 4), (422, 5)] {
            store.at(at);
            assert_eq!((a.get().await.unwrap().as_str(), store.calls()), ("hunter2", calls), "{at}");
        }
        assert_eq!(warnings(), 1, "{}", captured.text());
        store.set("/a", "hunter3");
        store.at(482);
        assert_eq!(a.get().await.unwrap(), "hunter3");
        store.refuse();
        store.at(800);
        assert_eq!(a.get().await.unwrap(), "hunter3");
        assert_eq!(warnings(), 2);
        assert!(!captured.text().contains("hunter"), "{}", captured.text());
    }

    #[tokio::test]
    async fn a_value_that_was_refused_is_asked_for_at_once_and_given_only_if_there_is_another() {
        let store = fake::Store::default();
        let mut env = store.env(&[("A", "ssm:/a"), ("B", "literal")]).await;
        let (a, b) = (env.secret("A").unwrap(), env.secret("B").unwrap());
        store.set("/a", "old");
        assert_eq!(a.get().await.unwrap(), "old");
        assert_eq!((a.instead_of("old").await, store.calls()), (None, 2));
        store.set("/a", "new");
        store.at(4);
        assert_eq!((a.instead_of("old").await, store.calls()), (None, 2), "five seconds between two fetches");
        store.at(5);
        assert_eq!((a.instead_of("old").await.as_deref(), store.calls()), (Some("new"), 3));
        assert_eq!((a.instead_of("old").await.as_deref(), store.calls()), (Some("new"), 3), "no fetch is needed");
        assert_eq!(b.instead_of("literal").await, None);
    }

    #[test]
    fn a_call_asks_for_a_parameter_once_and_for_ten_at_most() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let one_each = names(&["/a:1", "/b:label", "/c", "arn:aws:ssm:eu-west-1:1:parameter/a:2"]);
        assert_eq!(calls(one_each).len(), 1);
        let calls_of_two = calls(names(&["/a", "/a:1", "/a:label", "/b"]));
        assert_eq!(calls_of_two, [vec!["/a", "/b"], vec!["/a:1"], vec!["/a:label"]]);
        let eleven: BTreeSet<String> = (0..11).map(|n| format!("/{n}")).collect();
        assert_eq!(calls(eleven).iter().map(Vec::len).collect::<Vec<_>>(), [10, 1]);
    }

    #[test]
    fn an_answer_belongs_to_the_name_that_asked_for_it() {
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/url";
        let asked =
            ["/other:1".to_owned(), format!("{arn}:3"), "/aws/reference/secretsmanager/db:AWSPREVIOUS".to_owned()];
        let parameter = |name: &str| Parameter::builder().name(name).value("v");
        let belongs = |parameter: Parameter| answered(&asked, &parameter).map(|(name, _)| name);
        assert_eq!(belongs(parameter("/other").selector(":1").build()).as_ref(), Some(&asked[0]));
        assert_eq!(belongs(parameter("/other:1").build()).as_ref(), Some(&asked[0]));
        assert_eq!(belongs(parameter("/shop/url").arn(arn).selector(":3").build()).as_ref(), Some(&asked[1]));
        assert_eq!(belongs(parameter("db").source_result("{}").build()).as_ref(), Some(&asked[2]));
        assert_eq!(belongs(parameter("/shop/url").build()), None);
    }

    #[test]
    fn secrets_manager_is_reached_through_parameter_store() {
        assert_eq!(parameter_of("ssm:/bodega/url").as_deref(), Some("/bodega/url"));
        assert_eq!(parameter_of("secretsmanager:db").as_deref(), Some("/aws/reference/secretsmanager/db"));
        assert_eq!(parameter_of("postgres://host/db"), None);
    }
}
