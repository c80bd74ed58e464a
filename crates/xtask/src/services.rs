//! The four services: their names, the paths they own, and how their binaries are built.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::{Home, Profile};

/// A service and the prefixes of the one public domain that are its own, whatever lies below them; docs/architecture.md
/// lists what there is.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) prefixes: &'static [&'static str],
}

pub(crate) const SERVICES: [Service; 4] = [
    Service {
        name: "notification-service",
        prefixes: &[
            "/notifications",
            "/unsubscribe",
            "/webhooks/ses",
            "/webhooks/sendgrid",
            "/webhooks/twilio",
            "/admin/notifications",
            "/admin/templates",
            "/admin/suppressions",
            "/health/notification-service",
        ],
    },
    Service {
        name: "product-service",
        prefixes: &[
            "/products",
            "/categories",
            "/inventory",
            "/uploads",
            "/admin/products",
            "/admin/categories",
            "/health/product-service",
        ],
    },
    Service {
        name: "transaction-service",
        prefixes: &[
            "/orders",
            "/quotes",
            "/promotions",
            "/shipping-options",
            "/returns",
            "/webhooks/stripe",
            "/admin/orders",
            "/health/transaction-service",
        ],
    },
    Service {
        name: "user-service",
        prefixes: &["/auth", "/oauth", "/.well-known", "/users", "/carts", "/health/user-service"],
    },
];

/// Those with a store to migrate, in this order: the first one knows the others' secrets.
pub(crate) const WITH_A_STORE: [&str; 4] =
    ["user-service", "product-service", "transaction-service", "notification-service"];
/// Services that have a sweep.
pub(crate) const WITH_A_SWEEP: [&str; 3] = ["user-service", "product-service", "transaction-service"];

/// `cargo`, the very one that runs us.
pub(crate) fn cargo(home: &Home) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(home.root()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A package for `bench login`, in the folder below, with these programs; every other program is named like its package.
pub(crate) const LOGIN_BENCH: &str = "login-bench";
pub(crate) const LOGIN_BENCH_FOLDER: &str = "crates/xtask/login-bench";
pub(crate) const LOGIN_BENCH_PROGRAMS: [&str; 2] = ["bare-argon2", "user-service-at-once"];

/// Builds the binaries of the four services and of `more` packages, with cargo's own output.
pub(crate) async fn build(home: &Home, profile: Profile, more: &[&str]) -> Result<()> {
    let packages: Vec<&str> = SERVICES.iter().map(|service| service.name).chain(more.iter().copied()).collect();
    build_with(cargo(home), profile, &packages).await
}

/// Builds the binaries of these packages, by a `cargo` of the caller's.
pub(crate) async fn build_with(mut command: Command, profile: Profile, packages: &[&str]) -> Result<()> {
    command.args(["build", "--bins", "--profile", profile.name()]);
    for package in packages {
        command.args(["--package", package]);
    }
    let status = command.status().await.context("running cargo")?;
    if !status.success() {
        bail!("cargo build: {status}");
    }
    Ok(())
}
