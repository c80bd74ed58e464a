//! The control routes, below `/_double/`: what only a double has. They need no key; it listens on 127.0.0.1 only.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    faults::{EventFault, Fault},
    form::Params,
    plays, routes,
    server::Shared,
    webhooks,
    world::{Answer, World, text},
};

/// Answers a control call.
pub(crate) async fn answer(shared: &Arc<Shared>, method: &Method, path: &str, body: &Bytes) -> Response {
    let body = match serde_json::from_slice(body) {
        Ok(body @ Value::Object(_)) => body,
        Ok(Value::Null) => json!({}),
        Err(_) if body.is_empty() => json!({}),
        Ok(_) | Err(_) => return written(400, &json!({ "error": "a JSON object is expected" })),
    };
    match (method.as_str(), path) {
        ("POST", "faults") => set_fault(shared, body),
        ("DELETE", "faults") => {
            shared.account().faults.clear();
            done(&json!({}))
        }
        ("POST", "webhooks") => switch_webhooks(shared, &body),
        ("POST", "webhooks/redeliver") => redeliver(shared, &body).await,
        ("POST", "clock") => advance(shared, &body),
        ("GET", "calls") => done(&json!(shared.account().calls)),
        ("GET", "state") => done(&state(&shared.account().world)),
        ("DELETE", path) if path.starts_with("dashboard/") => {
            let path = path.replacen("dashboard", "/v1", 1);
            let work = |world: &mut World| routes::execute(world, "DELETE", &path, Params::of(body));
            played(shared.execute((None, None), work))
        }
        ("POST", path) => played(shared.execute((None, None), |world| plays::play(world, path, Params::of(body)))),
        _ => written(404, &json!({ "error": "the double has no such control" })),
    }
}

fn played(answer: Answer) -> Response {
    match answer {
        Ok(answer) => done(&answer),
        Err(refusal) => written(refusal.status, &refusal.body()),
    }
}

fn set_fault(shared: &Shared, mut body: Value) -> Response {
    if body["kind"] == "event" {
        if let Value::Object(members) = &mut body {
            members.remove("kind");
        }
        return read::<EventFault>(body, |fault| shared.account().faults.set_for_events(fault));
    }
    read::<Fault>(body, |fault| shared.account().faults.set(fault))
}

fn read<T: DeserializeOwned>(body: Value, then: impl FnOnce(T)) -> Response {
    match serde_json::from_value(body) {
        Ok(value) => {
            then(value);
            done(&json!({}))
        }
        Err(error) => written(422, &json!({ "error": error.to_string() })),
    }
}

fn switch_webhooks(shared: &Shared, body: &Value) -> Response {
    let Some(enabled) = body["enabled"].as_bool() else {
        return written(422, &json!({ "error": "`enabled` is true or false" }));
    };
    shared.account().posts_webhooks = enabled;
    done(&json!({ "enabled": enabled }))
}

fn advance(shared: &Shared, body: &Value) -> Response {
    let Some(seconds) = body["advance_seconds"].as_u64() else {
        return written(422, &json!({ "error": "`advance_seconds` is a number of seconds" }));
    };
    shared.advance(Duration::from_secs(seconds));
    done(&json!({ "now": shared.now() }))
}

async fn redeliver(shared: &Arc<Shared>, body: &Value) -> Response {
    let event = shared.account().world.find("event", text(body, "event")).cloned();
    match event {
        Some(event) => done(&json!({ "delivered": webhooks::post(shared, &event).await })),
        None => written(404, &json!({ "error": "there is no such event" })),
    }
}

/// How many objects there are, and each payment in a few words.
fn state(world: &World) -> Value {
    let payments: Vec<Value> = world
        .all("payment_intent")
        .map(|intent| {
            let charge = world.find("charge", text(intent, "latest_charge"));
            json!({
                "id": intent["id"], "status": intent["status"], "metadata": intent["metadata"],
                "captured": charge.map_or(json!(0), |charge| charge["amount_captured"].clone()),
                "refunded": charge.map_or(json!(0), |charge| charge["amount_refunded"].clone())
            })
        })
        .collect();
    let count = |kind: &str| world.count(kind);
    json!({
        "customers": count("customer"), "payment_methods": count("payment_method"),
        "setup_intents": count("setup_intent"), "payment_intents": payments, "charges": count("charge"),
        "refunds": count("refund"), "disputes": count("dispute"), "events": count("event")
    })
}

fn done(body: &Value) -> Response {
    written(200, body)
}

fn written(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
