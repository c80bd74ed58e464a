//! `cargo xtask deploy`: a stage on AWS, from a clean checkout to a purchase on what was deployed; back where that fails.
//!
//! [`plan`] decides, as a list of steps and nothing else; [`command`] says what is typed for each; [`runner`] types it, reads
//! the answers, and goes back. AWS is asked by its own command line (`aws`) and by `cdk`: a person can repeat each line that
//! is printed, CDK needs the same credentials and settings, and nothing of it is compiled into this program.

pub(crate) mod artifacts;
mod command;
mod contracts;
mod first_day;
mod issuer;
mod line;
mod plan;
mod report;
mod runner;
mod secrets;
mod templates;

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

pub(crate) use self::first_day::BROKEN;
use self::first_day::Day;
use self::plan::Wanted;
pub(crate) use self::plan::shifted;
use self::runner::Runner;
use crate::home::{Home, from_env};
use crate::services;

/// A shop of its own on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Dev,
    Prod,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Prod => "prod",
        }
    }

    /// What the canary and the trials of new versions buy there, as in `infra/lib/shop.ts`.
    pub(crate) fn canary(self) -> Option<&'static str> {
        match self {
            Self::Dev => None,
            Self::Prod => Some("CANARY"),
        }
    }
}

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch that a person types")]
pub(crate) struct Options {
    /// Which shop
    #[arg(long)]
    pub(crate) stage: Stage,
    /// One service; without it all stacks, in their order
    #[arg(long, value_parser = services::WITH_A_STORE)]
    pub(crate) service: Option<String>,
    /// Change nothing and ask AWS for nothing: print each step, its commands, and what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The account that the stage is in, of twelve digits; else BODEGA_ACCOUNT
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Where the shop is
    #[arg(long, default_value = "eu-central-1")]
    pub(crate) region: String,
    /// Build for x86_64; without it for arm64, which takes a machine of that kind
    #[arg(long)]
    pub(crate) x86_64: bool,
    /// A folder with `<service>/bootstrap`, built before: nothing is built
    #[arg(long, value_name = "FOLDER")]
    pub(crate) artifacts: Option<PathBuf>,
    /// With --dry-run: a folder with the templates that are deployed now (`<stack>.template.json`), to compare with
    #[arg(long, value_name = "FOLDER", requires = "dry_run")]
    pub(crate) last: Option<PathBuf>,
    /// Where to buy; without it what the stack of the edge says
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<String>,
    /// What the smoke purchase buys; without it the first product that is in stock
    #[arg(long)]
    pub(crate) sku: Option<String>,
    /// Deploy although a resource that holds data would be deleted or replaced
    #[arg(long)]
    pub(crate) accept_loss: bool,
    /// Deploy a commit although a service was taken back at it; with --first, make a stage that is there already
    #[arg(long)]
    pub(crate) again: bool,
    /// Move aliases at once, without the trial, the shift and the alarms that watch it: for a fix while an alarm is on
    #[arg(long, conflicts_with_all = ["first", "rehearse_account"])]
    pub(crate) at_once: bool,
    /// A new stage: bootstrap, issuer, secrets, first admin, something on sale, and all stacks (docs/deploying.md says what it takes)
    #[arg(long, conflicts_with_all = ["service", "artifacts", "last", "api", "rehearse_account"])]
    pub(crate) first: bool,
    /// The day an account exists: set up, deploy dev, buy, break, see it go back, tear down
    #[arg(long, conflicts_with_all = ["service", "artifacts", "last", "api"])]
    pub(crate) rehearse_account: bool,
}

pub(crate) async fn run(home: &Home, options: Options) -> Result<()> {
    let wanted = wanted(home, &options)?;
    if options.first {
        return first_day::run(home, &wanted, Day::First, options.dry_run).await;
    }
    if options.rehearse_account {
        return first_day::run(home, &wanted, Day::Rehearsal, options.dry_run).await;
    }
    if options.dry_run {
        return report::dry_run(home, &wanted, options.last.as_deref()).await;
    }
    Runner::new(home, wanted).deploy().await
}

/// By their names in `dev`, sorted.
pub(crate) fn stacks_with_buckets() -> Vec<String> {
    let services = plan::ORDER.into_iter().flat_map(|name| [plan::Stack::Migrate(name), plan::Stack::Service(name)]);
    let shared = [plan::Stack::Data, plan::Stack::Edge, plan::Stack::Events, plan::Stack::Watch];
    let all = shared.into_iter().chain(services).filter(|stack| stack.has_buckets());
    all.map(|stack| stack.name(Stage::Dev)).collect()
}

fn wanted(home: &Home, options: &Options) -> Result<Wanted> {
    let account = options.account.clone().or_else(|| from_env("BODEGA_ACCOUNT"));
    let is_account = |account: &String| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    match &account {
        Some(account) if !is_account(account) => bail!("an account's number has twelve digits: {account}"),
        None if !options.dry_run => bail!("the stage's account is not known: use --account or BODEGA_ACCOUNT"),
        _ => {}
    }
    let artifacts = match &options.artifacts {
        Some(folder) => Some(fs::canonicalize(folder)?),
        None => None,
    };
    let only = options.service.as_ref().and_then(|name| plan::ORDER.into_iter().find(|known| known == name));
    Ok(Wanted {
        stage: options.stage,
        account,
        region: options.region.clone(),
        x86_64: options.x86_64,
        only,
        artifacts,
        lambda: home.target().join("lambda"),
        assembly: home.target().join("deploy").join(options.stage.name()),
        api: options.api.clone(),
        // Where a canary buys, the purchase after a deployment takes the same: no unit of what shoppers want.
        sku: options.sku.clone().or_else(|| options.stage.canary().map(str::to_owned)),
        // A shop that sells takes no money for a purchase that is only a test, whatever key the environment has.
        calls_off: options.stage == Stage::Prod,
        accept_loss: options.accept_loss,
        again: options.again,
        at_once: options.at_once,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::command::{Known, lines};
    use super::plan::Step;
    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        options: Options,
    }

    fn typed(words: &str) -> Result<Wanted> {
        let words = format!("deploy --account 123456789012 {words}");
        wanted(&Home::at(std::path::Path::new("/repository")), &Typed::try_parse_from(words.split(' '))?.options)
    }

    #[test]
    fn an_order_of_a_test_in_prod_is_cancelled_whatever_key_the_environment_has() {
        let bought = |words: &str| {
            let known = Known { api: Some("https://shop.example".to_owned()), ..Known::default() };
            lines(&Step::Buy, &typed(words).unwrap(), &known).pop().unwrap().to_string()
        };
        let prod = bought("--stage prod");
        assert!(prod.starts_with("STRIPE_SECRET_KEY='' cargo xtask smoke --api https://shop.example"), "{prod}");
        assert!(bought("--stage dev").starts_with("cargo xtask smoke"));
    }

    #[test]
    fn a_stage_that_is_new_has_no_alias_to_move_at_once() {
        assert!(typed("--stage dev --service user-service --at-once").unwrap().at_once);
        assert!(typed("--stage dev --first --at-once").is_err());
        assert!(typed("--stage dev --rehearse-account --at-once").is_err());
    }

    #[test]
    fn what_is_bought_after_a_deployment_is_what_the_stages_canary_buys() {
        let shop = include_str!("../../../infra/lib/shop.ts");
        let sku = Stage::Prod.canary().unwrap();
        assert!(shop.contains(&format!("const CANARY = {{ sku: \"{sku}\",")), "{sku}");
        assert!(shop.contains("canary: CANARY,"), "prod has no canary any more");
        assert_eq!(Stage::Dev.canary(), None);
    }
}
