//! The kinds of images that browsers show, and how each begins.

use std::{fmt, str::FromStr};

use common::input::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of an image. SVG is not among them: it is a document that can run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum MediaType {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
    /// AVIF.
    #[serde(rename = "image/avif")]
    Avif,
}

impl MediaType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Webp, Self::Avif];

    /// The name, as in `Content-Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// The extension of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// Whether a file of this type may begin with these bytes. The signatures are those of WHATWG's "MIME Sniffing", 6.1; AVIF's is the
    /// `ftyp` box of ISO/IEC 14496-12 with one of its brands (AVIF specification, section 6).
    pub fn begins(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
            Self::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            Self::Webp => bytes.starts_with(b"RIFF") && bytes.get(8..14) == Some(b"WEBPVP"),
            Self::Avif => has_brand(bytes, [*b"avif", *b"avis"]),
        }
    }
}

/// Whether a file begins with an `ftyp` box that names one of these brands. The box is its length, `ftyp`, the major
/// brand, a version, and then compatible brands.
fn has_brand(bytes: &[u8], brands: [[u8; 4]; 2]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return false };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let Some(named) = rest.get(..length.saturating_sub(4).min(rest.len())) else { return false };
    let Some(named) = named.strip_prefix(b"ftyp") else { return false };
    // The second word is the version.
    named.chunks_exact(4).enumerate().any(|(i, word)| i != 1 && brands.iter().any(|brand| brand == word))
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MediaType {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::ALL.into_iter().find(|media| media.as_str() == text);
        known.ok_or_else(|| {
            Refusal::new("unknown_content_type", "must be image/jpeg, image/png, image/webp or image/avif")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_first_bytes_and_taken_for_no_other() {
        let files: [(MediaType, &[u8]); 6] = [
            (MediaType::Jpeg, b"\xff\xd8\xff\xe0\0\x10JFIF"),
            (MediaType::Png, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            (MediaType::Webp, b"RIFF\x24\0\0\0WEBPVP8 "),
            (MediaType::Avif, b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf"),
            (MediaType::Avif, b"\0\0\0\x1cftypmif1\0\0\0\0avifmiafMA1B"),
            (MediaType::Avif, b"\0\0\0\x18ftypavis\0\0\0\0msf1miaf"),
        ];
        for (kind, file) in files {
            for other in MediaType::ALL {
                assert_eq!(other.begins(file), other == kind, "{other} {file:?}");
            }
        }
    }

    #[test]
    fn what_only_resembles_an_image_is_none() {
        let others: [&[u8]; 7] = [
            b"",
            b"\xff\xd8",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            b"RIFF\x24\0\0\0WAVEfmt ",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            // The brand stands where the version is, and after the box.
            b"\0\0\0\x10ftypmif1avif",
            b"\0\0\0\x14ftypmif1\0\0\0\0heicavif",
        ];
        for file in others {
            assert!(MediaType::ALL.iter().all(|kind| !kind.begins(file)), "{file:?}");
        }
    }

    #[test]
    fn a_kind_is_read_as_it_is_written_and_nothing_else_is() {
        for kind in MediaType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        for other in ["image/svg+xml", "image/gif", "IMAGE/PNG", "image/png; charset=utf-8", "text/html", ""] {
            assert!(other.parse::<MediaType>().is_err(), "{other}");
        }
    }
}
