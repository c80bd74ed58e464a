//! What an image is, what may be uploaded as one, and how its list changes.
//!
//! An upload takes a slot of its product before anything is uploaded, so that no product ever has more images than it may,
//! pending ones counted. The product's document decides: an image is the product's once it stands in its list, and can
//! only get there while it holds a slot.

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use common::{
    id::Id,
    input::{Fields, FromFields, Refusal, line},
    problem::FieldError,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

pub use self::{
    media::MediaType,
    mismatch::{Mismatch, RefusalCode},
};
use crate::{
    bucket::object::{Object, PostPolicy},
    ids::ProductId,
};

pub mod cleaning;
mod media;
mod mismatch;

/// The id of an image, from its upload on.
pub type ImageId = Id<Image>;

/// Most images a product may have, pending uploads counted.
pub const MAX_IMAGES: usize = 10;
/// The largest file that is taken, in bytes.
pub const MAX_SIZE: i64 = 10 * 1024 * 1024;
/// How long an upload may be begun after it was granted.
pub const GRANTED_FOR: Duration = Duration::from_mins(10);
/// How long after that the sweep leaves an upload alone: an upload that began in time may take a while on a slow line.
const GRACE: Duration = Duration::from_hours(1);
/// How long a refused upload is kept; longer than its form is good, so that a file that is uploaded with it again is deleted,
/// too.
const REFUSED_FOR: Duration = Duration::from_hours(24);
/// The file under a key never changes, so caches may keep it.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
/// An uploaded file is read once, by this service, and deleted.
const NOT_CACHED: &str = "no-store";
/// Prefix of published images; the CDN reads objects with this prefix only.
const PUBLISHED: &str = "products/";
/// Prefix of uploaded files; only this service reads them.
const UPLOADED: &str = "uploads/";

/// An image of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Id of the image; never changes.
    pub id: ImageId,
    /// Key of the published file in the bucket.
    pub key: String,
    /// Media type of the file.
    pub content_type: MediaType,
    /// Alternative text for people who cannot see the image; empty for decoration.
    pub alt: String,
}

/// Alternative text of an image; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alt(String);

impl FromStr for Alt {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 0..=250).map(Self)
    }
}

/// The file that staff want to upload.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"content_type": "image/jpeg", "size": 184_320, "alt": "The tee from the front"}))]
pub struct NewImage {
    /// Media type of the file; the upload must have the same, and its content must be of this type.
    pub content_type: MediaType,
    /// Size of the file in bytes; the upload may have fewer bytes and not more.
    #[schema(minimum = 1, maximum = 10_485_760)]
    pub size: i64,
    /// Alternative text for people who cannot see the image; empty for decoration.
    #[schema(min_length = 0, max_length = 250, pattern = r"^\s*[^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub alt: String,
}

impl FromFields for NewImage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let content_type = fields.text("content_type");
        let size = fields.integer("size", 1..=MAX_SIZE);
        let alt = fields.text::<Alt>("alt");
        Some(Self { content_type: content_type?, size: size?, alt: alt?.0 })
    }
}

/// The state of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = UploadState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The form was granted; no file has been accepted or refused yet.
    Pending,
    /// The image is cleaned, published, and in the product's list.
    Attached,
    /// The file was refused and is deleted.
    Refused,
}

impl State {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An upload: the life of an image's object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The image.
    pub image: Image,
    /// The product that the image belongs to.
    pub product_id: ProductId,
    /// The most bytes that the file may have.
    pub size: i64,
    /// The state of the upload.
    pub state: State,
    /// Why the file was refused, for people.
    pub reason: Option<String>,
    /// The same for programs; uploads that were refused before there were codes have none.
    pub reason_code: Option<RefusalCode>,
    /// When the form stops working.
    pub expires_at: Timestamp,
    /// When the sweep checks whether the image is in use; `None` for an image that is known to be.
    pub due_at: Option<Timestamp>,
}

impl Upload {
    /// Grants an upload to a product, as of `now`.
    pub fn grant(product_id: ProductId, new: NewImage, now: Timestamp) -> Self {
        let id = Id::new(now);
        let key = format!("{PUBLISHED}{product_id}/{id}.{}", new.content_type.extension());
        let expires_at = now.plus(GRANTED_FOR);
        Self {
            image: Image { id, key, content_type: new.content_type, alt: new.alt },
            product_id,
            size: new.size,
            state: State::Pending,
            reason: None,
            reason_code: None,
            expires_at,
            due_at: Some(Self::asked_about_at(now)),
        }
    }

    /// Key of the uploaded file.
    pub fn uploaded_key(&self) -> String {
        let key = &self.image.key;
        format!("{UPLOADED}{}", key.strip_prefix(PUBLISHED).unwrap_or(key))
    }

