//! The functions as they are uploaded, gathered from where `cargo lambda` leaves them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::plan;

/// Puts the programs together as CDK takes them. All stacks are written together, and only those of `services` are deployed:
/// the others get a stand-in, which is never uploaded.
pub(crate) fn gather(services: &[&str], from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    for service in plan::ORDER {
        let folder = to.join(service);
        fs::create_dir_all(&folder)?;
        let bootstrap = folder.join("bootstrap");
        if !services.contains(&service) {
            fs::write(&bootstrap, "not deployed\n")?;
            // CDK refuses what cannot be started, of every stack that it writes.
            fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
            continue;
        }
        let program = from.join(service).join("bootstrap");
        let there = fs::metadata(&program).with_context(|| format!("{} is not built", program.display()))?;
        // An asset's hash says nothing of the executable bit: a program without it is uploaded, and never starts.
        ensure!(there.permissions().mode() & 0o111 != 0, "{} is not executable", program.display());
        fs::hard_link(&program, &bootstrap).or_else(|_| fs::copy(&program, &bootstrap).map(drop))?;
    }
    Ok(())
}
