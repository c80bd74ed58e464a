//! `cargo xtask deploy --first`: a stage from nothing to a purchase. `--rehearse-account`: the day an account exists. What no
//! machine without one can show is tried once, in order: a stage is set up, bought from, broken, found whole again, torn down.

use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::Stage;
use super::command::{self, Line, Program, aws, lines, private};
use super::plan::{self, Stack, Step, Wanted, function};
use super::report;
use super::runner::Runner;
use crate::admin::{EMAIL, SERVICE_CLIENTS};
use crate::api::Api;
use crate::home::{Home, given};
use crate::secrets::{password, write_private};

/// The service that is broken: where it is not well, nothing is sold.
const VICTIM: &str = "transaction-service";
/// Answers 500 to everything.
pub(crate) const BROKEN: &str = "broken-service";
/// What is bought where no canary buys.
const SKU: &str = "SMOKE-1";
/// Given by the environment: what only an owner of accounts elsewhere has.
const GIVEN: [&str; 2] = ["MONGODB_URI", "STRIPE_SECRET_KEY"];
/// Given as well for a stage that stays: its first admin, who changes the password after.
const ADMIN: [&str; 2] = ["ADMIN_EMAIL", "ADMIN_PASSWORD"];

/// What the day is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// A stage that stays.
    First,
    /// To try what only an account shows, and to leave nothing.
    Rehearsal,
}

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

fn acts(wanted: &Wanted, day: Day) -> Vec<Act> {
    let planned = |step: Step| Act::Planned(step);
    let mut acts = set_up(wanted);
    if day == Day::Rehearsal {
        acts.extend([Act::Everything, Act::Break, Act::FindWhole, planned(Step::Buy), Act::Mend]);
        acts.extend([planned(Step::Buy), Act::TearDown]);
    }
    acts
}

/// Each of it may be done again: a day that failed half way begins anew.
fn set_up(wanted: &Wanted) -> Vec<Act> {
    let planned = |step: Step| Act::Planned(step);
    let mut acts: Vec<Act> = [Step::CleanTree, Step::Tools, Step::Account].into_iter().map(planned).collect();
    acts.push(Act::Bootstrap);
    acts.extend([Step::Build, Step::Install, Step::Synthesize].map(planned));
    // The edge has the address; tokens are issued under it, and gateways read the issuer's documents when services come.
    acts.extend([Stack::Data, Stack::Events, Stack::Edge].map(|stack| planned(Step::Deploy(stack))));
    acts.extend([planned(Step::Publish), Act::Secrets]);
    let users = "user-service";
    acts.extend([planned(Step::Deploy(Stack::Migrate(users))), planned(Step::Migrate(users)), Act::Identities]);
    acts.extend([Act::Webhook, planned(Step::Secrets)]);
    let rest =
        plan::stacks(wanted).into_iter().filter(|stack| !matches!(stack, Stack::Data | Stack::Events | Stack::Edge));
    for stack in rest {
        acts.push(planned(Step::Deploy(stack)));
        if let Stack::Migrate(service) = stack {
            acts.push(planned(Step::Migrate(service)));
        }
    }
    acts.extend([Act::Stock, planned(Step::Buy)]);
    acts.extend(plan::ORDER.map(|service| planned(Step::Record(service))));
    acts
}

impl Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Planned(step) => return step.fmt(f),
            Self::Bootstrap => "prepare the account for CDK, where the shop is and where its edge is",
            Self::Secrets => "keep the secrets that the environment gives: MONGODB_URI, STRIPE_SECRET_KEY",
            Self::Identities => "make the first admin and the clients of services",
            Self::Webhook => {
                "make an endpoint at Stripe (POST /v1/webhook_endpoints) for the shop in place of those that it has, and keep the \
                 secret that it signs with"
            },
            Self::Stock => {
                "put on sale what purchases of tests take, as the admin: POST /admin/products, PUT /inventory/<sku>"
            },
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
    let region = wanted.region.as_str();
    let secret = |name: &str| command::keep_secret(wanted, name);
    match act {
        Act::Planned(step) => lines(step, wanted, &command::Known::default()),
        Act::Bootstrap => {
            let account = wanted.account.as_deref().unwrap_or("<account>");
            let places = [format!("aws://{account}/{region}"), format!("aws://{account}/us-east-1")];
            let mut line = Line::new(Program::Npx, ["--yes", "cdk", "bootstrap", "--no-notices"]);
            line.arguments.extend(places);
            vec![Line { folder: "infra", ..line }]
        }
        Act::Secrets => GIVEN.into_iter().map(secret).collect(),
        Act::Identities => {
            let mut all = vec![invoke_admin(wanted)];
            for (name, ..) in SERVICE_CLIENTS {
                all.extend([command::find_secret(wanted, name), invoke_admin(wanted), secret(name)]);
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
            vec![command::get_alias(wanted, &function(wanted.stage, VICTIM, "http"))]
        }
        Act::Stock => Vec::new(),
        Act::TearDown => {
            let stacks = plan::stacks(wanted).into_iter().rev();
            stacks.flat_map(|stack| tear_down(wanted, stack)).collect()
        }
    }
}

