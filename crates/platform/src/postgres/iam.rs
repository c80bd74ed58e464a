//! Tokens in place of a password ("IAM database authentication" in the user guide of Aurora). A token is a signed
//! request `connect`; Aurora and RDS accept it as the password of a role that the signer may connect as. It is signed
//! locally, so it costs no call.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use common::cause::chain;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

/// How long a token is valid; the maximum of AWS.
const LIFE: Duration = Duration::from_mins(15);
/// The age at which new connections get another token: early enough to tolerate a clock that is off by minutes.
pub(super) const RENEW_AFTER: Duration = Duration::from_mins(10);
/// All characters but RFC 3986's unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The host and role that a token is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
}

/// Signs tokens with the function's own credentials.
#[derive(Debug, Default)]
pub(super) struct Tokens(OnceCell<SdkConfig>);

impl Tokens {
    /// Tokens signed with the credentials and region of `config`.
    #[cfg(test)]
    pub(super) fn of(config: SdkConfig) -> Self {
        Self(OnceCell::new_with(Some(config)))
    }

    /// A token that is valid from `now`.
    pub(super) async fn token(&self, endpoint: Endpoint<'_>, now: SystemTime) -> Result<String, sqlx::Error> {
        let failed = |what: &str| sqlx::Error::Configuration(format!("no token for the database: {what}").into());
        let config = self.0.get_or_init(aws_config::load_from_env).await;
        let region = config.region().ok_or_else(|| failed("AWS_REGION is missing"))?;
        let provider = config.credentials_provider().ok_or_else(|| failed("no credentials"))?;
        let credentials = provider.provide_credentials().await.map_err(|error| failed(&chain(&error)))?;
        signed(endpoint, region.as_ref(), credentials, now).map_err(|error| failed(&chain(&*error)))
    }
}

fn signed(
    endpoint: Endpoint<'_>,
    region: &str,
    credentials: Credentials,
    now: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let Endpoint { host, port, user } = endpoint;
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(LIFE);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let mut token = format!("{host}:{port}/?Action=connect&DBUser={}", utf8_percent_encode(user, RESERVED));
    let address = format!("https://{token}");
    let request = SignableRequest::new("GET", &address, std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    for (name, value) in instructions.params() {
        write!(token, "&{name}={}", utf8_percent_encode(value, RESERVED))?;
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::fake::sdk_config;

    /// What botocore 1.43.0 (`PyPI`) makes of these by `generate_db_auth_token` at 2026-11-30T12:00:00Z with the
    /// credentials of AWS's examples: host, port, user, session token, token.
    const BOTOCORE: [(&str, u16, &str, Option<&str>, &str); 3] = [
        (
            "bodega-prod.cluster-abc123.eu-central-1.rds.amazonaws.com",
            5432,
            "bodega_user",
            None,
            "bodega-prod.cluster-abc123.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=bodega_user&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261130%2Feu-central-1%2Frds-db%2Faws4_request&X-Amz-Date=20261130T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=c169197dee133b93a41c1b80981301bdd07e9b30ee7fd44422555f502faed633",
        ),
        (
            "bodega-prod.cluster-abc123.eu-central-1.rds.amazonaws.com",
            5432,
            "bodega_user",
            Some("IQoJb3JpZ2luX2VjEXAMPLE//+token=="),
            "bodega-prod.cluster-abc123.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=bodega_user&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261130%2Feu-central-1%2Frds-db%2Faws4_request&X-Amz-Date=20261130T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2Btoken%3D%3D&X-Amz-Signature=e23b26a7904bdc5b5a67fa6e8202788a01cdbd0177d4596ac35bba726dd159ce",
        ),
        (
            "db.example.com",
            6432,
            "jane doe+ops@x",
            None,
            "db.example.com:6432/?Action=connect&DBUser=jane%20doe%2Bops%40x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261130%2Feu-central-1%2Frds-db%2Faws4_request&X-Amz-Date=20261130T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=8c65d32a7215bc0a5dd141c08111396378c3d677ad96b9eee5556488bbc5a5d3",
        ),
    ];

    /// A token is a query; in which order its parameters stand does not matter.
    fn parts(token: &str) -> BTreeSet<&str> {
        token.split(['?', '&']).collect()
    }

    #[tokio::test]
    async fn a_token_is_what_botocore_makes_of_the_same() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(498_900);
        for (host, port, user, session, expected) in BOTOCORE {
            let tokens = Tokens::of(sdk_config(session));
            let token = tokens.token(Endpoint { host, port, user }, now).await.unwrap();
            assert_eq!(parts(&token), parts(expected));
        }
    }
}
