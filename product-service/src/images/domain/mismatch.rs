//! Why an uploaded file is refused, and the limits that decide it. This file may use the kinds of images.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use super::media::MediaType;

/// The most points a side may have: WebP cannot have more, and screens show none of it.
pub(super) const MAX_SIDE: u32 = 16_384;
/// The most points a picture may have: those of the largest phone cameras (48 million). Decoded, it has 200 MB.
pub(super) const MAX_POINTS: u64 = 50_000_000;
/// The most frames a moving picture may have.
pub(super) const MAX_FRAMES: usize = 100;
/// The most points all frames of a moving picture may have together: a browser decodes each again and again.
pub(super) const MAX_MOVING_POINTS: u64 = 200_000_000;

/// Why an uploaded file is refused. Its text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Empty, or too large.
    #[error("The file has {has} bytes, and 1 to {most} were announced.")]
    Size {
        /// How many bytes it has.
        has: i64,
        /// How many were announced.
        most: i64,
    },
    /// It says that it is something else.
    #[error("The file was not uploaded as {0}, which was announced.")]
    ContentType(MediaType),
    /// It says so and is not.
    #[error("The content of the file is not {0}.")]
    Content(MediaType),
    /// Its end is missing.
    #[error("The end of the file is missing. Upload it whole.")]
    Truncated,
    /// It contradicts itself; the words complete "The file has ...".
    #[error("The file has {0}. Save the image anew and upload that.")]
    Malformed(&'static str),
    /// It would take too much memory to show.
    #[error("The image has {width} x {height} points. A side may have {MAX_SIDE}, and an image {MAX_POINTS} in all.")]
    Points {
        /// How wide it is.
        width: u32,
        /// How high it is.
        height: u32,
    },
    /// It would take too long to show.
    #[error("The image has {0} frames. {MAX_FRAMES} are the most, and {MAX_MOVING_POINTS} points in all of them.")]
    Frames(usize),
    /// Browsers do not show it, or it cannot be cleaned; the words complete "The file has ...".
    #[error("The file has {0}. Save the image anew and upload that.")]
    Unsupported(&'static str),
}

/// Why an uploaded file was refused, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = UploadRefusal)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefusalCode {
    /// Empty, or larger than announced.
    WrongSize,
    /// Uploaded as another type than announced.
    WrongContentType,
    /// Not an image of this type.
    WrongContent,
    /// The end of the file is missing.
    Truncated,
    /// The file contradicts itself.
    Malformed,
    /// A side has more than 16,384 points, or the image more than 50 million.
    TooManyPoints,
    /// More than 100 frames, or more than 200 million points in all frames together.
    TooManyFrames,
    /// A way of storing images that is not taken.
    Unsupported,
}

impl RefusalCode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Mismatch {
    /// The same for programs.
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
