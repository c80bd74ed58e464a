//! The command lines of each step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Stage;
use super::line::{Line, Program};
use super::plan::{Stack, Step, Wanted, function, shifted};

/// Longer than a function may run (900 s): who hangs up earlier does not learn what became of it.
const MIGRATION: &str = "960";
/// "Concurrent executions", as Service Quotas calls it.
const CONCURRENCY: &str = "L-B99A9384";
const QUIET: [&str; 2] = ["--no-notices", "--no-version-reporting"];
/// What undoing leaves for the next deployment, and where the commit is written down, below `/bodega/<stage>/<service>/`.
pub(crate) const UNDONE: &str = "undone";
pub(crate) const RELEASE: &str = "release";
/// Of each function, which version served before the release and which serves since.
pub(crate) const VERSIONS: &str = "versions";

/// The issuer's two documents, as they are called in the bucket.
pub(crate) const DOCUMENTS: [&str; 2] = ["jwks.json", "openid-configuration"];

/// What earlier steps of a deployment found out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The commit that is deployed.
    pub(crate) commit: Option<String>,
    /// The shop's public address.
    pub(crate) api: Option<String>,
    /// A frontend that browsers may call the shop from.
    pub(crate) origin: Option<String>,
    /// Secrets that the deployed services read, by their ids.
    pub(crate) secrets: Vec<String>,
    /// Services that were taken back by their last deployment.
    pub(crate) undone: Vec<&'static str>,
    /// Recorded versions of functions, by service.
    pub(crate) versions: BTreeMap<&'static str, String>,
    /// Versions to delete, by function.
    pub(crate) old: Vec<(String, String)>,
}

pub(crate) fn lines(step: &Step, wanted: &Wanted, known: &Known) -> Vec<Line> {
    let stage = wanted.stage;
    match step {
        Step::CleanTree => {
            vec![Line::new(Program::Git, ["status", "--porcelain"]), Line::new(Program::Git, ["rev-parse", "HEAD"])]
        }
        Step::Tools => tools(wanted),
        Step::Account => {
            vec![aws(&wanted.region, ["sts", "get-caller-identity", "--query", "Account", "--output", "text"])]
        }
        Step::Fresh => wanted.services().into_iter().map(|service| get_parameter(wanted, service, RELEASE)).collect(),
        Step::Room => vec![concurrency(wanted)],
        Step::Past => past(wanted),
        Step::Build => vec![build(wanted)],
        Step::Install => {
            vec![Line::new(Program::Npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).within("infra")]
        }
        Step::Synthesize => vec![synthesize(wanted, known)],
        Step::Diff(stacks) => diff(wanted, stacks),
        Step::Quiet => vec![deploying(wanted)],
        Step::Settle(service) => vec![status(wanted, service), cancel(wanted, service)],
        Step::Remember(service) => aliases(wanted, service),
        Step::Secrets if known.secrets.is_empty() => {
            vec![describe_secret(wanted, &secret_id(stage, "<each that the templates name>"))]
        }
        Step::Secrets => known.secrets.iter().map(|id| describe_secret(wanted, id)).collect(),
        Step::Deploy(stack) => vec![deploy(wanted, *stack)],
        Step::Publish => publish(wanted),
        Step::Migrate(service) => vec![migrate(wanted, service)],
        Step::Buy | Step::BuyAgain => buy(wanted, known),
        Step::Record(service) => {
            let asked = aliases(wanted, service).into_iter().chain([get_parameter(wanted, service, VERSIONS)]);
            asked.chain(record(wanted, known, service)).collect()
        }
        Step::Prune(service) => prune(wanted, known, service),
        Step::Back { service, trigger, version } => vec![back(wanted, &function(stage, service, trigger), version)],
        Step::RecordUndo(service) => {
            let commit = known.commit.as_deref().unwrap_or("<commit>");
            vec![put_parameter(wanted, service, UNDONE, commit)]
        }
    }
}

fn past(wanted: &Wanted) -> Vec<Line> {
    let services = wanted.services().into_iter();
    let lines = services.flat_map(|service| {
        let asked = [RELEASE, UNDONE].map(|name| get_parameter(wanted, service, name));
        asked.into_iter().chain(migrations_since(service, "<released commit>"))
    });
    lines.collect()
}

fn publish(wanted: &Wanted) -> Vec<Line> {
    let read = DOCUMENTS.map(|document| read_document(wanted, document));
    let write = DOCUMENTS.map(|document| write_document(wanted, document));
    let keys = [get_secret(wanted, "SIGNING_KEYS"), keep_secret(wanted, "SIGNING_KEYS")];
    [address(wanted)].into_iter().chain(read).chain(keys).chain(write).collect()
}

