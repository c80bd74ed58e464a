//! One table for all services: every route of an OpenAPI document with every kind of bad request, and the documentation that each
//! route must have.

use common::{
    auth::Claims,
    idempotency::IDEMPOTENCY_KEY,
    input::{MAX_BODY, MAX_DEPTH},
};
use http::{Method, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Answer, Client, Sending},
    tokens::{self, Signer},
};

/// One operation of a document.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `GET`, ...
    pub method: Method,
    /// The template, such as `/orders/{order_id}`.
    pub path: String,
    /// The operation in the document.
    pub document: Value,
}

/// Every operation of a document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("the document has paths") {
        for (method, operation) in item.as_object().expect("a path item is an object") {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            if !operation["responses"].is_object() {
                continue;
            }
            let mut operation = operation.clone();
            for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
                parameter["schema"] = resolved(document, &parameter["schema"]);
            }
            found.push(Operation { method, path: path.clone(), document: operation });
        }
    }
    assert!(!found.is_empty(), "the document has no operations");
    found
}

impl Operation {
    /// The scope its security asks for.
    pub fn scope(&self) -> Option<String> {
        self.document["security"][0]["token"][0].as_str().map(str::to_owned)
    }

    fn takes_json(&self) -> bool {
        self.document["requestBody"]["content"]["application/json"].is_object()
    }

    /// The parameters in `place`, with their schemas resolved.
    fn parameters(&self, place: &str) -> Vec<Value> {
        let all = self.document["parameters"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|parameter| parameter["in"] == place).collect()
    }

    /// The path with a well-formed value for every parameter, or with `bad` in all their places.
    fn path(&self, bad: Option<&str>) -> String {
        let mut path = self.path.clone();
        for parameter in self.parameters("path") {
            let name = parameter["name"].as_str().expect("a parameter has a name");
            let uuid = Uuid::now_v7().to_string();
            let good = if parameter["schema"]["format"] == "uuid" { uuid.as_str() } else { "SAMPLE-1" };
            path = path.replace(&format!("{{{name}}}"), bad.unwrap_or(good));
        }
        path
    }

    fn request(&self, client: &Client) -> Sending {
        self.with_token(client.request(self.method.clone(), &self.path(None)))
    }

    fn takes_a_key(&self) -> bool {
        self.parameters("header").iter().any(|parameter| parameter["name"] == "Idempotency-Key")
    }

    /// Adds what a good request needs: a token, and an idempotency key of its own.
    fn with_token(&self, request: Sending) -> Sending {
        let request = match self.scope() {
            Some(scope) => request.token(&tokens::user(Uuid::now_v7(), &scope)),
            None => request,
        };
        if self.takes_a_key() {
            return request.header(IDEMPOTENCY_KEY, &Uuid::new_v4().to_string());
        }
        request
    }
}

/// Sends every kind of bad request to every route and returns the wrong answers.
pub async fn violations(client: &Client, document: &Value) -> Vec<String> {
    let operations = operations(document);
    let mut table = Table::default();
    let nowhere = client.get("/no/such/route").send().await;
    table.check("GET /no/such/route", "unknown route", &nowhere, 404, "unknown_route");
    for operation in &operations {
        table.wrong_method(client, operation, &operations).await;
        table.bad_tokens(client, operation).await;
        table.bad_keys(client, operation).await;
        table.bad_bodies(client, operation).await;
        table.empty_texts(client, operation, document).await;
        table.bad_addresses(client, operation).await;
    }
    assert!(table.cases > operations.len(), "the table has no cases");
    table.violations
}

#[derive(Default)]
struct Table {
    cases: usize,
    violations: Vec<String>,
}

