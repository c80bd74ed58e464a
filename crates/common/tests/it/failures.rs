use std::time::Duration;

use common::{
    etag::ETag,
    input::{MAX_BODY, MAX_DEPTH},
};
use http::{HeaderName, Method, header};
use serde_json::{Value, json};
use testkit::{Answer, client::Sending, contract, tokens};
use uuid::Uuid;

use crate::sample::{self, CAUSE, KNOWN, SCOPE};

fn staff() -> String {
    tokens::user(Uuid::from_u128(1), SCOPE)
}

fn good() -> Value {
    json!({"name": "hammer", "count": 3})
}

/// Everything that holds for every failure, whatever it is.
#[track_caller]
fn check(class: &str, answer: &Answer, status: u16, kind: &str) {
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, kind), "{class}: {}", answer.text());
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"), "{class}");
    assert_eq!(answer.header("cache-control"), "no-store", "{class}");
    let everything = format!("{:?} {}", answer.headers, answer.text());
    assert!(!everything.contains(CAUSE), "{class} shows its cause: {everything}");
}

#[tokio::test]
async fn every_kind_of_route_answers_every_bad_request_with_our_problems() {
    let found = contract::violations(&sample::client(), &sample::document()).await;
    assert_eq!(found, Vec::<String>::new());
}

/// One table, in plain sight: each class of failure once on each kind of route that can have it.
#[tokio::test]
async fn each_kind_of_route_has_one_answer_for_each_class_of_failure() {
    let client = sample::client();
    let thing = format!("/things/{KNOWN}");
    let post = || client.post("/things").token(&staff());
    let patch = || client.patch(&thing).token(&staff());
    let shopper = tokens::user(Uuid::from_u128(2), "profile cart");
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
    let large = || vec![b' '; MAX_BODY + 1];
    let wide = json!({"name": "hammer", "count": 3, "colour": "red"});
    let table: Vec<(&str, Sending, u16, &str)> = vec![
        ("unknown route", client.get("/nothing"), 404, "unknown_route"),
        ("unknown route below a known one", client.get(&format!("{thing}/parts")), 404, "unknown_route"),
        ("slash at the end", client.get("/things/"), 404, "unknown_route"),
        ("wrong method", client.delete("/things"), 405, "method_not_allowed"),
        ("unknown method", client.request("BREW".parse().unwrap(), "/things"), 405, "method_not_allowed"),
        ("POST without token", client.post("/things").json(&good()), 401, "unauthorized"),
        ("PATCH without token", client.patch(&thing).json(&good()), 401, "unauthorized"),
        ("POST with a bad token", client.post("/things").token("x.y.z").json(&good()), 401, "unauthorized"),
        ("PATCH with a bad token", client.patch(&thing).token("x.y.z").json(&good()), 401, "unauthorized"),
        ("another scheme", client.post("/things").header(header::AUTHORIZATION, "Basic eDp5"), 401, "unauthorized"),
        ("no scheme", client.post("/things").header(header::AUTHORIZATION, &staff()), 401, "unauthorized"),
        ("POST without scope", client.post("/things").token(&shopper).json(&good()), 403, "forbidden"),
        ("PATCH without scope", client.patch(&thing).token(&shopper).json(&good()), 403, "forbidden"),
        ("POST with bad JSON", post().body(json, "{'name'"), 400, "malformed_json"),
        ("PATCH with bad JSON", patch().body(json, "{\"name\":"), 400, "malformed_json"),
        ("POST with two values", post().body(json, "{} {}"), 400, "malformed_json"),
        ("POST of a form", post().body("application/x-www-form-urlencoded", "a=b"), 415, "unsupported_media_type"),
        ("PATCH of text", patch().body("text/json", "{}"), 415, "unsupported_media_type"),
        ("POST of nothing", post(), 415, "unsupported_media_type"),
        ("POST with an unknown field", post().json(&wide), 422, "invalid_input"),
        ("PATCH with an unknown field", patch().json(&wide), 422, "invalid_input"),
        ("GET with a bad path", client.get("/things/42"), 400, "invalid_path"),
        ("GET with a path that is not UTF-8", client.get("/things/%FF"), 400, "invalid_path"),
        ("PATCH with a bad path", client.patch("/things/42").token(&staff()).json(&good()), 400, "invalid_path"),
        ("GET with a bad limit", client.get("/things?limit=101"), 400, "invalid_query"),
        ("GET with a bad cursor", client.get("/things?cursor=bad"), 400, "invalid_query"),
        ("GET with an unknown parameter", client.get("/things?page=2"), 400, "invalid_query"),
        ("POST that is too large", post().body(json, large()), 413, "too_large"),
        ("PATCH that is too large", patch().body(json, large()), 413, "too_large"),
        ("POST that is too deep", post().body(json, deep.clone()), 400, "too_deep"),
        ("PATCH that is too deep", patch().body(json, deep), 400, "too_deep"),
        ("GET of what is not there", client.get(&format!("/things/{}", Uuid::nil())), 404, "not_found"),
        ("PATCH of an old version", patch().header(header::IF_MATCH, "\"2\"").json(&good()), 412, "stale"),
        ("panic with a text", client.post("/panics/text"), 500, "internal"),
        ("panic with a message", client.post("/panics/message"), 500, "internal"),
        ("panic with something else", client.post("/panics/number"), 500, "internal"),
        ("internal error with its causes", client.get("/breaks"), 500, "internal"),
        ("an answer that cannot be written", client.get("/unwritable"), 500, "internal"),
    ];
    for (class, request, status, kind) in table {
        check(class, &request.send().await, status, kind);
    }
    let answer = sample::hurried(Duration::from_millis(100)).get("/hangs").send().await;
    check("deadline", &answer, 503, "unavailable");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let client = sample::client();
    for (path, expected) in [
        ("/things", "GET,HEAD,POST"),
        ("/things/1", "GET,HEAD,PATCH"),
        ("/panics/text", "POST"),
        ("/hangs", "GET,HEAD"),
    ] {
        let answer = client.delete(path).send().await.expect(405);
        assert_eq!(answer.header("allow"), expected, "{path}");
    }
}

