//! The keys that sign access tokens, and the claims of a token.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::{error::Unspecified, rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use common::{
    auth::{Claims, Subject, TYPE},
    id::Id,
    timestamp::Timestamp,
};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use platform::config::SecretError;

/// How long an access token is valid.
pub const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// Why there are no keys, or no token. Its text never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The setting could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The setting holds no key.
    #[error("SIGNING_KEYS has no key")]
    Missing,
    /// A key in the setting is malformed, too short, or not an RSA key.
    #[error("SIGNING_KEYS: key {position} is not an RSA private key of 2048 to 8192 bits as PKCS#8 DER in base64")]
    Unusable {
        /// Position of the key in the setting, counted from one.
        position: usize,
    },
    /// Signing failed.
    #[error("a token could not be signed: {0}")]
    Signing(SigningFailure),
}

/// Why a token was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningFailure {
    /// Header or claims could not be written as JSON.
    #[error(transparent)]
    Unwritable(serde_json::Error),
    /// The library refused to sign; it gives no reason.
    #[error(transparent)]
    Refused(Unspecified),
}

/// The first key signs; all are published, so that tokens of the previous key stay valid, and verifiers know the next
/// key before it signs.
pub struct SigningKeys {
    /// Parsed once: `jsonwebtoken::encode` parses and checks its key for each token, which takes twice as long as
    /// signing.
    signer: KeyPair,
    /// The encoded JWT header, with which each token begins.
    header: String,
    published: Arc<JwkSet>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({} published)", self.published.keys.len())
    }
}

impl SigningKeys {
    /// Reads base64 PKCS#8 DER keys separated by commas.
    pub fn parse(setting: &str) -> Result<Self, KeysError> {
        let mut keys = Vec::new();
        for (index, text) in setting.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate() {
            keys.push(read_key(text).ok_or(KeysError::Unusable { position: index + 1 })?);
        }
        let published = Arc::new(JwkSet { keys: keys.iter().map(|(_, public)| public.clone()).collect() });
        let (signer, public) = keys.into_iter().next().ok_or(KeysError::Missing)?;
        let header = Header { kid: public.common.key_id, typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::RS256) };
        let header =
            serde_json::to_vec(&header).map_err(|error| KeysError::Signing(SigningFailure::Unwritable(error)))?;
        Ok(Self { signer, header: URL_SAFE_NO_PAD.encode(header), published })
    }

    /// The public keys.
    pub fn published(&self) -> &Arc<JwkSet> {
        &self.published
    }

    /// Signs a token with the first key (RFC 7515, 3.1: header, claims and signature in base64, with dots between
    /// them).
    pub fn sign(&self, claims: &Claims) -> Result<String, KeysError> {
        let failed = |error| KeysError::Signing(SigningFailure::Refused(error));
        let claims =
            serde_json::to_vec(claims).map_err(|error| KeysError::Signing(SigningFailure::Unwritable(error)))?;
        let mut token = format!("{}.", self.header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).map_err(failed)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// Reads one key pair. The public key is named by its RFC 7638 thumbprint, so that a key has one `kid` everywhere.
fn read_key(text: &str) -> Option<(KeyPair, Jwk)> {
    let der = STANDARD.decode(text).ok()?;
    // Refuses keys under 2048 bits (RFC 7518, 3.3) and keys of other kinds.
    let pair = KeyPair::from_pkcs8(&der).ok()?;
    // The PEM reader unwraps PKCS#8; the DER reader takes PKCS#1 only.
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
    let mut public = Jwk::from_encoding_key(&private, Algorithm::RS256).ok()?;
    public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).ok()?);
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    Some((pair, public))
}

/// The claims of a token for `subject` that is made `now`. `jti` is a UUID of version 7, so tokens sort by time in an
/// investigation.
pub fn claims(issuer: &str, audience: &str, subject: &Subject, scope: &str, now: Timestamp) -> Claims {
    Claims {
        iss: issuer.to_owned(),
        aud: audience.to_owned(),
        sub: subject.to_string(),
        scope: scope.to_owned(),
        jti: Id::<Claims>::new(now).to_string(),
        iat: now.unix_seconds(),
        nbf: now.unix_seconds(),
        exp: now.plus(TOKEN_LIFE).unix_seconds(),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, Pkcs8V1Der},
        rsa::KeySize,
    };
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

    use super::*;

    fn key() -> String {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        STANDARD.encode(der.as_ref())
    }

    #[test]
    fn all_keys_are_published_for_signatures_under_different_thumbprints() {
        let keys = SigningKeys::parse(&format!("{},\n {}", key(), key())).unwrap();
        let json = serde_json::to_value(&**keys.published()).unwrap();
        assert_eq!(json["keys"].as_array().unwrap().len(), 2);
        for key in json["keys"].as_array().unwrap() {
            assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&"RSA".into(), &"sig".into(), &"RS256".into()));
            assert_eq!(key["kid"].as_str().unwrap().len(), 43);
            assert!(key.get("d").is_none());
        }
        assert_ne!(json["keys"][0]["kid"], json["keys"][1]["kid"]);
    }

    #[test]
    fn jsonwebtoken_takes_a_token_by_the_first_key_and_by_no_other() {
        let keys = SigningKeys::parse(&format!("{},{}", key(), key())).unwrap();
        let now = Timestamp::now();
        let made = claims("http://issuer.test", "bodega", &Subject::Service("ä/+=\"x".into()), "a b", now);
        let token = keys.sign(&made).unwrap();
        let header = decode_header(&token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some(TYPE)));
        assert_eq!(header.kid, keys.published().keys[0].common.key_id);
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["bodega"]);
        let verify = |nth: usize, token: &str| {
            let key = DecodingKey::from_jwk(&keys.published().keys[nth]).unwrap();
            decode::<Claims>(token, &key, &validation).map(|token| token.claims)
        };
        let read = verify(0, &token).unwrap();
        assert_eq!((read.sub, read.exp, read.jti), (made.sub, made.exp, made.jti));
        assert!(verify(1, &token).is_err());
        // Another token's claims under this one's signature.
        let other =
            keys.sign(&claims("http://issuer.test", "bodega", &Subject::Service("y".into()), "a b", now)).unwrap();
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (token, other) = (parts(&token), parts(&other));
        assert!(verify(0, &format!("{}.{}.{}", token[0], other[1], token[2])).is_err());
    }

    #[test]
    fn a_bad_key_is_named_by_its_place_and_not_shown() {
        let setting = format!("{},c2VjcmV0", key());
        let error = SigningKeys::parse(&setting).unwrap_err();
        assert!(matches!(error, KeysError::Unusable { position: 2 }));
        assert!(!error.to_string().contains("c2VjcmV0"));
        assert!(matches!(SigningKeys::parse(" , ").unwrap_err(), KeysError::Missing));
    }

    #[test]
    fn a_key_of_1024_bits_is_refused() {
        // openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -outform DER | base64 -w0; opens nothing.
        let small = include_str!("rsa_1024.base64");
        assert!(matches!(SigningKeys::parse(small).unwrap_err(), KeysError::Unusable { position: 1 }));
    }

    #[test]
    fn a_token_is_valid_for_fifteen_minutes_from_the_moment_it_is_made() {
        let now = Timestamp::from_unix_millis(1_700_000_000_500).unwrap();
        let claims = claims("http://issuer.test", "bodega", &Subject::Service("x".into()), "a b", now);
        assert_eq!((claims.iat, claims.nbf, claims.exp), (1_700_000_000, 1_700_000_000, 1_700_000_900));
        assert_eq!((claims.sub.as_str(), claims.scope.as_str()), ("service:x", "a b"));
    }
}
