//! A small service with one route of each kind, and routes that break in every way a handler can.

use std::{fmt, future::pending, panic::panic_any, str::FromStr, time::Duration};

use axum::{
    Extension, Router,
    routing::{get, post},
};
use common::{
    auth::{Caller, Verifier, scopes::CatalogWrite},
    etag::{ETag, IfMatch, Versioned},
    extract::{Created, Path, Query},
    http::{RequestContext, with_middleware},
    id::Id,
    input::{Fields, FromFields, Json, RawBody, Refusal, line},
    page::{List, Page, PageQuery},
    problem::Problem,
};
use http::header;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use testkit::{Client, tokens};

/// Stands in every cause, and must never be seen by a client.
pub(crate) const CAUSE: &str = "swordfish";
/// The one thing that can be read and changed; it is at version 3.
pub(crate) const KNOWN: &str = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
/// What changing things needs.
pub(crate) const SCOPE: &str = "catalog:write";

/// Longer than any test's machine is busy.
const UNHURRIED: Duration = Duration::from_secs(30);

enum Thing {}

/// The service, trusting the tokens of tests.
pub(crate) fn client() -> Client {
    trusting(tokens::verifier(), UNHURRIED)
}

/// The service, answering within `deadline`.
pub(crate) fn hurried(deadline: Duration) -> Client {
    trusting(tokens::verifier(), deadline)
}

/// The service, trusting what `verifier` trusts.
pub(crate) fn trusting(verifier: Verifier, deadline: Duration) -> Client {
    let routes = Router::new()
        .route("/things", get(list_things).post(create_thing))
        .route("/things/{thing_id}", get(get_thing).patch(change_thing))
        .route("/account", get(get_account))
        .route("/context", get(get_context))
        .route("/panics/{with}", post(panics))
        .route("/breaks", get(breaks))
        .route("/raw", post(measure))
        .route("/public", get(async || ([(header::CACHE_CONTROL, "public, max-age=60")], "")))
        .route("/unwritable", get(unwritable))
        .route("/hangs", get(hangs));
    Client::new(with_middleware(routes.with_state(verifier), deadline))
}

#[derive(Debug)]
struct Name(String);

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=20).map(Self)
    }
}

#[derive(Debug)]
struct NewThing {
    name: Name,
    count: i64,
}

impl FromFields for NewThing {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name");
        let count = fields.integer("count", 1..=9);
        Some(Self { name: name?, count: count? })
    }
}

impl NewThing {
    fn body(self) -> Value {
        json!({"name": self.name.0, "count": self.count})
    }
}

async fn measure(RawBody(body): RawBody) -> Json<Value> {
    Json(json!({ "size": body.len() }))
}

const THINGS: List<u32> = List::new("/things");

async fn list_things(Query(query): Query<PageQuery>) -> Result<Json<Page<u32>>, Problem> {
    let (limit, after) = THINGS.read(&query)?;
    let things = (after.map_or(1, |after| after + 1)..=5).collect();
    Ok(Json(THINGS.page(things, limit, |thing| *thing)))
}

async fn get_thing(Path(id): Path<Id<Thing>>) -> Result<Json<Value>, Problem> {
    if id.to_string() != KNOWN {
        return Err(Problem::not_found());
    }
    Ok(Json(json!({ "id": id })))
}

async fn create_thing(_: Caller<CatalogWrite>, Json(new): Json<NewThing>) -> Created<Value> {
    Created { location: format!("/things/{KNOWN}"), body: new.body() }
}

async fn change_thing(
    _: Caller<CatalogWrite>,
    seen: IfMatch,
    Path(id): Path<Id<Thing>>,
    Json(new): Json<NewThing>,
) -> Result<Versioned<Value>, Problem> {
    if id.to_string() != KNOWN {
        return Err(Problem::not_found());
    }
    seen.check(ETag::new(id.uuid(), 3))?;
    Ok(Versioned { body: new.body(), tag: ETag::new(id.uuid(), 4) })
}

async fn get_account(caller: Caller<CatalogWrite>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "id": caller.user_id()? })))
}

async fn get_context(Extension(context): Extension<RequestContext>) -> Json<Value> {
    let traceparent = context.traceparent().and_then(|value| value.to_str().ok());
    Json(json!({ "request_id": context.id(), "traceparent": traceparent }))
}

async fn panics(Path(with): Path<String>) -> Json<Value> {
    match with.as_str() {
        "text" => panic!("swordfish"),
        "message" => panic!("{CAUSE} with {with}"),
        _ => panic_any(7_u8),
    }
}

#[derive(Debug)]
struct Broken(std::io::Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading the {CAUSE}")
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

async fn breaks() -> Problem {
    Problem::internal(Broken(std::io::Error::other("the swordfish bites")))
}

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(CAUSE))
    }
}

async fn unwritable() -> Json<Unwritable> {
    Json(Unwritable)
}

async fn hangs() -> Json<Value> {
    pending().await
}

/// What [`client`] serves, described as a service would.
pub(crate) fn document() -> Value {
    let problems = json!({});
    let id =
        json!([{"name": "thing_id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}]);
    let page = json!([
        {"name": "limit", "in": "query", "required": false, "schema": {"type": "integer"}},
        {"name": "cursor", "in": "query", "required": false, "schema": {"type": "string"}}
    ]);
    let body = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
    let guarded = json!([{"token": [SCOPE]}]);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "things", "version": "0"},
        "paths": {
            "/things": {
                "get": {"responses": problems, "parameters": page},
                "post": {"responses": problems, "security": guarded, "requestBody": body}
            },
            "/things/{thing_id}": {
                "get": {"responses": problems, "parameters": id},
                "patch": {"responses": problems, "security": guarded, "parameters": id, "requestBody": body}
            },
            "/account": {"get": {"responses": problems, "security": guarded}}
        }
    })
}