    /// The policy of its form, which puts the file at [`Self::uploaded_key`].
    pub fn policy<'a>(&'a self, uploaded_key: &'a str) -> PostPolicy<'a> {
        let (content_type, expires_at) = (self.image.content_type.as_str(), self.expires_at);
        PostPolicy { key: uploaded_key, content_type, cache_control: NOT_CACHED, size: self.size, expires_at }
    }

    /// The bytes to publish of an uploaded file; read only when size and type are as announced.
    pub fn cleaned(&self, object: &Object) -> Result<Vec<u8>, Mismatch> {
        self.accepts(object)?;
        cleaning::cleaned(self.image.content_type, &object.bytes)
    }

    fn accepts(&self, object: &Object) -> Result<(), Mismatch> {
        if !(1..=self.size).contains(&object.size) {
            return Err(Mismatch::Size { has: object.size, most: self.size });
        }
        if object.content_type.as_deref() != Some(self.image.content_type.as_str()) {
            return Err(Mismatch::ContentType(self.image.content_type));
        }
        Ok(())
    }

    /// When the sweep checks an image that may have gone out of use `now`: by then no request of this moment is running any
    /// more, and no form that was granted before can upload the file again.
    pub fn asked_about_at(now: Timestamp) -> Timestamp {
        now.plus(GRANTED_FOR).plus(GRACE)
    }

    /// When the file of a refused upload is deleted once more, together with the upload.
    pub fn forgotten_at(now: Timestamp) -> Timestamp {
        now.plus(REFUSED_FOR)
    }
}

/// Which of the two files of an image an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// The file as it was uploaded.
    Uploaded,
    /// The cleaned file, which the public can read.
    Published,
}

/// The image that an object's key names, and which of its files the object is; `None` for other keys.
pub fn parse_key(key: &str) -> Option<(ObjectKind, ProductId, ImageId)> {
    let (kind, rest) = match key.strip_prefix(PUBLISHED) {
        Some(rest) => (ObjectKind::Published, rest),
        None => (ObjectKind::Uploaded, key.strip_prefix(UPLOADED)?),
    };
    let (product, file) = rest.split_once('/')?;
    let (image, extension) = file.split_once('.')?;
    MediaType::ALL.iter().find(|media| media.extension() == extension)?;
    Some((kind, product.parse().ok()?, image.parse().ok()?))
}

/// An image in the new list.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct ListedImage {
    /// Id of an image of this product.
    pub id: ImageId,
    /// Alternative text for people who cannot see the image; empty for decoration.
    #[schema(min_length = 0, max_length = 250, pattern = r"^\s*[^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub alt: String,
}

impl FromFields for ListedImage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.text("id");
        let alt = fields.text::<Alt>("alt");
        Some(Self { id: id?, alt: alt?.0 })
    }
}

/// The images of a product, in the order to show them.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({
    "images": [{"id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "alt": "The tee from the front"}]
}))]
pub struct ImageList {
    /// Each image to keep, once; images that are left out are removed from the product.
    #[schema(max_items = 10)]
    pub images: Vec<ListedImage>,
}

impl FromFields for ImageList {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let images = fields.objects::<ListedImage>("images", MAX_IMAGES)?;
        let mut seen = BTreeSet::new();
        for (i, image) in images.iter().enumerate() {
            if !seen.insert(image.id) {
                fields.refuse_below::<()>(&format!("/images/{i}/id"), "not_distinct", "is that of another item");
            }
        }
        Some(Self { images })
    }
}

/// A product's images before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arranged {
    /// The images that stay, in order.
    pub images: Vec<Image>,
    /// The images that are removed.
    pub removed: Vec<ImageId>,
}

impl ImageList {
    /// Puts `current` in the order of this list, with its texts; images that the list leaves out are removed.
    pub fn arrange(&self, current: &[Image]) -> Result<Arranged, Vec<FieldError>> {
        let (mut images, mut unknown) = (Vec::new(), Vec::new());
        for (i, listed) in self.images.iter().enumerate() {
            match current.iter().find(|image| image.id == listed.id) {
                Some(image) => images.push(Image { alt: listed.alt.clone(), ..image.clone() }),
                None => unknown.push(FieldError {
                    pointer: format!("/images/{i}/id"),
                    code: "unknown_image".into(),
                    message: "is not an image of this product".into(),
                    sku: None,
                }),
            }
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let stays = |image: &&Image| self.images.iter().any(|listed| listed.id == image.id);
        let removed = current.iter().filter(|image| !stays(image)).map(|image| image.id).collect();
        Ok(Arranged { images, removed })
    }
}

#[cfg(test)]
mod tests;
