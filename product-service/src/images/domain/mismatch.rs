//! Why an uploaded file is refused, and the limits that decide it. This file may use the kinds of images.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use super::media::MediaType;

/// The most pixels a side may have: WebP cannot have more, and no screen shows more.
pub(super) const MAX_SIDE: u32 = 16_384;
/// The most pixels a picture may have: those of the largest phone cameras (48 million). Decoded, such a picture takes 200 MB.
pub(super) const MAX_POINTS: u64 = 50_000_000;
/// The most frames a moving picture may have.
pub(super) const MAX_FRAMES: usize = 100;
/// The most pixels that all frames of a moving picture may have together: a browser decodes each frame again and again.
pub(super) const MAX_MOVING_POINTS: u64 = 200_000_000;

/// Why an uploaded file is refused. The text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The file is empty or too large.
    #[error("The file has {has} bytes, and 1 to {most} were announced.")]
    Size {
        /// Size of the file in bytes.
        has: i64,
        /// The announced size in bytes.
        most: i64,
    },
    /// The file was uploaded with another media type than announced.
    #[error("The file was not uploaded as {0}, the announced type.")]
    ContentType(MediaType),
    /// The content of the file is not of the announced type.
    #[error("The content of the file is not {0}.")]
    Content(MediaType),
    /// The end of the file is missing.
    #[error("The end of the file is missing. Upload the whole file.")]
    Truncated,
    /// The file contradicts itself; the words complete "The file has ...".
    #[error("The file has {0}. Save the image again and upload the new file.")]
    Malformed(&'static str),
    /// The picture would take too much memory to show.
    #[error(
        "The image has {width} x {height} pixels. A side may have {MAX_SIDE} at most, and an image {MAX_POINTS} in all."
    )]
    Points {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The moving picture would take too long to show.
    #[error(
        "The image has {0} frames. It may have {MAX_FRAMES} at most, with {MAX_MOVING_POINTS} pixels in all of them together."
    )]
    Frames(usize),
    /// Browsers do not show the file, or it cannot be cleaned; the words complete "The file has ...".
    #[error("The file has {0}. Save the image again and upload the new file.")]
    Unsupported(&'static str),
}

/// Why an uploaded file was refused, as a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = UploadRefusal)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefusalCode {
    /// The file is empty, or larger than announced.
    WrongSize,
    /// The file was uploaded with another media type than announced.
    WrongContentType,
    /// The content is not an image of the announced type.
    WrongContent,
    /// The end of the file is missing.
    Truncated,
    /// The file contradicts itself.
    Malformed,
    /// A side has more than 16,384 pixels, or the image more than 50 million.
    TooManyPoints,
    /// The image has more than 100 frames, or more than 200 million pixels in all frames together.
    TooManyFrames,
    /// The file uses features of its format that are not supported.
    Unsupported,
}

impl RefusalCode {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Mismatch {
    /// The code of the reason.
    pub fn code(self) -> RefusalCode {
        match self {
            Self::Size { .. } => RefusalCode::WrongSize,
            Self::ContentType(_) => RefusalCode::WrongContentType,
            Self::Content(_) => RefusalCode::WrongContent,
            Self::Truncated => RefusalCode::Truncated,
            Self::Malformed(_) => RefusalCode::Malformed,
            Self::Points { .. } => RefusalCode::TooManyPoints,
            Self::Frames(_) => RefusalCode::TooManyFrames,
            Self::Unsupported(_) => RefusalCode::Unsupported,
        }
    }
}

/// Refuses what would take too much memory or time to show.
pub(super) fn must_fit(width: u32, height: u32, frames: usize) -> Result<(), Mismatch> {
    let points = u64::from(width) * u64::from(height);
    if points == 0 {
        return Err(Mismatch::Malformed("a side without points"));
    }
    if width.max(height) > MAX_SIDE || points > MAX_POINTS {
        return Err(Mismatch::Points { width, height });
    }
    // At most 100 times 50 million: no overflow.
    if frames > MAX_FRAMES || (frames > 1 && points * frames as u64 > MAX_MOVING_POINTS) {
        return Err(Mismatch::Frames(frames));
    }
    Ok(())
}
