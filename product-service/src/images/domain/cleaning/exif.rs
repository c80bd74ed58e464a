//! Of EXIF (CIPA DC-008), which is a TIFF file, one field is kept: which way is up. Browsers honour it (CSS Images 3,
//! `image-orientation: from-image`). Without it, what a phone took upright would lie on its side.

/// What stands before it in JPEG, and by mistake in some WebP files.
pub(super) const PREFIX: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// How a picture is turned or mirrored, 2 to 8; `None` where it is upright, or says nothing that can be read.
pub(super) fn orientation(tiff: &[u8]) -> Option<u8> {
    let tiff = tiff.strip_prefix(PREFIX).unwrap_or(tiff);
    let is_big = match tiff.get(..4)? {
        b"MM\0\x2a" => true,
        b"II\x2a\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let count = usize::from(u16_at(directory)?);
    let entries = (0..count).map_while(|n| directory.checked_add(2 + 12 * n));
    let entry = entries.take_while(|at| u16_at(*at).is_some()).find(|at| u16_at(*at) == Some(ORIENTATION))?;
    if u16_at(entry + 2)? != SHORT || u32_at(entry + 4)? != 1 {
        return None;
    }
    u8::try_from(u16_at(entry + 8)?).ok().filter(|value| (2..=8).contains(value))
}

/// A TIFF file that says this and nothing else.
pub(super) fn only(orientation: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = orientation;
    tiff
}
