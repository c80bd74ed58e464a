//! Pictures as programs write them, with all that they say of people: `tests/images`, written by Pillow 13.0 (libavif 1.4,
//! libwebp 1.6). Each has `SECRET` in every place for words; `photo.*` was taken with the camera on its side.

use super::*;
use crate::images::domain::mismatch::MAX_POINTS;

const PHOTOS: [(MediaType, &[u8]); 9] = [
    (MediaType::Jpeg, include_bytes!("../../../../tests/images/photo.jpg")),
    (MediaType::Jpeg, include_bytes!("../../../../tests/images/progressive.jpg")),
    (MediaType::Jpeg, include_bytes!("../../../../tests/images/cmyk.jpg")),
    (MediaType::Png, include_bytes!("../../../../tests/images/photo.png")),
    (MediaType::Png, include_bytes!("../../../../tests/images/moving.png")),
    (MediaType::Webp, include_bytes!("../../../../tests/images/photo.webp")),
    (MediaType::Webp, include_bytes!("../../../../tests/images/moving.webp")),
    (MediaType::Avif, include_bytes!("../../../../tests/images/photo.avif")),
    (MediaType::Avif, PLAIN_AVIF),
];
const PLAIN_JPEG: &[u8] = include_bytes!("../../../../tests/images/plain.jpg");
const PLAIN_PNG: &[u8] = include_bytes!("../../../../tests/images/plain.png");
const PLAIN_WEBP: &[u8] = include_bytes!("../../../../tests/images/plain.webp");
const PLAIN_AVIF: &[u8] = include_bytes!("../../../../tests/images/plain.avif");
const PAGE: &[u8] = b"<!DOCTYPE html><html><script>alert(1)</script></html>";

fn photo(kind: MediaType) -> &'static [u8] {
    PHOTOS.iter().find(|(of, _)| *of == kind).unwrap().1
}

fn find(file: &[u8], part: &[u8]) -> Option<usize> {
    file.windows(part.len()).position(|window| window == part)
}

/// Writes other bytes where these stand, for the first time.
fn replaced(file: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let at = find(file, part).unwrap();
    [&file[..at], by, &file[at + part.len()..]].concat()
}

/// A chunk of a PNG with its checksum.
fn chunk(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&name);
    hasher.update(body);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length, &name[..], body, &hasher.finalize().to_be_bytes()].concat()
}

/// The data of a black picture of 24 bits a point.
fn black(width: u32, height: u32) -> Vec<u8> {
    let size = u64::from(height) * (1 + 3 * u64::from(width));
    miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; usize::try_from(size).unwrap()], 1)
}

/// A PNG whose header says this, with these data.
fn png_with(width: u32, height: u32, kind: [u8; 5], data: &[u8]) -> Vec<u8> {
    let body = [&width.to_be_bytes()[..], &height.to_be_bytes(), &kind].concat();
    [&PLAIN_PNG[..8], &chunk(*b"IHDR", &body), &chunk(*b"IDAT", data), &chunk(*b"IEND", b"")].concat()
}

/// A PNG of these sides.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let data = if u64::from(width) * u64::from(height) > MAX_POINTS { Vec::new() } else { black(width, height) };
    png_with(width, height, [8, 2, 0, 0, 0], &data)
}

/// The points of every frame.
fn decoded(kind: MediaType, file: &[u8]) -> Vec<u8> {
    match kind {
        MediaType::Jpeg => zune_jpeg::JpegDecoder::new(std::io::Cursor::new(file)).decode().unwrap(),
        MediaType::Png => {
            let mut decoder = ::png::Decoder::new(std::io::Cursor::new(file));
            decoder.set_transformations(::png::Transformations::EXPAND);
            let mut reader = decoder.read_info().unwrap();
            let frames = reader.info().animation_control().map_or(1, |control| control.num_frames);
            let mut all = Vec::new();
            for _ in 0..frames {
                let mut points = vec![0; reader.output_buffer_size().unwrap()];
                reader.next_frame(&mut points).unwrap();
                all.extend(points);
            }
            all
        }
        MediaType::Webp => {
            let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(file)).unwrap();
            let mut all = Vec::new();
            for _ in 0..decoder.num_frames().max(1) {
                let mut points = vec![0; decoder.output_buffer_size().unwrap()];
                if decoder.is_animated() {
                    decoder.read_frame(&mut points).unwrap();
                } else {
                    decoder.read_image(&mut points).unwrap();
                }
                all.extend(points);
            }
            all
        }
        // The coded pictures: no decoder of ours reads them.
        MediaType::Avif => {
            let data = find(file, b"mdat").unwrap();
            file[data + 4..].to_vec()
        }
    }
}

