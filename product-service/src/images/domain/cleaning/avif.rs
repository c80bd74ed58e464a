//! AVIF (AV1 Image File Format 1.2; ISO/IEC 23008-12 and 14496-12): boxes in boxes. A picture's data are found by their
//! place in the file, so nothing is moved: what is not published is overwritten with zeros where it stands.
//!
//! Which way is up is said by properties (`irot`, `imir`); what EXIF says of it counts for nothing here (MIAF, 7.3.6.7).

use std::{collections::BTreeSet, ops::Range};

use super::{
    av1,
    reader::{Reader, length},
};
use crate::images::domain::mismatch::{Mismatch, must_fit};

/// Coded pictures, those that are put together of others, and those with more light for screens that have it.
const PICTURES: [&[u8; 4]; 3] = [CODED, b"grid", b"tmap"];
/// Those that are coded by themselves.
const CODED: &[u8; 4] = b"av01";
/// Size, coding, colours, turning and cutting, and which picture is another one's transparency.
const PROPERTIES: [&[u8; 4]; 16] = [
    b"ispe", b"pixi", b"av1C", b"colr", b"pasp", b"clap", b"irot", b"imir", b"auxC", b"a1op", b"a1lx", b"lsel",
    b"clli", b"mdcv", b"cclv", b"amve",
];
/// What a file consists of at the top.
const TOP: [&[u8; 4]; 8] = [b"ftyp", b"meta", b"mdat", b"free", b"skip", b"uuid", b"moov", b"moof"];
/// A picture of 50 million points has hundreds of tiles at most.
const MAX_PLACES: usize = 10_000;
/// Writers make a handful at the top. Each is compared with each place, so their number is limited, too.
const MAX_TOP: usize = 100;
const MALFORMED: Mismatch = Mismatch::Malformed("an AVIF whose boxes contradict each other");
const UNSUPPORTED: Mismatch = Mismatch::Unsupported("a way of storing AVIF that is not taken");

/// A box: its name, where it begins, and where its contents are in the file.
#[derive(Debug, Clone)]
struct Piece {
    name: [u8; 4],
    start: usize,
    body: Range<usize>,
}

/// What `meta` says of the picture's data.
#[derive(Default)]
struct Meta {
    /// Items that are pictures.
    pictures: BTreeSet<u32>,
    /// Those of them whose data are AV1.
    coded: BTreeSet<u32>,
    thumbnails: BTreeSet<u32>,
    /// Where in the file they are.
    in_file: Vec<(u32, Range<usize>)>,
    /// Where in `idat` they are.
    in_idat: Vec<(u32, Range<usize>)>,
    idat: Option<Range<usize>>,
    has_size: bool,
}

pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let pieces = top(file)?;
    if pieces.iter().any(|piece| matches!(&piece.name, b"moov" | b"moof")) {
        return Err(Mismatch::Unsupported("several AVIF pictures one after the other"));
    }
    let mut metas = pieces.iter().filter(|piece| &piece.name == b"meta");
    let place = metas.next().ok_or(Mismatch::Truncated)?;
    if metas.next().is_some() {
        return Err(MALFORMED);
    }
    let data: Vec<Range<usize>> =
        pieces.iter().filter(|piece| &piece.name == b"mdat").map(|piece| piece.body.clone()).collect();
    let mut out = file.to_vec();
    let meta = read_meta(&mut out, place)?;
    if !meta.has_size || meta.pictures.is_empty() || meta.in_file.len() + meta.in_idat.len() > MAX_PLACES {
        return Err(Mismatch::Malformed("an AVIF without a picture"));
    }
    let is_picture = |(id, _): &&(u32, Range<usize>)| meta.pictures.contains(id);
    let kept: Vec<Range<usize>> = meta.in_file.iter().filter(is_picture).map(|(_, range)| range.clone()).collect();
    if let Some(beyond) = kept.iter().find(|range| !data.iter().any(|data| holds(data, range))) {
        return Err(if beyond.end > file.len() { Mismatch::Truncated } else { MALFORMED });
    }
    for data in data {
        clear_between(&mut out, data, &kept);
    }
    let place = |range: &Range<usize>| file.get(range.clone());
    frames_must_fit(&meta, &meta.in_file, place)?;
    if let Some(idat) = meta.idat.clone() {
        let at = |range: &Range<usize>| {
            let range = idat.start.checked_add(range.start)?..idat.start.checked_add(range.end)?;
            holds(&idat, &range).then_some(range)
        };
        let kept = meta.in_idat.iter().filter(is_picture).map(|(_, range)| at(range).ok_or(MALFORMED));
        let kept: Vec<Range<usize>> = kept.collect::<Result<_, _>>()?;
        frames_must_fit(&meta, &meta.in_idat, |range| file.get(at(range)?))?;
        clear_between(&mut out, idat, &kept);
    } else if meta.in_idat.iter().any(|one| is_picture(&one)) {
        return Err(MALFORMED);
    }
    for piece in pieces.iter().filter(|piece| !matches!(&piece.name, b"ftyp" | b"meta" | b"mdat")) {
        blank(&mut out, piece);
    }
    let end = pieces.iter().filter(|piece| matches!(&piece.name, b"meta" | b"mdat")).map(|piece| piece.body.end).max();
    out.truncate(end.unwrap_or_default());
    Ok(out)
}

