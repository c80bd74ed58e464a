//! JPEG (ITU-T T.81): segments, each behind a marker, and between them the scans.

use super::{exif, icc, reader::Reader};
use crate::images::domain::mismatch::{Mismatch, must_fit};

/// A progressive picture has about ten; each is a pass over the whole picture.
const MAX_SCANS: usize = 100;
/// What a JFIF segment has before its thumbnail (ITU-T T.871, 10.1).
const JFIF: usize = 12;
/// What stands before each part of a colour profile (ICC.1, annex B.4), without the part's number and their count.
const PROFILE: &[u8] = b"ICC_PROFILE\0";

/// What was seen so far.
#[derive(Default)]
struct Seen {
    jfif: Option<Vec<u8>>,
    orientation: Option<u8>,
    /// The bodies of the segments with parts of the colour profile.
    profile: Vec<Vec<u8>>,
    /// Everything else that is published.
    picture: Vec<u8>,
    has_frame: bool,
    scans: usize,
}

pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let mut reader = Reader::new(file);
    let mut seen = Seen::default();
    reader.take(2)?;
    loop {
        match marker(&mut reader)? {
            // The end of the picture; what comes behind it is another matter.
            0xd9 => break,
            0x01 | 0xd0..=0xd8 => return Err(Mismatch::Malformed("a JPEG marker out of place")),
            marker => segment(&mut seen, marker, &mut reader)?,
        }
    }
    if seen.scans == 0 {
        return Err(Mismatch::Truncated);
    }
    let mut out = Vec::with_capacity(seen.picture.len() + 64);
    out.extend([0xff, 0xd8]);
    out.extend(seen.jfif.unwrap_or_default());
    if let Some(orientation) = seen.orientation {
        append(&mut out, 0xe1, &[exif::PREFIX, &exif::only(orientation)].concat())?;
    }
    for part in whole_profile(&seen.profile) {
        append(&mut out, 0xe2, part)?;
    }
    out.extend(seen.picture);
    out.extend([0xff, 0xd9]);
    Ok(out)
}

/// The next marker. Any number of bytes of ones may stand before it (B.1.1.2).
fn marker(reader: &mut Reader<'_>) -> Result<u8, Mismatch> {
    if reader.byte()? != 0xff {
        return Err(Mismatch::Malformed("JPEG segments that do not follow each other"));
    }
    loop {
        match reader.byte()? {
            0xff => {}
            0x00 => return Err(Mismatch::Malformed("a JPEG marker that is none")),
            marker => return Ok(marker),
        }
    }
}

fn segment(seen: &mut Seen, marker: u8, reader: &mut Reader<'_>) -> Result<(), Mismatch> {
    let length = usize::from(reader.u16()?);
    let body = reader.take(length.checked_sub(2).ok_or(Mismatch::Malformed("a JPEG segment without a length"))?)?;
    match marker {
        // Baseline, extended and progressive pictures with Huffman codes: what browsers show.
        0xc0..=0xc2 => {
            frame(body)?;
            if std::mem::replace(&mut seen.has_frame, true) {
                return Err(Mismatch::Malformed("two JPEG frames"));
            }
            append(&mut seen.picture, marker, body)?;
        }
        // Tables for codes and quantisation, and the distance of restart markers.
        0xc4 | 0xdb | 0xdd => {
            tables(marker, body)?;
            append(&mut seen.picture, marker, body)?;
        }
        0xda => {
            seen.scans += 1;
            if !seen.has_frame {
                return Err(Mismatch::Malformed("a JPEG scan before its frame"));
            }
            if seen.scans > MAX_SCANS {
                return Err(Mismatch::Unsupported("more than 100 scans"));
            }
            append(&mut seen.picture, marker, body)?;
            seen.picture.extend_from_slice(scan(reader)?);
        }
        0xe0 if body.starts_with(b"JFIF\0") && body.len() >= JFIF && seen.jfif.is_none() => {
            // Version and density; a thumbnail of no points.
            let mut jfif = Vec::with_capacity(JFIF + 6);
            append(&mut jfif, marker, &[&body[..JFIF], &[0, 0]].concat())?;
            seen.jfif = Some(jfif);
        }
        0xe1 if body.starts_with(exif::PREFIX) => {
            seen.orientation = seen.orientation.or_else(|| exif::orientation(body));
        }
        // The colour profile, which may have several parts.
        0xe2 if body.starts_with(PROFILE) => seen.profile.push(body.to_vec()),
        // Says how the colours are coded (ITU-T T.872, 6.5.3). Without it some pictures turn pink.
        0xee if body.starts_with(b"Adobe") && body.len() >= 12 => append(&mut seen.picture, marker, &body[..12])?,
        // Applications' own, and comments.
        0xe0..=0xef | 0xfe => {}
        _ => return Err(Mismatch::Unsupported("a JPEG coding that browsers do not show")),
    }
    Ok(())
}

