//! Registering, logging in and out, and shopping as a guest.

pub mod domain;
pub mod guest;
pub mod passwords;
pub mod store;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    contact::Email, http::RequestContext, id::Id, input::Json, problem::ProblemBody, routes, routes::Routes,
    timestamp::Timestamp,
};
use http::{StatusCode, header};
use platform::outbox::Message;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use self::{
    domain::{Accepted, Login, Refresh, Registration},
    guest::PresentGuest,
};
use crate::{
    app::App,
    error::Error,
    ids::UserId,
    keys::domain::TOKEN_LIFE,
    limits::{
        self,
        domain::{Kind, admit},
    },
    opaque::OpaqueToken,
    roles::Role,
    sessions::{
        self,
        domain::Principal,
        store::{self as session_store, VerifiedLogin},
    },
    users::store::NewUser,
};

/// Access token and refresh token of a shopper.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyOjAxOTM4ZjZlIn0.c2lnbmF0dXJl", "token_type": "Bearer",
    "expires_in": 900, "refresh_token": "q6YFJcX1x0Fq4jv8Qw0Z5Jm2cE3rT7uK9aBdLhNsPgM", "scope": "profile cart orders"
}))]
pub struct Tokens {
    /// JWT, to be sent as `Authorization: Bearer <access_token>`.
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = String)]
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Token to exchange for new tokens with `POST /auth/refresh`; it can be used once.
    pub refresh_token: OpaqueToken,
    /// Scopes of the access token, separated by spaces.
    pub scope: String,
}

impl IntoResponse for Tokens {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(register_user))
        .routes(routes!(open_session))
        .routes(routes!(refresh_session))
        .routes(routes!(close_session))
        .routes(routes!(create_guest))
}

/// Register
///
/// The answer is the same whether or not the e-mail address has an account already; a mail to the address says which it
/// is. The same holds for 429, which comes after ten registrations of one e-mail address in fifteen minutes, or sixty
/// from one source address (the shop can configure both): each registration sends a mail.
///
/// With a guest's access token, the new account's cart begins as a copy of the guest's cart. The guest's own cart does
/// not change.
#[utoipa::path(post, path = "/auth/register", tag = "auth", security((), ("token" = ["cart"])),
    request_body = Registration, responses(
    (status = ACCEPTED, body = Accepted),
    (status = TOO_MANY_REQUESTS, description = "Too many attempts; `Retry-After` says when to try again.",
        body = ProblemBody, content_type = "application/problem+json"),
    (status = SERVICE_UNAVAILABLE, description = "`passwords_busy`: too many passwords are being checked; `Retry-After` \
        says when to try again.", body = ProblemBody, content_type = "application/problem+json")))]
async fn register_user(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    PresentGuest(guest): PresentGuest,
    Json(request): Json<Registration>,
) -> Result<(StatusCode, Json<Accepted>), Error> {
    let Registration { email, password, name } = request;
    let now = Timestamp::now();
    // Counted before the hash, and before the address is looked up: a refusal costs little, and the same for every
    // address.
    let attempt = app.counting.registration(&email, context.source()).await?;
    limits::count(&app.database, &attempt, now).await?;
    let password_hash = app.passwords.hash(password).await?;
    let id = UserId::new(now);
    let user = NewUser { id, email: &email, password_hash: &password_hash, name: &name, role: Role::Customer };
    let mut tx = app.database.begin().await?;
    let created = store::register(&mut *tx, &user, guest, now).await?;
    let template = if created { "account_created" } else { "account_exists" };
    app.outbox.enqueue(&mut tx, &[mail(template, &email, now)]).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { status: "accepted" })))
}

/// A mail to the address. It does not use the name of the request: its sender may not own the address, and could mail
/// any text to its owner that way.
fn mail(template: &str, email: &Email, now: Timestamp) -> Message {
    let id = Id::new(now);
    let body = json!({ "event_id": id, "template": template, "recipient": { "email": email }, "channels": ["email"] });
    Message { id, path: "/notifications".into(), body }
}

