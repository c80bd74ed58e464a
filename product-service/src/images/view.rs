//! An image as clients see it. This file may use the image and the addresses of the bucket.

use serde::Serialize;
use utoipa::ToSchema;

use super::domain::{Image, ImageId, MediaType};
use crate::bucket::Bucket;

/// An image of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Image, example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "url": "https://images.shop.example/products/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.jpg",
    "alt": "The tee from the front", "content_type": "image/jpeg"
}))]
pub(crate) struct ImageView {
    /// Id of the image; never changes.
    id: ImageId,
    /// URL of the image; the file at this URL never changes, so it may be cached without limit.
    url: String,
    /// Alternative text for people who cannot see the image; empty for decoration.
    alt: String,
    /// Media type of the file.
    content_type: MediaType,
}

impl ImageView {
    /// The image, where the public finds it.
    pub(crate) fn new(image: Image, bucket: &Bucket) -> Self {
        let Image { id, key, content_type, alt } = image;
        Self { id, url: bucket.public_url(&key), alt, content_type }
    }
}
