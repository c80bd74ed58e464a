//! Tokens for any caller, signed by a key that is made once a process.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use common::{
    auth::{Claims, Keys, TYPE, Verifier},
    timestamp::Timestamp,
};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, ThumbprintHash},
};
use serde_json::Value;
use uuid::Uuid;

/// The issuer that tests configure.
pub const ISSUER: &str = "http://issuer.test";
/// The audience that tests configure.
pub const AUDIENCE: &str = "bodega";

/// An RSA key that signs tokens.
pub struct Signer {
    pkcs8: Vec<u8>,
    key: EncodingKey,
    kid: String,
}

/// Never shows the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.kid)
    }
}

impl Signer {
    /// A new 2048-bit key, named by its thumbprint as user-service names its own; takes some tenths of a second.
    pub fn generate() -> Self {
        let mut signer = Self::named(String::new());
        signer.kid = signer.jwk().thumbprint(ThumbprintHash::SHA256).unwrap();
        signer
    }

    /// Another key under the name of this one.
    #[must_use]
    pub fn impostor(&self) -> Self {
        Self::named(self.kid.clone())
    }

    fn named(kid: String) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&pkcs8));
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self { pkcs8, key, kid }
    }

    /// The public half, as an issuer publishes it.
    pub fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some(self.kid.clone());
        jwk
    }

    /// The public half as a set.
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.jwk()] }
    }

    /// The private half, as `SIGNING_KEYS` wants it.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.pkcs8)
    }

    /// A header that names this key.
    pub fn header(&self, algorithm: Algorithm) -> Header {
        Header { kid: Some(self.kid.clone()), typ: Some(TYPE.to_owned()), ..Header::new(algorithm) }
    }

    /// Signs anything, to make tokens that are wrong in one way.
    pub fn sign(&self, header: &Header, claims: &impl serde::Serialize) -> String {
        encode(header, claims, &self.key).unwrap()
    }

    /// Signs with a header that [`Header`] cannot express.
    pub fn sign_raw(&self, header: &Value, claims: &impl serde::Serialize) -> String {
        let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let message =
            format!("{}.{}", part(serde_json::to_vec(header).unwrap()), part(serde_json::to_vec(claims).unwrap()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, Algorithm::RS256).unwrap();
        format!("{message}.{signature}")
    }

    /// Signs claims with the header a real token has.
    pub fn token(&self, claims: &Claims) -> String {
        self.sign(&self.header(Algorithm::RS256), claims)
    }
}

/// The key of this process.
pub fn signer() -> &'static Signer {
    static SIGNER: LazyLock<Signer> = LazyLock::new(Signer::generate);
    &SIGNER
}

/// The private key of this process as `SIGNING_KEYS` wants it.
pub fn signing_key_base64() -> String {
    signer().base64()
}

/// Verifies what [`signer`] signs.
pub fn verifier() -> Verifier {
    Verifier::new(ISSUER, AUDIENCE, Keys::fixed(&signer().jwks()))
}

/// Claims that are good for fifteen minutes.
pub fn claims(subject: &str, scope: &str) -> Claims {
    let now = Timestamp::now().unix_seconds();
    Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: subject.to_owned(),
        scope: scope.to_owned(),
        jti: Uuid::new_v4().to_string(),
        iat: now,
        nbf: now,
        exp: now + 900,
    }
}

/// A token of a registered user.
pub fn user(id: Uuid, scope: &str) -> String {
    signer().token(&claims(&format!("user:{id}"), scope))
}

/// A token of a guest.
pub fn guest(id: Uuid, scope: &str) -> String {
    signer().token(&claims(&format!("guest:{id}"), scope))
}

/// A token of a service.
pub fn service(name: &str, scope: &str) -> String {
    signer().token(&claims(&format!("service:{name}"), scope))
}
