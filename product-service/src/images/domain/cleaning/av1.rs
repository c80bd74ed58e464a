//! How large the frames are that coded data of AV1 announce: what a decoder makes room for, whatever the file around them
//! says. "AV1 Bitstream & Decoding Process Specification", 5.3 (units), 5.5 (sequence header) and 4.10.5 (leb128).

use crate::images::domain::mismatch::{Mismatch, must_fit};

const SEQUENCE_HEADER: u8 = 1;
const MALFORMED: Mismatch = Mismatch::Malformed("an AVIF whose coded data cannot be read");

/// Refuses coded data of which any sequence header announces frames that do not fit.
pub(super) fn frames_must_fit(mut data: &[u8]) -> Result<(), Mismatch> {
    while let Some((header, mut rest)) = data.split_first() {
        let (kind, has_extension, has_size) = (header >> 3 & 15, header & 4 != 0, header & 2 != 0);
        if header & 0x80 != 0 {
            return Err(MALFORMED);
        }
        if has_extension {
            rest = rest.get(1..).ok_or(MALFORMED)?;
        }
        let size = if has_size { leb128(&mut rest)? } else { rest.len() };
        let (unit, next) = rest.split_at_checked(size).ok_or(MALFORMED)?;
        if kind == SEQUENCE_HEADER {
            let (width, height) = largest_frame(&mut Bits { bytes: unit, at: 0 })?;
            must_fit(width, height, 1)?;
        }
        data = next;
    }
    Ok(())
}

/// A number of up to eight bytes, seven bits in each, the lowest first.
fn leb128(bytes: &mut &[u8]) -> Result<usize, Mismatch> {
    let mut number = 0_u64;
    for place in 0..8 {
        let (byte, rest) = bytes.split_first().ok_or(MALFORMED)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return usize::try_from(number).map_err(|_| MALFORMED);
        }
    }
    Err(MALFORMED)
}

/// Width and height of the largest frame of a sequence.
fn largest_frame(bits: &mut Bits<'_>) -> Result<(u32, u32), Mismatch> {
    // Profile, and whether it is a still picture.
    bits.take(4)?;
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.take(5)?;
    } else {
        pass_operating_points(bits)?;
    }
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    // At most 16 bits each.
    Ok((bits.take(width_bits)? + 1, bits.take(height_bits)? + 1))
}

/// What stands between the beginning of a sequence header and its sizes.
fn pass_operating_points(bits: &mut Bits<'_>) -> Result<(), Mismatch> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.take(32)?;
        bits.take(32)?;
        if bits.flag()? {
            bits.pass_uvlc()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? + 1);
            bits.take(32)?;
            bits.take(10)?;
        }
    }
    let has_display_delays = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?;
        if bits.take(5)? > 7 {
            bits.flag()?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.take(delay_bits)?;
            bits.take(delay_bits)?;
            bits.flag()?;
        }
        if has_display_delays && bits.flag()? {
            bits.take(4)?;
        }
    }
    Ok(())
}

/// Reads bits, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Result<bool, Mismatch> {
        let byte = self.bytes.get(self.at / 8).ok_or(MALFORMED)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// A number of up to 32 bits.
    fn take(&mut self, count: u32) -> Result<u32, Mismatch> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | u32::from(self.flag()?);
        }
        Ok(number)
    }

    /// A number that says itself how long it is.
    fn pass_uvlc(&mut self) -> Result<(), Mismatch> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros < 32 {
            self.take(zeros)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes numbers, each of so many bits.
    fn written(numbers: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<bool> =
            numbers.iter().flat_map(|(number, count)| (0..*count).rev().map(move |at| number >> at & 1 == 1)).collect();
        bits.chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | u8::from(*bit) << (7 - at)))
            .collect()
    }

    /// A temporal delimiter, and a sequence header of which these are the bits, with its size.
    fn data(numbers: &[(u32, u32)]) -> Vec<u8> {
        let header = written(numbers);
        [&[0x12, 0, 0x0a, u8::try_from(header.len()).unwrap()][..], &header].concat()
    }

    const STILL: [(u32, u32); 3] = [(0, 3), (1, 1), (1, 1)];

    fn still(width: u32, height: u32) -> Vec<u8> {
        data(&[&STILL[..], &[(8, 5), (15, 4), (15, 4), (width - 1, 16), (height - 1, 16)]].concat())
    }

    #[test]
    fn frames_may_be_as_large_as_pictures_and_no_larger() {
        for (width, height, fits) in [
            (8_000, 6_250, true),
            (16_384, 1, true),
            (16_385, 1, false),
            (8_001, 6_250, false),
            (65_536, 65_536, false),
        ] {
            let checked = frames_must_fit(&still(width, height));
            assert_eq!(checked, if fits { Ok(()) } else { Err(Mismatch::Points { width, height }) });
        }
        let second = [still(24, 16), still(60_000, 60_000)].concat();
        assert_eq!(frames_must_fit(&second), Err(Mismatch::Points { width: 60_000, height: 60_000 }));
    }

    #[test]
    fn sizes_are_found_behind_times_delays_and_operating_points() {
        let header = [
            // No still picture, with times that are equal, and delays of four bits.
            &[
                (0, 3),
                (0, 1),
                (0, 1),
                (1, 1),
                (1, 32),
                (25, 32),
                (1, 1),
                (0b0_0101, 5),
                (1, 1),
                (3, 5),
                (1, 32),
                (0, 10),
            ][..],
            // Two points with display delays: one of a high level with a tier and delays, one without.
            &[(1, 1), (1, 5), (0, 12), (8, 5), (1, 1), (1, 1), (5, 4), (6, 4), (1, 1), (1, 1), (9, 4)],
            &[(0, 12), (7, 5), (0, 1), (0, 1)],
            &[(14, 4), (9, 4), (20_000, 15), (15, 10)],
        ];
        assert_eq!(frames_must_fit(&data(&header.concat())), Err(Mismatch::Points { width: 20_001, height: 16 }));
    }

    #[test]
    fn units_that_end_within_themselves_are_refused() {
        let whole = still(24, 16);
        for end in 3..whole.len() {
            assert_eq!(frames_must_fit(&whole[..end]), Err(MALFORMED), "{end}");
        }
        for broken in [&[0x80][..], &[0x0e], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x0a, 1, 0]] {
            assert_eq!(frames_must_fit(broken), Err(MALFORMED), "{broken:?}");
        }
        // The last may have no size: it goes on to the end.
        let header = written(&[&STILL[..], &[(8, 5), (15, 4), (15, 4), (65_535, 16), (0, 16)]].concat());
        let last = [&[0x08][..], &header].concat();
        assert_eq!(frames_must_fit(&last), Err(Mismatch::Points { width: 65_536, height: 1 }));
    }
}
