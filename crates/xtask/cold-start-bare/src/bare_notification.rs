//! A notification to a provider that only logs: one request over HTTP (the issuer's keys), one verification, and two calls
//! of DynamoDB (a transaction of three writes, and an update). Its items stand in the table of notification-service.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update},
};
use cold_start_bare::{answer, authorize, json, setting, text};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde_json::json;
use uuid::Uuid;

const KEY: &str = "event_id";
const IS_NEW: &str = "attribute_not_exists(event_id)";

async fn notify(http: &reqwest::Client, store: &Client, request: &Request) -> Result<Response<Body>, Error> {
    authorize(http, request).await?;
    let (asked, table) = (json(request)?, setting("NOTIFICATION_TABLE")?);
    let (event, recipient) = (text(&asked, "/event_id")?, text(&asked, "/recipient/email")?);
    let claim = Uuid::new_v4().to_string();
    store
        .transact_write_items()
        .transact_items(put(&table, event, &claim)?)
        .transact_items(check(&table, recipient)?)
        .transact_items(count(&table, event, recipient)?)
        .send()
        .await?;
    store
        .update_item()
        .table_name(&table)
        .key(KEY, string(event))
        .update_expression("SET #state = :sent, provider = :provider")
        .condition_expression("claim = :claim")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":sent", string("sent"))
        .expression_attribute_values(":provider", string("log"))
        .expression_attribute_values(":claim", string(&claim))
        .send()
        .await?;
    answer(202, &json!({ "event_id": event, "status": "sent" }))
}

fn put(table: &str, event: &str, claim: &str) -> Result<TransactWriteItem, Error> {
    let item = [(KEY, event), ("channel", "email"), ("state", "sending"), ("claim", claim)];
    let item: HashMap<_, _> = item.map(|(name, value)| (name.to_owned(), string(value))).into();
    let put = Put::builder().table_name(table).set_item(Some(item)).condition_expression(IS_NEW);
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

fn check(table: &str, recipient: &str) -> Result<TransactWriteItem, Error> {
    let key = string(&format!("bare-suppression#{recipient}"));
    let check = ConditionCheck::builder().table_name(table).key(KEY, key).condition_expression(IS_NEW);
    Ok(TransactWriteItem::builder().condition_check(check.build()?).build())
}

fn count(table: &str, event: &str, recipient: &str) -> Result<TransactWriteItem, Error> {
    let update = Update::builder()
        .table_name(table)
        .key(KEY, string(&format!("bare-account#{recipient}")))
        .update_expression("ADD counted :events")
        .condition_expression("attribute_not_exists(counted) OR size(counted) < :most")
        .expression_attribute_values(":events", AttributeValue::Ss(vec![event.to_owned()]))
        .expression_attribute_values(":most", AttributeValue::N("5".to_owned()));
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

fn string(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = reqwest::Client::new();
    let store = Client::new(&aws_config::defaults(BehaviorVersion::latest()).load().await);
    run(service_fn(async |request: Request| notify(&http, &store, &request).await)).await
}
