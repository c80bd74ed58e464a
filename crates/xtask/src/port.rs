//! Ports of 127.0.0.1: finding a free one, and naming who holds one that is not.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::{Process, ids};

/// A free port of 127.0.0.1. Another process can take it before it is used.
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

/// The process that listens on `port`, at whatever address: each of them keeps 127.0.0.1 busy.
fn holder(port: u16) -> Option<Process> {
    let listeners: Vec<Listener> = listeners().into_iter().filter(|listener| listener.port == port).collect();
    let holds =
        |folder: &Path| sockets(folder).iter().any(|open| listeners.iter().any(|listener| listener.socket == *open));
    ids().into_iter().find(|(_, folder)| holds(folder)).and_then(|(pid, _)| Process::of(pid))
}

/// A socket that waits for connections.
#[derive(Debug)]
pub(crate) struct Listener {
    /// As the kernel writes it: 127.0.0.1 is [`LOOPBACK`].
    pub(crate) address: String,
    pub(crate) port: u16,
    /// `socket:[inode]`
    socket: String,
}

/// 127.0.0.1 as `/proc/net/tcp` has it on a little-endian machine.
pub(crate) const LOOPBACK: &str = "0100007F";

/// The ports that these processes listen on.
pub(crate) fn listeners_of(processes: &[Process]) -> Vec<Listener> {
    let folder = |process: &Process| PathBuf::from(format!("/proc/{}", process.pid));
    let theirs: Vec<String> = processes.iter().flat_map(|process| sockets(&folder(process))).collect();
    listeners().into_iter().filter(|listener| theirs.contains(&listener.socket)).collect()
}

/// Every socket of this machine that waits for connections.
fn listeners() -> Vec<Listener> {
    const LISTENING: &str = "0A";
    let mut listeners = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else { continue };
            let Some((address, port)) = local.rsplit_once(':') else { continue };
            if let (&LISTENING, Ok(port)) = (state, u16::from_str_radix(port, 16)) {
                listeners.push(Listener { address: address.to_owned(), port, socket: format!("socket:[{inode}]") });
            }
        }
    }
    listeners
}

/// The names of the sockets that the process with this folder in `/proc` holds, and of its other open files.
fn sockets(folder: &Path) -> Vec<String> {
    let open = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
    let targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter_map(|target| target.into_os_string().into_string().ok()).collect()
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
