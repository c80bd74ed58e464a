//! The report of a dry run.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::command::{self, Known};
use super::plan::{self, Before, Stack, Step, Wanted, shifted};
use super::templates::{self, Changes};
use super::{artifacts, secrets};
use crate::home::Home;
use crate::infra;
use crate::progress::step;

/// For a new stack, only the number of resources of each type.
const MOST_LISTED: usize = 12;

/// Prints every step. AWS is not asked, and nothing changes but files below `target/`.
pub(super) async fn dry_run(home: &Home, wanted: &Wanted, last: Option<&Path>) -> Result<()> {
    let account = wanted.account.as_deref().unwrap_or("not given: --account is needed to deploy");
    let what = wanted.only.unwrap_or("all stacks");
    println!("stage {}, account {account}, region {}: {what}", wanted.stage.name(), wanted.region);
    let steps = plan::steps(wanted);
    print_steps(home, &steps, wanted);
    println!("\nIf buying fails, what is done to undo it (7 stands for the version that served before):");
    let before = wanted.services().into_iter().flat_map(|service| {
        shifted(service).iter().map(move |&trigger| Before { service, trigger, version: Some("7".to_owned()) })
    });
    let bought = steps.iter().position(|step| *step == Step::Buy).map_or(steps.len(), |position| position + 1);
    print_steps(home, &plan::undo(&steps[..bought], &before.collect::<Vec<_>>()), wanted);
    changes(home, wanted, last).await
}

pub(super) fn print_steps(home: &Home, steps: &[Step], wanted: &Wanted) {
    for (number, step) in steps.iter().enumerate() {
        println!("\n{:>3}. {}", number + 1, step.description(wanted));
        for line in command::lines(step, wanted, &Known::default()) {
            println!("     $ {}", line.shown(home.root()));
        }
    }
}

async fn changes(home: &Home, wanted: &Wanted, last: Option<&Path>) -> Result<()> {
    if !infra::folder(home).exists() {
        println!("\nThere is no infra/ here: what would change is not shown.");
        return Ok(());
    }
    infra::install(home).await?;
    let built = |service: &&str| wanted.artifacts().join(service).join("bootstrap").exists();
    let mut services = wanted.services();
    if !services.iter().all(built) {
        println!("\n{} is not built: empty programs stand in, so only hashes differ", home.show(wanted.artifacts()));
        services.clear();
    }
    artifacts::gather(&services, wanted.artifacts(), &wanted.gathered())?;
    let artifacts = wanted.gathered();
    let assembly = wanted.assembly.with_file_name(format!("dry-run-{}", wanted.stage.name()));
    let architecture = if wanted.x86_64 { "x86_64" } else { "arm64" };
    let mut context = vec![format!("region={}", wanted.region), format!("architecture={architecture}")];
    context.extend(wanted.account.iter().map(|account| format!("account={account}")));
    let written = infra::synthesize(home, wanted.stage.name(), &artifacts, &assembly, &context);
    step("writing the templates", written).await?;
    println!(
        "\nWhat would change, {}:\n",
        last.map_or("where nothing is deployed".to_owned(), |last| { format!("where {} is deployed", last.display()) })
    );
    let (mut stacks, mut resources) = (0, 0);
    for stack in plan::stacks(wanted) {
        let (before, after) = pair(wanted, stack, &assembly, last)?;
        let name = stack.name(wanted.stage);
        print_changes(&name, &before, &after, &templates::compare(&before, &after));
        stacks += 1;
        resources += templates::resources(&after).len();
    }
    println!("\n{stacks} stacks, {resources} resources; the templates are in {}", home.show(&assembly));
    println!("\nSecrets that have to be set before a service is deployed:\n");
    for (id, services) in secrets::needed(wanted, &assembly)? {
        println!("{id}: {}", services.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

fn pair(wanted: &Wanted, stack: Stack, assembly: &Path, last: Option<&Path>) -> Result<(Value, Value)> {
    let name = stack.name(wanted.stage);
    // A stack that the last deployment did not have is new.
    let before = last.and_then(|folder| templates::read(folder, &name).ok()).unwrap_or_default();
    Ok((before, templates::read(assembly, &name)?))
}

pub(super) fn print_changes(name: &str, before: &Value, after: &Value, changes: &Changes) {
    if before.is_null() {
        let mut kinds: Vec<(&str, usize)> = templates::count(after).into_iter().collect();
        kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        let all: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {}", short(kind))).collect();
        println!("{name}: new, {} resources: {}", templates::resources(after).len(), all.join(", "));
        return;
    }
    if changes.is_empty() {
        println!("{name}: {} resources, nothing changes", templates::resources(after).len());
        return;
    }
    println!("{name}:");
    for (sign, all) in [("+", &changes.added), ("~", &changes.changed), ("-", &changes.removed)] {
        for (id, kind) in all.iter().take(MOST_LISTED) {
            println!("  {sign} {id} ({})", short(kind));
        }
        if all.len() > MOST_LISTED {
            println!("  {sign} and {} more", all.len() - MOST_LISTED);
        }
    }
    for (id, kind) in &changes.lost {
        println!("  ! {id} ({}) HOLDS DATA", short(kind));
    }
}

fn short(kind: &str) -> &str {
    kind.strip_prefix("AWS::").unwrap_or(kind)
}