/// What the coded pictures say of their frames, each of them put together of its places.
fn frames_must_fit<'a>(
    meta: &Meta,
    places: &[(u32, Range<usize>)],
    at: impl Fn(&Range<usize>) -> Option<&'a [u8]>,
) -> Result<(), Mismatch> {
    for id in meta.coded.intersection(&meta.pictures) {
        let parts = places.iter().filter(|(of, _)| of == id).map(|(_, range)| at(range).ok_or(MALFORMED));
        let parts: Vec<&[u8]> = parts.collect::<Result<_, _>>()?;
        av1::frames_must_fit(&parts.concat())?;
    }
    Ok(())
}

/// The boxes of the file, up to what is none of its own.
fn top(file: &[u8]) -> Result<Vec<Piece>, Mismatch> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    while at + 8 <= file.len() {
        let name = &file[at + 4..at + 8];
        let is_known = TOP.iter().any(|known| *known == name);
        match piece(file, at, file.len()) {
            // Another file begins.
            Ok(piece) if &piece.name == b"ftyp" && at > 0 => break,
            Ok(_) if pieces.len() == MAX_TOP => return Err(UNSUPPORTED),
            Ok(piece) => {
                at = piece.body.end;
                pieces.push(piece);
            }
            Err(cut) if is_known => return Err(cut),
            Err(_) => break,
        }
    }
    Ok(pieces)
}

/// The box at a place, which ends by `end` at the latest.
fn piece(file: &[u8], start: usize, end: usize) -> Result<Piece, Mismatch> {
    let mut reader = Reader::new(file.get(start..end).unwrap_or_default());
    let size = reader.u32()?;
    let name = reader.array()?;
    let size = match size {
        0 => end - start,
        1 => usize::try_from(u64::from_be_bytes(reader.array()?)).map_err(|_| Mismatch::Truncated)?,
        size => length(size),
    };
    let body = start + reader.at..start.checked_add(size).ok_or(Mismatch::Truncated)?;
    if body.end > end {
        return Err(Mismatch::Truncated);
    }
    if body.start > body.end {
        return Err(MALFORMED);
    }
    Ok(Piece { name, start, body })
}

/// The boxes in a part of the file, which must fill it.
fn pieces(file: &[u8], within: Range<usize>) -> Result<Vec<Piece>, Mismatch> {
    let (mut found, mut at) = (Vec::new(), within.start);
    while at < within.end {
        let next = piece(file, at, within.end).map_err(|_| MALFORMED)?;
        at = next.body.end;
        found.push(next);
    }
    Ok(found)
}

/// Reads `meta`, and blanks what of it says nothing of the picture.
fn read_meta(out: &mut [u8], place: &Piece) -> Result<Meta, Mismatch> {
    let mut meta = Meta::default();
    for part in pieces(out, past(&place.body, 4)?)? {
        match &part.name {
            // Behind 24 bytes there is a name for people.
            b"hdlr" => out[past(&part.body, 24)?].fill(0),
            b"pitm" => {}
            b"iref" => read_thumbnails(&out[part.body.clone()], &mut meta)?,
            b"iinf" => read_items(out, &part, &mut meta)?,
            b"iloc" => read_places(&out[part.body.clone()], &mut meta)?,
            b"idat" => meta.idat = Some(part.body.clone()),
            b"iprp" => read_properties(out, &part, &mut meta)?,
            _ => blank(out, &part),
        }
    }
    let Meta { pictures, thumbnails, .. } = &mut meta;
    pictures.retain(|id| !thumbnails.contains(id));
    Ok(meta)
}

/// Which items are small pictures of others: they may show what was cut off since.
fn read_thumbnails(body: &[u8], meta: &mut Meta) -> Result<(), Mismatch> {
    let version = body.first().copied().ok_or(MALFORMED)?;
    for reference in pieces(body, past(&(0..body.len()), 4)?)?.iter().filter(|piece| &piece.name == b"thmb") {
        let mut reader = Reader::new(&body[reference.body.clone()]);
        meta.thumbnails.insert(if version == 0 { reader.u16()?.into() } else { reader.u32()? });
    }
    Ok(())
}

