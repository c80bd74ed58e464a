//! Colour profiles (ICC.1:2022): only their head is looked at, so that words are not taken for one.

use super::inflating::Inflating;

/// How long a head is (7.2).
const HEAD: usize = 128;
/// The longest profile that is kept. Those of printing presses have about two million bytes.
const MAX_SIZE: u32 = 8 * 1_024 * 1_024;

/// Whether these bytes are a profile: it says how long it is, and that it is one.
pub(super) fn is_profile(bytes: &[u8]) -> bool {
    size(bytes).is_some_and(|size| usize::try_from(size) == Ok(bytes.len()))
}

/// Whether this zlib stream inflates to a profile, with nothing behind it. What it says of its size is what is inflated.
pub(super) fn is_compressed_profile(stream: &[u8]) -> bool {
    let mut head = Vec::with_capacity(HEAD);
    // The head first, of a stream that may be of any size.
    let mut inflating = Inflating::to(MAX_SIZE.into());
    let mut found = 0_u64;
    let is_read = inflating
        .read(stream, |out| {
            found += out.len() as u64;
            head.extend_from_slice(&out[..out.len().min(HEAD - head.len())]);
        })
        .is_ok();
    is_read && inflating.has_ended() && size(&head).is_some_and(|size| u64::from(size) == found)
}

/// How long a profile says it is, if its head is one's.
fn size(bytes: &[u8]) -> Option<u32> {
    let (size, _) = bytes.split_first_chunk::<4>()?;
    let size = u32::from_be_bytes(*size);
    let has_head = bytes.len() >= HEAD && bytes.get(36..40) == Some(b"acsp");
    (has_head && size <= MAX_SIZE).then_some(size)
}
