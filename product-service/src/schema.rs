//! The collections: their validators and indexes, as data, which `migrate` applies. This file takes limits from the rules of
//! each noun; it reads and writes nothing.

use mongodb::{
    IndexModel,
    bson::{Bson, Document, doc},
    options::IndexOptions,
};
use strum::VariantNames;

use crate::{
    adjustments::domain::Reason,
    collections::{
        ADJUSTMENTS, CATEGORIES, EXPORTS, IMPORT_ERRORS, IMPORTS, PRODUCT_FOUND_NEWEST, PRODUCT_FOUND_TITLE,
        PRODUCT_SKU, PRODUCT_SLUG, PRODUCTS, RESERVATIONS, RETURNS, STOCK, UPLOADS, product_found_price,
    },
    currencies::Currencies,
    exports::domain::State as ExportState,
    images::domain::{MAX_IMAGES, MAX_SIZE, MediaType, State as UploadState},
    imports::domain::{MAX_SIZE as MAX_IMPORT_SIZE, State as ImportState},
    inventory::domain::Availability,
    products::domain::Status,
    reservations::domain::StateName as ReservationState,
};

/// A collection as it must be.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// What every document must look like.
    pub validator: Document,
    /// Its indexes.
    pub indexes: Vec<IndexModel>,
    /// Names of indexes that it had in earlier versions.
    pub former_indexes: &'static [&'static str],
}

/// All collections of this service.
pub fn schemas(currencies: &Currencies) -> Vec<Schema> {
    let bulk = [imports(), import_errors(), exports()];
    vec![products(currencies), categories(), stock(), adjustments(), returns(), reservations(), uploads()]
        .into_iter()
        .chain(bulk)
        .collect()
}

fn products(currencies: &Currencies) -> Schema {
    let price = doc! { "bsonType": "object", "required": ["amount", "currency"], "properties": {
        "amount": { "bsonType": ["int", "long"], "minimum": 0 },
        "currency": { "bsonType": "string", "pattern": "^[A-Z]{3}$" },
    }};
    let variant = doc! { "bsonType": "object", "required": ["sku", "options", "prices"], "properties": {
        "sku": { "bsonType": "string", "pattern": "^[A-Z0-9]+(-[A-Z0-9]+)*$", "maxLength": 40 },
        "prices": { "bsonType": "array", "minItems": 1, "items": price },
    }};
    let image = doc! { "bsonType": "object", "required": ["id", "key", "content_type", "alt"], "properties": {
        "content_type": { "enum": content_types() },
        "alt": { "bsonType": "string", "maxLength": 250 },
    }};
    // How many images a product may have; a product that was saved without images has neither list.
    let most = i64::try_from(MAX_IMAGES).unwrap_or(i64::MAX);
    let properties = doc! {
        "_id": { "bsonType": "string" },
        "images": { "bsonType": "array", "maxItems": most, "items": image },
        "image_slots": { "bsonType": "array", "maxItems": most, "uniqueItems": true },
        "slug": { "bsonType": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 100 },
        "title": { "bsonType": "string", "minLength": 1, "maxLength": 200 },
        "archived_slug": { "bsonType": "string" },
        "brand": { "bsonType": ["string", "null"], "maxLength": 100 },
        "tags": { "bsonType": "array", "maxItems": 30, "items": { "bsonType": "string" } },
        "attributes": { "bsonType": "array", "maxItems": 30 },
        "status": { "enum": Status::VARIANTS },
        "variants": { "bsonType": "array", "minItems": 1, "maxItems": 100, "items": variant },
        "version": { "bsonType": ["int", "long"], "minimum": 1 },
    };
    let required = ["title", "description", "status", "category_ids", "options", "variants", "version"];
    Schema {
        name: PRODUCTS,
        validator: json_schema(&required, properties),
        indexes: vec![
            sparse(PRODUCT_SLUG, doc! { "slug": 1 }),
            unique(PRODUCT_SKU, doc! { "variants.sku": 1 }),
            index("product_newest", doc! { "status": 1, "_id": -1 }),
            index("product_category", doc! { "category_ids": 1, "tree_version": 1 }),
            index(PRODUCT_FOUND_NEWEST, doc! { "terms": 1, "_id": -1 }),
            index(PRODUCT_FOUND_TITLE, doc! { "terms": 1, "title_key": 1, "_id": 1 }),
        ]
        .into_iter()
        .chain(currencies.0.iter().map(|currency| {
            let keys = doc! { "terms": 1, format!("lowest.{currency}"): 1, "_id": 1 };
            index(&product_found_price(*currency), keys)
        }))
        .collect(),
        former_indexes: &["product_slug"],
    }
}