#[tokio::test]
async fn a_missing_or_bad_token_is_answered_with_a_challenge() {
    let client = sample::client();
    for request in [client.post("/things"), client.post("/things").token("x")] {
        assert!(request.send().await.expect(401).header("www-authenticate").starts_with("Bearer"));
    }
}

#[tokio::test]
async fn public_routes_do_not_look_at_the_token() {
    let client = sample::client();
    client.get("/things").token("nonsense").send().await.expect(200);
}

#[tokio::test]
async fn guests_and_services_are_forbidden_what_needs_an_account() {
    let client = sample::client();
    let id = Uuid::from_u128(9);
    let answer = client.get("/account").token(&tokens::user(id, SCOPE)).send().await.expect(200);
    assert_eq!(answer.json()["id"], id.to_string());
    for token in [tokens::guest(id, SCOPE), tokens::service("user-service", SCOPE)] {
        check("no account", &client.get("/account").token(&token).send().await, 403, "forbidden");
    }
}

#[tokio::test]
async fn a_change_is_made_only_to_a_version_the_client_has_seen() {
    let client = sample::client();
    let thing = KNOWN.parse().unwrap();
    let tag = |version: i64| ETag::new(thing, version).to_string();
    let change = |seen: Option<String>| {
        let request = client.patch(&format!("/things/{KNOWN}")).token(&staff()).json(&good());
        match seen {
            Some(seen) => request.header(header::IF_MATCH, &seen).send(),
            None => request.send(),
        }
    };
    for seen in [None, Some("*".to_owned()), Some(tag(3)), Some(format!("{}, {}", tag(2), tag(3)))] {
        assert_eq!(change(seen.clone()).await.expect(200).header("etag"), tag(4), "{seen:?}");
    }
    let of_another = ETag::new(Uuid::from_u128(7), 3).to_string();
    let weak = format!("W/{}", tag(3));
    for seen in [&tag(2), &tag(4), &weak, &of_another, "\"3\"", "\"x\""] {
        check(seen, &change(Some(seen.to_owned())).await, 412, "stale");
    }
}

#[tokio::test]
async fn bodies_may_be_as_large_and_as_deep_as_the_limits_and_no_more() {
    let client = sample::client();
    let post = |body: String| client.post("/things").token(&staff()).body("application/json", body).send();
    let mut large = good().to_string();
    large.push_str(&" ".repeat(MAX_BODY - large.len()));
    post(large.clone()).await.expect(201);
    large.push(' ');
    assert_eq!(post(large).await.expect(413).problem(), "too_large");
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(post(nested(MAX_DEPTH)).await.expect(422).problem(), "invalid_input");
    assert_eq!(post(nested(MAX_DEPTH + 1)).await.expect(400).problem(), "too_deep");
    post(format!("{{\"name\":\"{}\",\"count\":1}}", "[".repeat(MAX_DEPTH + 4))).await.expect(201);
}

