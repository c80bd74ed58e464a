//! Another commit of this repository, built to be measured beside this tree: its files in `target/baseline/<commit>/`,
//! out of the clone alone.
//!
//! The files are written there by way of an index of their own and are no work tree of the clone: `cargo clean` removes
//! all of it, and git has nothing to forget.
//!
//! What cargo builds goes into the one target folder, so that the dependencies of both commits are built once. There cargo
//! takes packages of one version at the same place below two workspaces for the same package, and gives one workspace what
//! it built for the other (<https://github.com/rust-lang/cargo/issues/12516>). So the commit's packages get a version of
//! their own; and as programs of the same name replace each other, those of the commit are copied out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::services::{self, LOGIN_BENCH, LOGIN_BENCH_FOLDER, LOGIN_BENCH_PROGRAMS};

/// Whether AWS-LC is built without its jitter entropy. This tree's `.cargo/config.toml` sets it, and cargo reads that file for a
/// commit below this tree, too.
const NO_JITTER: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

/// Builds programs of `commit` and gives the folder that they are in. Programs that are there are used again: a commit does
/// not change. Those of this tree's bench of logins are built again, since they do.
pub(crate) async fn build(home: &Home, commit: &str, profile: Profile, packages: &[&str]) -> Result<PathBuf> {
    let id = resolve(home, commit).await?;
    let folder = home.target().join("baseline").join(&id);
    let source = folder.join("source");
    let programs = folder.join(profile.folder());
    if packages.iter().all(|package| *package != LOGIN_BENCH && programs.join(package).is_file()) {
        return Ok(programs);
    }
    check_out(home, &id, &source).await?;
    // The commit may not have it, and is measured with the one that this tree has.
    add_package(home.root(), &source, LOGIN_BENCH_FOLDER)?;
    mark_version(&source.join("Cargo.toml"), &id)?;
    println!("building {commit}: minutes, the first time");
    let mut command = services::cargo(home);
    command.current_dir(&source).env("CARGO_TARGET_DIR", home.target());
    if !sets_no_jitter(&source) {
        command.env(NO_JITTER, "0");
    }
    services::build_with(command, profile, packages).await.with_context(|| format!("building {commit}"))?;
    fs::create_dir_all(&programs)?;
    for entry in fs::read_dir(home.binary(profile, ""))?.flatten() {
        let name = entry.file_name();
        if is_program_of(&name.to_string_lossy(), packages) {
            // A program that runs cannot be written over, and may not be.
            let fresh = programs.join("new");
            fs::copy(entry.path(), &fresh)?;
            fs::rename(fresh, programs.join(name))?;
        }
    }
    Ok(programs)
}

fn is_program_of(name: &str, packages: &[&str]) -> bool {
    packages.contains(&name) || (packages.contains(&LOGIN_BENCH) && LOGIN_BENCH_PROGRAMS.contains(&name))
}

/// Whether the commit decides on AWS-LC's jitter entropy by itself; those before decision 66 do not.
fn sets_no_jitter(source: &Path) -> bool {
    fs::read_to_string(source.join(".cargo/config.toml")).is_ok_and(|config| config.contains(NO_JITTER))
}

/// The commit's full id.
async fn resolve(home: &Home, commit: &str) -> Result<String> {
    // With `^{commit}` it is looked for, not only read as an id.
    let wanted = format!("{commit}^{{commit}}");
    match git(home, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).await? {
        Some(id) => Ok(id),
        None if git(home, &["rev-parse", "--is-shallow-repository"]).await?.as_deref() == Some("true") => {
            bail!("this clone is shallow and does not reach back to {commit}: git fetch --unshallow")
        }
        None => bail!("this clone has no commit {commit}"),
    }
}

/// Writes the commit's files, unless they are there.
async fn check_out(home: &Home, id: &str, source: &Path) -> Result<()> {
    if source.exists() {
        return Ok(());
    }
    let fresh = source.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh)?;
    let index = fresh.with_extension("index");
    let prefix = format!("--prefix={}/", fresh.display());
    for arguments in [&["read-tree", id][..], &["checkout-index", "--all", &prefix]] {
        let mut command = git_command(home, arguments);
        command.env("GIT_INDEX_FILE", &index);
        let status = command.status().await.context("running git")?;
        if !status.success() {
            bail!("git {}: {status}", arguments[0]);
        }
    }
    fs::remove_file(&index)?;
    fs::rename(&fresh, source).with_context(|| format!("writing {}", source.display()))
}

/// Copies a package of this tree into another one and makes it a member there. Files that are the same already keep
/// their time, by which cargo knows what to build.
fn add_package(root: &Path, other: &Path, package: &str) -> Result<()> {
    copy_changed(&root.join(package), &other.join(package))?;
    let manifest = other.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).context("the commit has no Cargo.toml")?;
    if !text.contains(&format!("\"{package}\"")) {
        let with_package = text.replacen("members = [", &format!("members = [\n    \"{package}\","), 1);
        if with_package == text {
            bail!("the commit's Cargo.toml names no members");
        }
        fs::write(&manifest, with_package)?;
    }
    Ok(())
}

/// Gives the packages of a workspace, which share their version, one that no other workspace has.
fn mark_version(manifest: &Path, id: &str) -> Result<()> {
    let text = fs::read_to_string(manifest)?;
    let mark = format!("-at-{id}\"");
    if text.contains(&mark) {
        return Ok(());
    }
    let (before, after) =
        text.split_once("[workspace.package]\nversion = \"").context("the packages share no version")?;
    let (version, after) = after.split_once('"').context("the version does not end")?;
    Ok(fs::write(manifest, format!("{before}[workspace.package]\nversion = \"{version}{mark}{after}"))?)
}

fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_changed(&entry.path(), &copy)?;
            continue;
        }
        let text = fs::read(entry.path())?;
        if fs::read(&copy).ok().as_ref() != Some(&text) {
            fs::write(&copy, text)?;
        }
    }
    Ok(())
}

/// The output of git; none where it fails.
async fn git(home: &Home, arguments: &[&str]) -> Result<Option<String>> {
    let output = git_command(home, arguments).output().await.context("running git")?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(said))
}

fn git_command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(home.root()).stdin(std::process::Stdio::null()).kill_on_drop(true);
    command
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_package_is_added_once_and_written_only_where_it_changed() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let package = here.path().join("a/b");
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("Cargo.toml"), "[package]").unwrap();
        fs::write(package.join("src/main.rs"), "fn main() {}").unwrap();
        let manifest = there.path().join("Cargo.toml");
        fs::write(&manifest, "[workspace]\nmembers = [\n    \"x\",\n]\n").unwrap();

        add_package(here.path(), there.path(), "a/b").unwrap();
        assert_eq!(fs::read_to_string(&manifest).unwrap(), "[workspace]\nmembers = [\n    \"a/b\",\n    \"x\",\n]\n");
        let copy = there.path().join("a/b/src/main.rs");
        let long_ago = SystemTime::UNIX_EPOCH;
        for file in [&copy, &manifest] {
            fs::File::options().append(true).open(file).unwrap().set_modified(long_ago).unwrap();
        }
        add_package(here.path(), there.path(), "a/b").unwrap();
        for file in [&copy, &manifest] {
            assert_eq!(fs::metadata(file).unwrap().modified().unwrap(), long_ago, "{}", file.display());
        }

        fs::write(package.join("src/main.rs"), "fn main() { todo(); }").unwrap();
        add_package(here.path(), there.path(), "a/b").unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), "fn main() { todo(); }");
    }

    #[test]
    fn the_packages_of_a_commit_get_a_version_of_their_own_once() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        let with = |version: &str| {
            format!(
                "[workspace]\n\n[workspace.package]\nversion = \"{version}\"\n\n[workspace.dependencies]\nx = \"1\"\n"
            )
        };
        fs::write(&manifest, with("0.1.0")).unwrap();
        for _ in 0..2 {
            mark_version(&manifest, "0042").unwrap();
            assert_eq!(fs::read_to_string(&manifest).unwrap(), with("0.1.0-at-0042"));
        }
        fs::write(&manifest, "[workspace]\n").unwrap();
        assert!(mark_version(&manifest, "0042").is_err());
    }

    #[test]
    fn a_commit_from_before_the_setting_is_built_without_it() {
        let source = tempfile::tempdir().unwrap();
        assert!(!sets_no_jitter(source.path()));
        fs::create_dir(source.path().join(".cargo")).unwrap();
        fs::write(source.path().join(".cargo/config.toml"), "[alias]\n").unwrap();
        assert!(!sets_no_jitter(source.path()));
        fs::write(source.path().join(".cargo/config.toml"), format!("[env]\n{NO_JITTER} = \"1\"\n")).unwrap();
        assert!(sets_no_jitter(source.path()));
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        assert!(sets_no_jitter(Path::new(ours)));
    }

    #[tokio::test]
    async fn the_files_of_a_commit_are_written_and_the_clone_is_left_as_it_is() {
        let clone = tempfile::tempdir().unwrap();
        let home = Home::at(clone.path());
        let run = async |arguments: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"];
            git(&home, &[&identity[..], arguments].concat()).await.unwrap().unwrap()
        };
        run(&["init", "--quiet"]).await;
        fs::write(clone.path().join("file"), "first").unwrap();
        run(&["add", "file"]).await;
        run(&["commit", "--quiet", "-m", "first"]).await;
        let first = run(&["rev-parse", "HEAD"]).await;
        fs::write(clone.path().join("file"), "second").unwrap();
        run(&["commit", "--quiet", "-a", "-m", "second"]).await;
        fs::write(clone.path().join("file"), "not committed").unwrap();
        let before = run(&["status", "--porcelain"]).await;

        assert_eq!(resolve(&home, &first[..8]).await.unwrap(), first);
        let source = clone.path().join("target/baseline/source");
        check_out(&home, &first, &source).await.unwrap();
        assert_eq!(fs::read_to_string(source.join("file")).unwrap(), "first");
        assert_eq!(fs::read_to_string(clone.path().join("file")).unwrap(), "not committed");
        fs::remove_dir_all(clone.path().join("target")).unwrap();
        assert_eq!(run(&["status", "--porcelain"]).await, before);
        assert_eq!(run(&["worktree", "list", "--porcelain"]).await.matches("worktree ").count(), 1);

        let refusal = resolve(&home, "0123456").await.unwrap_err().to_string();
        assert_eq!(refusal, "this clone has no commit 0123456");
    }

    #[tokio::test]
    async fn a_shallow_clone_says_what_to_type() {
        let (whole, shallow) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let home = Home::at(whole.path());
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"];
        git(&home, &["init", "--quiet"]).await.unwrap().unwrap();
        for message in ["first", "second"] {
            let commit = [&identity[..], &["commit", "--quiet", "--allow-empty", "-m", message]].concat();
            git(&home, &commit).await.unwrap().unwrap();
        }
        let first = git(&home, &["rev-parse", "HEAD~"]).await.unwrap().unwrap();
        let from = format!("file://{}", whole.path().display());
        let to = shallow.path().join("clone");
        let clone = ["clone", "--quiet", "--depth", "1", &from, to.to_str().unwrap()];
        git(&home, &clone).await.unwrap().unwrap();

        let refusal = resolve(&Home::at(&to), &first).await.unwrap_err().to_string();
        assert!(refusal.ends_with("git fetch --unshallow"), "{refusal}");
    }
}
