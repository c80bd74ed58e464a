//! The `migrate` trigger: applies the schema to the database and brings forward what an earlier version wrote. Safe to repeat,
//! and to run twice at once. This file may use the schema and the stores; only the trigger calls it.

use mongodb::{
    Database,
    bson::{Document, doc},
    error::{Error as MongoError, ErrorKind},
};
use platform::{TriggerError, trigger::Direction};
use serde_json::{Value, json};

use crate::{
    categories::store as category_store,
    collections::CATEGORIES,
    currencies::Currencies,
    mongo::Mongo,
    products::store as product_store,
    schema::{Schema, schemas},
};

/// Brings the collections to this version, or takes validators and indexes off again (`down` to 0; documents stay).
pub(crate) async fn migrate(db: &Mongo, currencies: &Currencies, direction: Direction) -> Result<Value, TriggerError> {
    let database = &db.database().await?;
    if direction == Direction::Up {
        // Categories of an earlier version are migrated below.
        for schema in schemas(currencies).iter().filter(|schema| schema.name != CATEGORIES) {
            must_suit_all(database, schema).await?;
        }
    }
    for schema in schemas(currencies) {
        match direction {
            Direction::Up => up(database, schema).await?,
            Direction::Down { to: 0 } => down(database, schema).await?,
            Direction::Down { .. } => return Err("the collections have one version: down goes to 0".into()),
        }
    }
    if direction == Direction::Up {
        category_store::gather(database).await?;
        let tree = category_store::tree(db).await?;
        product_store::index_all(db, &tree).await?;
    }
    let names: Vec<&str> = schemas(currencies).iter().map(|schema| schema.name).collect();
    Ok(json!({ "collections": names, "direction": if direction == Direction::Up { "up" } else { "down" } }))
}

/// A document that its validator refuses could never be changed any more. Looked for before anything is changed.
async fn must_suit_all(database: &Database, schema: &Schema) -> Result<(), TriggerError> {
    let documents = database.collection::<Document>(schema.name);
    let misfit = documents.find_one(doc! { "$nor": [schema.validator.clone()] }).projection(doc! { "_id": 1 }).await?;
    match misfit {
        Some(misfit) => Err(format!(
            "{} has documents that its new rules refuse, such as {misfit}: mend them first; nothing was changed",
            schema.name
        )
        .into()),
        None => Ok(()),
    }
}

async fn up(database: &Database, schema: Schema) -> Result<(), MongoError> {
    let created = database.create_collection(schema.name).validator(schema.validator.clone()).await;
    if let Err(error) = created {
        if !is_namespace_exists(&error) {
            return Err(error);
        }
        set_validator(database, schema.name, schema.validator).await?;
    }
    let collection = database.collection::<Document>(schema.name);
    // New indexes first: no rule that an old index enforces is ever without one.
    if !schema.indexes.is_empty() {
        collection.create_indexes(schema.indexes).await?;
    }
    let present = collection.list_index_names().await?;
    for former in schema.former_indexes.iter().filter(|name| present.iter().any(|present| present == *name)) {
        match collection.drop_index(*former).await {
            // Another migration has dropped it.
            Err(error) if !is_index_gone(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn down(database: &Database, schema: Schema) -> Result<(), MongoError> {
    if !database.list_collection_names().await?.iter().any(|name| name == schema.name) {
        return Ok(());
    }
    set_validator(database, schema.name, Document::new()).await?;
    database.collection::<Document>(schema.name).drop_indexes().await
}

async fn set_validator(database: &Database, name: &str, validator: Document) -> Result<(), MongoError> {
    database.run_command(doc! { "collMod": name, "validator": validator }).await.map(|_| ())
}

fn is_index_gone(error: &MongoError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == 27)
}

fn is_namespace_exists(error: &MongoError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == 48)
}
