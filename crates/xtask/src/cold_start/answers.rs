//! What counts of a cold start: how long a function takes from exec to the last byte of its first real answer, held to a
//! part of a processor, beside what the same calls take without our code, and beside another commit.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda_double::HttpAnswer;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::case::{ACCOUNT, Case, Visit};
use super::gate;
use super::hold::{Hold, Holder};
use super::program::{Kind, Program};
use super::report;
use super::samples::Sample;
use super::shop::Shop;
use super::ways::Ways;
use super::{BARE, Builds, counts, mixed};
use crate::home::{Home, Profile};
use crate::progress::step;
use crate::settings::Settings;

/// How long a start or an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of the measurement of first answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Number of rounds.
    pub(super) times: Option<usize>,
    /// How many mixed requests each service gets before its peak of memory is read.
    pub(super) requests: usize,
    pub(super) instructions: bool,
}

/// Measures first answers on these stores, and prints the tables.
pub(super) async fn run(home: &Home, builds: &Builds, stores: &Settings, wanted: Wanted) -> Result<()> {
    let ways = Ways::open(stores, &home.local_folder("cold-start")?).await?;
    let mut shops = vec![step("opening a shop", Shop::open(home, &ways, &builds.own, true)).await?];
    if let Some((commit, folder)) = &builds.other {
        shops.push(open_other(home, &ways, commit, folder.clone()).await?);
    }
    let mut programs = programs(home, builds);
    if let Some(rounds) = wanted.times {
        let mut holder = Holder::find();
        println!("\nfirst answers, exec to the last byte, medians of {rounds} rounds in turns; held by {holder};");
        println!("stores over TLS, {} root certificates to parse where the system's are trusted", ways.tls.count);
        for round in 0..=rounds {
            // The first round only brings the programs into the page cache.
            take_turns(&mut holder, &shops, &mut programs, round > 0).await?;
        }
        for hold in 0..Hold::ALL.len() {
            println!("{}", report::table(&programs, hold));
        }
        let commit = builds.other.as_ref().map(|(commit, _)| commit.as_str());
        println!("{}", report::aims(&programs, &builds.sizes()?, commit));
        mixed::print(&shops, &programs, wanted.requests).await?;
    }
    if wanted.instructions {
        counts::print(home, &shops, &programs).await?;
    }
    Ok(())
}

/// The shop of another commit, without TLS where that commit cannot do it.
async fn open_other(home: &Home, ways: &Ways, commit: &str, folder: PathBuf) -> Result<Shop> {
    let title = format!("opening a shop of {commit}");
    let encrypted = step(&title, Shop::open(home, ways, &folder, true)).await;
    let Err(error) = encrypted else { return encrypted };
    println!("{commit} does not reach its stores over TLS, so it is measured without: {error:#}");
    let plain = step(&title, Shop::open(home, ways, &folder, false)).await?;
    println!("its first answers do without TLS, so the ratios to it are too low");
    Ok(plain)
}

/// Hello, and for each case the service, what it was at the other commit, and the bare function.
fn programs(home: &Home, builds: &Builds) -> Vec<Program> {
    let binary = |name: &str| home.binary(Profile::Release, name);
    let mut programs = vec![Program::new(Kind::Hello, Case::Product, "hello".to_owned(), binary(BARE), 0)];
    for case in Case::ALL {
        let (title, own) = (case.name().to_owned(), builds.own.join(case.service()));
        programs.push(Program::new(Kind::Own, case, title, own, 0));
        if let Some((commit, folder)) = &builds.other {
            let (title, other) = (format!("  at {commit}"), folder.join(case.service()));
            programs.push(Program::new(Kind::Other, case, title, other, 1));
        }
        programs.push(Program::new(Kind::Bare, case, "  bare".to_owned(), binary(case.bare()), 0));
    }
    programs
}

/// Starts every program under every hold, once.
async fn take_turns(holder: &mut Holder, shops: &[Shop], programs: &mut [Program], is_kept: bool) -> Result<()> {
    let mut visits: Vec<Visit> = Vec::new();
    for shop in shops {
        // Tokens are good for a quarter of an hour, which all rounds together may take.
        visits.push(shop.visit(ACCOUNT).await?);
    }
    for (nth, hold) in Hold::ALL.into_iter().enumerate() {
        for program in &mut *programs {
            let event = program.case.event(&visits[program.shop]);
            let outcome = measure(holder, hold, program, &shops[program.shop].settings, event).await;
            let outcome = outcome.with_context(|| program.full_name())?;
            if is_kept {
                program.series[nth].push(outcome);
            }
        }
    }
    Ok(())
}

/// One start with its first answer, or why there was none. Fails where nothing could be measured at all.
async fn measure(
    holder: &mut Holder,
    hold: Hold,
    program: &Program,
    settings: &Settings,
    event: Value,
) -> Result<Result<Sample, String>> {
    let waiting = gate::wait(&program.path, program.function(), settings).await?;
    let group = holder.hold(waiting.process_id(), hold.init)?;
    let (function, opened) = waiting.open()?;
    let polled = timeout(PATIENCE, function.first_poll()).await.context("it does not start")??;
    if hold.answer != hold.init {
        group.change(hold.answer)?;
    }
    let handed_out = Instant::now();
    let answered = function.invoke(event, PATIENCE).await;
    let sample = Sample { init: polled - opened, answer: handed_out.elapsed() };
    drop(function);
    group.end().await?;
    Ok(judge(sample, answered.map(HttpAnswer::from).map_err(|error| error.to_string())))
}

fn judge(sample: Sample, answered: Result<HttpAnswer, String>) -> Result<Sample, String> {
    let answer = answered?;
    if (200..300).contains(&answer.status) {
        return Ok(sample);
    }
    let text: String = answer.text().chars().take(200).collect();
    Err(format!("{} {text}", answer.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_a_failure_is_no_sample() {
        let sample = Sample { init: Duration::from_millis(1), answer: Duration::from_millis(2) };
        let answer = |status, body: &str| HttpAnswer { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        assert_eq!(judge(sample, Ok(answer(202, ""))), Ok(sample));
        assert_eq!(judge(sample, Ok(answer(503, "down"))), Err("503 down".to_owned()));
        assert_eq!(judge(sample, Err("gone".to_owned())), Err("gone".to_owned()));
        assert!(judge(sample, Ok(answer(500, &"x".repeat(1_000)))).unwrap_err().len() < 210);
    }
}
