//! `cargo xtask deploy --first`: a stage from nothing to a purchase. `--rehearse-account`: the day an account exists. What no
//! machine without one can show is tried once, in order: a stage is set up, bought from, broken, found whole again, torn down.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use self::broken::break_lines;
use self::tear_down::tear_down;
use super::Stage;
use super::command::{self, aws, lines, private};
use super::line::{Line, Program};
use super::plan::{self, Stack, Step, Wanted, function};
use super::report;
use super::runner::Runner;
use crate::admin::{EMAIL, SERVICE_CLIENTS};
use crate::api::Api;
use crate::home::{Home, from_env};
use crate::secrets::{password, write_private};

mod broken;
mod tear_down;
mod webhook;

/// The service that is broken: where it is not well, nothing is sold.
const VICTIM: &str = "transaction-service";
/// Answers 500 to everything.
pub(crate) const BROKEN: &str = "broken-service";
/// The SKU of the product for tests where the stage has no canary.
const SKU: &str = "SMOKE-1";
/// Taken from the environment: secrets of accounts elsewhere.
const FROM_ENV: [&str; 2] = ["MONGODB_URI", "STRIPE_SECRET_KEY"];
/// Taken as well for a stage that stays: its first admin, who changes the password after.
const ADMIN: [&str; 2] = ["ADMIN_EMAIL", "ADMIN_PASSWORD"];

/// Whether the new stage stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// The stage stays.
    First,
    /// To try what only an account shows, and to leave nothing.
    Rehearsal,
}

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
    let checks = [Step::CleanTree, Step::Tools, Step::Account, Step::Fresh];
    let mut acts: Vec<Act> = checks.into_iter().map(planned).collect();
    // CDK prepares an account only with an app at hand, and by the command that the lock names.
    acts.extend([Step::Build, Step::Install, Step::Synthesize, Step::Room].map(planned));
    acts.push(Act::Bootstrap);
    // There are none, unless this is done again.
    acts.extend(plan::ORDER.map(|service| planned(Step::Remember(service))));
    // The edge has the address; tokens are issued under it, and gateways read the issuer's documents when services come.
    acts.extend([Stack::Data, Stack::Events, Stack::Edge].map(|stack| planned(Step::Deploy(stack))));
    acts.extend([planned(Step::Publish), Act::Secrets]);
    let users = "user-service";
    acts.extend([planned(Step::Deploy(Stack::Migrate(users))), planned(Step::Migrate(users)), Act::Identities]);
    acts.extend([Act::Webhook, planned(Step::Secrets)]);
    let rest =
        plan::stacks(wanted).into_iter().filter(|stack| !matches!(stack, Stack::Data | Stack::Events | Stack::Edge));
    for stack in rest {
        if stack == Stack::Watch {
            // What its canary buys is there before it buys for the first time.
            acts.push(Act::Stock);
        }
        acts.push(planned(Step::Deploy(stack)));
        if let Stack::Migrate(service) = stack {
            acts.push(planned(Step::Migrate(service)));
        }
    }
    acts.push(planned(Step::Buy));
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
    let secret = |name: &str| command::keep_secret(wanted, name);
    match act {
        Act::Planned(step) => lines(step, wanted, &command::Known::default()),
        Act::Bootstrap => vec![bootstrap(wanted)],
        Act::Secrets => FROM_ENV.into_iter().map(secret).collect(),
        Act::Identities => {
            let mut all = vec![invoke_admin(wanted)];
            for (name, ..) in SERVICE_CLIENTS {
                all.extend([command::find_secret(wanted, name), invoke_admin(wanted), secret(name)]);
            }
            all
        }
        Act::Webhook => vec![secret("STRIPE_WEBHOOK_SECRET")],
        Act::Everything | Act::Mend => vec![again(wanted, None)],
        Act::Break => break_lines(wanted),
        Act::FindWhole => {
            vec![command::get_alias(wanted, &function(wanted.stage, VICTIM, "http"))]
        }
        Act::Stock => Vec::new(),
        Act::TearDown => {
            let stacks = plan::stacks(wanted).into_iter().rev();
            let forget = plan::ORDER.map(|service| command::forget(wanted, service));
            stacks.flat_map(|stack| tear_down(wanted, stack)).chain(forget).collect()
        }
    }
}

/// Where the shop is, and where its edge is.
fn bootstrap(wanted: &Wanted) -> Line {
    let account = wanted.account.as_deref().unwrap_or("<account>");
    let mut line = Line::new(Program::Npx, ["cdk", "bootstrap", "--no-notices", "--app"]);
    line.arguments.push(wanted.assembly.display().to_string());
    line.arguments.extend([wanted.region.as_str(), "us-east-1"].map(|region| format!("aws://{account}/{region}")));
    Line { folder: "infra", ..line }
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

fn sku(wanted: &Wanted) -> &str {
    wanted.sku.as_deref().unwrap_or(SKU)
}

pub(super) async fn run(home: &Home, wanted: &Wanted, day: Day, dry_run: bool) -> Result<()> {
    ensure!(day == Day::First || wanted.stage == Stage::Dev, "this breaks a stage and tears it down: only dev");
    let wanted = Wanted { sku: Some(sku(wanted).to_owned()), ..wanted.clone() };
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
    for name in FROM_ENV {
        from_env(name).with_context(|| format!("{name} is not in the environment"))?;
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
    let [email, password] =
        ADMIN.map(|name| from_env(name).with_context(|| format!("{name} is not in the environment")));
    Ok((email?, password?))
}

/// What stays behind when the last of `begun` failed.
fn left(begun: &[Act]) -> &'static str {
    if begun.contains(&Act::Bootstrap) {
        "what exists by now stays for you to look at: `npx cdk destroy` in infra/ removes it"
    } else {
        "nothing was made"
    }
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
            self.act(act).await.with_context(|| format!("{act}; {}", left(&acts[..=number])))?;
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
                for name in FROM_ENV {
                    self.runner.keep(name, &from_env(name).unwrap_or_default()).await?;
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
}

#[cfg(test)]
mod tests;
