//! PNG (W3C, third edition), still and moving: chunks, each with a checksum.
//!
//! What the data inflate to is counted, not looked at: as many bytes as the picture has, in one zlib stream with its checksum,
//! and nothing behind that.

use super::{
    exif, icc,
    inflating::{Inflating, Packing},
    reader::{Reader, length},
};
use crate::images::domain::mismatch::{Mismatch, must_fit};

/// Besides the picture itself: transparency and colours, density, and how bright it is meant to be.
const KEPT: [&[u8; 4]; 11] =
    [b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"bKGD", b"pHYs", b"mDCV", b"cLLI", b"PLTE"];

/// What was seen so far.
#[derive(Default)]
struct Seen {
    size: Option<(u32, u32)>,
    packing: Packing,
    is_indexed: bool,
    has_palette: bool,
    has_orientation: bool,
    /// How many frames were announced, where it moves.
    frames: Option<usize>,
    frames_found: usize,
    data: Data,
    /// The picture or frame whose data are being read.
    inflating: Option<Inflating>,
}

/// Where the data of the first picture are, which must be in one piece.
#[derive(Default, PartialEq, Eq)]
enum Data {
    #[default]
    Ahead,
    Here,
    Behind,
}

pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let mut reader = Reader::new(file);
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(reader.take(8)?);
    let mut seen = Seen::default();
    loop {
        let size = length(reader.u32()?);
        let name = reader.array::<4>()?;
        let body = reader.take(size)?;
        if reader.u32()? != checksum(name, body) {
            return Err(Mismatch::Malformed("a PNG chunk whose checksum is wrong"));
        }
        if name != *b"IHDR" && seen.size.is_none() {
            return Err(Mismatch::Malformed("a PNG without its header"));
        }
        if name != *b"IDAT" && seen.data == Data::Here {
            seen.data = Data::Behind;
            end_data(&mut seen)?;
        }
        if &name == b"IEND" {
            break;
        }
        if let Some(body) = kept(&mut seen, name, body)? {
            append(&mut out, name, &body);
        }
    }
    if seen.data == Data::Ahead || (seen.is_indexed && !seen.has_palette) {
        return Err(Mismatch::Malformed("a PNG without a picture"));
    }
    end_data(&mut seen)?;
    if seen.frames.is_some_and(|frames| frames != seen.frames_found) {
        return Err(Mismatch::Malformed("a PNG with another number of frames"));
    }
    append(&mut out, *b"IEND", &[]);
    Ok(out)
}

/// What of a chunk is published.
fn kept<'a>(seen: &mut Seen, name: [u8; 4], body: &'a [u8]) -> Result<Option<std::borrow::Cow<'a, [u8]>>, Mismatch> {
    match &name {
        b"IHDR" => header(seen, body)?,
        b"IDAT" => {
            if seen.data == Data::Behind {
                return Err(Mismatch::Malformed("a PNG whose data are in several pieces"));
            }
            if seen.data == Data::Ahead {
                let (width, height) = seen.size.unwrap_or_default();
                begin_data(seen, width, height);
            }
            seen.data = Data::Here;
            data(seen, body)?;
        }
        b"eXIf" => {
            let Some(orientation) = exif::orientation(body).filter(|_| !seen.has_orientation) else { return Ok(None) };
            seen.has_orientation = true;
            return Ok(Some(exif::only(orientation).to_vec().into()));
        }
        b"acTL" => animation(seen, body)?,
        // Of a picture that does not move, or is not said to.
        b"fcTL" | b"fdAT" if seen.frames.is_none() => return Ok(None),
        b"fcTL" => frame(seen, body)?,
        // A number comes first (11.3.6.3).
        b"fdAT" if body.len() > 4 && seen.data != Data::Ahead => data(seen, &body[4..])?,
        b"fdAT" => return Err(Mismatch::Malformed("a PNG frame without data")),
        // Its name is of people's choice (11.3.2.3).
        b"iCCP" => return Ok(profile(body).map(Into::into)),
        b"PLTE" => seen.has_palette = true,
        name if KEPT.contains(&name) => {}
        // The first letter says whether a chunk may be left out (5.4).
        [first, ..] if first.is_ascii_lowercase() => return Ok(None),
        _ => return Err(Mismatch::Unsupported("a PNG chunk that is not known")),
    }
    Ok(Some(body.into()))
}