#[test]
fn what_is_published_is_the_same_picture_without_a_word() {
    for (kind, file) in PHOTOS {
        let out = cleaned(kind, file).unwrap();
        assert_eq!(find(&out, b"SECRET"), None, "{kind}");
        for word in
            [&b"http://ns.adobe.com"[..], b"tEXt", b"zTXt", b"iTXt", b"XMP ", b"Photoshop", b"JFXX", b"MPF", b"xmpmeta"]
        {
            assert_eq!(find(&out, word), None, "{kind} {}", String::from_utf8_lossy(word));
        }
        if kind != MediaType::Avif {
            assert_eq!(decoded(kind, &out), decoded(kind, file), "{kind}");
        }
        assert_eq!(cleaned(kind, &out).unwrap(), out, "{kind}: nothing is left to clean");
    }
}

#[test]
fn a_picture_without_a_word_stays_as_it_is() {
    for (kind, file) in [(MediaType::Jpeg, PLAIN_JPEG), (MediaType::Png, PLAIN_PNG), (MediaType::Webp, PLAIN_WEBP)] {
        assert_eq!(cleaned(kind, file).unwrap(), file, "{kind}");
    }
}

#[test]
fn which_way_is_up_and_the_colours_stay() {
    for kind in [MediaType::Jpeg, MediaType::Png, MediaType::Webp] {
        let (file, out) = (photo(kind), cleaned(kind, photo(kind)).unwrap());
        let at = find(&out, &exif::only(6)).unwrap_or_else(|| panic!("{kind} lies on its side"));
        assert_eq!(exif::orientation(&out[at..]), Some(6));
        assert_eq!(find(&out[at + 26..], b"\0\x2a"), None, "{kind}: no other EXIF");
        let profile: &[u8] = match kind {
            MediaType::Jpeg => b"ICC_PROFILE\0",
            MediaType::Png => b"iCCP",
            _ => b"ICCP",
        };
        let (mut before, mut after) = (find(file, profile).unwrap(), find(&out, profile).unwrap());
        if kind == MediaType::Png {
            // Behind the name, which is another.
            before += file[before..].iter().position(|byte| *byte == 0).unwrap();
            assert_eq!(&out[after + 4..after + 8], b"icc\0");
            after += 7;
        }
        assert_eq!(file[before..before + 300], out[after..after + 300], "{kind}");
    }
    // What it says by itself stays in AVIF: turned and with a profile.
    let (file, out) = (photo(MediaType::Avif), cleaned(MediaType::Avif, photo(MediaType::Avif)).unwrap());
    for property in [b"irot", b"colr", b"ispe", b"av1C"] {
        let (before, after) = (find(file, property).unwrap(), find(&out, property).unwrap());
        assert_eq!((before, &file[before..before + 8]), (after, &out[after..after + 8]));
    }
}

#[test]
fn of_an_avif_the_pictures_stay_where_they_are_and_the_words_become_nothing() {
    let file = photo(MediaType::Avif);
    let out = cleaned(MediaType::Avif, file).unwrap();
    assert_eq!((find(&out, b"Exif"), find(&out, b"mime"), find(&out, b"rdf+xml")), (None, None, None));
    assert!(find(file, b"Exif").is_some() && find(file, b"SECRET-XMP").is_some());
    let (before, after) = (decoded(MediaType::Avif, file), decoded(MediaType::Avif, &out));
    let kept = before.iter().zip(&after).filter(|(one, other)| one == other).count();
    let emptied = before.iter().zip(&after).filter(|(one, other)| one != other && **other == 0).count();
    assert_eq!(kept + emptied, before.len().min(after.len()));
    // Both pictures: the colours and what shines through.
    assert!(after.iter().filter(|byte| **byte != 0).count() > 100, "the pictures are there");
}

/// Where `photo.avif` says that its items are: the colours, what shines through, EXIF and XMP.
const ITEMS: [(std::ops::Range<usize>, bool); 4] =
    [(0x5cc..0x622, true), (0x5b2..0x5cc, true), (0x48f..0x565, false), (0x565..0x5b2, false)];