impl Table {
    fn check(&mut self, route: &str, class: &str, answer: &Answer, status: u16, kind: &str) {
        self.cases += 1;
        let media = answer.header("content-type");
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let found = body["type"].as_str().unwrap_or_default();
        let has_id = body["request_id"].as_str().is_some_and(|id| id == answer.header("x-request-id"));
        if answer.header("cache-control") != "no-store" {
            self.violations.push(format!("{route}, {class}: Cache-Control is {:?}", answer.header("cache-control")));
        }
        if answer.status.as_u16() != status || media != "application/problem+json" || found != kind || !has_id {
            let line = format!("{route}, {class}: {} {media} {found}, expected {status} {kind}", answer.status);
            self.violations.push(line);
        }
    }

    async fn wrong_method(&mut self, client: &Client, operation: &Operation, all: &[Operation]) {
        let siblings: Vec<&Method> =
            all.iter().filter(|other| other.path == operation.path).map(|o| &o.method).collect();
        let wrong = [Method::DELETE, Method::PATCH, Method::PUT].into_iter().find(|method| !siblings.contains(&method));
        let wrong = wrong.unwrap_or(Method::TRACE);
        let answer = client.request(wrong, &operation.path(None)).send().await;
        let route = format!("{} {}", operation.method, operation.path);
        self.check(&route, "wrong method", &answer, 405, "method_not_allowed");
        let allow = answer.header("allow");
        if !siblings.iter().all(|method| allow.split(',').any(|allowed| allowed == method.as_str())) {
            self.violations.push(format!("{route}: Allow is \"{allow}\""));
        }
    }

    async fn bad_tokens(&mut self, client: &Client, operation: &Operation) {
        let Some(scope) = operation.scope() else { return };
        let route = format!("{} {}", operation.method, operation.path);
        let request = || client.request(operation.method.clone(), &operation.path(None));
        let answer = request().send().await;
        self.check(&route, "no token", &answer, 401, "unauthorized");
        if !answer.header("www-authenticate").starts_with("Bearer") {
            self.violations.push(format!("{route}: 401 without a challenge"));
        }
        for (class, token) in bad_tokens(&scope) {
            let answer = request().token(&token).send().await;
            self.check(&route, class, &answer, 401, "unauthorized");
        }
        let twice = request().token("a.b.c").and_header(AUTHORIZATION, "Bearer a.b.c").send().await;
        self.check(&route, "two tokens", &twice, 400, "malformed_request");
        let joined = request().header(AUTHORIZATION, "Bearer a.b.c,Bearer a.b.c").send().await;
        self.check(&route, "two tokens that a gateway joined", &joined, 400, "malformed_request");
        let other_scopes = "a:b profil inventory:reserved ".to_owned() + &scope.to_uppercase();
        let answer = request().token(&tokens::user(Uuid::now_v7(), &other_scopes)).send().await;
        self.check(&route, "missing scope", &answer, 403, "forbidden");
    }

    async fn bad_keys(&mut self, client: &Client, operation: &Operation) {
        let Some(scope) = operation.scope().filter(|_| operation.takes_a_key()) else { return };
        let route = format!("{} {}", operation.method, operation.path);
        let request = || {
            let request = client.request(operation.method.clone(), &operation.path(None));
            request.token(&tokens::user(Uuid::now_v7(), &scope)).json(&json!({}))
        };
        let answer = request().send().await;
        self.check(&route, "no idempotency key", &answer, 400, "idempotency_key_missing");
        for bad in ["", "\"", "a\tb", "a,b", "\"a\",\"b\"", &"x".repeat(256)] {
            let answer = request().header(IDEMPOTENCY_KEY, bad).send().await;
            self.check(&route, "bad idempotency key", &answer, 400, "idempotency_key_malformed");
        }
        let twice = request().header(IDEMPOTENCY_KEY, "a").and_header(IDEMPOTENCY_KEY, "a").send().await;
        self.check(&route, "two idempotency keys", &twice, 400, "idempotency_key_malformed");
    }

