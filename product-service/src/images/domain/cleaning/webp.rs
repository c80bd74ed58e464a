//! WebP (RFC 9649): a RIFF file of chunks, still or moving.

use super::{
    exif, icc,
    reader::{Reader, length},
};
use crate::images::domain::mismatch::{Mismatch, must_fit};

const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;
const IS_MOVING: u8 = 0x02;

/// A chunk: its name and what it holds.
type Chunk<'a> = ([u8; 4], &'a [u8]);

pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let mut reader = Reader::new(file);
    reader.take(4)?;
    let size = length(u32::from_le_bytes(reader.array()?));
    // What stands behind the file's own end is another matter.
    let mut reader = Reader::new(reader.take(size)?);
    reader.take(4)?;
    let first = chunk(&mut reader)?;
    let mut body = Vec::with_capacity(file.len());
    match &first.0 {
        b"VP8 " | b"VP8L" => {
            let (width, height) = picture_size(first)?;
            must_fit(width, height, 1)?;
            append(&mut body, first);
        }
        b"VP8X" => extended(first.1, &mut reader, &mut body)?,
        _ => return Err(Mismatch::Malformed("a WebP without a picture")),
    }
    let mut out = Vec::with_capacity(body.len() + 12);
    out.extend_from_slice(b"RIFF");
    out.extend(size_of(body.len() + 4));
    out.extend_from_slice(b"WEBP");
    out.extend(body);
    Ok(out)
}

/// A file with more than a picture (2.7).
fn extended(header: &[u8], reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Mismatch> {
    let mut fields = Reader::new(header);
    let [flags, _, _, _] = fields.array()?;
    let (width, height) = (u24(&mut fields)? + 1, u24(&mut fields)? + 1);
    must_fit(width, height, 1)?;
    let is_moving = flags & IS_MOVING != 0;
    let (mut profile, mut animation, mut alpha, mut orientation) = (None, None, None, None);
    let (mut still, mut frames) = (None, Vec::new());
    while !reader.is_at_end() {
        let (name, body) = chunk(reader)?;
        match &name {
            b"ICCP" if icc::is_profile(body) => profile = profile.or(Some((name, body))),
            b"ANIM" => animation = animation.or(Some((name, body))),
            b"ALPH" => alpha = alpha.or(Some((name, body))),
            b"VP8 " | b"VP8L" => still = still.or(Some((name, body))),
            b"ANMF" if is_moving => {
                frames.push(frame(body, width, height)?);
                must_fit(width, height, frames.len())?;
            }
            b"EXIF" => orientation = orientation.or_else(|| exif::orientation(body)),
            // XMP, and what is not known.
            _ => {}
        }
    }
    let mut flags = flags & (HAS_ALPHA | IS_MOVING);
    flags |= if profile.is_some() { HAS_PROFILE } else { 0 };
    flags |= if orientation.is_some() { HAS_EXIF } else { 0 };
    let sides = [(width - 1).to_le_bytes(), (height - 1).to_le_bytes()];
    append(out, (*b"VP8X", &[&[flags, 0, 0, 0], &sides[0][..3], &sides[1][..3]].concat()));
    for chunk in profile.into_iter().chain(animation.filter(|_| is_moving)) {
        append(out, chunk);
    }
    if is_moving {
        if animation.is_none() || frames.is_empty() {
            return Err(Mismatch::Truncated);
        }
        for frame in &frames {
            append(out, (*b"ANMF", frame));
        }
    } else {
        let still = still.ok_or(Mismatch::Truncated)?;
        if picture_size(still)? != (width, height) {
            return Err(Mismatch::Malformed("a WebP picture of another size than its file"));
        }
        for chunk in alpha.into_iter().filter(|_| still.0 == *b"VP8 ").chain([still]) {
            append(out, chunk);
        }
    }
    if let Some(orientation) = orientation {
        append(out, (*b"EXIF", &exif::only(orientation)));
    }
    Ok(())
}

/// A frame: place, size, duration and flags, and its own chunks (2.7.1.1).
fn frame(body: &[u8], whole_width: u32, whole_height: u32) -> Result<Vec<u8>, Mismatch> {
    let mut reader = Reader::new(body);
    let head = reader.take(16)?;
    let mut fields = Reader::new(head);
    let (x, y) = (2 * u24(&mut fields)?, 2 * u24(&mut fields)?);
    let (width, height) = (u24(&mut fields)? + 1, u24(&mut fields)? + 1);
    // Each has 24 bits: no overflow.
    if x + width > whole_width || y + height > whole_height {
        return Err(Mismatch::Malformed("a WebP frame outside its picture"));
    }
    let mut out = head.to_vec();
    let mut has_picture = false;
    while !reader.is_at_end() {
        let chunk = chunk(&mut reader)?;
        match &chunk.0 {
            b"VP8 " | b"VP8L" if !has_picture => {
                if picture_size(chunk)? != (width, height) {
                    return Err(Mismatch::Malformed("a WebP frame of another size than its picture"));
                }
                has_picture = true;
                append(&mut out, chunk);
            }
            b"ALPH" if !has_picture => append(&mut out, chunk),
            _ => {}
        }
    }
    if has_picture { Ok(out) } else { Err(Mismatch::Malformed("a WebP frame without a picture")) }
}

/// Width and height, from the first bytes of the coded picture: RFC 6386, 9.1, and RFC 9649, 3.4.
fn picture_size((name, body): Chunk<'_>) -> Result<(u32, u32), Mismatch> {
    let mut reader = Reader::new(body);
    let refused = Mismatch::Malformed("a WebP picture that does not begin like one");
    if &name == b"VP8 " {
        let tag = u24(&mut reader)?;
        let is_key_frame = tag & 1 == 0;
        if !is_key_frame || reader.array()? != [0x9d, 0x01, 0x2a] {
            return Err(refused);
        }
        let sides = [reader.array()?, reader.array()?].map(|side| u32::from(u16::from_le_bytes(side) & 0x3fff));
        if length(tag >> 5) > reader.rest().len() {
            return Err(Mismatch::Truncated);
        }
        return Ok((sides[0], sides[1]));
    }
    if reader.byte()? != 0x2f {
        return Err(refused);
    }
    let bits = u32::from_le_bytes(reader.array()?);
    if bits >> 29 != 0 || reader.is_at_end() {
        return Err(refused);
    }
    Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
}

fn chunk<'a>(reader: &mut Reader<'a>) -> Result<Chunk<'a>, Mismatch> {
    let name = reader.array()?;
    let size = length(u32::from_le_bytes(reader.array()?));
    let body = reader.take(size)?;
    // Padding, which some writers leave out at the end.
    if size % 2 == 1 && !reader.is_at_end() {
        reader.take(1)?;
    }
    Ok((name, body))
}

fn append(out: &mut Vec<u8>, (name, body): Chunk<'_>) {
    out.extend(name);
    out.extend(size_of(body.len()));
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}

/// Chunks come from a file of at most 10 MiB.
fn size_of(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

fn u24(reader: &mut Reader<'_>) -> Result<u32, Mismatch> {
    let [a, b, c] = reader.array()?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}