/// Which items are pictures. Others, such as EXIF and XMP, become ones that no reader knows.
fn read_items(out: &mut [u8], part: &Piece, meta: &mut Meta) -> Result<(), Mismatch> {
    let version = out.get(part.body.start).copied().ok_or(MALFORMED)?;
    for item in pieces(out, past(&part.body, if version == 0 { 6 } else { 8 })?)? {
        let mut reader = Reader::new(&out[item.body.clone()]);
        let [version, _, _, _] = reader.array()?;
        let id = match version {
            2 => reader.u16()?.into(),
            3 => reader.u32()?,
            _ => return Err(UNSUPPORTED),
        };
        if &item.name != b"infe" || reader.u16()? != 0 {
            return Err(UNSUPPORTED);
        }
        let name = item.body.start + reader.at;
        let is_picture = PICTURES.contains(&&reader.array()?);
        if is_picture {
            meta.pictures.insert(id);
            if &out[name..name + 4] == CODED {
                meta.coded.insert(id);
            }
        } else {
            out[name..name + 4].copy_from_slice(b"skip");
        }
        // The rest are words for people, or types of what is no picture.
        out[name + 4..item.body.end].fill(0);
    }
    Ok(())
}

/// Where the data of each item are (ISO/IEC 14496-12, 8.11.3).
fn read_places(body: &[u8], meta: &mut Meta) -> Result<(), Mismatch> {
    let mut reader = Reader::new(body);
    let [version, _, _, _] = reader.array()?;
    let [sizes, more] = reader.array()?;
    let (offset_size, length_size, base_size) = (sizes >> 4, sizes & 15, more >> 4);
    let index_size = if version == 0 { 0 } else { more & 15 };
    let count = if version < 2 { reader.u16()?.into() } else { reader.u32()? };
    for _ in 0..count {
        let id = if version < 2 { reader.u16()?.into() } else { reader.u32()? };
        let method = if version == 0 { 0 } else { reader.u16()? & 15 };
        if reader.u16()? != 0 || method > 1 {
            return Err(UNSUPPORTED);
        }
        let base = number(&mut reader, base_size)?;
        for _ in 0..reader.u16()? {
            number(&mut reader, index_size)?;
            let start = base.checked_add(number(&mut reader, offset_size)?).ok_or(MALFORMED)?;
            let size = number(&mut reader, length_size)?;
            if size == 0 {
                return Err(UNSUPPORTED);
            }
            let range = start..start.checked_add(size).ok_or(MALFORMED)?;
            if method == 0 { meta.in_file.push((id, range)) } else { meta.in_idat.push((id, range)) }
        }
    }
    Ok(())
}

/// The sizes of all pictures, each of which must fit; properties that are not known are blanked.
fn read_properties(out: &mut [u8], part: &Piece, meta: &mut Meta) -> Result<(), Mismatch> {
    for inner in pieces(out, part.body.clone())? {
        match &inner.name {
            b"ipco" => {
                for property in pieces(out, inner.body.clone())? {
                    if &property.name == b"ispe" {
                        let mut reader = Reader::new(&out[past(&property.body, 4)?]);
                        must_fit(reader.u32()?, reader.u32()?, 1)?;
                        meta.has_size = true;
                    } else if !PROPERTIES.contains(&&property.name) {
                        blank(out, &property);
                    }
                }
            }
            b"ipma" => {}
            _ => blank(out, &inner),
        }
    }
    Ok(())
}

/// A number of 0, 4 or 8 bytes.
fn number(reader: &mut Reader<'_>, size: u8) -> Result<usize, Mismatch> {
    match size {
        0 => Ok(0),
        4 => reader.u32().map(length),
        8 => usize::try_from(u64::from_be_bytes(reader.array()?)).map_err(|_| MALFORMED),
        _ => Err(MALFORMED),
    }
}

/// All but the first bytes of a range.
fn past(range: &Range<usize>, count: usize) -> Result<Range<usize>, Mismatch> {
    let start = range.start + count;
    if start <= range.end { Ok(start..range.end) } else { Err(MALFORMED) }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Makes a box one that readers pass over, and empties it.
fn blank(out: &mut [u8], piece: &Piece) {
    out[piece.start + 4..piece.start + 8].copy_from_slice(b"free");
    out[piece.body.clone()].fill(0);
}

/// Empties a part of the file but for these ranges in it.
fn clear_between(out: &mut [u8], within: Range<usize>, kept: &[Range<usize>]) {
    let mut inside: Vec<&Range<usize>> = kept.iter().filter(|range| holds(&within, range)).collect();
    inside.sort_unstable_by_key(|range| range.start);
    let mut at = within.start;
    for range in inside {
        if range.start > at {
            out[at..range.start].fill(0);
        }
        at = at.max(range.end);
    }
    out[at..within.end].fill(0);
}
