//! `cargo xtask deploy --rehearse-account`: the day an account exists. What no machine without one can show is tried once, in
//! order: a stage is set up from nothing, bought from, broken, found whole again, and torn down.

use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use lambda_double::{Function, HttpAnswer, http_event};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::Stage;
use super::command::{Line, Program, aws, lines};
use super::plan::{self, Stack, Step, Wanted, function};
use super::report;
use super::runner::Runner;
use crate::admin::{EMAIL, SERVICE_CLIENTS};
use crate::api::Api;
use crate::home::{Home, Profile};
use crate::secrets::{password, signing_key, write_private};
use crate::settings::given;
use crate::{cold_start, services};

/// The service that is broken: where it is not well, nothing is sold.
const VICTIM: &str = "transaction-service";
/// Answers 500 to everything.
pub(crate) const BROKEN: &str = "broken-service";
/// What is bought.
const SKU: &str = "SMOKE-1";
/// Given by the environment: what only an owner of accounts elsewhere has.
const GIVEN: [&str; 2] = ["MONGODB_URI", "STRIPE_SECRET_KEY"];

/// What Stripe tells the shop of.
const EVENTS: [&str; 16] = [
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "setup_intent.setup_failed",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    Planned(Step),
    Bootstrap,
    Issuer,
    Secrets,
    Identities,
    Everything,
    Webhook,
    Stock,
    Break,
    FindWhole,
    Mend,
    TearDown,
}

fn acts(wanted: &Wanted) -> Vec<Act> {
    let planned = |step: Step| Act::Planned(step);
    let mut acts: Vec<Act> = [Step::CleanTree, Step::Tools, Step::Account].into_iter().map(planned).collect();
    acts.push(Act::Bootstrap);
    acts.extend([Step::Build, Step::Install, Step::Synthesize].map(planned));
    // The edge has the address; tokens are issued under it, and gateways read the issuer's documents when services come.
    acts.extend([Stack::Data, Stack::Events, Stack::Edge].map(|stack| planned(Step::Deploy(stack))));
    acts.extend([Act::Issuer, Act::Secrets]);
    let users = "user-service";
    acts.extend([planned(Step::Deploy(Stack::Migrate(users))), planned(Step::Migrate(users)), Act::Identities]);
    let rest =
        plan::stacks(wanted).into_iter().filter(|stack| !matches!(stack, Stack::Data | Stack::Events | Stack::Edge));
    for stack in rest {
        acts.push(planned(Step::Deploy(stack)));
        if let Stack::Migrate(service) = stack {
            acts.push(planned(Step::Migrate(service)));
        }
    }
    acts.extend([Act::Webhook, Act::Stock, planned(Step::Buy), Act::Everything]);
    acts.extend([Act::Break, Act::FindWhole, planned(Step::Buy), Act::Mend, planned(Step::Buy), Act::TearDown]);
    acts
}

impl Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Planned(step) => return step.fmt(f),
            Self::Bootstrap => "prepare the account for CDK, where the shop is and where its edge is",
            Self::Issuer => "make the key that signs tokens, keep it as a secret, publish the issuer's documents",
            Self::Secrets => "keep the secrets that the environment gives: MONGODB_URI, STRIPE_SECRET_KEY (for tests)",
            Self::Identities => "make the first admin and the clients of services",
            Self::Webhook => "make an endpoint at Stripe (POST /v1/webhook_endpoints) for the shop, and keep the secret that it signs with",
            Self::Stock => "put something on sale, as the admin: POST /admin/products, PUT /inventory/SMOKE-1",
            Self::Everything => {
                "deploy all of it once more, as every later day does: nothing changes, something is bought"
            }
            Self::Break => {
                "deploy a transaction-service that answers 500: the deployment has to fail and go back by itself"
            }
            Self::FindWhole => "the version before serves",
            Self::Mend => "deploy the good one again, after the undoing",
            Self::TearDown => "tear everything down, the last stack first",
        })
    }
}

