//! Ports of 127.0.0.1: finding a free one, and naming who holds one that is not.

use std::fs;
use std::net::TcpListener;

use anyhow::{Context as _, Result, bail};

use crate::process::{Process, ids};

/// A port nobody listens on right now.
pub(crate) fn free() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// Succeeds when `port` can be listened on; else says which process holds it.
pub(crate) fn must_be_free(port: u16) -> Result<()> {
    let Err(error) = TcpListener::bind(("127.0.0.1", port)) else { return Ok(()) };
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return Err(error).with_context(|| format!("port {port}"));
    }
    match holder(port) {
        Some(process) => bail!(
            "port {port} is held by process {} ({}); stop it, or choose another port with --port",
            process.pid,
            process.command()
        ),
        None => bail!("port {port} is held by a process of another user; choose another one with --port"),
    }
}

/// The process that listens on `port`, where we may know.
fn holder(port: u16) -> Option<Process> {
    let sockets = listening_sockets(port);
    let holds = |folder: &std::path::Path| {
        let open = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
    };
    ids().into_iter().find(|(_, folder)| holds(folder)).and_then(|(pid, _)| Process::of(pid))
}

/// The names (`socket:[inode]`) of the sockets listening on `port`, of any address: each of them keeps 127.0.0.1 busy.
fn listening_sockets(port: u16) -> Vec<String> {
    const LISTENING: &str = "0A";
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else { continue };
            if *state == LISTENING && local.ends_with(&format!(":{port:04X}")) {
                sockets.push(format!("socket:[{inode}]"));
            }
        }
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let refusal = must_be_free(port).unwrap_err().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        assert!(refusal.contains("xtask"), "{refusal}");
        drop(listener);
        must_be_free(port).unwrap();
    }
}
