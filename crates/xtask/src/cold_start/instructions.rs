//! Instructions of a start and of a request, counted by callgrind: hardly a per cent of noise, whatever else the machine does.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use lambda_double::Function;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::{Measured, ask, start};
use crate::home::Home;
use crate::settings::Settings;

const VALGRIND: &str = "valgrind";
/// Requests before counting begins, which do one-time work.
const WARM: usize = 100;
/// Requests that are counted after those.
const COUNTED: usize = 100;
const PATIENCE: Duration = Duration::from_mins(2);

/// Whether there is something to count with; says so where there is not.
pub(super) async fn can_be_counted() -> bool {
    let known = Command::new(VALGRIND).arg("--version").stdout(std::process::Stdio::null()).status().await;
    let is_there = known.is_ok_and(|status| status.success());
    if !is_there {
        println!("\ninstructions were not counted: there is no {VALGRIND} on the PATH");
    }
    is_there
}

/// Prints a table of all programs.
pub(super) async fn count(home: &Home, settings: &Settings, all: &[Measured]) -> Result<()> {
    println!("\ninstructions by callgrind; a request is GET /health/<service>/live\n");
    println!("{:<22} {:>12} {:>12} {:>12}", "", "start", "a request", "METRICS=off");
    for measured in all {
        let mut off = settings.clone();
        off.set("METRICS", "off");
        let started = of_requests(home, settings, measured, 0).await?;
        let request = a_request(home, settings, measured).await?;
        let without = a_request(home, &off, measured).await?;
        println!("{:<22} {started:>12} {request:>12} {without:>12}", measured.label);
    }
    Ok(())
}

async fn a_request(home: &Home, settings: &Settings, measured: &Measured) -> Result<u64> {
    let before = of_requests(home, settings, measured, WARM).await?;
    let after = of_requests(home, settings, measured, WARM + COUNTED).await?;
    Ok(after.saturating_sub(before) / COUNTED as u64)
}

async fn of_requests(home: &Home, settings: &Settings, measured: &Measured, requests: usize) -> Result<u64> {
    let (program, name) = (&measured.program, measured.name);
    let work = async |function: &Function| ask(function, name, requests).await;
    let counted = of_process(home, settings, program, name, work).await;
    counted.map(|(instructions, ())| instructions).with_context(|| measured.label.clone())
}

/// All instructions of a process that starts, does some work and is asked to end; and what the work says.
pub(super) async fn of_process<T>(
    home: &Home,
    settings: &Settings,
    program: &Path,
    name: &str,
    work: impl AsyncFnOnce(&Function) -> Result<T>,
) -> Result<(u64, T)> {
    let file = home.local_folder("cold-start")?.join("callgrind.out");
    let _ = fs::remove_file(&file);
    let mut command = Command::new(VALGRIND);
    command.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(program);
    let function = start(settings, name, command).await?;
    function.cold_start().await.with_context(|| format!("{name} did not start under {VALGRIND}"))?;
    let said = work(&function).await?;
    let process = i32::try_from(function.process_id()).ok().and_then(Pid::from_raw).context("it has ended")?;
    kill_process(process, Signal::TERM).context("sending it SIGTERM")?;
    // Callgrind writes its file while the process ends.
    let asked = Instant::now();
    loop {
        let written = fs::read_to_string(&file).unwrap_or_default();
        if let Some(total) = total(&written) {
            return Ok((total, said));
        }
        if asked.elapsed() > PATIENCE {
            bail!("{VALGRIND} wrote no totals of {name} within {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The last line of a file of callgrind's, when it is there whole.
fn total(said: &str) -> Option<u64> {
    let (_, after) = said.split_once("\ntotals: ")?;
    after.strip_suffix('\n')?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_is_read_once_its_line_is_written_whole() {
        assert_eq!(total("events: Ir\nsummary: 7\n\nfn=(1)\n0 7\n\ntotals: 1234567\n"), Some(1_234_567));
        assert_eq!(total("events: Ir\nsummary: 7\n\ntotals: 1234"), None);
        assert_eq!(total("events: Ir\n"), None);
    }
}