    async fn bad_bodies(&mut self, client: &Client, operation: &Operation) {
        let route = format!("{} {}", operation.method, operation.path);
        for (media, described) in operation.document["requestBody"]["content"].as_object().into_iter().flatten() {
            // A route with a larger limit documents it.
            let most = described["schema"]["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok());
            let most = most.unwrap_or(MAX_BODY).max(MAX_BODY);
            let large = operation.request(client).body(media, vec![b' '; most + 1]).send().await;
            self.check(&route, &format!("too large as {media}"), &large, 413, "too_large");
        }
        if !operation.takes_json() {
            return;
        }
        let request = || operation.request(client);
        let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
        let very_deep = "{\"a\":".repeat(20_000);
        let json = "application/json";
        let cases: [(&str, Sending, u16, &str); 9] = [
            ("lone surrogate", request().body(json, r#"{"a":"\ud800"}"#), 400, "malformed_json"),
            ("no body", request().body(json, ""), 400, "malformed_json"),
            ("bad JSON", request().body(json, "{\"a\":"), 400, "malformed_json"),
            ("not UTF-8", request().body(json, b"{\"a\":\"\xff\"}"), 400, "malformed_json"),
            ("wrong content type", request().body("text/plain", "{}"), 415, "unsupported_media_type"),
            ("too deep", request().body(json, deep), 400, "too_deep"),
            ("much too deep", request().body(json, very_deep), 400, "too_deep"),
            ("not an object", request().json(&json!([])), 422, "invalid_input"),
            ("unknown field", request().json(&json!({"surprise": 1})), 422, "invalid_input"),
        ];
        for (class, request, status, kind) in cases {
            let answer = request.send().await;
            self.check(&route, class, &answer, status, kind);
            if class == "unknown field" && !answer.refused_fields().contains(&"/surprise unknown_field".to_owned()) {
                self.violations.push(format!("{route}: the unknown field is not named"));
            }
        }
    }

    /// An empty text must be refused, unless its schema allows it.
    async fn empty_texts(&mut self, client: &Client, operation: &Operation, document: &Value) {
        let media = &operation.document["requestBody"]["content"]["application/json"];
        let route = format!("{} {}", operation.method, operation.path);
        let whole = example(document, media);
        for pointer in texts(&whole) {
            let schemas = schemas_at(document, &media["schema"], &pointer);
            if schemas.iter().any(|schema| schema["minLength"] == 0) {
                continue;
            }
            let mut body = whole.clone();
            *body.pointer_mut(&pointer).expect("a text of the example") = json!("");
            let answer = operation.request(client).json(&body).send().await;
            let is_named =
                answer.refused_fields().iter().any(|field| field.split(' ').next() == Some(pointer.as_str()));
            if answer.status.as_u16() != 422 || !is_named {
                self.violations.push(format!("{route}, empty {pointer}: {} {}", answer.status, answer.text()));
            }
        }
    }

    async fn bad_addresses(&mut self, client: &Client, operation: &Operation) {
        let route = format!("{} {}", operation.method, operation.path);
        if !operation.parameters("path").is_empty() {
            let request = client.request(operation.method.clone(), &operation.path(Some("%FF")));
            let request = operation.with_token(request);
            let request = if operation.takes_json() { request.json(&json!({})) } else { request };
            self.check(&route, "bad path", &request.send().await, 400, "invalid_path");
        }
        self.bad_queries(client, operation, &route).await;
    }

    async fn bad_queries(&mut self, client: &Client, operation: &Operation, route: &str) {
        let parameters = operation.parameters("query");
        if parameters.is_empty() {
            return;
        }
        let mut queries: Vec<(String, String)> = vec![("surprise=1".into(), "surprise".into())];
        for parameter in &parameters {
            let name = parameter["name"].as_str().expect("a parameter has a name");
            for wrong in ["", "=", "=%20", "=%00", "=%", "=%FF", "=%ED%A0%80"] {
                queries.push((format!("{name}{wrong}"), name.to_owned()));
            }
            queries.push((format!("{name}=1&{name}=1"), name.to_owned()));
            match name {
                "limit" => queries.extend(["0", "101", "-1", "many"].map(|bad| (format!("limit={bad}"), name.into()))),
                "cursor" => queries.push(("cursor=%25%25".into(), name.into())),
                _ => {}
            }
        }
        for (query, name) in queries {
            let path = format!("{}?{query}", operation.path(None));
            let answer = operation.with_token(client.request(operation.method.clone(), &path)).send().await;
            self.check(route, &query, &answer, 400, "invalid_query");
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if body["parameter"] != name.as_str() {
                self.violations.push(format!("{route}, {query}: the parameter is not named: {body}"));
            }
        }
    }
}

/// The JSON Pointers of all texts of a body.
fn texts(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| texts(value).into_iter().map(move |rest| format!("/{name}{rest}"));
    match value {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => items.iter().enumerate().flat_map(|(at, item)| below(at.to_string(), item)).collect(),
        Value::Object(members) => members.iter().flat_map(|(name, value)| below(name.clone(), value)).collect(),
        _ => Vec::new(),
    }
}

/// The schemas that a value at a pointer may have, under any of the alternatives on the way.
fn schemas_at(document: &Value, schema: &Value, pointer: &str) -> Vec<Value> {
    let schema = resolved(document, schema);
    let alternatives =
        ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|list| schema[list].as_array().into_iter().flatten());
    let mut found: Vec<Value> = alternatives.flat_map(|other| schemas_at(document, other, pointer)).collect();
    let Some(path) = pointer.strip_prefix('/') else {
        found.push(schema);
        return found;
    };
    let (name, rest) = path.split_once('/').map_or((path, String::new()), |(name, rest)| (name, format!("/{rest}")));
    let known = &schema["properties"][name];
    let next = if known.is_null() { &schema["additionalProperties"] } else { known };
    for next in [next, &schema["items"]] {
        if next.is_object() {
            found.extend(schemas_at(document, next, &rest));
        }
    }
    found
}

/// Tokens that are wrong in exactly one way.
fn bad_tokens(scope: &str) -> Vec<(&'static str, String)> {
    let subject = format!("user:{}", Uuid::now_v7());
    let good = || tokens::claims(&subject, scope);
    let now = good().iat;
    let changed = |change: &dyn Fn(&mut Claims)| {
        let mut claims = good();
        change(&mut claims);
        tokens::signer().token(&claims)
    };
    let mut unknown_kid = tokens::signer().header(Algorithm::RS256);
    unknown_kid.kid = Some("nobody".into());
    let mut tampered = tokens::signer().token(&good());
    tampered.replace_range(tampered.len() - 8.., "AAAAAAAA");
    let mut without_expiry = serde_json::to_value(good()).unwrap();
    without_expiry.as_object_mut().unwrap().remove("exp");
    let header = tokens::signer().header(Algorithm::RS256);
    vec![
        ("token is nonsense", "nonsense".into()),
        ("token has expired", changed(&|claims| claims.exp = now - 31)),
        ("token is not good yet", changed(&|claims| claims.nbf = now + 60)),
        ("token of another issuer", changed(&|claims| claims.iss = "http://else.where".into())),
        ("token for another audience", changed(&|claims| claims.aud = "other".into())),
        ("token has an unknown subject", changed(&|claims| claims.sub = "root".into())),
        (
            "token of another kind",
            tokens::signer().sign(&Header { typ: Some("JWT".into()), ..header.clone() }, &good()),
        ),
        (
            "token with an extension",
            tokens::signer().sign(&Header { crit: Some(vec!["exp".into()]), ..header.clone() }, &good()),
        ),
        ("token without kid", tokens::signer().sign(&Header { kid: None, ..header.clone() }, &good())),
        ("token with an unknown kid", tokens::signer().sign(&unknown_kid, &good())),
        ("token with another signature", tampered),
        ("token signed by another key of the same name", other_signer().token(&good())),
        ("token without expiry", tokens::signer().sign(&header, &without_expiry)),
        ("token with algorithm none", unsigned(&good())),
        ("token with the public key as an HMAC secret", hmac(&good())),
    ]
}

fn other_signer() -> &'static Signer {
    static OTHER: std::sync::LazyLock<Signer> = std::sync::LazyLock::new(|| tokens::signer().impostor());
    &OTHER
}

fn unsigned(claims: &Claims) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        part(json!({"alg": "none", "typ": "at+jwt", "kid": tokens::signer().header(Algorithm::RS256).kid})),
        part(serde_json::to_value(claims).unwrap())
    )
}

