//! Where things are: the repository, what it built, and `.local/`, which holds all state of a developer's machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Names the folder of one stack's state: see [`Home`].
pub(crate) const LOCAL: &str = "XTASK_LOCAL";

/// The repository and the folders below it.
///
/// The environment variable `XTASK_LOCAL` names another folder than `.local` (relative to the repository, or absolute)
/// for what belongs to one stack: its run, its stores' data, logs, `env`, `test.env` and `secrets.json`. Two stacks with
/// different folders and ports do not meet. What all of them use, `venv` and `tools`, stays in `.local/`.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
    target: PathBuf,
    local: PathBuf,
}

impl Home {
    /// The repository this program was built from, and the target folder it runs from.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.join("../..").canonicalize().context("the repository has moved: build xtask again")?;
        let program = std::env::current_exe().context("finding the path of this program")?;
        // target/<profile>/xtask
        let target = program.ancestors().nth(2).unwrap_or(&root).to_path_buf();
        let local = root.join(from_env(LOCAL).as_deref().unwrap_or(".local"));
        Ok(Self { root, target, local })
    }

    /// A repository at `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf(), target: root.join("target"), local: root.join(".local") }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A path below `.local/`, or below what stands in for it.
    pub(crate) fn local(&self, path: &str) -> PathBuf {
        self.local.join(path)
    }

    /// A path below `.local/` itself, for what every stack uses.
    pub(crate) fn shared(&self, path: &str) -> PathBuf {
        self.root.join(".local").join(path)
    }

    /// As [`Self::local`], with a folder that exists from now on.
    pub(crate) fn local_folder(&self, path: &str) -> Result<PathBuf> {
        let folder = self.local(path);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// A program that pip installed.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.shared("venv/bin").join(name)
    }

    /// `PATH` with the installed tools before what the machine has: `cargo lambda` is `cargo-lambda` there, and finds its
    /// linker, zig, with the Python that stands beside it.
    pub(crate) fn path(&self) -> OsString {
        let mut path = self.tool("").into_os_string();
        if let Some(machine) = std::env::var_os("PATH") {
            path.push(":");
            path.push(machine);
        }
        path
    }

    /// A binary of this workspace, as `cargo build` leaves it.
    pub(crate) fn binary(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.folder()).join(name)
    }

    /// A log of the running stack.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.local("logs").join(format!("{name}.log"))
    }

    /// As people see it: relative to the repository where it is inside.
    pub(crate) fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// A variable of this process's own environment, which wins over what we would start.
pub(crate) fn from_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How a binary was built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    /// Optimised, and built sooner than `Release`: for measurements on this machine.
    Measure,
    Release,
}

impl Profile {
    /// The profile's name, as cargo takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Measure => "measure",
            Self::Release => "release",
        }
    }

    /// The profile's folder below the target folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Measure | Self::Release => self.name(),
        }
    }
}