/// A bucket with something in it is not deleted, nor is a version of it forgotten by deleting the object.
fn tear_down(wanted: &Wanted, stack: Stack) -> Vec<Line> {
    let mut lines = Vec::new();
    if stack.has_buckets() {
        lines.push(buckets(wanted, stack));
        lines.extend([versions(wanted, stack, "<bucket>"), delete(wanted, stack, "<bucket>")]);
    }
    let name = stack.name(wanted.stage);
    let destroy = ["cdk", "destroy", "--force", "--exclusively", "--no-notices", "--app"];
    let mut line = Line::new(Program::Npx, destroy);
    line.arguments.extend([wanted.assembly.display().to_string(), name]);
    lines.push(Line { folder: "infra", ..line });
    lines
}

fn buckets(wanted: &Wanted, stack: Stack) -> Line {
    let name = stack.name(wanted.stage);
    let query = "StackResourceSummaries[?ResourceType=='AWS::S3::Bucket'].PhysicalResourceId";
    let list = ["cloudformation", "list-stack-resources", "--stack-name", &name, "--query", query, "--output", "json"];
    aws(stack.region(&wanted.region), list)
}

/// As many as one call deletes.
fn versions(wanted: &Wanted, stack: Stack, bucket: &str) -> Line {
    let query = "[Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}";
    let list = ["s3api", "list-object-versions", "--bucket", bucket, "--max-items", "1000", "--query", query];
    let mut line = aws(stack.region(&wanted.region), list);
    line.arguments.extend(["--output", "json"].map(str::to_owned));
    line
}

fn delete(wanted: &Wanted, stack: Stack, bucket: &str) -> Line {
    let file = format!("file://{}", deleted(wanted).display());
    aws(stack.region(&wanted.region), ["s3api", "delete-objects", "--bucket", bucket, "--delete", &file])
}

fn deleted(wanted: &Wanted) -> PathBuf {
    private(wanted).join("delete.json")
}

fn broken(wanted: &Wanted) -> PathBuf {
    wanted.assembly.with_file_name("broken")
}

fn invoke_admin(wanted: &Wanted) -> Line {
    let name = function(wanted.stage, "user-service", "admin");
    let [request, answer] =
        ["request.json", "answer.json"].map(|file| private(wanted).join(file).display().to_string());
    let line = ["lambda", "invoke", "--function-name", &name, "--payload", &format!("fileb://{request}"), &answer];
    let mut line = aws(&wanted.region, line);
    line.environment.push(("AWS_MAX_ATTEMPTS", "1".to_owned()));
    line
}

/// `cargo xtask deploy` itself, of what was built before.
fn again(wanted: &Wanted, artifacts: Option<&Path>) -> Line {
    let account = wanted.account.as_deref().unwrap_or("<account>");
    let mut line = Line::new(Program::Xtask, ["deploy", "--stage", wanted.stage.name(), "--account", account]);
    line.arguments.extend(["--region", &wanted.region, "--sku", sku(wanted), "--artifacts"].map(str::to_owned));
    line.arguments.push(artifacts.unwrap_or(&wanted.lambda).display().to_string());
    if artifacts.is_some() {
        line.arguments.extend(["--service", VICTIM].map(str::to_owned));
    }
    if wanted.x86_64 {
        line.arguments.push("--x86-64".to_owned());
    }
    line
}

/// What `CodeDeploy` was asked to shift of the service that is broken, the newest first.
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