/// One document: the tree.
fn categories() -> Schema {
    let category = doc! { "bsonType": "object", "required": ["id", "slug", "name", "version"], "properties": {
        "slug": { "bsonType": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 100 },
        "name": { "bsonType": "string", "minLength": 1, "maxLength": 100 },
    }};
    let properties = doc! {
        "_id": { "enum": ["tree"] },
        "version": { "bsonType": ["int", "long"], "minimum": 1 },
        "categories": { "bsonType": "array", "maxItems": 1000, "items": category },
    };
    Schema {
        name: CATEGORIES,
        validator: json_schema(&["version", "categories"], properties),
        indexes: Vec::new(),
        former_indexes: &["category_slug"],
    }
}

/// The last line of defence against overselling: the server itself refuses a number below zero, unless backorders are
/// taken.
fn stock() -> Schema {
    let number = doc! { "bsonType": ["int", "long"] };
    let none_below_zero = doc! { "properties": { "on_hand": { "minimum": 0 }, "available": { "minimum": 0 } } };
    let backorders = doc! { "required": ["backorder"], "properties": { "backorder": { "enum": [true] } } };
    let properties = doc! {
        "_id": { "bsonType": "string", "pattern": "^[A-Z0-9]+(-[A-Z0-9]+)*$", "maxLength": 40 },
        "on_hand": &number,
        "available": &number,
        "backorder": { "bsonType": "bool" },
        "low_stock_at": { "bsonType": ["int", "long", "null"], "minimum": 0 },
        "listed": { "enum": or_null(Availability::VARIANTS) },
        "low_stock": { "enum": ["watched", "told", null] },
        "version": { "bsonType": ["int", "long"], "minimum": 1 },
        "document": { "bsonType": "long" },
        "movements": { "bsonType": "array" },
        "adjustments": { "bsonType": "array" },
    };
    let mut validator = json_schema(&["on_hand", "available", "version", "updated_at", "movements"], properties);
    if let Ok(schema) = validator.get_document_mut("$jsonSchema") {
        schema.insert("anyOf", [none_below_zero, backorders]);
    }
    Schema {
        name: STOCK,
        validator,
        indexes: vec![
            index("stock_unsettled", doc! { "movements.at": 1 }),
            index("stock_unfinished", doc! { "adjustments.at": 1 }),
            index("stock_listed", doc! { "listed": 1, "available": 1 }),
            index("stock_low", doc! { "low_stock": 1, "above_low_stock": 1 }),
        ],
        former_indexes: &[],
    }
}

/// The audit log of stock: never deleted.
fn adjustments() -> Schema {
    let properties = doc! {
        "sku": { "bsonType": "string" },
        "delta": { "bsonType": ["int", "long"] },
        "reason": { "enum": Reason::VARIANTS },
        "note": { "bsonType": ["string", "null"], "maxLength": 500 },
        "by": { "bsonType": "string", "minLength": 1 },
    };
    Schema {
        name: ADJUSTMENTS,
        validator: json_schema(&["sku", "delta", "reason", "by", "at", "claim"], properties),
        indexes: vec![index("adjustment_of_sku", doc! { "sku": 1, "at": -1, "_id": -1 })],
        former_indexes: &[],
    }
}

fn returns() -> Schema {
    let properties = doc! { "lines": { "bsonType": "array", "minItems": 1, "maxItems": 100 } };
    Schema {
        name: RETURNS,
        validator: json_schema(&["lines", "at"], properties),
        indexes: Vec::new(),
        former_indexes: &[],
    }
}

fn reservations() -> Schema {
    let properties = doc! {
        "state": { "enum": ReservationState::VARIANTS },
        "basket": { "bsonType": "array", "maxItems": 100 },
        "lines": { "bsonType": "array", "maxItems": 100 },
    };
    let required = ["state", "basket", "lines", "lease_until", "expires_at", "created_at", "updated_at"];
    Schema {
        name: RESERVATIONS,
        validator: json_schema(&required, properties),
        indexes: vec![
            index("reservation_abandoned", doc! { "state": 1, "lease_until": 1 }),
            index("reservation_expired", doc! { "state": 1, "expires_at": 1 }),
            deleted_at("reservation_over"),
        ],
        former_indexes: &[],
    }
}

fn uploads() -> Schema {
    let properties = doc! {
        "content_type": { "enum": content_types() },
        "size": { "bsonType": ["int", "long"], "minimum": 1, "maximum": MAX_SIZE },
        "alt": { "bsonType": "string", "maxLength": 250 },
        "state": { "enum": UploadState::VARIANTS },
        "reason_code": { "bsonType": ["string", "null"] },
    };
    // Holds only uploads that the sweep has to check: those of images in use have no such date.
    let due = IndexOptions::builder().name("upload_due".to_owned()).sparse(true).build();
    Schema {
        name: UPLOADS,
        validator: json_schema(
            &["product_id", "key", "content_type", "size", "alt", "state", "expires_at"],
            properties,
        ),
        indexes: vec![IndexModel::builder().keys(doc! { "due_at": 1 }).options(due).build()],
        former_indexes: &[],
    }
}

