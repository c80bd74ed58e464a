//! Instructions from exec to the first answer, counted by callgrind. A process runs some fifty times as long there, while the
//! limits that it sets itself stay as they are: where the first request comes to nothing for that reason, it is sent again,
//! and all instructions until one is answered are counted.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda_double::{Function, HttpAnswer};
use serde_json::Value;

use super::case::{CHEAP_ACCOUNT, Case};
use super::instructions;
use super::program::{Kind, Program};
use super::shop::Shop;
use crate::home::Home;

const TRIES: u32 = 6;
/// For a second after a call without an answer, a service does not repeat it.
const BETWEEN_TRIES: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_mins(5);

/// Prints a table of all programs.
pub(super) async fn print(home: &Home, shops: &[Shop], programs: &[Program]) -> Result<()> {
    println!(
        "\ninstructions from exec to the first answer by callgrind; a login's hash is the cheapest that argon2 makes;"
    );
    println!("tries: how often the request was sent, as limits of time count on while callgrind takes its time\n");
    println!("{:<22} {:>14} {:>8} {:>6}", "", "instructions", "of bare", "tries");
    let mut counted = Vec::new();
    for program in programs {
        let (instructions, tries) = count(home, &shops[program.shop], program).await?;
        counted.push((program.case, program.kind, instructions, tries));
    }
    for (program, (case, _, instructions, tries)) in programs.iter().zip(&counted) {
        let is_bare = |other: &&(Case, Kind, u64, Option<u32>)| other.0 == *case && other.1 == Kind::Bare;
        let bare = counted.iter().find(is_bare).filter(|bare| bare.3.is_some());
        let ratio = bare.filter(|_| tries.is_some() && program.kind != Kind::Hello);
        let ratio = ratio.map_or_else(|| "-".to_owned(), |bare| ratio_of(*instructions, bare.2));
        let tries = tries.map_or_else(|| "none answered".to_owned(), |tries| tries.to_string());
        println!("{:<22} {instructions:>14} {ratio:>8} {tries:>6}", program.title);
    }
    Ok(())
}

async fn count(home: &Home, shop: &Shop, program: &Program) -> Result<(u64, Option<u32>)> {
    let event = program.case.event(&shop.visit(CHEAP_ACCOUNT).await?);
    let work = async |function: &Function| tries(function, &event).await;
    let counted = instructions::of_process(home, &shop.settings, &program.path, program.function(), work).await;
    counted.with_context(|| program.full_name())
}

/// How often the request was sent until it was answered; none where it never was.
async fn tries(function: &Function, event: &Value) -> Result<Option<u32>> {
    for attempt in 1..=TRIES {
        let answer = function.invoke(event.clone(), PATIENCE).await;
        if answer.is_ok_and(|answer| (200..300).contains(&HttpAnswer::from(answer).status)) {
            return Ok(Some(attempt));
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    Ok(None)
}

/// In hundredths, rounded down.
fn ratio_of(own: u64, bare: u64) -> String {
    let hundredths = own.saturating_mul(100) / bare.max(1);
    format!("{}.{:02}x", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::ratio_of;

    #[test]
    fn ratios_have_two_places() {
        assert_eq!(ratio_of(150, 100), "1.50x");
        assert_eq!(ratio_of(1_007, 1_000), "1.00x");
        assert_eq!(ratio_of(7, 0), "7.00x");
    }
}