/// Width, height, depth, kind of colour, and how it is packed (11.2.1).
fn header(seen: &mut Seen, body: &[u8]) -> Result<(), Mismatch> {
    let mut reader = Reader::new(body);
    let (width, height) = (reader.u32()?, reader.u32()?);
    let [depth, colour, compression, filter, interlace] = reader.array()?;
    let is_known = matches!((colour, depth), (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) | (2 | 4 | 6, 8 | 16))
        && compression == 0
        && filter == 0
        && interlace <= 1;
    if !is_known || !reader.is_at_end() || seen.size.is_some() {
        return Err(Mismatch::Malformed("a PNG whose header is wrong"));
    }
    must_fit(width, height, 1)?;
    (seen.size, seen.is_indexed) = (Some((width, height)), colour == 3);
    let channels = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    seen.packing = Packing { bits: channels * u64::from(depth), is_interlaced: interlace == 1 };
    Ok(())
}

/// How many frames there are, and how often they are shown (11.3.6.1).
fn animation(seen: &mut Seen, body: &[u8]) -> Result<(), Mismatch> {
    let (width, height) = seen.size.unwrap_or_default();
    let frames = length(Reader::new(body).u32()?);
    if body.len() != 8 || frames == 0 || seen.frames.is_some() || seen.data != Data::Ahead {
        return Err(Mismatch::Malformed("a PNG with another number of frames"));
    }
    must_fit(width, height, frames)?;
    seen.frames = Some(frames);
    Ok(())
}

/// A number, then width, height and place of a frame (11.3.6.2).
fn frame(seen: &mut Seen, body: &[u8]) -> Result<(), Mismatch> {
    let mut reader = Reader::new(body);
    reader.u32()?;
    let [width, height, x, y] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
    let (whole_width, whole_height) = seen.size.unwrap_or_default();
    let fits = |at: u32, side: u32, whole: u32| u64::from(at) + u64::from(side) <= whole.into();
    let is_inside = fits(x, width, whole_width) && fits(y, height, whole_height);
    if body.len() != 26 || width == 0 || height == 0 || !is_inside {
        return Err(Mismatch::Malformed("a PNG frame outside its picture"));
    }
    seen.frames_found += 1;
    if seen.data == Data::Ahead {
        // The first frame may be the picture itself, which has its data in IDAT; it has that one's sides then.
        return if (x, y, width, height) == (0, 0, whole_width, whole_height) {
            Ok(())
        } else {
            Err(Mismatch::Malformed("a PNG frame of another size than its picture"))
        };
    }
    end_data(seen)?;
    begin_data(seen, width, height);
    Ok(())
}

/// Data of a picture or a frame of these sides follow.
fn begin_data(seen: &mut Seen, width: u32, height: u32) {
    seen.inflating = Some(Inflating::to(seen.packing.size(width, height)));
}

/// The next of them.
fn data(seen: &mut Seen, body: &[u8]) -> Result<(), Mismatch> {
    let inflating = seen.inflating.as_mut().ok_or(Mismatch::Malformed("a PNG frame without data"))?;
    inflating.read(body, |_| {})
}

/// No more of them follow.
fn end_data(seen: &mut Seen) -> Result<(), Mismatch> {
    seen.inflating.take().map_or(Ok(()), Inflating::end)
}

/// A colour profile under a name of ours, if it is one (11.3.2.3).
fn profile(body: &[u8]) -> Option<Vec<u8>> {
    let name_ends = body.iter().take(80).position(|byte| *byte == 0)?;
    let (compression, data) = body.get(name_ends + 1..)?.split_first()?;
    (*compression == 0 && icc::is_compressed_profile(data)).then(|| [&b"icc\0\0"[..], data].concat())
}

fn checksum(name: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&name);
    hasher.update(body);
    hasher.finalize()
}

fn append(out: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    // Chunks come from a file of at most 10 MiB.
    out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(name);
    out.extend_from_slice(body);
    out.extend(checksum(name, body).to_be_bytes());
}