#[test]
fn the_coded_pictures_of_an_avif_stay_byte_for_byte_and_what_else_was_beside_them_is_gone() {
    let file = photo(MediaType::Avif);
    let out = cleaned(MediaType::Avif, file).unwrap();
    // Which is which, how they are coded, and where they are.
    for words in [&b"iloc"[..], b"pitm", b"av1C", b"ipma"] {
        let (before, after) = (find(file, words).unwrap(), find(&out, words).unwrap());
        assert_eq!((before, &file[before..before + 18]), (after, &out[after..after + 18]));
    }
    for (place, is_picture) in ITEMS {
        assert!(file[place.clone()].iter().any(|byte| *byte != 0), "{place:?}");
        if is_picture {
            assert_eq!(out[place.clone()], file[place.clone()], "{place:?}");
        } else {
            assert!(out[place.clone()].iter().all(|byte| *byte == 0), "{place:?}");
        }
    }
}

#[test]
fn an_avif_that_codes_larger_frames_than_it_says_is_refused() {
    // A still picture of 24 x 16 points (`0x0a` begins its sequence header) whose coded data become one of 65,536 x 65,536.
    let mut file = photo(MediaType::Avif).to_vec();
    let (place, _) = &ITEMS[0];
    let padding = u8::try_from(place.len()).unwrap() - 11;
    let huge = [0x0a, 7, 0x18, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x7a, padding];
    file[place.start..place.start + huge.len()].copy_from_slice(&huge);
    let refused = cleaned(MediaType::Avif, &file).unwrap_err();
    assert_eq!(refused, Mismatch::Points { width: 65_536, height: 65_536 });
}

#[test]
fn a_small_picture_beside_the_one_that_is_shown_becomes_nothing() {
    // The picture that is shown through becomes a thumbnail of the other.
    let file = replaced(photo(MediaType::Avif), b"auxl", b"thmb");
    let (before, after) =
        (cleaned(MediaType::Avif, photo(MediaType::Avif)).unwrap(), cleaned(MediaType::Avif, &file).unwrap());
    let written = |file: &[u8]| decoded(MediaType::Avif, file).into_iter().filter(|byte| *byte != 0).count();
    assert!(written(&after) < written(&before), "{} {}", written(&after), written(&before));
}

#[test]
fn no_file_that_was_cut_off_is_published() {
    assert_eq!(cleaned(MediaType::Png, &photo(MediaType::Png)[..40]), Err(Mismatch::Truncated));
    for (kind, file) in PHOTOS {
        let whole = cleaned(kind, file).unwrap();
        for end in 0..whole.len() {
            let cut = cleaned(kind, &whole[..end]);
            let is_known = matches!(cut, Err(Mismatch::Content(_) | Mismatch::Truncated));
            assert!(is_known, "{kind} of {end} bytes: {:?}", cut.map(|bytes| bytes.len()));
        }
    }
}

#[test]
fn what_stands_behind_a_picture_is_not_published() {
    for (kind, file) in PHOTOS {
        let whole = cleaned(kind, file).unwrap();
        for tail in [PAGE, b"PK\x03\x04 an archive", b"\0", &whole, &[0xff; 100]] {
            let out = cleaned(kind, &[file, tail].concat()).unwrap();
            assert_eq!(find(&out, b"script"), None, "{kind}");
            assert_eq!(out.len(), whole.len(), "{kind}");
        }
    }
}