fn sku(wanted: &Wanted) -> &str {
    wanted.sku.as_deref().unwrap_or(SKU)
}

pub(super) async fn run(home: &Home, wanted: &Wanted, day: Day, dry_run: bool) -> Result<()> {
    ensure!(day == Day::First || wanted.stage == Stage::Dev, "this breaks a stage and tears it down: only dev");
    // A shop that sells takes no money for a purchase that is only a test.
    let calls_off = wanted.stage == Stage::Prod;
    let wanted = Wanted { sku: Some(sku(wanted).to_owned()), calls_off, ..wanted.clone() };
    let acts = acts(&wanted, day);
    if dry_run {
        for (number, act) in acts.iter().enumerate() {
            println!("\n{:>3}. {act}", number + 1);
            for line in typed(act, &wanted) {
                println!("     $ {}", line.shown(home.root()));
            }
        }
        if day == Day::First {
            return Ok(());
        }
        println!("\nOne service's deployment in it, in full:");
        let one = Wanted { only: Some(VICTIM), artifacts: Some(wanted.lambda.clone()), ..wanted };
        report::print_steps(home, &plan::steps(&one), &one);
        return Ok(());
    }
    for name in GIVEN {
        given(name).with_context(|| format!("{name} is not in the environment"))?;
    }
    let (email, password) = admin(day)?;
    fs::create_dir_all(private(&wanted))?;
    let mut under_way = UnderWay {
        home,
        runner: Runner::new(home, wanted.clone()),
        wanted,
        email,
        password,
        served: None,
        endpoint: None,
    };
    let outcome = under_way.all(&acts).await;
    // Secrets were in it.
    fs::remove_dir_all(private(&under_way.wanted))?;
    outcome
}

/// Of a stage that is torn down the admin needs no name, and a password that is good for that day.
fn admin(day: Day) -> Result<(String, String)> {
    if day == Day::Rehearsal {
        return Ok((EMAIL.to_owned(), password()?));
    }
    let [email, password] = ADMIN.map(|name| given(name).with_context(|| format!("{name} is not in the environment")));
    Ok((email?, password?))
}

struct UnderWay<'a> {
    home: &'a Home,
    runner: Runner<'a>,
    wanted: Wanted,
    email: String,
    password: String,
    /// The version that served before it was broken.
    served: Option<String>,
    /// Of Stripe's webhooks, by its id.
    endpoint: Option<String>,
}