fn back(wanted: &Wanted, function: &str, version: &str) -> Line {
    let update = ["lambda", "update-alias", "--function-name", function, "--name", "live"];
    let to = ["--function-version", version, "--routing-config", "AdditionalVersionWeights={}"];
    aws(&wanted.region, update.into_iter().chain(to))
}

fn tools(wanted: &Wanted) -> Vec<Line> {
    let mut lines = vec![
        Line::new(Program::Node, ["--version"]),
        Line::new(Program::Npm, ["--version"]),
        Line::new(Program::Aws, ["--version"]),
    ];
    if wanted.artifacts.is_none() {
        lines.push(Line::new(Program::Cargo, ["lambda", "--version"]));
    }
    lines
}

/// The region is always said: what a person has set for other work does not count.
pub(crate) fn aws<'a>(region: &str, arguments: impl IntoIterator<Item = &'a str>) -> Line {
    Line::new(Program::Aws, arguments).with(["--region", region])
}

fn build(wanted: &Wanted) -> Line {
    let architecture = if wanted.x86_64 { "--x86-64" } else { "--arm64" };
    let line = Line::new(Program::Cargo, ["lambda", "build", "--release", "--skip-target-check", architecture]);
    let packages = wanted.services().into_iter().flat_map(|service| ["--package", service]);
    line.with(packages).with(["--lambda-dir".to_owned(), text(&wanted.lambda)])
}

/// All stacks, also where one is deployed: they refer to each other.
fn synthesize(wanted: &Wanted, known: &Known) -> Line {
    let architecture = if wanted.x86_64 { "x86_64" } else { "arm64" };
    let mut context = vec![
        format!("stage={}", wanted.stage.name()),
        format!("region={}", wanted.region),
        format!("architecture={architecture}"),
        format!("artifacts={}", text(&wanted.gathered())),
    ];
    let mut at_once = wanted.services();
    at_once.retain(|service| wanted.at_once || known.undone.contains(service));
    if !at_once.is_empty() {
        context.push(format!("at-once={}", at_once.join(",")));
    }
    let line = Line::new(Program::Npx, ["cdk", "synth", "--quiet"]).with(QUIET);
    let line = line.with(context.into_iter().flat_map(|pair| ["--context".to_owned(), pair]));
    let mut line = line.with(["--output".to_owned(), text(&wanted.assembly)]).within("infra");
    if let Some(account) = &wanted.account {
        line = line.knowing("CDK_DEFAULT_ACCOUNT", account.as_str());
    }
    line
}

fn diff(wanted: &Wanted, stacks: &[Stack]) -> Vec<Line> {
    let names = stacks.iter().map(|stack| stack.name(wanted.stage));
    let cdk = Line::new(Program::Npx, ["cdk", "diff"]).with(QUIET).with(["--app".to_owned(), text(&wanted.assembly)]);
    let mut lines = vec![cdk.with(["--exclusively"]).with(names).within("infra")];
    lines.extend(stacks.iter().map(|stack| template_of(wanted, *stack)));
    lines
}

/// The template that is deployed.
pub(crate) fn template_of(wanted: &Wanted, stack: Stack) -> Line {
    let name = stack.name(wanted.stage);
    let region = stack.region(&wanted.region);
    aws(
        region,
        ["cloudformation", "get-template", "--stack-name", &name, "--query", "TemplateBody", "--output", "json"],
    )
}

fn deploy(wanted: &Wanted, stack: Stack) -> Line {
    let line = Line::new(Program::Npx, ["cdk", "deploy", &stack.name(wanted.stage), "--exclusively"]);
    let line = line.with(["--app".to_owned(), text(&wanted.assembly)]).with(["--require-approval", "never"]);
    line.with(["--progress", "events"]).with(QUIET).within("infra")
}

/// The function's own file says what it answered; what the command prints says whether it failed: a function that
/// failed is answered with 200. It is not tried again by itself, since a migration would run twice.
fn migrate(wanted: &Wanted, service: &str) -> Line {
    let answer = text(&answer_file(wanted, service));
    let name = function(wanted.stage, service, "migrate");
    let payload = r#"{"direction":"up"}"#;
    let line =
        aws(&wanted.region, ["lambda", "invoke", "--function-name", &name, "--payload", payload, "--log-type", "Tail"]);
    let line =
        line.with(["--cli-binary-format", "raw-in-base64-out", "--cli-read-timeout", MIGRATION, "--output", "json"]);
    line.with([answer]).knowing("AWS_MAX_ATTEMPTS", "1")
}

pub(crate) fn answer_file(wanted: &Wanted, service: &str) -> std::path::PathBuf {
    wanted.assembly.with_file_name(format!("{}-{service}-migrate.json", wanted.stage.name()))
}

