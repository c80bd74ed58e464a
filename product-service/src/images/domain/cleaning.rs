//! What of an uploaded file is published: the picture, its colours and which way is up. Nothing else of it.
//!
//! Each kind of file is a list of parts. A part is copied only if it is known to belong to the picture; places, dates,
//! names of cameras and people, comments, thumbnails and whatever stands behind the end of the picture are left out. What
//! a header promises is compared with what browsers should have to hold in memory. The pixels themselves are not decoded, but what AV1 says
//! of its frames is read, as decoders believe it, and a PNG's data are inflated and counted:
//! a picture that is broken inside is shown broken and does no harm.

use super::{media::MediaType, mismatch::Mismatch};

mod av1;
mod avif;
mod exif;
mod icc;
mod inflating;
mod jpeg;
mod png;
mod reader;
mod webp;

/// The bytes to publish of a file that was announced as this kind, or why there are none.
pub fn cleaned(kind: MediaType, file: &[u8]) -> Result<Vec<u8>, Mismatch> {
    if !kind.begins(file) {
        return Err(Mismatch::Content(kind));
    }
    match kind {
        MediaType::Jpeg => jpeg::cleaned(file),
        MediaType::Png => png::cleaned(file),
        MediaType::Webp => webp::cleaned(file),
        MediaType::Avif => avif::cleaned(file),
    }
}

#[cfg(test)]
mod tests;
