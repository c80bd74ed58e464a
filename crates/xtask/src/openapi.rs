//! The committed descriptions of the API, and what is derived from them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::home::{Home, Profile};
use crate::router;
use crate::services::{self, SERVICES, Service};

/// Writes all generated files.
pub(crate) async fn generate(home: &Home) -> Result<()> {
    fs::create_dir_all(home.root().join("openapi")).context("making openapi/")?;
    for (file, text) in derive(home).await? {
        if fs::read_to_string(&file).is_ok_and(|present| present == text) {
            println!("{}: as it was", home.show(&file));
            continue;
        }
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        println!("{}: written", home.show(&file));
    }
    Ok(())
}

/// Fails when a committed file is not what the code says.
pub(crate) async fn check(home: &Home) -> Result<()> {
    let derived = derive(home).await?;
    let differs = |(file, text): &(PathBuf, String)| fs::read_to_string(file).map_or(true, |present| present != *text);
    let stale: Vec<String> = derived.iter().filter(|pair| differs(pair)).map(|(file, _)| home.show(file)).collect();
    if !stale.is_empty() {
        bail!("not what the code says: {}; run `cargo xtask openapi`", stale.join(", "));
    }
    println!("openapi/ and the watch router are what the code says");
    Ok(())
}

/// Every file that is derived from the services, with its text.
async fn derive(home: &Home) -> Result<Vec<(PathBuf, String)>> {
    services::build(home, Profile::Dev, &[]).await?;
    let mut files = Vec::new();
    for service in &SERVICES {
        let document = serde_json::from_str(&describe(home, service, "json").await?);
        router::must_reach(service, &document.with_context(|| format!("{} --openapi json", service.name))?)?;
        let yaml = describe(home, service, "yaml").await?;
        files.push((home.root().join(format!("openapi/{}.yaml", service.name)), yaml));
    }
    let manifest = home.root().join("Cargo.toml");
    let text = router::put_into(&fs::read_to_string(&manifest)?)?;
    files.push((manifest, text));
    Ok(files)
}

/// A service describes itself, so that this program links none of them.
pub(crate) async fn describe(home: &Home, service: &Service, format: &str) -> Result<String> {
    let binary = home.binary(Profile::Dev, service.name);
    let output = Command::new(&binary).args(["--openapi", format]).output().await;
    let output = output.with_context(|| format!("running {}", binary.display()))?;
    if !output.status.success() {
        bail!("{} --openapi {format}: {}", service.name, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