fn imports() -> Schema {
    let number = doc! { "bsonType": ["int", "long"], "minimum": 0 };
    let counts = doc! { "bsonType": "object", "required": ["created", "changed", "unchanged", "refused"], "properties": {
        "created": &number, "changed": &number, "unchanged": &number, "refused": &number,
    }};
    let place = doc! { "bsonType": "object", "required": ["offset", "line", "is_inside"], "properties": {
        "offset": &number, "line": &number,
    }};
    let properties = doc! {
        "state": { "enum": ImportState::VARIANTS },
        "size": { "bsonType": ["int", "long", "null"], "minimum": 1, "maximum": MAX_IMPORT_SIZE },
        "place": place,
        "counts": counts,
        "planned": { "bsonType": "array", "maxItems": 100 },
        "attempt": number,
    };
    let required = ["state", "place", "counts", "planned", "attempt", "lease_until", "expires_at", "delete_at"];
    Schema {
        name: IMPORTS,
        validator: json_schema(&required, properties),
        indexes: vec![index("import_waiting", doc! { "state": 1, "lease_until": 1 }), deleted_at("import_over")],
        former_indexes: &[],
    }
}

fn import_errors() -> Schema {
    let properties = doc! {
        "line": { "bsonType": ["int", "long"], "minimum": 1 },
        "errors": { "bsonType": "array", "minItems": 1, "maxItems": 50 },
    };
    Schema {
        name: IMPORT_ERRORS,
        validator: json_schema(&["line", "errors", "delete_at"], properties),
        indexes: vec![deleted_at("import_error_over")],
        former_indexes: &[],
    }
}

fn exports() -> Schema {
    let file = doc! { "bsonType": "object", "required": ["key", "products", "size"] };
    let properties = doc! {
        "state": { "enum": ExportState::VARIANTS },
        "files": { "bsonType": "array", "items": file },
        "attempt": { "bsonType": ["int", "long"], "minimum": 0 },
    };
    Schema {
        name: EXPORTS,
        validator: json_schema(&["state", "files", "attempt", "lease_until", "delete_at"], properties),
        indexes: vec![index("export_waiting", doc! { "state": 1, "lease_until": 1 }), deleted_at("export_over")],
        former_indexes: &[],
    }
}

fn content_types() -> Vec<&'static str> {
    MediaType::ALL.iter().map(|media| media.as_str()).collect()
}

fn or_null(names: &[&str]) -> Vec<Bson> {
    names.iter().map(|name| Bson::from(*name)).chain([Bson::Null]).collect()
}

fn json_schema(required: &[&str], properties: Document) -> Document {
    doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
}

fn index(name: &str, keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().name(name.to_owned()).build()).build()
}

fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Has the server delete documents at their `delete_at`.
fn deleted_at(name: &str) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).expire_after(std::time::Duration::ZERO).build();
    IndexModel::builder().keys(doc! { "delete_at": 1 }).options(options).build()
}

/// Unique among the documents that have the field.
fn sparse(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).sparse(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::{images::domain::RefusalCode, inventory::domain::MovementKind};

    fn are_named<T: DeserializeOwned + Into<&'static str> + VariantNames>(names: &[&str]) {
        assert_eq!(T::VARIANTS, names);
        for name in names {
            let read: T = serde_json::from_value((*name).into()).unwrap();
            assert_eq!(read.into(), *name);
        }
    }

    #[test]
    fn what_is_stored_under_a_name_is_read_and_written_under_no_other() {
        are_named::<Status>(&["draft", "active", "archived"]);
        are_named::<Availability>(&["in_stock", "out_of_stock", "backorder"]);
        are_named::<MovementKind>(&["hold", "commit", "release"]);
        are_named::<Reason>(&["received", "returned", "found", "damaged", "lost", "correction", "counted"]);
        are_named::<ReservationState>(&["reserving", "void", "held", "committed", "released"]);
        are_named::<UploadState>(&["pending", "attached", "refused"]);
        are_named::<RefusalCode>(&[
            "wrong_size",
            "wrong_content_type",
            "wrong_content",
            "truncated",
            "malformed",
            "too_many_points",
            "too_many_frames",
            "unsupported",
        ]);
        are_named::<ImportState>(&["pending", "running", "done", "failed"]);
        are_named::<ExportState>(&["running", "done"]);
    }
}