/// Log in
///
/// 401 is the same for a wrong password and an unknown e-mail address. So is 429, which comes after ten attempts for
/// one e-mail address in fifteen minutes, or three hundred from one source address (the shop can configure both).
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, responses(
    (status = OK, body = Tokens),
    (status = UNAUTHORIZED, description = "No account has this e-mail address and password.", body = ProblemBody,
        content_type = "application/problem+json"),
    (status = TOO_MANY_REQUESTS, description = "Too many attempts; `Retry-After` says when to try again.",
        body = ProblemBody, content_type = "application/problem+json"),
    (status = SERVICE_UNAVAILABLE, description = "`passwords_busy`: too many passwords are being checked; `Retry-After` \
        says when to try again.", body = ProblemBody, content_type = "application/problem+json")))]
async fn open_session(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Json(request): Json<Login>,
) -> Result<Tokens, Error> {
    let Login { email, password } = request;
    let now = Timestamp::now();
    let attempt = app.counting.login(&email, context.source()).await?;
    let db = &app.database;
    let (refused_until, account) = store::count_login(db, &attempt, &email, now).await?;
    admit(refused_until, now)?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let verified = app.passwords.verify(password, hash).await?;
    let account = account.filter(|account| verified && !account.disabled).ok_or(Error::InvalidCredentials)?;
    let principal = Principal::User { id: account.id, role: account.role };
    let counter = attempt.of(Kind::LoginOfRecipient);
    let login = VerifiedLogin { counter, password_hash: &account.password_hash };
    let token = sessions::open(db, principal, Some(login), now).await?;
    tokens(&app, principal, token, now).await
}

/// Exchange a refresh token for new tokens
///
/// A refresh token can be used once. Sending it again within ten seconds works, in case the answer was lost; sending it
/// later ends the session. A session ends after 30 days without a refresh, and after 90 days in any case.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, responses(
    (status = OK, body = Tokens),
    (status = UNAUTHORIZED, description = "The refresh token is not valid: log in again.", body = ProblemBody,
        content_type = "application/problem+json")))]
async fn refresh_session(State(app): State<App>, Json(request): Json<Refresh>) -> Result<Tokens, Error> {
    let now = Timestamp::now();
    // Checked first: without keys the refresh token would be used up and no new one could be answered.
    app.issuer.ready().await?;
    let (principal, token) = sessions::renew(&app.database, &request.refresh_token, now).await?;
    tokens(&app, principal, token, now).await
}

/// Log out
///
/// Ends the session of the refresh token, if there is one. Access tokens stay valid until they expire.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = Refresh,
    responses((status = NO_CONTENT, description = "The session has ended, or there was none.")))]
async fn close_session(State(app): State<App>, Json(request): Json<Refresh>) -> Result<StatusCode, Error> {
    session_store::end_of_token(&app.database, request.refresh_token.hashed()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shop as a guest
///
/// Store the tokens: without them a guest cannot reach their cart and orders again. 429 comes after three hundred
/// guests from one source address in fifteen minutes (the shop can configure it).
#[utoipa::path(post, path = "/auth/guest", tag = "auth",
    responses((status = CREATED, description = "Tokens of a new guest.", body = Tokens),
    (status = TOO_MANY_REQUESTS, description = "Too many guests from this source address; `Retry-After` says when to \
        try again.", body = ProblemBody, content_type = "application/problem+json")))]
async fn create_guest(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
) -> Result<(StatusCode, Tokens), Error> {
    let now = Timestamp::now();
    let attempt = app.counting.guest(context.source()).await?;
    let db = &app.database;
    limits::count(db, &attempt, now).await?;
    let principal = Principal::Guest(UserId::new(now).uuid());
    let token = sessions::open(db, principal, None, now).await?;
    Ok((StatusCode::CREATED, tokens(&app, principal, token, now).await?))
}

async fn tokens(app: &App, principal: Principal, refresh_token: OpaqueToken, now: Timestamp) -> Result<Tokens, Error> {
    let scope = principal.scope();
    let access_token = app.issuer.mint(&principal.subject(), &scope, now).await?;
    Ok(Tokens { access_token, token_type: "Bearer", expires_in: TOKEN_LIFE.as_secs(), refresh_token, scope })
}