/// Precision, height, width, and three bytes a component (B.2.2).
fn frame(body: &[u8]) -> Result<(), Mismatch> {
    let mut reader = Reader::new(body);
    let (precision, height, width, components) = (reader.byte()?, reader.u16()?, reader.u16()?, reader.byte()?);
    if reader.rest().len() != 3 * usize::from(components) || ![1, 3, 4].contains(&components) {
        return Err(Mismatch::Malformed("a JPEG frame of another length"));
    }
    if precision != 8 || height == 0 {
        return Err(Mismatch::Unsupported("a JPEG coding that browsers do not show"));
    }
    must_fit(width.into(), height.into(), 1)
}

/// Tables that follow each other to the end of their segment, each of a form that there is (B.2.4).
fn tables(marker: u8, body: &[u8]) -> Result<(), Mismatch> {
    const WRONG: Mismatch = Mismatch::Malformed("a JPEG table of a form that there is not");
    if marker == 0xdd {
        return if body.len() == 2 { Ok(()) } else { Err(WRONG) };
    }
    let mut reader = Reader::new(body);
    while !reader.is_at_end() {
        let kind = reader.byte()?;
        // The kind of numbers or codes, and which of four tables it is.
        if kind >> 4 > 1 || kind & 0x0f > 3 {
            return Err(WRONG);
        }
        let values = if marker == 0xdb {
            64 * (1 + usize::from(kind >> 4))
        } else {
            reader.take(16).map_err(|_| WRONG)?.iter().map(|count| usize::from(*count)).sum()
        };
        if values > 256 {
            return Err(WRONG);
        }
        reader.take(values).map_err(|_| WRONG)?;
    }
    Ok(())
}

/// The parts of the colour profile in their order, if they are all there and make one.
fn whole_profile(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    let number = |part: &&[u8]| part.get(PROFILE.len()).copied().unwrap_or_default();
    let mut sorted: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    sorted.sort_by_key(number);
    let is_complete = sorted.iter().enumerate().all(|(at, part)| {
        let numbers = [at + 1, parts.len()].map(|number| u8::try_from(number).unwrap_or_default());
        part.get(PROFILE.len()..PROFILE.len() + 2) == Some(&numbers[..])
    });
    let profile: Vec<u8> =
        sorted.iter().flat_map(|part| part.get(PROFILE.len() + 2..).unwrap_or_default()).copied().collect();
    if is_complete && icc::is_profile(&profile) { sorted } else { Vec::new() }
}

/// The coded data of a scan, up to the next marker that is not one of its own.
fn scan<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Mismatch> {
    let rest = reader.rest();
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    let end = rest.windows(2).position(ends).ok_or(Mismatch::Truncated)?;
    if end == 0 {
        return Err(Mismatch::Malformed("a JPEG scan without data"));
    }
    reader.take(end)
}

fn append(out: &mut Vec<u8>, marker: u8, body: &[u8]) -> Result<(), Mismatch> {
    let length = u16::try_from(body.len() + 2).map_err(|_| Mismatch::Malformed("a JPEG segment without a length"))?;
    out.extend([0xff, marker]);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(body);
    Ok(())
}