impl UnderWay<'_> {
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
                if let Some(endpoint) = self.endpoint.take() {
                    self.forget_webhook(&endpoint).await?;
                }
                self.tear_down().await
            }
            Act::Secrets => {
                for name in GIVEN {
                    self.runner.keep(name, &given(name).unwrap_or_default()).await?;
                }
                Ok(())
            }
            Act::Identities => self.identities(&lines).await,
            Act::Webhook => self.webhook().await,
            Act::Stock => self.stock().await,
            Act::Break => self.break_it(&lines).await,
            Act::FindWhole => {
                let serves = self.runner.lookup(&lines[0]).await?;
                ensure!(serves == self.served, "version {serves:?} serves, and {:?} did before", self.served);
                Ok(())
            }
        }
    }

    async fn identities(&mut self, lines: &[Line]) -> Result<()> {
        let admin = json!({
            "command": "create_admin", "email": self.email, "password": self.password, "reset_password": true
        });
        self.invoke(&admin, &lines[0]).await?;
        for ((name, service, scopes), lines) in SERVICE_CLIENTS.into_iter().zip(lines[1..].chunks(3)) {
            // A shop whose staff want no mail about stock has no secret for product-service.
            if self.runner.lookup(&lines[0]).await?.is_none() {
                println!("{name}: this shop has no use for it");
                continue;
            }
            let client = json!({ "command": "create_service_client", "name": service, "scopes": scopes });
            let answer = self.invoke(&client, &lines[1]).await?;
            let secret = answer["client_secret"].as_str().context("user-service answered without a client_secret")?;
            self.runner.keep(name, secret).await?;
        }
        Ok(())
    }

    /// A stack that stays does not keep the others: they cost as much.
    async fn tear_down(&self) -> Result<()> {
        let mut left = Vec::new();
        for stack in plan::stacks(&self.wanted).into_iter().rev() {
            let mut outcome = self.destroy(stack).await;
            if outcome.is_err() && stack.has_buckets() {
                // The last lines of a log come after what it is a log of has gone.
                outcome = self.destroy(stack).await;
            }
            if let Err(error) = outcome {
                println!("FAILED: {error:#}");
                left.push(stack.name(self.wanted.stage));
            }
        }
        ensure!(left.is_empty(), "not torn down, and they cost: {}", left.join(", "));
        Ok(())
    }

    async fn destroy(&self, stack: Stack) -> Result<()> {
        if stack.has_buckets() {
            let buckets = self.runner.lookup(&buckets(&self.wanted, stack)).await?.unwrap_or_default();
            for bucket in serde_json::from_str::<Vec<String>>(&buckets).unwrap_or_default() {
                self.empty(stack, &bucket).await?;
            }
        }
        let lines = tear_down(&self.wanted, stack);
        self.runner.run(lines.last().context("no line tears it down")?).await
    }

    async fn empty(&self, stack: Stack, bucket: &str) -> Result<()> {
        loop {
            let found = self.runner.lookup(&versions(&self.wanted, stack, bucket)).await?.unwrap_or_default();
            let found: Vec<Value> = serde_json::from_str(&found).unwrap_or_default();
            if found.is_empty() {
                return Ok(());
            }
            fs::write(deleted(&self.wanted), json!({ "Objects": found, "Quiet": true }).to_string())?;
            self.runner.ask(&delete(&self.wanted, stack, bucket)).await?;
        }
    }

    async fn invoke(&self, request: &Value, line: &Line) -> Result<Value> {
        let [asked, answered] = ["request.json", "answer.json"].map(|file| private(&self.wanted).join(file));
        write_private(&asked, &request.to_string())?;
        write_private(&answered, "")?;
        let printed: Value = serde_json::from_str(&self.runner.ask(line).await?)?;
        let answer = fs::read(&answered)?;
        if let Some(error) = printed["FunctionError"].as_str() {
            bail!("{error}: {}", String::from_utf8_lossy(&answer));
        }
        serde_json::from_slice(&answer).context("the function answered no JSON")
    }

    /// Which events: docs/operations.md, at Stripe.
    async fn webhook(&mut self) -> Result<()> {
        let url = format!("{}/webhooks/stripe", self.runner.address().await?);
        // Those of a day that ended half way sign with secrets that are lost.
        let known = self.stripe(Method::GET, "?limit=100", String::new()).await?;
        for endpoint in known["data"].as_array().into_iter().flatten().filter(|endpoint| endpoint["url"] == *url) {
            self.forget_webhook(endpoint["id"].as_str().unwrap_or_default()).await?;
        }
        let mut form = format!("url={url}");
        for event in EVENTS {
            form.push_str("&enabled_events[]=");
            form.push_str(event);
        }
        let made = self.stripe(Method::POST, "", form).await?;
        self.endpoint = made["id"].as_str().map(str::to_owned);
        let secret = made["secret"].as_str().context("Stripe made an endpoint without a secret")?;
        self.runner.keep("STRIPE_WEBHOOK_SECRET", secret).await
    }

    async fn forget_webhook(&self, endpoint: &str) -> Result<()> {
        self.stripe(Method::DELETE, &format!("/{endpoint}"), String::new()).await.map(drop)
    }

    async fn stripe(&self, method: Method, path: &str, form: String) -> Result<Value> {
        let key = given("STRIPE_SECRET_KEY").context("STRIPE_SECRET_KEY is not in the environment")?;
        let may_be_live = self.wanted.stage == Stage::Prod;
        ensure!(may_be_live || key.starts_with("sk_test_"), "STRIPE_SECRET_KEY is no key for tests");
        let base = given("STRIPE_API_BASE").unwrap_or_else(|| "https://api.stripe.com".to_owned());
        let request = reqwest::Client::new().request(method, format!("{base}/v1/webhook_endpoints{path}"));
        let request = request.basic_auth(key, None::<&str>).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.context("asking Stripe")?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "Stripe: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn stock(&mut self) -> Result<()> {
        let api = Api::log_in_as(&self.runner.address().await?, &self.email, &self.password).await?;
        let sku = sku(&self.wanted);
        let product = json!({
            "title": "A cup that is only ever bought by tests", "slug": "smoke", "description": "", "status": "active",
            "category_ids": [], "options": [],
            "variants": [{ "sku": sku, "options": {}, "prices": [{ "amount": 1000, "currency": "USD" }] }]
        });
        api.create("/admin/products", product).await?;
        api.call(Method::PUT, &format!("/inventory/{sku}"), Some(json!({ "on_hand": 1_000_000 }))).await.map(drop)
    }

    async fn break_it(&mut self, lines: &[Line]) -> Result<()> {
        let alias = command::get_alias(&self.wanted, &function(self.wanted.stage, VICTIM, "http"));
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

    /// A deployment may fail for many reasons: it has to be `CodeDeploy` that has seen the version and refused it.
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
        let acts = acts(&wanted(), Day::Rehearsal);
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
    fn a_stage_that_stays_is_set_up_and_bought_from_and_its_commit_written_down_and_nothing_else() {
        let prod = Wanted { stage: Stage::Prod, sku: Some("CANARY".to_owned()), ..wanted() };
        for wanted in [wanted(), prod] {
            let acts = acts(&wanted, Day::First);
            for never in [Act::Break, Act::TearDown, Act::Everything] {
                assert!(!acts.contains(&never), "{never}");
            }
            let day: Vec<usize> = [
                Act::Planned(Step::Publish),
                Act::Secrets,
                Act::Identities,
                Act::Planned(Step::Deploy(Stack::Service("user-service"))),
                Act::Stock,
                Act::Planned(Step::Buy),
            ]
            .iter()
            .map(|act| position(&acts, act))
            .collect();
            assert!(day.is_sorted(), "{day:?}");
            for service in plan::ORDER {
                assert!(
                    position(&acts, &Act::Planned(Step::Buy)) < position(&acts, &Act::Planned(Step::Record(service)))
                );
            }
        }
    }

    #[test]
    fn the_issuer_is_known_before_a_gateway_reads_its_documents_and_after_it_has_an_address() {
        let acts = acts(&wanted(), Day::First);
        let issuer = position(&acts, &Act::Planned(Step::Publish));
        assert!(position(&acts, &Act::Planned(Step::Deploy(Stack::Edge))) < issuer);
        for service in plan::ORDER {
            assert!(issuer < position(&acts, &Act::Planned(Step::Deploy(Stack::Service(service)))), "{service}");
        }
    }

    #[test]
    fn every_secret_is_kept_before_the_step_that_asks_for_them_and_before_a_service_reads_them() {
        let acts = acts(&wanted(), Day::Rehearsal);
        let asked = position(&acts, &Act::Planned(Step::Secrets));
        for kept in [Act::Planned(Step::Publish), Act::Secrets, Act::Identities, Act::Webhook] {
            assert!(position(&acts, &kept) < asked, "{kept}");
        }
        for service in plan::ORDER {
            assert!(asked < position(&acts, &Act::Planned(Step::Deploy(Stack::Service(service)))), "{service}");
        }
    }

    #[test]
    fn no_secret_is_on_a_line_that_is_printed() {
        for act in acts(&wanted(), Day::Rehearsal) {
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
    fn every_stack_is_torn_down_the_last_one_first_and_its_buckets_emptied_of_all_versions_before() {
        let lines: Vec<String> = typed(&Act::TearDown, &wanted()).iter().map(ToString::to_string).collect();
        let destroyed: Vec<&str> = lines.iter().filter_map(|line| line.split("cdk destroy").nth(1)).collect();
        let order: Vec<String> = plan::stacks(&wanted()).iter().rev().map(|stack| stack.name(Stage::Dev)).collect();
        assert_eq!(destroyed.len(), order.len(), "{lines:#?}");
        for (line, name) in destroyed.iter().zip(&order) {
            assert!(line.ends_with(name), "{line}: {name}");
        }
        for stack in [Stack::Edge, Stack::Data] {
            let end = format!(" {}", stack.name(Stage::Dev));
            let at = lines.iter().position(|line| line.contains("destroy") && line.ends_with(&end)).unwrap();
            assert!(lines[at - 3].contains(&format!("list-stack-resources --stack-name{end}")), "{}", lines[at - 3]);
            assert!(lines[at - 2].contains("list-object-versions"), "{}", lines[at - 2]);
            assert!(lines[at - 1].contains("delete-objects"), "{}", lines[at - 1]);
        }
    }
}
