//! The routes of the control, on a port of their own, so that a vendor that refuses connections can be healed.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::{
    controls::{CERTIFICATE, Controls},
    delivery,
    faults::Fault,
    inbox,
    records::Record,
    signing::sns::TOKEN,
    vendor::Vendor,
};

type SharedControls = State<Arc<Controls>>;

pub(crate) fn routes(controls: Arc<Controls>) -> Router {
    Router::new()
        .route("/records", get(list_records).delete(forget_records))
        .route("/records/{id}", post(change_record))
        .route("/inbox", get(show_inbox))
        .route("/inbox/{id}", get(show_message))
        .route("/sendgrid-key", get(show_sendgrid_key))
        .route("/calls", get(list_calls))
        .route("/faults", axum::routing::delete(heal))
        .route("/faults/{vendor}", post(plan_fault))
        .route("/suppressions/{vendor}/{recipient}", post(suppress))
        .route("/connections/{vendor}", post(switch_connections))
        .route(CERTIFICATE, get(show_certificate))
        .route("/", get(confirm_subscription))
        .with_state(controls)
}

async fn list_records(State(controls): SharedControls) -> Json<Vec<Record>> {
    Json(controls.shared.state().records.clone())
}

async fn show_inbox(State(controls): SharedControls) -> Response {
    inbox::show(&controls.shared.state().records, None)
}

async fn show_message(State(controls): SharedControls, Path(id): Path<String>) -> Response {
    inbox::show(&controls.shared.state().records, Some(&id))
}

async fn show_sendgrid_key(State(controls): SharedControls) -> Response {
    match controls.sendgrid() {
        Some(signer) => Json(json!({ "key": signer.public_key() })).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn forget_records(State(controls): SharedControls) -> Json<Value> {
    controls.shared.state().records.clear();
    Json(json!({}))
}

/// `{"status": "delivered"}`
async fn change_record(State(controls): SharedControls, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let Some(status) = body["status"].as_str() else { return refused("`status` must be a text") };
    if delivery::report(&controls, &id, status).await { Json(json!({})).into_response() } else { absent("message") }
}

async fn list_calls(State(controls): SharedControls) -> Json<Value> {
    Json(json!(controls.shared.state().calls))
}

/// Heals everything.
async fn heal(State(controls): SharedControls) -> Json<Value> {
    controls.heal().await;
    Json(json!({}))
}

async fn plan_fault(State(controls): SharedControls, Path(vendor): Path<String>, Json(body): Json<Value>) -> Response {
    let Ok(vendor) = vendor.parse::<Vendor>() else { return absent("vendor") };
    match serde_json::from_value::<Fault>(body) {
        Ok(fault) => {
            controls.inject(vendor, fault);
            Json(json!({})).into_response()
        }
        Err(error) => refused(&error.to_string()),
    }
}

async fn suppress(State(controls): SharedControls, Path((vendor, recipient)): Path<(String, String)>) -> Response {
    let Ok(vendor) = vendor.parse::<Vendor>() else { return absent("vendor") };
    controls.suppress(vendor, &recipient);
    Json(json!({})).into_response()
}

/// `{"refused": true}`
async fn switch_connections(
    State(controls): SharedControls,
    Path(vendor): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let Ok(vendor) = vendor.parse::<Vendor>() else { return absent("vendor") };
    let Some(refused_now) = body["refused"].as_bool() else { return refused("`refused` must be true or false") };
    controls.refuse_connections(vendor, refused_now).await;
    Json(json!({})).into_response()
}

/// `?Action=ConfirmSubscription&Token=...`
async fn confirm_subscription(
    State(controls): SharedControls,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let is = |name: &str, value: &str| query.get(name).is_some_and(|given| given == value);
    if !is("Action", "ConfirmSubscription") || !is("Token", TOKEN) {
        return absent("subscription");
    }
    controls.subscription.confirm();
    Json(json!({})).into_response()
}

async fn show_certificate(State(controls): SharedControls) -> Response {
    match controls.sns() {
        Some(signer) => {
            ([(header::CONTENT_TYPE, "application/x-pem-file")], signer.certificate_pem().to_owned()).into_response()
        }
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn absent(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"error": format!("there is no such {what}")}))).into_response()
}

fn refused(why: &str) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": why }))).into_response()
}