/// First the address, where it is not known, and whose browsers may call it.
fn buy(wanted: &Wanted, known: &Known) -> Vec<Line> {
    let api = wanted.api.as_ref().or(known.api.as_ref());
    let mut lines = if api.is_none() { vec![address(wanted)] } else { Vec::new() };
    lines.extend([template_of(wanted, Stack::Data), smoke(wanted, known)]);
    lines
}

pub(crate) fn smoke(wanted: &Wanted, known: &Known) -> Line {
    let api = wanted.api.as_ref().or(known.api.as_ref());
    let mut smoke = Line::new(Program::Xtask, ["smoke", "--api", api.map_or("<ApiUrl of the edge>", String::as_str)]);
    match &known.origin {
        Some(origin) => smoke = smoke.with(["--origin", origin.as_str()]),
        None if api.is_none() => smoke = smoke.with(["--origin", "<the first of AllowOrigins>"]),
        // Whose list of origins is empty has no browsers to let in.
        None => {}
    }
    if let Some(sku) = &wanted.sku {
        smoke = smoke.with(["--sku", sku.as_str()]);
    }
    if wanted.calls_off {
        smoke = smoke.knowing("STRIPE_SECRET_KEY", "");
    }
    smoke
}

pub(crate) fn address(wanted: &Wanted) -> Line {
    let query = "Stacks[0].Outputs[?OutputKey=='ApiUrl'].OutputValue | [0]";
    let edge = Stack::Edge.name(wanted.stage);
    let region = Stack::Edge.region(&wanted.region);
    aws(region, ["cloudformation", "describe-stacks", "--stack-name", &edge, "--query", query, "--output", "text"])
}

/// As `secretId` in `infra/lib/secrets.ts` names it.
pub(crate) fn secret_id(stage: Stage, name: &str) -> String {
    format!("bodega/{}/{name}", stage.name())
}

/// The labels of a secret's versions, and no value.
pub(crate) fn describe_secret(wanted: &Wanted, id: &str) -> Line {
    let query = ["--query", "VersionIdsToStages", "--output", "json"];
    aws(&wanted.region, ["secretsmanager", "describe-secret", "--secret-id", id].into_iter().chain(query))
}

/// Whether this shop has the secret.
pub(crate) fn find_secret(wanted: &Wanted, name: &str) -> Line {
    let id = secret_id(wanted.stage, name);
    aws(&wanted.region, ["secretsmanager", "describe-secret", "--secret-id", &id, "--query", "Name"])
        .with(["--output", "text"])
}

pub(crate) fn get_secret(wanted: &Wanted, name: &str) -> Line {
    let id = secret_id(wanted.stage, name);
    let get = ["secretsmanager", "get-secret-value", "--secret-id", &id, "--query", "SecretString"];
    aws(&wanted.region, get).with(["--output", "text"])
}

/// `value` is the address of a file, so that the value itself is on no line.
pub(crate) fn put_secret(wanted: &Wanted, id: &str, value: &str) -> Line {
    aws(&wanted.region, ["secretsmanager", "put-secret-value", "--secret-id", id, "--secret-string", value])
}

/// The content of the private file of this name.
pub(crate) fn keep_secret(wanted: &Wanted, name: &str) -> Line {
    let file = format!("file://{}", private(wanted).join(name).display());
    put_secret(wanted, &secret_id(wanted.stage, name), &file)
}

/// Where secrets are on their way, and only there: in files that this user alone reads.
pub(crate) fn private(wanted: &Wanted) -> PathBuf {
    wanted.assembly.with_file_name("first-day")
}

fn document(wanted: &Wanted, name: &str) -> String {
    let account = wanted.account.as_deref().unwrap_or("<account>");
    format!("s3://bodega-{}-images-{account}/issuer/.well-known/{name}", wanted.stage.name())
}

pub(crate) fn read_document(wanted: &Wanted, name: &str) -> Line {
    aws(&wanted.region, ["s3", "cp", &document(wanted, name), "-"])
}

pub(crate) fn write_document(wanted: &Wanted, name: &str) -> Line {
    let from = text(&private(wanted).join(name));
    let copy = ["s3", "cp", &from, &document(wanted, name), "--content-type", "application/json"];
    aws(&wanted.region, copy).with(["--cache-control", "public, max-age=300"])
}

fn aliases(wanted: &Wanted, service: &str) -> Vec<Line> {
    shifted(service).iter().map(|trigger| get_alias(wanted, &function(wanted.stage, service, trigger))).collect()
}

pub(crate) fn get_alias(wanted: &Wanted, function: &str) -> Line {
    let query = ["lambda", "get-alias", "--function-name", function, "--name", "live", "--query", "FunctionVersion"];
    aws(&wanted.region, query).with(["--output", "text"])
}

pub(crate) fn versions(wanted: &Wanted, function: &str) -> Line {
    let query = "Versions[].Version";
    aws(&wanted.region, ["lambda", "list-versions-by-function", "--function-name", function, "--query", query])
        .with(["--output", "json"])
}

