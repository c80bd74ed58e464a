//! What the bucket takes and gives, as data: rules may use these types. Nothing here calls the bucket or knows its client.

use std::collections::BTreeMap;

use common::timestamp::Timestamp;

/// What a form lets in: one file, at this key.
#[derive(Debug, Clone, Copy)]
pub struct PostPolicy<'a> {
    /// Where it will be.
    pub key: &'a str,
    /// What it must be uploaded as.
    pub content_type: &'a str,
    /// What caches may do with it.
    pub cache_control: &'a str,
    /// The most bytes it may have.
    pub size: i64,
    /// Until when an upload may begin.
    pub expires_at: Timestamp,
}

/// An object as the bucket describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// In bytes.
    pub size: i64,
    /// What it was uploaded as.
    pub content_type: Option<String>,
    /// Names its contents: another file at the same key has another.
    pub e_tag: Option<String>,
    /// What it says, where it was read.
    pub bytes: Vec<u8>,
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Of the object that it is a part of: another one, where it was exchanged.
    pub e_tag: Option<String>,
}

/// Where and how to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedPost {
    /// Where to post it.
    pub url: String,
    /// Its fields, before `file`.
    pub fields: BTreeMap<String, String>,
}