/// Only what a person may see is on a line: secrets are in files that only this user reads, and are removed.
fn typed(act: &Act, wanted: &Wanted) -> Vec<Line> {
    let stage = wanted.stage.name();
    let region = wanted.region.as_str();
    let secret = |name: &str| put_secret(wanted, name);
    match act {
        Act::Planned(step) => lines(step, wanted, &super::command::Known::default()),
        Act::Bootstrap => {
            let account = wanted.account.as_deref().unwrap_or("<account>");
            let places = [format!("aws://{account}/{region}"), format!("aws://{account}/us-east-1")];
            let mut line = Line::new(Program::Npx, ["--yes", "cdk", "bootstrap", "--no-notices"]);
            line.arguments.extend(places);
            vec![Line { folder: "infra", ..line }]
        }
        Act::Issuer => {
            let mut all = vec![super::command::address(wanted), secret("SIGNING_KEYS")];
            for document in DOCUMENTS {
                let bucket = format!("bodega-{stage}-images-{}", wanted.account.as_deref().unwrap_or("<account>"));
                let from = folder(wanted).join(document).display().to_string();
                let to = format!("s3://{bucket}/issuer/.well-known/{document}");
                let headers = ["--content-type", "application/json", "--cache-control", "public, max-age=300"];
                all.push(aws(region, ["s3", "cp", &from, &to].into_iter().chain(headers)));
            }
            all
        }
        Act::Secrets => GIVEN.into_iter().map(secret).collect(),
        Act::Identities => {
            let mut all = vec![invoke_admin(wanted)];
            for (name, ..) in SERVICE_CLIENTS {
                all.extend([invoke_admin(wanted), secret(name)]);
            }
            all
        }
        Act::Webhook => vec![secret("STRIPE_WEBHOOK_SECRET")],
        Act::Everything | Act::Mend => vec![again(wanted, None)],
        Act::Break => {
            let architecture = if wanted.x86_64 { "--x86-64" } else { "--arm64" };
            let build = ["lambda", "build", "--release", "--skip-target-check", architecture, "--package", BROKEN];
            vec![
                Line::new(Program::Cargo, build),
                shifts(wanted),
                again(wanted, Some(&broken(wanted))),
                shifts(wanted),
                shift(wanted, "<new deployment>"),
            ]
        }
        Act::FindWhole => {
            vec![super::command::get_alias(wanted, &function(wanted.stage, VICTIM, "http"))]
        }
        Act::Stock => Vec::new(),
        Act::TearDown => {
            let stacks: Vec<String> = plan::stacks(wanted).iter().rev().map(|stack| stack.name(wanted.stage)).collect();
            let mut line =
                Line::new(Program::Npx, ["cdk", "destroy", "--force", "--exclusively", "--no-notices", "--app"]);
            line.arguments.push(wanted.assembly.display().to_string());
            line.arguments.extend(stacks);
            vec![Line { folder: "infra", ..line }]
        }
    }
}

const DOCUMENTS: [&str; 2] = ["jwks.json", "openid-configuration"];

fn folder(wanted: &Wanted) -> PathBuf {
    wanted.assembly.with_file_name("first-day")
}

fn broken(wanted: &Wanted) -> PathBuf {
    wanted.assembly.with_file_name("broken")
}

fn put_secret(wanted: &Wanted, name: &str) -> Line {
    let id = format!("bodega/{}/{name}", wanted.stage.name());
    let file = format!("file://{}", folder(wanted).join(name).display());
    aws(&wanted.region, ["secretsmanager", "put-secret-value", "--secret-id", &id, "--secret-string", &file])
}

fn invoke_admin(wanted: &Wanted) -> Line {
    let name = function(wanted.stage, "user-service", "admin");
    let [request, answer] = ["request.json", "answer.json"].map(|file| folder(wanted).join(file).display().to_string());
    let line = ["lambda", "invoke", "--function-name", &name, "--payload", &format!("fileb://{request}"), &answer];
    let mut line = aws(&wanted.region, line);
    line.environment.push(("AWS_MAX_ATTEMPTS", "1".to_owned()));
    line
}

/// `cargo xtask deploy` itself, of what was built before.
fn again(wanted: &Wanted, artifacts: Option<&Path>) -> Line {
    let account = wanted.account.as_deref().unwrap_or("<account>");
    let mut line = Line::new(Program::Xtask, ["deploy", "--stage", wanted.stage.name(), "--account", account]);
    line.arguments.extend(["--region", &wanted.region, "--sku", SKU, "--artifacts"].map(str::to_owned));
    line.arguments.push(artifacts.unwrap_or(&wanted.lambda).display().to_string());
    if artifacts.is_some() {
        line.arguments.extend(["--service", VICTIM].map(str::to_owned));
    }
    if wanted.x86_64 {
        line.arguments.push("--x86-64".to_owned());
    }
    line
}

/// What CodeDeploy was asked to shift of the service that is broken, the newest first.
fn shifts(wanted: &Wanted) -> Line {
    let name = Stack::Service(VICTIM).name(wanted.stage);
    let list = ["deploy", "list-deployments", "--application-name", &name, "--deployment-group-name", &name];
    let mut line = aws(&wanted.region, list);
    line.arguments.extend(["--query", "deployments", "--output", "json"].map(str::to_owned));
    line
}

