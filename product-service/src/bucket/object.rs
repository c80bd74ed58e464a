//! What the bucket takes and gives, as data: rules may use these types. Nothing here calls the bucket or knows its client.

use std::collections::BTreeMap;

use common::timestamp::Timestamp;

/// What a presigned form allows: one file, under one key.
#[derive(Debug, Clone, Copy)]
pub struct PostPolicy<'a> {
    /// Key of the file.
    pub key: &'a str,
    /// Media type that the file must be uploaded with.
    pub content_type: &'a str,
    /// `Cache-Control` of the object.
    pub cache_control: &'a str,
    /// The most bytes that the file may have.
    pub size: i64,
    /// Until when the upload may begin.
    pub expires_at: Timestamp,
}

/// An object of the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Size in bytes.
    pub size: i64,
    /// Media type that it was uploaded with.
    pub content_type: Option<String>,
    /// Identifies the content: another file under the same key has another one.
    pub e_tag: Option<String>,
    /// The content, where it was read.
    pub bytes: Vec<u8>,
}

/// A range of bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `ETag` of the whole object: another one when the object was replaced.
    pub e_tag: Option<String>,
}

/// A presigned form for an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedPost {
    /// URL to post the form to.
    pub url: String,
    /// Form fields to send before the field `file`.
    pub fields: BTreeMap<String, String>,
}