/// The classic confusion attack: HS256, with the public key as its secret (RFC 8725, 2.1).
fn hmac(claims: &Claims) -> String {
    let header = tokens::signer().header(Algorithm::HS256);
    let public = serde_json::to_vec(&tokens::signer().jwk()).unwrap();
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(&public)).unwrap()
}

pub use crate::schema::request_breaches;

/// The committed document of a service.
pub fn committed(service: &str) -> Value {
    let yaml = std::fs::read_to_string(document_path(service)).unwrap();
    yaml_serde::from_str(&yaml).unwrap()
}

fn document_path(service: &str) -> String {
    format!("{}/../../openapi/{service}.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// Fails when `openapi/<service>.yaml` is not what the code describes now.
pub fn assert_committed(document: &utoipa::openapi::OpenApi, service: &str) {
    let committed = std::fs::read_to_string(document_path(service)).unwrap_or_default();
    let described = document.to_yaml().unwrap();
    assert!(committed == described, "openapi/{service}.yaml has drifted from the code: run `cargo xtask openapi`");
}

/// The operations that the table in `docs/architecture.md` does not list with their method, path and scope.
pub fn unlisted(document: &Value) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
    let page = std::fs::read_to_string(path).unwrap();
    let listed = |operation: &Operation| {
        let scope = operation.scope().map_or("| - ".to_owned(), |scope| format!("| `{scope}` "));
        let (method, path) = (format!("| {} ", operation.method), format!("`{}`", operation.path));
        page.lines().any(|line| line.starts_with(&method) && line.contains(&path) && line.contains(&scope))
    };
    let missing = operations(document).into_iter().filter(|operation| !listed(operation));
    missing.map(|operation| format!("{} {}", operation.method, operation.path)).collect()
}

/// Missing documentation: every operation needs an id, a summary, a tag, and an example of each body.
pub fn undocumented(document: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    for operation in operations(document) {
        let route = format!("{} {}", operation.method, operation.path);
        let mut note = |what: &str| missing.push(format!("{route}: {what}"));
        for member in ["operationId", "summary"] {
            if operation.document[member].as_str().unwrap_or_default().is_empty() {
                note(member);
            }
        }
        if operation.document["tags"][0].as_str().unwrap_or_default().is_empty() {
            note("tag");
        }
        for (_, media) in operation.document["requestBody"]["content"].as_object().into_iter().flatten() {
            if !has_example(document, media) {
                note("example of the request body");
            }
        }
        for (status, response) in operation.document["responses"].as_object().into_iter().flatten() {
            for (_, media) in response["content"].as_object().into_iter().flatten() {
                if status.starts_with('2') && !has_example(document, media) {
                    note(&format!("example of the {status} body"));
                }
            }
        }
    }
    missing
}

fn has_example(document: &Value, media: &Value) -> bool {
    !example(document, media).is_null()
}

/// The example of a media type: its own, or its schema's.
pub fn example(document: &Value, media: &Value) -> Value {
    if !media["example"].is_null() {
        return media["example"].clone();
    }
    let schema = resolved(document, &media["schema"]);
    if schema["example"].is_null() { schema["examples"][0].clone() } else { schema["example"].clone() }
}

fn resolved(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    while let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#').to_owned();
        schema = document.pointer(&pointer).cloned().unwrap_or_else(|| panic!("{pointer} is not in the document"));
    }
    schema
}