fn shift(wanted: &Wanted, id: &str) -> Line {
    let get = ["deploy", "get-deployment", "--deployment-id", id, "--query", "deploymentInfo.status"];
    let mut line = aws(&wanted.region, get);
    line.arguments.extend(["--output", "text"].map(str::to_owned));
    line
}

/// Those that were not there before.
fn newly<'a>(before: &[String], after: &'a [String]) -> Vec<&'a str> {
    after.iter().filter(|id| !before.contains(id)).map(String::as_str).collect()
}

pub(super) async fn run(home: &Home, wanted: &Wanted, dry_run: bool) -> Result<()> {
    ensure!(wanted.stage == Stage::Dev, "this breaks a stage and tears it down: only dev");
    let wanted = Wanted { sku: Some(SKU.to_owned()), ..wanted.clone() };
    let acts = acts(&wanted);
    if dry_run {
        for (number, act) in acts.iter().enumerate() {
            println!("\n{:>3}. {act}", number + 1);
            for line in typed(act, &wanted) {
                println!("     $ {}", line.shown(home.root()));
            }
        }
        println!("\nOne service's deployment in it, in full:");
        let one = Wanted { only: Some(VICTIM), artifacts: Some(wanted.lambda.clone()), ..wanted };
        report::print_steps(home, &plan::steps(&one), &one);
        return Ok(());
    }
    for name in GIVEN {
        given(name).with_context(|| format!("{name} is not in the environment"))?;
    }
    fs::create_dir_all(folder(&wanted))?;
    let mut day = Day {
        home,
        runner: Runner::new(home, wanted.clone()),
        wanted,
        admin: password()?,
        served: None,
        endpoint: None,
    };
    let outcome = day.all(&acts).await;
    // Secrets were in it.
    fs::remove_dir_all(folder(&day.wanted))?;
    outcome
}

struct Day<'a> {
    home: &'a Home,
    runner: Runner<'a>,
    wanted: Wanted,
    admin: String,
    /// The version that served before it was broken.
    served: Option<String>,
    /// Of Stripe's webhooks, by its id.
    endpoint: Option<String>,
}

