//! Random secrets of one developer's machine. They are made once and kept where only that developer reads.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::home::Home;

/// The content of `.local/secrets.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) admin_password: String,
    /// As the environment variable `SIGNING_KEYS` takes them; the first one signs.
    pub(crate) signing_keys: Vec<String>,
    /// As the environment variable `FINGERPRINT_KEY` takes it; files of an earlier version have none.
    #[serde(default)]
    pub(crate) fingerprint_key: String,
}

impl Secrets {
    /// Reads the kept secrets, or makes new ones on the first run.
    pub(crate) fn ensure(home: &Home) -> Result<Self> {
        let file = home.local("secrets.json");
        if file.exists() {
            let text = fs::read(&file)?;
            let mut secrets: Self =
                serde_json::from_slice(&text).with_context(|| format!("{} is damaged; remove it", home.show(&file)))?;
            if secrets.fingerprint_key.is_empty() {
                secrets.fingerprint_key = password()?;
                write_private(&file, &serde_json::to_string_pretty(&secrets)?)?;
            }
            return Ok(secrets);
        }
        let secrets =
            Self { admin_password: password()?, signing_keys: vec![signing_key()?], fingerprint_key: password()? };
        write_private(&file, &serde_json::to_string_pretty(&secrets)?)?;
        Ok(secrets)
    }
}

/// An RSA key of 2048 bits, PKCS#8 DER in base64, on one line.
pub(crate) fn signing_key() -> Result<String> {
    let key = KeyPair::generate(KeySize::Rsa2048).context("making an RSA key")?;
    let der: Pkcs8V1Der<'_> = key.as_der().context("encoding an RSA key")?;
    Ok(STANDARD.encode(der.as_ref()))
}

/// Random bytes in hexadecimal digits.
pub(crate) fn hex(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random).context("asking for random bytes")?;
    Ok(hex::encode(random))
}

/// 192 random bits that need no quoting anywhere.
pub(crate) fn password() -> Result<String> {
    let mut bytes = [0; 24];
    aws_lc_rs::rand::fill(&mut bytes).context("asking for random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Writes a file that only its owner reads, also where an earlier one was open to others.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut fresh = file.to_path_buf().into_os_string();
    fresh.push(".new");
    let _ = fs::remove_file(&fresh);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    out.write_all(text.as_bytes())?;
    fs::rename(&fresh, file).with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_private_file_is_private_whatever_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "open").unwrap();
        write_private(&file, "closed").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "closed");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_signing_key_is_one_line_that_reads_back_as_a_key() {
        let key = signing_key().unwrap();
        assert!(!key.contains('\n'));
        KeyPair::from_pkcs8(&STANDARD.decode(key).unwrap()).unwrap();
    }
}
