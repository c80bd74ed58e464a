//! What of an uploaded file is published: the picture, its colours and which way is up. Nothing else of it.
//!
//! Each kind of file is a list of parts. A part is copied only if it is known to belong to the picture; places, dates,
//! names of cameras and people, comments, thumbnails and whatever stands behind the end of the picture are left out. What
//! a header promises is compared with what browsers should have to hold in memory. The pixels themselves are not decoded, but what AV1 says
//! of its frames is read, as decoders believe it, and a PNG's data are inflated and counted:
//! a picture that is broken inside is shown broken and does no harm.

use super::{MediaType, Mismatch};

mod av1;
mod avif;
mod exif;
mod icc;
mod inflating;
mod jpeg;
mod png;
mod webp;

/// The most points a side may have: WebP cannot have more, and screens show none of it.
pub const MAX_SIDE: u32 = 16_384;
/// The most points a picture may have: those of the largest phone cameras (48 million). Decoded, it has 200 MB.
pub const MAX_POINTS: u64 = 50_000_000;
/// The most frames a moving picture may have.
pub const MAX_FRAMES: usize = 100;
/// The most points all frames of a moving picture may have together: a browser decodes each again and again.
pub const MAX_MOVING_POINTS: u64 = 200_000_000;

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

/// Refuses what would take too much memory or time to show.
fn must_fit(width: u32, height: u32, frames: usize) -> Result<(), Mismatch> {
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

/// Reads a file from its beginning to its end; what is missing at the end was cut off.
#[derive(Debug, Clone)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Mismatch> {
        let taken = self.rest().get(..count).ok_or(Mismatch::Truncated)?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Mismatch> {
        let (taken, _) = self.rest().split_first_chunk::<N>().ok_or(Mismatch::Truncated)?;
        self.at += N;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Mismatch> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Mismatch> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Mismatch> {
        self.array().map(u32::from_be_bytes)
    }
}

/// A length from a file, to be compared with how much there is.
fn length(of: u32) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
