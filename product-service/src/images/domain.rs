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
    bucket::object::{Object, Terms},
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
/// How long after that the sweep leaves an upload alone: one that was begun in time may take a while on a slow line.
const GRACE: Duration = Duration::from_hours(1);
/// How long a refused upload can still be asked for its reason; longer than the form works, so that what is uploaded with
/// it once more is deleted too.
const REFUSED_FOR: Duration = Duration::from_hours(24);
/// An image never changes under its key, so whoever has it may keep it.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
/// What was uploaded is looked at once, by us, and deleted.
const NOT_CACHED: &str = "no-store";
/// Where images are for everybody; the CDN reads this and nothing else.
const PUBLISHED: &str = "products/";
/// Where files are put by forms. Only this service reads them there.
const UPLOADED: &str = "uploads/";

/// An image of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Names it for ever.
    pub id: ImageId,
    /// Where it is in the bucket, cleaned, for everybody.
    pub key: String,
    /// What it is.
    pub content_type: MediaType,
    /// What it shows, for those who cannot see it; empty when it only decorates.
    pub alt: String,
}

/// What an image shows, in words; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alt(String);

impl FromStr for Alt {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 0..=250).map(Self)
    }
}

/// What staff want to upload.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"content_type": "image/jpeg", "size": 184_320, "alt": "The tee from the front"}))]
pub struct NewImage {
    /// What the file is; the upload must say the same, and its contents must agree.
    pub content_type: MediaType,
    /// How many bytes it has; the upload may have fewer, and not one more.
    #[schema(minimum = 1, maximum = 10_485_760)]
    pub size: i64,
    /// What it shows, for those who cannot see it; empty when it only decorates.
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

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = UploadState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Granted; nothing acceptable has arrived yet.
    Pending,
    /// Cleaned, published, and in the product's list.
    Attached,
    /// What arrived was not what was announced, and is deleted.
    Refused,
}

impl State {
    /// As documents have it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An upload: the life of an image's object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The image, and where and what it is.
    pub image: Image,
    /// Whose.
    pub product_id: ProductId,
    /// The most bytes it may have.
    pub size: i64,
    /// How far it has come.
    pub state: State,
    /// Why it was refused, for people.
    pub reason: Option<String>,
    /// The same for programs; uploads that were refused before there were codes have none.
    pub reason_code: Option<RefusalCode>,
    /// When the form stops working.
    pub expires_at: Timestamp,
    /// When the sweep asks whether the object is still wanted; an image in use has no such time.
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

    /// Where its file is put.
    pub fn uploaded_key(&self) -> String {
        let key = &self.image.key;
        format!("{UPLOADED}{}", key.strip_prefix(PUBLISHED).unwrap_or(key))
    }

    /// What its form lets in, at [`Self::uploaded_key`].
    pub fn terms<'a>(&'a self, uploaded_key: &'a str) -> Terms<'a> {
        let (content_type, expires_at) = (self.image.content_type.as_str(), self.expires_at);
        Terms { key: uploaded_key, content_type, cache_control: NOT_CACHED, size: self.size, expires_at }
    }

    /// The bytes to publish of what was uploaded; looked at only when size and type are what was announced.
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

    /// When the sweep asks whether an object is still wanted, if the doubt arises `now`: no request of this moment is under
    /// way any more, and no form that was granted before can upload the object anew.
    pub fn asked_about_at(now: Timestamp) -> Timestamp {
        now.plus(GRANTED_FOR).plus(GRACE)
    }

    /// When the object of a refused upload is deleted once more, and the upload forgotten.
    pub fn forgotten_at(now: Timestamp) -> Timestamp {
        now.plus(REFUSED_FOR)
    }
}

/// Where in the bucket an object of an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// As it was uploaded.
    Uploaded,
    /// Cleaned, for everybody.
    Published,
}

/// Which image an object's key names, and where that is; `None` when the key is none of ours.
pub fn parse_key(key: &str) -> Option<(Place, ProductId, ImageId)> {
    let (place, rest) = match key.strip_prefix(PUBLISHED) {
        Some(rest) => (Place::Published, rest),
        None => (Place::Uploaded, key.strip_prefix(UPLOADED)?),
    };
    let (product, file) = rest.split_once('/')?;
    let (image, extension) = file.split_once('.')?;
    MediaType::ALL.iter().find(|media| media.extension() == extension)?;
    Some((place, product.parse().ok()?, image.parse().ok()?))
}

/// An image as it shall stand in the list.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct ListedImage {
    /// Which.
    pub id: ImageId,
    /// What it shows, for those who cannot see it; empty when it only decorates.
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

/// The whole list, in order.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({
    "images": [{"id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "alt": "The tee from the front"}]
}))]
pub struct ImageList {
    /// Each image that stays, once, in the order to show them.
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
    /// Those that stay, in order.
    pub images: Vec<Image>,
    /// Those that go.
    pub removed: Vec<ImageId>,
}

impl ImageList {
    /// Orders `current` like this list and gives each image its text; what the list leaves out is removed.
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
