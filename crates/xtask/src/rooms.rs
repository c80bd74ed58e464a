//! `cargo xtask rooms`: how the source is laid out, and the step of `cargo xtask test` that keeps it so.
//!
//! A *room* is a first-level module of a crate with all files below it, or the file at the root of a target. An *arrow* runs from
//! a file to a file whose names it uses, and from the one's room to the other's; paths are followed to the file that defines a
//! name. A file may use what the file around it defines (`inventory/store.rs` for `inventory/store/low_stock.rs`): the two are
//! one thing in two files, and that is no arrow.
//!
//! A *circle* is a set of files of which each needs all others. An *arrow that runs back up*: of all orders of the rooms one is
//! taken in which as few arrows as possible point from a lower room to a higher one; those that still do are counted. A
//! room's *floor* is one above the highest room that it needs, these arrows aside.
//!
//! Tests are not counted, and are free to import what they like; benchmarks, examples and doubles are source as any other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};

use self::modules::Package;
use self::plan::Plan;
use crate::home::Home;

mod graph;
mod mentions;
mod modules;
mod names;
mod plan;
mod purity;
mod words;
mod workspace;

#[cfg(test)]
mod tests;

/// A function with more lines than this is a question to answer.
const LONG: usize = 40;

/// Prints the table, and below it what there is to mend.
pub(crate) async fn run(home: &Home) -> Result<()> {
    let packages = workspace::packages(home).await?;
    println!("{}", table(&packages));
    Ok(())
}

/// Fails where a domain file names or reaches what it may not, and where files need each other in a circle.
pub(crate) async fn check(home: &Home) -> Result<()> {
    let packages = workspace::packages(home).await?;
    let breaches: Vec<String> = packages.iter().flat_map(|package| breaches(package, &Plan::of(package))).collect();
    for breach in &breaches {
        println!("{breach}");
    }
    ensure!(breaches.is_empty(), "{} breaches of the layout", breaches.len());
    let files: usize = packages.iter().map(|package| package.files.len()).sum();
    println!("{files} files of {} packages: no circle, and no domain file that knows a store or HTTP", packages.len());
    Ok(())
}

/// All that is wrong with a package.
fn breaches(package: &Package, plan: &Plan) -> Vec<String> {
    let circles = plan.circles().into_iter().map(|circle| described(package, plan, &circle));
    purity::breaches(package, plan).into_iter().chain(circles).collect()
}

/// A circle: its files, and for each arrow in it the names.
fn described(package: &Package, plan: &Plan, circle: &[usize]) -> String {
    let shown = |file: usize| package.files[file].path.display();
    let mut text = format!("{}: a circle of {} files", package.name, circle.len());
    for ((from, to), names) in &plan.imports {
        if circle.contains(from) && circle.contains(to) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let _ = write!(text, "\n  {} -> {}: {}", shown(*from), shown(*to), names.join(", "));
        }
    }
    text
}

fn table(packages: &[Package]) -> String {
    let heading = ["files", "median", "largest", "long", "circles", "rooms", "floors", "arrows", "back up"];
    let mut text = format!("{:<22}", "package");
    for name in heading {
        let _ = write!(text, " {name:>8}");
    }
    let mut notes = String::new();
    for package in packages {
        let plan = Plan::of(package);
        let _ = write!(text, "\n{:<22}", package.name);
        for figure in figures(package, &plan) {
            let _ = write!(text, " {figure:>8}");
        }
        notes.push_str(&noted(package, &plan));
    }
    format!(
        "{text}\n\nlong: functions over {LONG} lines; back up: arrows between rooms that point up in the best order\n{notes}"
    )
}

fn figures(package: &Package, plan: &Plan) -> [usize; 9] {
    let mut lines: Vec<usize> = package.files.iter().map(|file| file.lines).collect();
    lines.sort_unstable();
    let functions = package.files.iter().flat_map(|file| &file.functions);
    let long = functions.filter(|(_, lines)| *lines > LONG).count();
    let (rooms, arrows) = (plan.rooms.len(), plan.rooms_arrows());
    let order = graph::order(rooms, &arrows);
    let (floors, up) = (graph::floors(&order, &arrows), graph::up_arrows(&order, &arrows).len());
    let median = median(&lines);
    let largest = lines.last().copied().unwrap_or_default();
    [lines.len(), median, largest, long, plan.circles().len(), rooms, floors, arrows.len(), up]
}

/// The middle one; of two in the middle what lies between them.
fn median(sorted: &[usize]) -> usize {
    let middle = |at: usize| sorted.get(at).copied().unwrap_or_default();
    usize::midpoint(middle(sorted.len().saturating_sub(1) / 2), middle(sorted.len() / 2))
}

/// What the check refuses, arrows that run back up with what they are made of, and long functions.
fn noted(package: &Package, plan: &Plan) -> String {
    let shown = |file: usize| package.files[file].path.display();
    let mut text = String::new();
    for breach in breaches(package, plan) {
        let _ = write!(text, "\n{breach}");
    }
    let arrows = plan.rooms_arrows();
    let order = graph::order(plan.rooms.len(), &arrows);
    let mut made_of: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for ((from, to), names) in &plan.imports {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let arrow = format!("{} -> {}: {}", shown(*from), shown(*to), names.join(", "));
        made_of.entry((plan.room_of[*from], plan.room_of[*to])).or_default().push(arrow);
    }
    for arrow in graph::up_arrows(&order, &arrows) {
        let _ = write!(text, "\n{}: up from {} to {}", package.name, plan.rooms[arrow.0], plan.rooms[arrow.1]);
        for import in made_of.get(&arrow).into_iter().flatten() {
            let _ = write!(text, "\n  {import}");
        }
    }
    for file in &package.files {
        for (function, lines) in file.functions.iter().filter(|(_, lines)| *lines > LONG) {
            let _ = write!(text, "\n{}: {function} has {lines} lines", file.path.display());
        }
    }
    text
}
