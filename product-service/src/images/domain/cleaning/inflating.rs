//! zlib streams (RFC 1950) that are only counted: in pieces, and with as much memory whatever they inflate to.

use miniz_oxide::{
    DataFormat, MZError, MZFlush, MZStatus,
    inflate::stream::{InflateState, inflate},
};

use crate::images::domain::mismatch::Mismatch;

/// Inflated at a time.
const PIECE: usize = 32 * 1_024;
/// The first column and row of each of the seven passes of an interlaced PNG, and the steps to the next (8.2).
const PASSES: [(u32, u32, u32, u32); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

/// How a PNG has its points before they are compressed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Packing {
    /// How many bits each has, at most 64.
    pub(super) bits: u64,
    /// Whether they come in seven passes.
    pub(super) is_interlaced: bool,
}

impl Packing {
    /// How many bytes a picture or frame of these sides has: for each row one that names its filter, and its points. Sides are at
    /// most 16,384: no overflow.
    pub(super) fn size(self, width: u32, height: u32) -> u64 {
        if !self.is_interlaced {
            return self.rows(width, height);
        }
        let steps = |side: u32, first: u32, step: u32| side.saturating_sub(first).div_ceil(step);
        let pass = |(x, y, dx, dy)| self.rows(steps(width, x, dx), steps(height, y, dy));
        PASSES.into_iter().map(pass).sum()
    }

    fn rows(self, width: u32, height: u32) -> u64 {
        // A pass without points has no rows either.
        if width == 0 { 0 } else { u64::from(height) * (1 + (u64::from(width) * self.bits).div_ceil(8)) }
    }
}

/// A stream that is to inflate to exactly so many bytes.
pub(super) struct Inflating {
    state: Box<InflateState>,
    left: u64,
    has_ended: bool,
    piece: Vec<u8>,
}

impl Inflating {
    pub(super) fn to(size: u64) -> Self {
        Self { state: InflateState::new_boxed(DataFormat::Zlib), left: size, has_ended: false, piece: vec![0; PIECE] }
    }

    /// Reads the next piece of the stream, and shows what comes out.
    pub(super) fn read(&mut self, mut input: &[u8], mut show: impl FnMut(&[u8])) -> Result<(), Mismatch> {
        while !self.has_ended {
            let step = inflate(&mut self.state, input, &mut self.piece, MZFlush::None);
            let out = self.piece.get(..step.bytes_written).unwrap_or_default();
            self.left =
                self.left.checked_sub(out.len() as u64).ok_or(Mismatch::Malformed("more data than its picture"))?;
            show(out);
            input = input.get(step.bytes_consumed..).unwrap_or_default();
            match step.status {
                Ok(MZStatus::StreamEnd) => self.has_ended = true,
                Ok(_) if step.bytes_consumed + step.bytes_written > 0 => {}
                // It waits for more.
                Ok(_) | Err(MZError::Buf) => break,
                Err(_) => return Err(Mismatch::Malformed("compressed data that cannot be read")),
            }
        }
        if input.is_empty() { Ok(()) } else { Err(Mismatch::Malformed("bytes behind the compressed data")) }
    }

    /// Whether the stream has come to its end, with a checksum that is right.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Refuses a stream that has not come to its end, or did too early.
    pub(super) fn end(self) -> Result<(), Mismatch> {
        match (self.has_ended, self.left) {
            (true, 0) => Ok(()),
            (true, _) => Err(Mismatch::Malformed("less data than its picture")),
            (false, _) => Err(Mismatch::Truncated),
        }
    }
}
