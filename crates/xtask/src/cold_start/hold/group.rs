//! Control groups with a quota of processor time, of version 2 (`cpu.max`) or of version 1 (`cpu.cfs_quota_us`); see the
//! kernel's documentation, "Control Group v2" and "CFS Bandwidth Control". A process gets a group of its own, so that
//! its first period has the whole quota, whatever was measured before.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::PERIOD;

/// Our groups are called so, followed by this process's id and a number.
const PREFIX: &str = "bodega-cold-start-";
/// How long a killed process may take to leave its group.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where groups can be made.
#[derive(Debug)]
pub(in crate::cold_start) struct Groups {
    version: Version,
    parent: PathBuf,
    made: u32,
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match self.version {
            Version::One => "version 1 (cpu.cfs_quota_us)",
            Version::Two => "version 2 (cpu.max)",
        };
        write!(f, "a quota of a control group, {file}, in {} ms", PERIOD.as_millis())
    }
}

impl Groups {
    /// The first place where a group with a quota can be made; usually only root finds one.
    pub(super) fn find() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        candidates(&mounts, &own).into_iter().find_map(|(version, parent)| {
            clear_away(&parent);
            let mut groups = Self { version, parent, made: 0 };
            // Dropping it removes it.
            groups.make(PERIOD).is_ok().then_some(groups)
        })
    }

    /// A new group without a process.
    pub(super) fn make(&mut self, quota: Duration) -> Result<Group> {
        self.made += 1;
        let folder = self.parent.join(format!("{PREFIX}{}-{}", std::process::id(), self.made));
        fs::create_dir(&folder).with_context(|| format!("making the control group {}", folder.display()))?;
        let group = Group { version: self.version, folder };
        if self.version == Version::One {
            group.write("cpu.cfs_period_us", &PERIOD.as_micros().to_string())?;
        }
        group.limit(quota)?;
        Ok(group)
    }
}

/// A control group. It is removed when this is dropped and it holds no process.
#[derive(Debug)]
pub(in crate::cold_start) struct Group {
    version: Version,
    folder: PathBuf,
}

impl Group {
    /// Moves a process here.
    pub(super) fn enter(&self, process: u32) -> Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    /// Lets all that are here run for so long in each period, together.
    pub(super) fn limit(&self, quota: Duration) -> Result<()> {
        let quota = quota.as_micros();
        match self.version {
            Version::One => self.write("cpu.cfs_quota_us", &quota.to_string()),
            Version::Two => self.write("cpu.max", &format!("{quota} {}", PERIOD.as_micros())),
        }
    }

    /// Waits until those that were here have ended, and removes the group.
    pub(super) async fn remove(self) -> Result<()> {
        let asked = Instant::now();
        while let Err(error) = fs::remove_dir(&self.folder) {
            if asked.elapsed() > PATIENCE {
                bail!("the control group {} cannot be removed: {error}", self.folder.display());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Fails where the kernel has no such file for this group; it makes none.
    fn write(&self, file: &str, text: &str) -> Result<()> {
        let file = self.folder.join(file);
        let written = fs::OpenOptions::new().write(true).open(&file).and_then(|mut open| {
            use std::io::Write as _;
            open.write_all(text.as_bytes())
        });
        written.with_context(|| format!("writing {text} to {}", file.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Removes groups of runs that were killed. A group with a process in it stays: the kernel removes no such group.
fn clear_away(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Where a group of ours might be made: below our own group or, as a group with processes in it may have none below it
/// in version 2, below one further up.
fn candidates(mounts: &str, own: &str) -> Vec<(Version, PathBuf)> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, mount, kind, options, ..] = fields.as_slice() else { continue };
        let version = match *kind {
            "cgroup2" => Version::Two,
            "cgroup" if options.split(',').any(|option| option == "cpu") => Version::One,
            _ => continue,
        };
        let own = own.lines().find_map(|line| own_path(line, version)).unwrap_or_default();
        let below = own.split('/').filter(|part| !part.is_empty()).count();
        let deepest = Path::new(mount).join(own.trim_start_matches('/'));
        found.extend(deepest.ancestors().take(below + 1).map(|parent| (version, parent.to_path_buf())));
    }
    found
}

/// The group that a line of `/proc/self/cgroup` names, where it is of that version and, in version 1, of `cpu`.
fn own_path(line: &str, version: Version) -> Option<&str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let is_it = match version {
        Version::One => controllers.split(',').any(|controller| controller == "cpu"),
        Version::Two => controllers.is_empty(),
    };
    is_it.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "proc /proc proc rw 0 0\n\
        cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
        cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n\
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";

    #[test]
    fn groups_are_looked_for_from_our_own_upwards_in_both_versions() {
        let own = "3:cpuset:/elsewhere\n2:cpu,cpuacct:/\n0::/user.slice/session\n";
        let paths: Vec<(Version, String)> =
            candidates(MOUNTS, own).into_iter().map(|(version, path)| (version, path.display().to_string())).collect();
        let unified = "/sys/fs/cgroup/unified";
        assert_eq!(
            paths,
            [
                (Version::One, "/sys/fs/cgroup/cpu,cpuacct/".to_owned()),
                (Version::Two, format!("{unified}/user.slice/session")),
                (Version::Two, format!("{unified}/user.slice")),
                (Version::Two, unified.to_owned()),
            ]
        );
    }

    #[test]
    fn a_machine_without_control_groups_has_no_place_for_one() {
        assert!(candidates("proc /proc proc rw 0 0\n", "").is_empty());
        assert!(candidates("", "0::/\n").is_empty());
    }

    #[test]
    fn a_file_that_the_kernel_does_not_have_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let group = Group { version: Version::Two, folder: folder.path().join("group") };
        fs::create_dir(&group.folder).unwrap();
        assert!(group.limit(PERIOD).is_err());
        assert!(!group.folder.join("cpu.max").exists());
        fs::write(group.folder.join("cpu.max"), "").unwrap();
        group.limit(Duration::from_micros(2_800)).unwrap();
        assert_eq!(fs::read_to_string(group.folder.join("cpu.max")).unwrap(), "2800 20000");
    }
}