fn prune(wanted: &Wanted, known: &Known, service: &str) -> Vec<Line> {
    let functions = shifted(service).iter().map(|trigger| function(wanted.stage, service, trigger));
    let mut lines = vec![get_parameter(wanted, service, VERSIONS)];
    for function in functions {
        lines.push(versions(wanted, &function));
        let old = known.old.iter().filter(|(known, _)| *known == function);
        lines.extend(old.map(|(_, version)| delete_version(wanted, &function, version)));
    }
    lines
}

pub(crate) fn delete_version(wanted: &Wanted, function: &str, version: &str) -> Line {
    aws(&wanted.region, ["lambda", "delete-function", "--function-name", function, "--qualifier", version])
}

/// Said again each minute while it is true: the alarm that holds the others back ends by itself when nothing says it.
pub(crate) fn deploying(wanted: &Wanted) -> Line {
    let stage = format!("stage={}", wanted.stage.name());
    let metric = ["cloudwatch", "put-metric-data", "--namespace", "Bodega", "--metric-name", "Deploying"];
    aws(&wanted.region, metric).with(["--dimensions", &stage, "--value", "1"])
}

pub(crate) fn status(wanted: &Wanted, service: &'static str) -> Line {
    let name = Stack::Service(service).name(wanted.stage);
    let describe = ["cloudformation", "describe-stacks", "--stack-name", &name, "--query", "Stacks[0].StackStatus"];
    aws(&wanted.region, describe).with(["--output", "text"])
}

pub(crate) fn cancel(wanted: &Wanted, service: &'static str) -> Line {
    let name = Stack::Service(service).name(wanted.stage);
    aws(&wanted.region, ["cloudformation", "cancel-update-stack", "--stack-name", &name])
}

fn parameter(stage: Stage, service: &str, name: &str) -> String {
    format!("/bodega/{}/{service}/{name}", stage.name())
}

pub(crate) fn get_parameter(wanted: &Wanted, service: &str, name: &str) -> Line {
    let name = parameter(wanted.stage, service, name);
    aws(&wanted.region, ["ssm", "get-parameter", "--name", &name, "--query", "Parameter.Value", "--output", "text"])
}

/// Deletes the parameters of a service that is gone.
pub(crate) fn forget(wanted: &Wanted, service: &str) -> Line {
    let names = [RELEASE, VERSIONS, UNDONE].map(|name| parameter(wanted.stage, service, name));
    aws(&wanted.region, ["ssm", "delete-parameters", "--names"].into_iter().chain(names.iter().map(String::as_str)))
}

/// Asks how many instances of functions the account may run at once in the region.
pub(crate) fn concurrency(wanted: &Wanted) -> Line {
    let query = ["--query", "AccountLimit.ConcurrentExecutions", "--output", "text"];
    aws(&wanted.region, ["lambda", "get-account-settings"].into_iter().chain(query))
}

pub(crate) fn more_concurrency(wanted: &Wanted, instances: &str) -> Line {
    let asked = ["service-quotas", "request-service-quota-increase", "--service-code", "lambda"];
    aws(&wanted.region, asked.into_iter().chain(["--quota-code", CONCURRENCY, "--desired-value", instances]))
}

/// The versions first: a release that is written down has those that it served by.
pub(crate) fn record(wanted: &Wanted, known: &Known, service: &str) -> Vec<Line> {
    let commit = known.commit.as_deref().unwrap_or("<commit>");
    let versions = known.versions.get(service).map_or("<of each function: before, now>", String::as_str);
    let mut lines =
        vec![put_parameter(wanted, service, VERSIONS, versions), put_parameter(wanted, service, RELEASE, commit)];
    if known.undone.contains(&service) {
        let name = parameter(wanted.stage, service, UNDONE);
        lines.push(aws(&wanted.region, ["ssm", "delete-parameter", "--name", &name]));
    }
    lines
}

/// Lists the migrations that are new since a commit, and those that it had.
pub(crate) fn migrations_since(service: &str, commit: &str) -> Vec<Line> {
    let folder = match service {
        "user-service" => "migrations/user",
        "transaction-service" => "migrations/transaction",
        // Theirs are code: indexes and validators that are added, by names of their own.
        _ => return Vec::new(),
    };
    let new = ["diff", "--name-only", "--diff-filter=A", commit, "HEAD", "--", folder];
    vec![Line::new(Program::Git, new), Line::new(Program::Git, ["ls-tree", "-r", "--name-only", commit, folder])]
}

fn put_parameter(wanted: &Wanted, service: &str, name: &str, value: &str) -> Line {
    let name = parameter(wanted.stage, service, name);
    aws(&wanted.region, ["ssm", "put-parameter", "--name", &name, "--type", "String", "--overwrite", "--value", value])
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
