//! The most memory that a service ever has, after many requests of several kinds: the case that is measured, and what
//! fails early. No sibling and no store is slow, so one process answers all of them.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lambda_double::{HttpAnswer, http_event};
use serde_json::Value;
use tokio::process::Command;

use super::case::{ACCOUNT, Case, Visit};
use super::program::{Kind, Program};
use super::shop::Shop;
use super::{memory, start};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so many requests the mixture begins anew.
const ROUND: usize = 20;
/// What a process may have at most, in MiB. Password hashing takes 19 MiB (OWASP's parameters of argon2id) and returns them.
const LIMIT: u64 = 48;
const LIMIT_OVER_IDLE: u64 = 24;

/// What was measured of one program, in kilobytes, as the kernel counts them.
#[derive(Debug)]
struct Memory {
    title: String,
    case: Case,
    idle: u64,
    most: u64,
}

/// Sends so many requests to each service, of this tree and of another commit, and prints the peaks.
pub(super) async fn print(shops: &[Shop], programs: &[Program], requests: usize) -> Result<()> {
    let mut peaks = Vec::new();
    for program in programs.iter().filter(|program| matches!(program.kind, Kind::Own | Kind::Other)) {
        let shop = &shops[program.shop];
        let peak = measure(shop, program, requests).await.with_context(|| program.full_name())?;
        peaks.push(peak);
    }
    println!("{}", table(&peaks, requests));
    Ok(())
}

async fn measure(shop: &Shop, program: &Program, requests: usize) -> Result<Memory> {
    let visit = shop.visit(ACCOUNT).await?;
    let function = start(&shop.settings, program.function(), Command::new(&program.path)).await?;
    function.first_poll().await?;
    let idle = memory(&function, "VmRSS:")?;
    for nth in 0..requests {
        let answer = HttpAnswer::from(function.invoke(request(program.case, &visit, nth), PATIENCE).await?);
        if answer.status >= 500 {
            bail!("request {nth} was answered {}: {}", answer.status, answer.text());
        }
    }
    let title = match program.kind {
        Kind::Own => program.case.service().to_owned(),
        _ => program.title.clone(),
    };
    Ok(Memory { title, case: program.case, idle, most: memory(&function, "VmHWM:")? })
}

/// The `nth` request of the mixture: half of them the case itself, but one in twenty where each hashes a password or writes
/// to DynamoDB's stand-in, which take so long; the others are unknown paths, input that is refused, and liveness.
fn request(case: Case, visit: &Visit, nth: usize) -> Value {
    let host = ("host", "127.0.0.1");
    match (nth % ROUND, case) {
        (0, _) | (1..10, Case::Product | Case::Quote) => case.event(visit),
        (10..13, _) => http_event("GET", "/products/no-such-product/nor/such-a-path", &[host], ""),
        (13..16, Case::Product) => http_event("GET", "/products?limit=none&sort=sideways", &[host], ""),
        (13..16, _) => {
            let mut event = case.event(visit);
            event["body"] = Value::from("{\"email\": 7, \"lines\": [{}], \"recipient\":");
            event
        }
        _ => http_event("GET", &format!("/health/{}/live", case.service()), &[host], ""),
    }
}

fn table(peaks: &[Memory], requests: usize) -> String {
    let mib = |kilobytes: u64| format!("{}.{}", kilobytes / 1024, kilobytes % 1024 * 10 / 1024);
    let mut text = format!("\nmemory after {requests} mixed requests, MiB\n\n");
    let _ = write!(text, "{:<22} {:>9} {:>9} {:>9}", "", "idle", "peak", "at most");
    for peak in peaks {
        let limit = match peak.case {
            Case::Login => peak.idle + LIMIT_OVER_IDLE * 1024,
            _ => LIMIT * 1024,
        };
        let verdict = if peak.most <= limit { "reached" } else { "missed" };
        let (idle, most) = (mib(peak.idle), mib(peak.most));
        let _ = write!(text, "\n{:<22} {idle:>9} {most:>9} {:>9}  {verdict}", peak.title, mib(limit));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixture_has_the_case_failures_and_liveness() {
        let visit = Visit { guest: "g".to_owned(), sender: "s".to_owned(), account: ACCOUNT };
        for case in Case::ALL {
            let paths: Vec<String> = (0..ROUND)
                .map(|nth| request(case, &visit, nth)["rawPath"].as_str().unwrap_or_default().to_owned())
                .collect();
            let own = case.event(&visit)["rawPath"].as_str().unwrap_or_default().to_owned();
            let live = format!("/health/{}/live", case.service());
            assert!(paths.contains(&own) && paths.contains(&live), "{paths:?}");
            assert!(paths.iter().filter(|path| **path == own).count() < ROUND - 5, "{paths:?}");
        }
    }

    #[test]
    fn a_login_may_take_its_hash_over_what_an_idle_process_has() {
        let peak = |case, idle: u64, most: u64| Memory {
            title: "service".to_owned(),
            case,
            idle: idle * 1024,
            most: most * 1024,
        };
        assert!(table(&[peak(Case::Login, 10, 34)], 1).ends_with("34.0  reached"));
        assert!(table(&[peak(Case::Login, 10, 35)], 1).ends_with("34.0  missed"));
        assert!(table(&[peak(Case::Quote, 10, 48)], 1).ends_with("48.0  reached"));
        assert!(table(&[peak(Case::Quote, 10, 49)], 1).ends_with("48.0  missed"));
    }
}