#[test]
fn the_sides_of_a_picture_are_read_from_its_header() {
    let jpeg = |height: u16, width: u16| {
        let at = find(PLAIN_JPEG, b"\xff\xc0").unwrap() + 5;
        [&PLAIN_JPEG[..at], &height.to_be_bytes(), &width.to_be_bytes(), &PLAIN_JPEG[at + 4..]].concat()
    };
    let avif = |side: u32| {
        replaced(PLAIN_AVIF, b"ispe\0\0\0\0\0\0\0\x18", &[b"ispe\0\0\0\0", &side.to_be_bytes()[..]].concat())
    };
    let canvas = [&[0x10, 0, 0, 0], &16_383_u32.to_le_bytes()[..3], &16_383_u32.to_le_bytes()[..3]].concat();
    let at = find(photo(MediaType::Webp), b"VP8X").unwrap() + 8;
    let webp = [&photo(MediaType::Webp)[..at], &canvas, &photo(MediaType::Webp)[at + 10..]].concat();
    for (kind, file) in [
        (MediaType::Png, png_of(60_000, 60_000)),
        (MediaType::Png, png_of(16_385, 1)),
        (MediaType::Png, png_of(8_000, 6_251)),
        (MediaType::Png, png_of(u32::MAX, u32::MAX)),
        (MediaType::Jpeg, jpeg(60_000, 60_000)),
        (MediaType::Jpeg, jpeg(1, 16_385)),
        (MediaType::Webp, webp),
        (MediaType::Avif, avif(60_000)),
    ] {
        let refused = cleaned(kind, &file).unwrap_err();
        assert_eq!(refused.code().as_str(), "too_many_points", "{kind} {refused}");
    }
    assert!(cleaned(MediaType::Png, &png_of(8_000, 6_250)).is_ok(), "50 million");
    assert!(cleaned(MediaType::Png, &png_of(16_384, 1)).is_ok());
    for (kind, file) in [(MediaType::Png, png_of(0, 5)), (MediaType::Jpeg, jpeg(5, 0))] {
        assert_eq!(cleaned(kind, &file).unwrap_err().code().as_str(), "malformed", "{kind}");
    }
}

/// A PNG that says it has so many frames, and has them.
fn moving_png(width: u32, height: u32, frames: u32) -> Vec<u8> {
    let still = png_of(width, height);
    let (data, end) = (find(&still, b"IDAT").unwrap() - 4, find(&still, b"IEND").unwrap() - 4);
    let mut out = [&still[..data], &chunk(*b"acTL", &[&frames.to_be_bytes()[..], &[0; 4]].concat())].concat();
    for n in 0..frames {
        let (width, height) = if n == 0 { (width, height) } else { (1, 1) };
        let places = [n.to_be_bytes(), width.to_be_bytes(), height.to_be_bytes(), [0; 4], [0; 4]].concat();
        out.extend(chunk(*b"fcTL", &[&places[..], &[0; 6]].concat()));
        if n == 0 {
            out.extend(&still[data..end]);
        } else {
            out.extend(chunk(*b"fdAT", &[&n.to_be_bytes()[..], &black(1, 1)].concat()));
        }
    }
    out.extend(&still[end..]);
    out
}

/// The moving WebP with its last frame as often as that.
fn moving_webp(more: usize) -> Vec<u8> {
    let file = PHOTOS[6].1;
    let at = (0..file.len()).rev().find(|at| file[*at..].starts_with(b"ANMF")).unwrap();
    let size = usize::try_from(u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap())).unwrap();
    let frame = &file[at..at + 8 + size + size % 2];
    let mut out = [&file[..at], &frame.repeat(more), &file[at..]].concat();
    let size = u32::try_from(out.len() - 8).unwrap();
    out[4..8].copy_from_slice(&size.to_le_bytes());
    out
}

#[test]
fn frames_are_counted_and_limited() {
    for (kind, file, code) in [
        (MediaType::Png, moving_png(3, 2, 100), None),
        (MediaType::Png, moving_png(3, 2, 101), Some("too_many_frames")),
        (MediaType::Png, moving_png(2_000, 1_000, 100), None),
        (MediaType::Png, moving_png(2_000, 1_001, 100), Some("too_many_frames")),
        (MediaType::Webp, moving_webp(97), None),
        (MediaType::Webp, moving_webp(98), Some("too_many_frames")),
        (MediaType::Avif, include_bytes!("../../../../tests/images/moving.avif").to_vec(), Some("unsupported")),
    ] {
        assert_eq!(cleaned(kind, &file).map_err(|refused| refused.code().as_str()).err(), code, "{kind}");
    }
    // It says two, and has three.
    let lying = replaced(
        &moving_png(3, 2, 3),
        &chunk(*b"acTL", &[0, 0, 0, 3, 0, 0, 0, 0]),
        &chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
    );
    assert_eq!(cleaned(MediaType::Png, &lying).unwrap_err().code().as_str(), "malformed");
    // Frames of a picture that does not say that it moves are left out.
    let hidden = replaced(&moving_png(3, 2, 3), &chunk(*b"acTL", &[0, 0, 0, 3, 0, 0, 0, 0]), b"");
    assert_eq!(cleaned(MediaType::Png, &hidden).unwrap(), png_of(3, 2));
}

