//! `MongoDB`: a `mongod` on the PATH, else `SecantusDB`, which speaks the same protocol.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;

use super::{Keeping, Place, until_it_answers};
use crate::port;
use crate::python::quietly;

pub(super) async fn start(place: &Place<'_>) -> Result<String> {
    let port = port::free()?;
    let log = place.log("mongodb");
    let (name, command) = match on_the_path("mongod") {
        Some(program) => ("mongod", mongod(&program, place, port)?),
        None => ("secantusd", secantusd(place, port)?),
    };
    println!("MongoDB: {}", if name == "mongod" { "the mongod on the PATH" } else { "SecantusDB in its place" });
    let server = place.run.start(name, command, &log)?;
    let address = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
    let script = place.home.root().join("crates/xtask/python/mongodb_ready.py");
    until_it_answers(server, &log, || {
        let mut ready = Command::new(place.home.tool("python"));
        ready.arg(&script).arg(&address).arg(name);
        async move { quietly(ready).await }
    })
    .await?;
    Ok(address)
}

/// A replica set of one, as transactions and retryable writes need one.
fn mongod(program: &Path, place: &Place<'_>, port: u16) -> Result<Command> {
    let data = data_folder(place, "mongod")?;
    let mut command = Command::new(program);
    command.args(["--bind_ip", "127.0.0.1", "--replSet", "bodega", "--port", &port.to_string(), "--dbpath"]).arg(data);
    Ok(command)
}

fn secantusd(place: &Place<'_>, port: u16) -> Result<Command> {
    let data = data_folder(place, "secantusd")?;
    let mut command = Command::new(place.home.tool("secantusd-py"));
    // At most. With less it repeats one large write for ever, since that does not fit.
    let cache = if place.keeping == Keeping::Safe { "2G" } else { "256M" };
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--cache-size", cache, "--storage-path"])
        .arg(data);
    // Its log of operations is for change streams, which nothing here reads. Cutting it back, after an hour or 100,000 writes,
    // walks over all that was cut before, under the lock that every request needs: in the end it answers nothing.
    command.args(["--oplog-retention-seconds", "1000000000", "--oplog-max-entries", "1000000000"]);
    if place.keeping == Keeping::Safe {
        // Without it a write that was acknowledged may be gone after a kill -9.
        command.arg("--sync-on-commit");
    }
    Ok(command)
}

/// The two servers keep their data in different forms.
fn data_folder(place: &Place<'_>, server: &str) -> Result<PathBuf> {
    let folder = place.folder.join("mongodb").join(server);
    if place.keeping == Keeping::Scratch && folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