#[tokio::test]
async fn a_body_that_is_json_by_any_of_its_names_is_read() {
    let client = sample::client();
    let names =
        ["application/json", "Application/JSON", "application/json; charset=\"UTF-8\"", "application/merge-patch+json"];
    for name in names {
        client.post("/things").token(&staff()).body(name, good().to_string()).send().await.expect(201);
    }
}

#[tokio::test]
async fn a_body_that_says_to_be_in_another_encoding_is_not_read_as_if_it_were_not() {
    let post = |name: &str| sample::client().post("/things").token(&staff()).body(name, good().to_string());
    for name in ["application/json; charset=utf-16", "application/json;profile=x; Charset=ISO-8859-1"] {
        check(name, &post(name).send().await, 415, "unsupported_media_type");
    }
    for encoding in ["gzip", "br", "identity, gzip"] {
        let packed = post("application/json").header(header::CONTENT_ENCODING, encoding);
        check(encoding, &packed.send().await, 415, "unsupported_media_type");
    }
    post("application/json").header(header::CONTENT_ENCODING, "identity").send().await.expect(201);
}

#[tokio::test]
async fn an_if_match_that_is_no_etag_is_not_answered_as_if_it_were_an_old_one() {
    let patch = || sample::client().patch(&format!("/things/{KNOWN}")).token(&staff()).json(&good());
    for odd in ["", "3", "null", "\"abc", "*, \"x\""] {
        check(odd, &patch().header(header::IF_MATCH, odd).send().await, 400, "malformed_request");
    }
    for stale in ["\"3\"", "W/\"x\"", "\"x\", \"y\""] {
        patch().header(header::IF_MATCH, stale).send().await.expect(412);
    }
}

#[tokio::test]
async fn every_refused_field_is_named_at_once_and_its_value_is_not_repeated() {
    let client = sample::client();
    let body = json!({"name": "hunter2 and more than twenty characters", "count": 4711, "pass/word": "correct horse"});
    let answer = client.post("/things").token(&staff()).json(&body).send().await;
    check("refused fields", &answer, 422, "invalid_input");
    assert_eq!(answer.refused_fields(), ["/name too_long", "/count out_of_range", "/pass~1word unknown_field"]);
    for value in ["hunter2", "4711", "correct horse"] {
        assert!(!answer.text().contains(value), "{}", answer.text());
    }
}

#[tokio::test]
async fn an_answer_lists_fifty_bad_fields_and_says_how_many_more_there_are() {
    let client = sample::client();
    let post = |body: String| client.post("/things").token(&staff()).body("application/json", body).send();
    let unknown = |count: usize| (0..count).map(|n| format!("\"{n:x}\":0")).collect::<Vec<_>>().join(",");
    let question = format!("{{{}}}", unknown(25_000));
    let answer = post(question.clone()).await.expect(422);
    let body = answer.json();
    assert_eq!(body["errors"].as_array().unwrap().len(), 50);
    // The name and the count are missing as well.
    assert_eq!(body["errors_omitted"], 25_002 - 50);
    assert_eq!(body["detail"], "25002 fields of the body are refused; errors lists the first 50 of them.");
    assert!(answer.body.len() < question.len() / 10, "{} bytes", answer.body.len());
    let all = post(format!("{{{}}}", unknown(48))).await.expect(422).json();
    assert_eq!((all["errors"].as_array().unwrap().len(), all.get("errors_omitted")), (50, None));
}

#[tokio::test]
async fn a_query_that_cannot_be_read_names_its_parameter() {
    let client = sample::client();
    for (query, parameter, detail) in [
        ("limit=0", "limit", "limit must be from 1 to 100."),
        ("limit=many", "limit", "limit must be a whole number."),
        ("limit=", "limit", "limit must not be empty: leave it out."),
        ("cursor=", "cursor", "cursor must not be empty: leave it out."),
        ("cursor=%FF", "cursor", "cursor must be percent-encoded UTF-8."),
        ("cursor=x", "cursor", "cursor must be the next_cursor of an earlier page of this list, unchanged."),
        ("page=2", "page", "page is not a parameter of this route, which takes limit, cursor."),
        ("limit=999999999999999999999999999999999999999999", "limit", "limit is out of range."),
        ("limit=1&limit=1", "limit", "limit must be given once."),
    ] {
        let answer = client.get(&format!("/things?{query}")).send().await;
        check(query, &answer, 400, "invalid_query");
        let body = answer.json();
        assert_eq!((&body["parameter"], &body["detail"]), (&json!(parameter), &json!(detail)), "{query}");
    }
}

