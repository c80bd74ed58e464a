//! What a `domain` file may not name: rules know no store, no wire and no failure of the service, directly or through what they
//! import. A rule's own refusals stand beside it; `error.rs` wraps them.

use std::collections::BTreeMap;
use std::path::Path;

use super::modules::Package;
use super::plan::Plan;

/// Crates that talk to a store or to AWS, and crates that speak HTTP. A name that ends in `_` is the beginning of several.
const DRIVERS: [&str; 7] = ["aws_config", "aws_credential_types", "aws_sdk_", "aws_sigv4", "bson", "mongodb", "sqlx"];
const HTTP: [&str; 10] =
    ["axum", "axum_", "http", "http_body_util", "hyper", "lambda_", "reqwest", "tower", "tower_", "utoipa_axum"];

/// What is of this kind in our own crates: extractors and connections, and clients of other services.
const OURS: [&[&str]; 9] = [
    &["common", "extract"],
    &["common", "http"],
    &["common", "outbound"],
    &["common", "routes"],
    &["platform", "client"],
    &["platform", "outbox"],
    &["platform", "postgres"],
    &["platform", "trigger"],
    &["stripe", "Stripe"],
];

/// Rooms of a service that stand above its rules.
const ABOVE: [&str; 10] = ["app", "error", "flow", "lib", "main", "migrate", "mongo", "schema", "siblings", "store"];

/// Each place where a domain file names, or reaches, what it may not.
pub(super) fn breaches(package: &Package, plan: &Plan) -> Vec<String> {
    let impure: BTreeMap<usize, &[String]> =
        plan.foreign.iter().filter(|(_, path)| is_outside(path)).map(|(file, path)| (*file, path.as_slice())).collect();
    let domain = package.modules.iter().filter(|module| module.path.iter().any(|name| name == "domain"));
    let mut files: Vec<usize> = domain.map(|module| module.file).collect();
    files.sort_unstable();
    files.dedup();
    files.into_iter().flat_map(|file| of_file(package, plan, &impure, file)).collect()
}

fn of_file(package: &Package, plan: &Plan, impure: &BTreeMap<usize, &[String]>, file: usize) -> Vec<String> {
    let shown = |file: usize| package.files[file].path.display().to_string();
    let own = plan.foreign.iter().filter(|(from, path)| *from == file && is_outside(path));
    let own = own.map(|(_, path)| {
        format!("{}: names {}, and a domain file knows neither store nor HTTP", shown(file), path.join("::"))
    });
    let others = ways(package, plan, file).into_iter().filter_map(|way| {
        let (last, end) = (way[way.len() - 2], way[way.len() - 1]);
        let way = way.iter().map(|file| shown(*file)).collect::<Vec<_>>().join(" -> ");
        if is_above(&package.files[end].path) {
            let names = plan.imports.get(&(last, end)).into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
            return Some(format!("{way}: {names}, and a domain file stands below {}", shown(end)));
        }
        let path = impure.get(&end)?;
        Some(format!("{way}: names {}, and a domain file reaches neither store nor HTTP", path.join("::")))
    });
    own.chain(others).collect()
}

/// The shortest way to each file that a file needs; it does not go on behind one that stands above rules.
fn ways(package: &Package, plan: &Plan, from: usize) -> Vec<Vec<usize>> {
    let mut ways = vec![vec![from]];
    let mut at = 0;
    while at < ways.len() {
        let way = ways[at].clone();
        at += 1;
        let here = way[way.len() - 1];
        if is_above(&package.files[here].path) {
            continue;
        }
        for (_, to) in plan.imports.keys().chain(&plan.inner).filter(|(from, _)| *from == here) {
            if !ways.iter().any(|known| known[known.len() - 1] == *to) {
                ways.push(way.iter().copied().chain([*to]).collect());
            }
        }
    }
    ways.split_off(1)
}

/// Whether a path of another crate leads to a store or to HTTP. One name alone is a variable.
fn is_outside(path: &[String]) -> bool {
    let is = |known: &str, name: &str| if known.ends_with('_') { name.starts_with(known) } else { name == known };
    let first = path.first().map(String::as_str).unwrap_or_default();
    let is_driver = path.len() > 1 && DRIVERS.iter().chain(&HTTP).any(|known| is(known, first));
    is_driver
        || OURS.iter().any(|ours| path.len() >= ours.len() && path.iter().zip(*ours).all(|(name, ours)| name == ours))
}

/// Whether a file is of a room above rules: `error.rs`, `products/store.rs`, `inventory/store/low_stock.rs`.
fn is_above(path: &Path) -> bool {
    let names = path.components().map(|part| part.as_os_str().to_string_lossy());
    let mut names = names.skip_while(|name| name != "src").skip(1);
    names.any(|name| ABOVE.contains(&name.trim_end_matches(".rs")))
}
