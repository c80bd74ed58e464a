//! Reading a file piece by piece, which all kinds of images need. This file knows none of them.

use crate::images::domain::mismatch::Mismatch;

/// Reads a file from its beginning to its end; what is missing at the end was cut off.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// How many bytes have been read.
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Mismatch> {
        let taken = self.rest().get(..count).ok_or(Mismatch::Truncated)?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Mismatch> {
        let (taken, _) = self.rest().split_first_chunk::<N>().ok_or(Mismatch::Truncated)?;
        self.at += N;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Mismatch> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Mismatch> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mismatch> {
        self.array().map(u32::from_be_bytes)
    }
}

/// A length from a file, to be compared with how much there is.
pub(super) fn length(of: u32) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}
