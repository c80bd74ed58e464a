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
    opaque::Opaque,
    roles::Role,
    sessions::{
        self,
        domain::Holder,
        store::{self as session_store, RightLogin},
    },
    users::store::NewUser,
};

/// What a shopper goes on with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyOjAxOTM4ZjZlIn0.c2lnbmF0dXJl", "token_type": "Bearer",
    "expires_in": 900, "refresh_token": "q6YFJcX1x0Fq4jv8Qw0Z5Jm2cE3rT7uK9aBdLhNsPgM", "scope": "profile cart orders"
}))]
pub struct Tokens {
    /// Send it as `Authorization: Bearer ...`.
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = String)]
    pub token_type: &'static str,
    /// How long the access token is good, in seconds.
    pub expires_in: u64,
    /// Exchange it for new tokens at `/auth/refresh`; good once.
    pub refresh_token: Opaque,
    /// What the access token allows, separated by spaces.
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
/// The answer is the same whether or not the address has an account already; its owner hears by mail which it was. So is
/// 429 after ten registrations of one e-mail address in fifteen minutes, or sixty from one source address (settings of the
/// shop): each sends a mail.
///
/// A guest who sends their access token finds what is in their cart in the new account's, too. Their own stays as it is,
/// in either case.
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
    // Before the hash, and before anything is known of the address: what is refused costs the same for all, and little.
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

/// A mail to the address. It says no name: whoever typed the address may not be its owner, and could put anything there.
fn mail(template: &str, email: &Email, now: Timestamp) -> Message {
    let id = Id::new(now);
    let body = json!({ "event_id": id, "template": template, "recipient": { "email": email }, "channels": ["email"] });
    Message { id, path: "/notifications".into(), body }
}

/// Log in
///
/// 401 is the same for a wrong password and an unknown address, and so is 429 after ten attempts for one e-mail address in
/// fifteen minutes, or three hundred from one source address (settings of the shop).
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, responses(
    (status = OK, body = Tokens),
    (status = UNAUTHORIZED, description = "No account has this address and password.", body = ProblemBody,
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
    let right = app.passwords.is_right(password, hash).await?;
    let account = account.filter(|account| right && !account.disabled).ok_or(Error::InvalidCredentials)?;
    let holder = Holder::User { id: account.id, role: account.role };
    let counter = attempt.of(Kind::LoginOfRecipient);
    let login = RightLogin { counter, password_hash: &account.password_hash };
    let token = sessions::open(db, holder, Some(login), now).await?;
    tokens(&app, holder, token, now).await
}

/// Exchange a refresh token for new tokens
///
/// The token shown is used up. Showing it again ends the session, except within ten seconds, in case the answer was
/// lost. A session ends after 30 days without a refresh, and after 90 days in any case.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, responses(
    (status = OK, body = Tokens),
    (status = UNAUTHORIZED, description = "The refresh token is not valid: log in again.", body = ProblemBody,
        content_type = "application/problem+json")))]
async fn refresh_session(State(app): State<App>, Json(request): Json<Refresh>) -> Result<Tokens, Error> {
    let now = Timestamp::now();
    // Without keys there would be no answer, and the token would be used up for nothing.
    app.issuer.ready().await?;
    let (holder, token) = sessions::renew(&app.database, &request.refresh_token, now).await?;
    tokens(&app, holder, token, now).await
}

/// Log out
///
/// Ends the session of the refresh token, if there is one. Access tokens stay good until they expire.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = Refresh,
    responses((status = NO_CONTENT, description = "There is no such session now.")))]
async fn close_session(State(app): State<App>, Json(request): Json<Refresh>) -> Result<StatusCode, Error> {
    session_store::end_of_token(&app.database, request.refresh_token.hashed()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shop as a guest
///
/// The tokens are a guest's only way back to their cart and orders: keep them. 429 after three hundred from one source
/// address in fifteen minutes (a setting of the shop).
#[utoipa::path(post, path = "/auth/guest", tag = "auth",
    responses((status = CREATED, description = "A new guest.", body = Tokens),
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
    let holder = Holder::Guest(UserId::new(now).uuid());
    let token = sessions::open(db, holder, None, now).await?;
    Ok((StatusCode::CREATED, tokens(&app, holder, token, now).await?))
}

async fn tokens(app: &App, holder: Holder, refresh_token: Opaque, now: Timestamp) -> Result<Tokens, Error> {
    let scope = holder.scope();
    let access_token = app.issuer.mint(&holder.subject(), &scope, now).await?;
    Ok(Tokens { access_token, token_type: "Bearer", expires_in: TOKEN_LIFE.as_secs(), refresh_token, scope })
}