#[test]
fn what_contradicts_itself_or_is_not_shown_by_browsers_is_refused() {
    let mut bad_sum = PLAIN_PNG.to_vec();
    bad_sum[29] ^= 1;
    let header = &PLAIN_PNG[8..33];
    let two_headers = [&PLAIN_PNG[..33], header, &PLAIN_PNG[33..]].concat();
    let unknown = [&PLAIN_PNG[..33], &chunk(*b"HTML", PAGE), &PLAIN_PNG[33..]].concat();
    let empty = [&PLAIN_PNG[..33], &chunk(*b"IEND", b"")].concat();
    let lossless = replaced(PLAIN_JPEG, b"\xff\xc0", b"\xff\xc3");
    let arithmetic = replaced(PLAIN_JPEG, b"\xff\xc0", b"\xff\xc9");
    let between = replaced(PLAIN_JPEG, b"\xff\xdb", b"<p>\xff\xdb");
    let no_picture = [&PLAIN_JPEG[..20], b"\xff\xd9"].concat();
    let meta = find(PLAIN_AVIF, b"meta").unwrap() - 4;
    let two_metas = [&PLAIN_AVIF[..meta], b"\0\0\0\x0cmeta\0\0\0\0", &PLAIN_AVIF[meta..]].concat();
    let many_boxes = [PLAIN_AVIF, &b"\0\0\0\x08mdat".repeat(1_000_000)].concat();
    for (kind, file, code) in [
        (MediaType::Png, bad_sum, "malformed"),
        (MediaType::Png, two_headers, "malformed"),
        (MediaType::Png, unknown, "unsupported"),
        (MediaType::Png, empty, "malformed"),
        (MediaType::Png, PLAIN_JPEG.to_vec(), "wrong_content"),
        (MediaType::Jpeg, lossless, "unsupported"),
        (MediaType::Jpeg, arithmetic, "unsupported"),
        (MediaType::Jpeg, between, "malformed"),
        (MediaType::Jpeg, no_picture, "truncated"),
        (MediaType::Jpeg, PAGE.to_vec(), "wrong_content"),
        (MediaType::Avif, two_metas, "malformed"),
        (MediaType::Avif, many_boxes, "unsupported"),
    ] {
        let refused = cleaned(kind, &file).unwrap_err();
        assert_eq!(refused.code().as_str(), code, "{kind}: {refused}");
    }
}

#[test]
fn the_data_of_a_png_are_those_of_its_picture_and_nothing_else() {
    let packed = |size: usize| miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; size], 6);
    let data = packed(5 * (1 + 3 * 9));
    let mut wrong_sum = data.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    for (data, code) in [
        (data.clone(), None),
        (packed(5 * 28 - 1), Some("malformed")),
        (packed(5 * 28 + 1), Some("malformed")),
        (packed(50_000_000), Some("malformed")),
        (wrong_sum, Some("malformed")),
        ([&data, PAGE].concat(), Some("malformed")),
        ([&data[..], b"\0"].concat(), Some("malformed")),
        (PAGE.to_vec(), Some("malformed")),
        (data[..data.len() - 1].to_vec(), Some("truncated")),
        (Vec::new(), Some("truncated")),
    ] {
        let found = cleaned(MediaType::Png, &png_with(9, 5, [8, 2, 0, 0, 0], &data));
        assert_eq!(found.map_err(|refused| refused.code().as_str()).err(), code, "{} bytes", data.len());
    }
    // In as many pieces as it has bytes.
    let whole = png_with(9, 5, [8, 2, 0, 0, 0], &data);
    let pieces: Vec<u8> = data.iter().flat_map(|byte| chunk(*b"IDAT", &[*byte])).collect();
    let file = replaced(&whole, &chunk(*b"IDAT", &data), &pieces);
    assert_eq!(cleaned(MediaType::Png, &file).unwrap(), file);
    // Grey of one bit and of 16, and what seven passes have of 9 x 5 points: 1 + 1 + 1 + 2 + 1 + 3 + 2 rows.
    for (kind, size) in [([1, 0, 0, 0, 0], 5 * 3), ([16, 4, 0, 0, 0], 5 * 37), ([8, 0, 0, 0, 1], 9 * 5 + 11)] {
        assert!(cleaned(MediaType::Png, &png_with(9, 5, kind, &packed(size))).is_ok(), "{kind:?}");
        assert!(cleaned(MediaType::Png, &png_with(9, 5, kind, &packed(size + 1))).is_err(), "{kind:?}");
    }
}