impl Day<'_> {
    async fn all(&mut self, acts: &[Act]) -> Result<()> {
        for (number, act) in acts.iter().enumerate() {
            println!("\n=== {}/{} {act}", number + 1, acts.len());
            self.act(act).await.with_context(|| {
                format!("{act}; what exists by now stays for you to look at: `npx cdk destroy` in infra/ removes it")
            })?;
        }
        Ok(())
    }

    async fn act(&mut self, act: &Act) -> Result<()> {
        let lines = typed(act, &self.wanted);
        match act {
            Act::Planned(step) => self.runner.step(step).await,
            Act::Bootstrap | Act::Everything | Act::Mend => self.runner.run(&lines[0]).await,
            Act::TearDown => {
                self.forget_webhook().await?;
                self.runner.run(&lines[0]).await
            }
            Act::Issuer => self.issuer(&lines[1..]).await,
            Act::Secrets => {
                for (name, line) in GIVEN.iter().zip(&lines) {
                    self.keep(name, &given(name).unwrap_or_default(), line).await?;
                }
                Ok(())
            }
            Act::Identities => self.identities(&lines).await,
            Act::Webhook => self.webhook(&lines[0]).await,
            Act::Stock => self.stock().await,
            Act::Break => self.break_it(&lines).await,
            Act::FindWhole => {
                let serves = self.runner.lookup(&lines[0]).await?;
                ensure!(serves == self.served, "version {serves:?} serves, and {:?} did before", self.served);
                Ok(())
            }
        }
    }

    /// The documents are those that user-service itself answers, with that key and address.
    async fn issuer(&mut self, lines: &[Line]) -> Result<()> {
        let address = self.address().await?;
        let keys = signing_key()?;
        services::build(self.home, Profile::Dev, &[]).await?;
        let mut settings = cold_start::made_up()?;
        settings.set("SIGNING_KEYS", &*keys);
        settings.set("ISSUER", &*address);
        settings.set("API_BASE_URL", &*address);
        let mut command = Command::new(self.home.binary(Profile::Dev, "user-service"));
        command.envs(settings.iter()).env("TRIGGER", "http").stdout(std::process::Stdio::null());
        let function = Function::launch(command, "user-service").await.context("starting user-service")?;
        for document in DOCUMENTS {
            let event = http_event("GET", &format!("/.well-known/{document}"), &[("host", "127.0.0.1")], "");
            let answer = HttpAnswer::from(function.invoke(event, std::time::Duration::from_secs(30)).await?);
            ensure!(answer.status == 200, "{document}: {} {}", answer.status, answer.text());
            fs::write(folder(&self.wanted).join(document), &answer.body)?;
        }
        self.keep("SIGNING_KEYS", &keys, &lines[0]).await?;
        for line in &lines[1..] {
            self.runner.run(line).await?;
        }
        Ok(())
    }

    async fn identities(&mut self, lines: &[Line]) -> Result<()> {
        let admin =
            json!({ "command": "create_admin", "email": EMAIL, "password": self.admin, "reset_password": true });
        self.invoke(&admin, &lines[0]).await?;
        for ((name, service, scopes), lines) in SERVICE_CLIENTS.into_iter().zip(lines[1..].chunks(2)) {
            let client = json!({ "command": "create_service_client", "name": service, "scopes": scopes });
            let answer = self.invoke(&client, &lines[0]).await?;
            let secret = answer["client_secret"].as_str().context("user-service answered without a client_secret")?;
            self.keep(name, secret, &lines[1]).await?;
        }
        Ok(())
    }

    async fn invoke(&self, request: &Value, line: &Line) -> Result<Value> {
        let [asked, answered] = ["request.json", "answer.json"].map(|file| folder(&self.wanted).join(file));
        write_private(&asked, &request.to_string())?;
        write_private(&answered, "")?;
        let printed: Value = serde_json::from_str(&self.runner.ask(line).await?)?;
        let answer = fs::read(&answered)?;
        if let Some(error) = printed["FunctionError"].as_str() {
            bail!("{error}: {}", String::from_utf8_lossy(&answer));
        }
        serde_json::from_slice(&answer).context("the function answered no JSON")
    }

    async fn keep(&self, name: &str, secret: &str, line: &Line) -> Result<()> {
        let file = folder(&self.wanted).join(name);
        write_private(&file, secret)?;
        let outcome = self.runner.ask(line).await;
        fs::remove_file(file)?;
        outcome.map(drop)
    }

    /// Which events: docs/operations.md, at Stripe.
    async fn webhook(&mut self, line: &Line) -> Result<()> {
        let mut form = format!("url={}/webhooks/stripe", self.address().await?);
        for event in EVENTS {
            form.push_str("&enabled_events[]=");
            form.push_str(event);
        }
        let made = self.stripe(Method::POST, "", form).await?;
        self.endpoint = made["id"].as_str().map(str::to_owned);
        let secret = made["secret"].as_str().context("Stripe made an endpoint without a secret")?;
        self.keep("STRIPE_WEBHOOK_SECRET", secret, line).await
    }

    async fn forget_webhook(&mut self) -> Result<()> {
        let Some(endpoint) = self.endpoint.take() else { return Ok(()) };
        self.stripe(Method::DELETE, &format!("/{endpoint}"), String::new()).await.map(drop)
    }

    async fn stripe(&self, method: Method, path: &str, form: String) -> Result<Value> {
        let key = given("STRIPE_SECRET_KEY").filter(|key| key.starts_with("sk_test_"));
        let key = key.context("STRIPE_SECRET_KEY is no key for tests")?;
        let base = given("STRIPE_API_BASE").unwrap_or_else(|| "https://api.stripe.com".to_owned());
        let request = reqwest::Client::new().request(method, format!("{base}/v1/webhook_endpoints{path}"));
        let request = request.basic_auth(key, None::<&str>).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.context("asking Stripe")?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "Stripe: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn stock(&mut self) -> Result<()> {
        let api = Api::log_in(&self.address().await?, &self.admin).await?;
        let product = json!({
            "title": "A cup that is only ever bought by tests", "slug": "smoke", "description": "", "status": "active",
            "category_ids": [], "options": [],
            "variants": [{ "sku": SKU, "options": {}, "prices": [{ "amount": 1000, "currency": "USD" }] }]
        });
        api.create("/admin/products", product).await?;
        api.call(Method::PUT, &format!("/inventory/{SKU}"), Some(json!({ "on_hand": 1_000_000 }))).await.map(drop)
    }

    async fn break_it(&mut self, lines: &[Line]) -> Result<()> {
        let alias = super::command::get_alias(&self.wanted, &function(self.wanted.stage, VICTIM, "http"));
        self.served = self.runner.lookup(&alias).await?;
        self.runner.run(&lines[0]).await?;
        let folder = broken(&self.wanted).join(VICTIM);
        fs::create_dir_all(&folder)?;
        let from = self.home.target().join("lambda").join(BROKEN).join("bootstrap");
        fs::copy(&from, folder.join("bootstrap")).with_context(|| from.display().to_string())?;
        let [_, list, deploy, ..] = lines else { bail!("the lines of breaking are others") };
        let before = self.shifts(list).await?;
        let Err(error) = self.runner.run(deploy).await else {
            bail!("a service that answers 500 was deployed, and nothing noticed")
        };
        println!("it failed: {error:#}");
        self.codedeploy_refused(&before, list).await
    }

    async fn shifts(&self, line: &Line) -> Result<Vec<String>> {
        serde_json::from_str(&self.runner.ask(line).await?).context("CodeDeploy listed no deployments")
    }

    /// A deployment may fail for many reasons: it has to be CodeDeploy that has seen the version and refused it.
    async fn codedeploy_refused(&self, before: &[String], list: &Line) -> Result<()> {
        let after = self.shifts(list).await?;
        let made = newly(before, &after);
        ensure!(!made.is_empty(), "it failed before CodeDeploy was asked to shift anything: that proves nothing");
        let mut statuses = Vec::new();
        for id in made {
            statuses.push(self.runner.ask(&shift(&self.wanted, id)).await?);
        }
        println!("CodeDeploy: {}", statuses.join(", "));
        let refused = statuses.iter().any(|status| ["Failed", "Stopped"].contains(&status.as_str()));
        ensure!(refused, "CodeDeploy refused nothing: {}", statuses.join(", "));
        Ok(())
    }

    async fn address(&self) -> Result<String> {
        let address = self.runner.ask(&super::command::address(&self.wanted)).await?;
        ensure!(address.starts_with("http"), "the stack of the edge has no output ApiUrl: {address}");
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::wanted;
    use super::*;

    fn position(acts: &[Act], act: &Act) -> usize {
        acts.iter().position(|known| known == act).unwrap_or_else(|| panic!("{act} is missing"))
    }

    #[test]
    fn a_stage_is_bought_from_broken_found_whole_mended_and_torn_down_in_that_order() {
        let acts = acts(&wanted());
        let day: Vec<usize> = [Act::Stock, Act::Everything, Act::Break, Act::FindWhole, Act::Mend, Act::TearDown]
            .iter()
            .map(|act| position(&acts, act))
            .collect();
        assert!(day.is_sorted(), "{day:?}");
        let purchases = acts.iter().filter(|act| **act == Act::Planned(Step::Buy)).count();
        assert_eq!(purchases, 3);
        assert_eq!(acts.last(), Some(&Act::TearDown));
    }

    #[test]
    fn the_issuer_is_known_before_a_gateway_reads_its_documents_and_after_it_has_an_address() {
        let acts = acts(&wanted());
        let issuer = position(&acts, &Act::Issuer);
        assert!(position(&acts, &Act::Planned(Step::Deploy(Stack::Edge))) < issuer);
        for service in plan::ORDER {
            assert!(issuer < position(&acts, &Act::Planned(Step::Deploy(Stack::Service(service)))), "{service}");
        }
    }

    #[test]
    fn no_secret_is_on_a_line_that_is_printed() {
        for act in acts(&wanted()) {
            for line in typed(&act, &wanted()) {
                let line = line.to_string();
                assert!(!line.contains("--secret-string") || line.contains("--secret-string file://"), "{line}");
                assert!(!line.contains("password"), "{line}");
            }
        }
    }

    #[test]
    fn a_failure_without_a_deployment_of_codedeploys_is_not_the_one_that_was_looked_for() {
        let of = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
        assert!(newly(&of(&["d-1"]), &of(&["d-1"])).is_empty());
        assert_eq!(newly(&of(&["d-1"]), &of(&["d-2", "d-1"])), ["d-2"]);
        let lines: Vec<String> = typed(&Act::Break, &wanted()).iter().map(ToString::to_string).collect();
        let at = |what: &str| lines.iter().position(|line| line.contains(what)).unwrap();
        let asked: Vec<usize> = (0..lines.len()).filter(|&line| lines[line].contains("list-deployments")).collect();
        let deployed = at("--service transaction-service");
        assert!(asked.len() == 2 && asked[0] < deployed && deployed < asked[1], "{lines:#?}");
        assert!(asked[1] < at("deploy get-deployment"), "{lines:#?}");
    }

    #[test]
    fn every_stack_is_torn_down_the_last_one_first() {
        let line = typed(&Act::TearDown, &wanted()).remove(0).to_string();
        let order = ["bodega-dev-watch", "bodega-dev-transaction-service ", "bodega-dev-edge", "bodega-dev-data"];
        let found: Vec<Option<usize>> = order.iter().map(|name| line.find(name)).collect();
        assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{line}");
    }
}
