//! A login: two statements of PostgreSQL of the kind that user-service makes (an attempt is counted and the account read;
//! a session is opened and the attempts forgotten), one argon2 hash and one RSA signature. Its tables are its own.

use argon2::{Argon2, PasswordVerifier};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{RSA_PKCS1_SHA256, RsaEncoding},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use cold_start_bare::{answer, json, setting, text};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde_json::json;
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

const COUNT: &str = "WITH counted AS (
        INSERT INTO bare_attempts AS known (key, count) VALUES ($1, 1)
        ON CONFLICT (key) DO UPDATE SET count = known.count + 1 RETURNING count)
    SELECT count, id, role, password_hash FROM counted LEFT JOIN bare_accounts ON email = $2";
const OPEN: &str = "WITH account AS (SELECT id FROM bare_accounts WHERE id = $2 AND password_hash = $3 FOR SHARE),
        session AS (INSERT INTO bare_sessions (id, account, token) SELECT $1, id, $4 FROM account RETURNING id),
        forgotten AS (DELETE FROM bare_attempts WHERE key = $5)
    SELECT id FROM session";

async fn log_in(pool: &PgPool, key: &KeyPair, request: &Request) -> Result<Response<Body>, Error> {
    let asked = json(request)?;
    let (email, password) = (text(&asked, "/email")?, text(&asked, "/password")?);
    let counted = sqlx::query_as(COUNT).bind(email).bind(email).fetch_one(pool).await?;
    let (_, account, role, hash): (i32, Uuid, String, String) = counted;
    Argon2::default().verify_password(password.as_bytes(), hash.as_str()).map_err(|error| error.to_string())?;
    let mut token = [0; 32];
    aws_lc_rs::rand::fill(&mut token)?;
    let session = sqlx::query_scalar(OPEN).bind(Uuid::now_v7()).bind(account).bind(&hash).bind(token).bind(email);
    let session: Uuid = session.fetch_one(pool).await?;
    let claims = json!({ "sub": format!("user:{account}"), "scope": role, "jti": session });
    let access_token = sign(key, &json!({ "alg": "RS256", "typ": "at+jwt" }).to_string(), &claims.to_string())?;
    let refresh_token = URL_SAFE_NO_PAD.encode(token);
    answer(200, &json!({ "access_token": access_token, "refresh_token": refresh_token }))
}

fn sign(key: &KeyPair, header: &str, claims: &str) -> Result<String, Error> {
    const ENCODING: &dyn RsaEncoding = &RSA_PKCS1_SHA256;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(ENCODING, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let pool = PgPoolOptions::new().max_connections(2).connect_lazy(&setting("USER_DATABASE_URL")?)?;
    let key = KeyPair::from_pkcs8(&STANDARD.decode(setting("SIGNING_KEYS")?)?)?;
    run(service_fn(async |request: Request| log_in(&pool, &key, &request).await)).await
}
