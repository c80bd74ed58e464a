//! The issuer's two documents (RFC 8414 and its keys), which every gateway reads when its authorizer is made: objects of the
//! bucket, so that they are there before any function is.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lambda_double::{Function, HttpAnswer, http_event};
use serde_json::Value;
use tokio::process::Command;

use super::command::{self, DOCUMENTS};
use super::runner::Runner;
use crate::cold_start;
use crate::home::{Home, Profile};
use crate::secrets::signing_key;
use crate::services;

/// The value of a secret until it is set (`infra/lib/secrets.ts`).
const UNSET: &str = "to-be-set";

impl Runner<'_> {
    /// Leaves alone what is published for this address. Else makes it of the keys that are kept, and makes a key where there is none.
    pub(super) async fn publish(&mut self) -> Result<()> {
        let address = self.address().await?;
        let mut published = Vec::new();
        for document in DOCUMENTS {
            // Without the right to list the bucket, S3 answers 403 for a missing file.
            let read = self.lookup(&command::read_document(&self.wanted, document)).await;
            published.push(read.context("where the issuer's documents are missing, deploy by hand once")?);
        }
        if let [Some(keys), Some(discovery)] = &published[..]
            && is_published(keys, discovery, &address)
        {
            println!("{address} is described as the issuer, with its keys");
            return Ok(());
        }
        println!("the issuer {address} is not published: its documents are made");
        let kept = self.ask(&command::get_secret(&self.wanted, "SIGNING_KEYS")).await;
        let kept = kept.context(
            "who publishes the issuer has to read SIGNING_KEYS, which workflows may not: deploy by hand once",
        )?;
        let keys = if kept == UNSET { signing_key()? } else { kept.clone() };
        let documents = documents(self.home, &keys, &address).await?;
        if kept == UNSET {
            self.keep("SIGNING_KEYS", &keys).await?;
        }
        fs::create_dir_all(command::private(&self.wanted))?;
        for (document, body) in DOCUMENTS.iter().zip(documents) {
            fs::write(command::private(&self.wanted).join(document), body)?;
            self.run(&command::write_document(&self.wanted, document)).await?;
        }
        Ok(())
    }
}

fn is_published(keys: &str, discovery: &str, address: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let has_keys = read(keys)["keys"].as_array().is_some_and(|keys| !keys.is_empty());
    has_keys && read(discovery)["issuer"] == address
}

/// As user-service itself answers them, with these keys and this address.
async fn documents(home: &Home, keys: &str, address: &str) -> Result<Vec<Vec<u8>>> {
    services::build(home, Profile::Dev, &[]).await?;
    let mut settings = cold_start::made_up()?;
    settings.set("SIGNING_KEYS", keys);
    settings.set("ISSUER", address);
    settings.set("API_BASE_URL", address);
    let mut command = Command::new(home.binary(Profile::Dev, "user-service"));
    command.envs(settings.iter()).env("TRIGGER", "http").stdout(Stdio::null());
    let function = Function::launch(command, "user-service").await.context("starting user-service")?;
    let mut documents = Vec::new();
    for document in DOCUMENTS {
        let event = http_event("GET", &format!("/.well-known/{document}"), &[("host", "127.0.0.1")], "");
        let answer = HttpAnswer::from(function.invoke(event, Duration::from_secs(30)).await?);
        ensure!(answer.status == 200, "{document}: {} {}", answer.status, answer.text());
        documents.push(answer.body.clone());
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_another_address_or_without_keys_are_published_again() {
        let keys = r#"{"keys":[{"kid":"a"}]}"#;
        let discovery = r#"{"issuer":"https://shop.example"}"#;
        assert!(is_published(keys, discovery, "https://shop.example"));
        assert!(!is_published(keys, discovery, "https://d111.cloudfront.net"));
        assert!(!is_published(r#"{"keys":[]}"#, discovery, "https://shop.example"));
        assert!(!is_published("<Error/>", discovery, "https://shop.example"));
    }
}