#[tokio::test]
async fn a_header_that_can_have_one_value_and_has_two_is_refused() {
    let client = sample::client();
    let (token, other) = (format!("Bearer {}", staff()), "Bearer x.y.z");
    let post = || client.post("/things").json(&good());
    for [first, second] in [[token.as_str(), other], [other, &token], [&token, &token]] {
        let twice = post().header(header::AUTHORIZATION, first).and_header(header::AUTHORIZATION, second);
        check("two lines", &twice.send().await, 400, "malformed_request");
        // What a gateway makes of them.
        let joined = post().header(header::AUTHORIZATION, &format!("{first},{second}"));
        check("one line", &joined.send().await, 400, "malformed_request");
    }
    let json = "application/json";
    let types = post().token(&staff()).header(header::CONTENT_TYPE, json).and_header(header::CONTENT_TYPE, json);
    check("two media types", &types.send().await, 415, "unsupported_media_type");
}

#[tokio::test]
async fn a_list_in_several_lines_is_one_list() {
    let request = sample::client().patch(&format!("/things/{KNOWN}")).token(&staff()).json(&good());
    let tag = |version: i64| ETag::new(KNOWN.parse().unwrap(), version).to_string();
    let request = request.header(header::IF_MATCH, &tag(2)).and_header(header::IF_MATCH, &tag(3));
    request.send().await.expect(200);
}

#[tokio::test]
async fn a_path_with_nul_is_refused() {
    check("NUL", &sample::client().get("/things/a%00").send().await, 400, "invalid_path");
}

#[tokio::test]
async fn nothing_may_be_kept_unless_its_handler_says_so() {
    let client = sample::client();
    let thing = format!("/things/{KNOWN}");
    for (request, status) in [
        (client.get("/things"), 200),
        (client.get(&thing), 200),
        (client.post("/things").token(&staff()).json(&good()), 201),
        (client.get("/account").token(&staff()), 200),
        (client.get("/nothing"), 404),
        (client.delete("/things"), 405),
        (client.post("/panics/text"), 500),
        (client.request(Method::HEAD, "/things"), 200),
    ] {
        assert_eq!(request.send().await.expect(status).header("cache-control"), "no-store", "{status}");
    }
    assert_eq!(client.get("/public").send().await.expect(200).header("cache-control"), "public, max-age=60");
}

#[tokio::test]
async fn a_body_that_is_taken_as_it_comes_is_limited_as_all_are() {
    let client = sample::client();
    let post = |size: usize| client.post("/raw").body("application/octet-stream", vec![0xff; size]).send();
    assert_eq!(post(MAX_BODY).await.expect(200).json(), json!({ "size": MAX_BODY }));
    check("too large", &post(MAX_BODY + 1).await, 413, "too_large");
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body_even_when_it_fails() {
    let client = sample::client();
    for (path, status) in [("/things", 200), ("/things?limit=0", 400), ("/breaks", 500)] {
        let answer = client.request(Method::HEAD, path).send().await.expect(status);
        assert!(answer.body.is_empty(), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn something_new_is_answered_with_its_address() {
    let client = sample::client();
    let answer = client.post("/things").token(&staff()).json(&good()).send().await.expect(201);
    assert_eq!((answer.header("location"), answer.json()), (format!("/things/{KNOWN}").as_str(), good()));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    let client = sample::client();
    let first = client.get("/things?limit=3").send().await.expect(200).json();
    assert_eq!(first["items"], json!([1, 2, 3]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = client.get(&format!("/things?limit=3&cursor={cursor}")).send().await.expect(200).json();
    assert_eq!(second, json!({"items": [4, 5], "next_cursor": null}));
}

#[tokio::test]
async fn a_header_that_is_not_text_does_no_harm() {
    let client = sample::client();
    for name in [header::AUTHORIZATION, header::IF_MATCH, header::CONTENT_TYPE, HeaderName::from_static("x-request-id")]
    {
        let request = client.patch(&format!("/things/{KNOWN}")).token(&staff()).json(&good());
        let answer = request.header(name.clone(), "\u{e9}t\u{e9}").send().await;
        let expected = match name {
            header::AUTHORIZATION => 401,
            header::IF_MATCH => 400,
            header::CONTENT_TYPE => 415,
            _ => 200,
        };
        assert_eq!(answer.status.as_u16(), expected, "{name}: {}", answer.text());
    }
}