#[test]
fn the_data_of_every_frame_of_a_png_are_those_of_its_picture() {
    let whole = moving_png(3, 2, 3);
    let frame = chunk(*b"fdAT", &[&[0, 0, 0, 2][..], &black(1, 1)].concat());
    for (data, code) in [
        (black(2, 1), "malformed"),
        (b"data".to_vec(), "malformed"),
        ([&black(1, 1), PAGE].concat(), "malformed"),
        (black(1, 1)[..5].to_vec(), "truncated"),
    ] {
        let file = replaced(&whole, &frame, &chunk(*b"fdAT", &[&[0, 0, 0, 2][..], &data].concat()));
        assert_eq!(cleaned(MediaType::Png, &file).unwrap_err().code().as_str(), code, "{data:?}");
    }
    assert_eq!(cleaned(MediaType::Png, &replaced(&whole, &frame, b"")).unwrap_err().code().as_str(), "truncated");
}

/// The shortest profile there is: a head and no tags.
fn profile() -> Vec<u8> {
    let mut profile = vec![0; 132];
    profile[3] = 132;
    profile[36..40].copy_from_slice(b"acsp");
    profile
}

#[test]
fn only_a_colour_profile_is_published_as_one() {
    let mut shorter = profile();
    shorter[3] = 131;
    let mut nameless = profile();
    nameless[36] = 0;
    for (words, is_kept) in [
        (profile(), true),
        (shorter, false),
        (nameless, false),
        (PAGE.repeat(3), false),
        (profile()[..99].to_vec(), false),
    ] {
        let parts = |count: u8| -> Vec<u8> {
            let pieces = words.chunks(words.len().div_ceil(count.into())).zip(1_u8..);
            pieces
                .flat_map(|(piece, number)| {
                    let body = [b"ICC_PROFILE\0", &[number, count][..], piece].concat();
                    [b"\xff\xe2", &u16::try_from(body.len() + 2).unwrap().to_be_bytes()[..], &body].concat()
                })
                .collect()
        };
        for count in [1, 3] {
            let file = [&PLAIN_JPEG[..2], &parts(count), &PLAIN_JPEG[2..]].concat();
            let out = cleaned(MediaType::Jpeg, &file).unwrap();
            assert_eq!(find(&out, b"ICC_PROFILE").is_some(), is_kept);
            assert_eq!(find(&out, &parts(count)).is_some(), is_kept);
            assert_eq!(find(&out, b"script"), None);
        }
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&words, 0);
        let colours = |name: &[u8], tail: &[u8]| {
            let chunk = chunk(*b"iCCP", &[name, b"\0\0", &packed, tail].concat());
            [&PLAIN_PNG[..33], &chunk, &PLAIN_PNG[33..]].concat()
        };
        let out = cleaned(MediaType::Png, &colours(b"<script>", b"")).unwrap();
        assert_eq!(out, if is_kept { colours(b"icc", b"") } else { PLAIN_PNG.to_vec() });
        assert_eq!(cleaned(MediaType::Png, &colours(b"icc", PAGE)).unwrap(), PLAIN_PNG, "with a page behind it");
    }
}

#[test]
fn tables_of_a_jpeg_have_a_form_that_there_is() {
    let at = find(PLAIN_JPEG, b"\xff\xdb").unwrap();
    let with = |marker: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        let segment = [&[0xff, marker][..], &length, body].concat();
        cleaned(MediaType::Jpeg, &[&PLAIN_JPEG[..at], &segment, &PLAIN_JPEG[at..]].concat())
    };
    let codes = [&[0x13][..], &[0; 15], &[2], b"ab"].concat();
    assert!(
        with(0xdb, &[&[3][..], &[1; 64]].concat()).is_ok() && with(0xc4, &codes).is_ok() && with(0xdd, b"ab").is_ok()
    );
    for (marker, body) in [
        (0xdb, [&[15][..], PAGE, &[1; 11]].concat()),
        (0xdb, [&[3][..], &[1; 64], PAGE].concat()),
        (0xdb, PAGE.to_vec()),
        (0xc4, [&codes[..], PAGE].concat()),
        (0xc4, [&[0][..], &[255; 16], &[7; 4_080]].concat()),
        (0xdd, PAGE.to_vec()),
    ] {
        assert_eq!(with(marker, &body).unwrap_err().code().as_str(), "malformed", "{marker:x} {}", body.len());
    }
}

fn boxed(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &name, body].concat()
}

