//! The data of addresses in `crates/common`: made from published packages, committed, and changed here only.

use anyhow::Result;
use tokio::process::Command;

use crate::{home::Home, python};

/// Writes `crates/common/src/contact/formats.txt` and `names/*.txt` anew.
pub(crate) async fn generate(home: &Home) -> Result<()> {
    let mut script = Command::new(python::with_addresses(home).await?);
    script.arg(home.root().join("crates/xtask/python/addresses.py")).arg(home.root());
    python::quietly(script).await?;
    println!("written: crates/common/src/contact/formats.txt and names/");
    Ok(())
}