/// A plain AVIF whose picture is one byte of `idat`, said to start at `start`.
fn avif_in_idat(start: u64) -> Vec<u8> {
    let meta = find(PLAIN_AVIF, b"meta").unwrap() - 4;
    let size = |at: usize| usize::try_from(u32::from_be_bytes(PLAIN_AVIF[at..at + 4].try_into().unwrap())).unwrap();
    let (mut at, end, mut inside) = (meta + 12, meta + size(meta), vec![0; 4]);
    while at < end {
        if &PLAIN_AVIF[at + 4..at + 8] != b"iloc" {
            inside.extend(&PLAIN_AVIF[at..at + size(at)]);
        }
        at += size(at);
    }
    // Version 1, offsets of 8 bytes and lengths of 4; one item, number 1, by method 1, of one extent.
    let (head, tail) = (b"\x01\0\0\0\x84\0\0\x01\0\x01\0\x01\0\0\0\x01", b"\0\0\0\x01");
    inside.extend(boxed(*b"iloc", &[&head[..], &start.to_be_bytes(), tail].concat()));
    // Three temporal delimiters of AV1.
    inside.extend(boxed(*b"idat", &[0x10; 3]));
    [&PLAIN_AVIF[..meta], &boxed(*b"meta", &inside)].concat()
}

#[test]
fn an_avif_whose_picture_is_said_to_be_beyond_any_number_is_malformed() {
    for start in [0, 2] {
        assert!(cleaned(MediaType::Avif, &avif_in_idat(start)).is_ok(), "{start}");
    }
    for start in [3, u64::MAX - 1, u64::MAX] {
        let refused = cleaned(MediaType::Avif, &avif_in_idat(start)).unwrap_err();
        assert_eq!(refused.code().as_str(), "malformed", "{start}");
    }
}

#[test]
fn a_progressive_picture_may_have_a_hundred_scans_and_no_more() {
    let scan_at = find(PLAIN_JPEG, b"\xff\xda").unwrap();
    let scan = &PLAIN_JPEG[scan_at..PLAIN_JPEG.len() - 2];
    let of = |scans: usize| [&PLAIN_JPEG[..scan_at], &scan.repeat(scans), b"\xff\xd9"].concat();
    assert!(cleaned(MediaType::Jpeg, &of(100)).is_ok());
    assert_eq!(cleaned(MediaType::Jpeg, &of(101)).unwrap_err().code().as_str(), "unsupported");
}

#[test]
fn only_the_orientation_of_exif_is_read_in_either_byte_order() {
    for orientation in 2..=8 {
        assert_eq!(exif::orientation(&exif::only(orientation)), Some(orientation));
    }
    let little = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0";
    assert_eq!(exif::orientation(little), Some(8));
    assert_eq!(exif::orientation(&[exif::PREFIX, little].concat()), Some(8));
    for nothing in [
        &exif::only(1)[..],
        &exif::only(9),
        &exif::only(6)[..18],
        b"",
        b"MM\0\x2a\xff\xff\xff\xff",
        b"MM\0\x2a\0\0\0\x08\xff\xff",
    ] {
        assert_eq!(exif::orientation(nothing), None, "{nothing:?}");
    }
}

/// Whatever bytes come, they are refused, or published as something that stays as it is.
#[test]
fn no_garbage_makes_it_panic_or_publish_what_it_would_not_publish_again() {
    let mut random = fastrand::Rng::with_seed(24);
    let mut published = 0;
    for round in 0..40_000 {
        let (kind, file) = PHOTOS[round % PHOTOS.len()];
        let mut file = file.to_vec();
        for _ in 0..random.usize(1..5) {
            let at = random.usize(0..file.len());
            match random.u8(0..4) {
                0 => file[at] = random.u8(..),
                1 => file[at] = [0, 1, 0x7f, 0x80, 0xff][random.usize(0..5)],
                2 => drop(file.drain(at..file.len().min(at + random.usize(1..9)))),
                _ => drop(file.splice(at..at, std::iter::repeat_n(random.u8(..), random.usize(1..9)))),
            }
            if file.is_empty() {
                break;
            }
        }
        if let Ok(out) = cleaned(kind, &file) {
            published += 1;
            assert_eq!(cleaned(kind, &out).as_deref(), Ok(&out[..]), "{kind} in round {round}");
        }
    }
    assert!(published > 1_000, "{published}");
}
