//! Packed rows: what a decoded batch says of its records without copying them.

use std::ops::Range;

/// A range of a batch's data, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Where it starts.
    pub start: u32,
    /// How many bytes it has; `u32::MAX` says null.
    pub len: u32,
}

impl Span {
    /// No value at all, which is not the same as an empty one.
    pub const NULL: Self = Self {
        start: 0,
        len: u32::MAX,
    };
    /// A value of no bytes.
    pub const EMPTY: Self = Self { start: 0, len: 0 };

    /// Whether the value is null.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.len == u32::MAX
    }

    /// The range in the data; `None` for null.
    #[inline]
    #[must_use]
    pub fn range(self) -> Option<Range<usize>> {
        (!self.is_null()).then(|| self.start as usize..self.start as usize + self.len as usize)
    }

    /// The bytes of `data` that it spans; `None` for null.
    #[inline]
    #[must_use]
    pub fn of(self, data: &[u8]) -> Option<&[u8]> {
        self.range().map(|range| &data[range])
    }
}

/// One record of a decoded batch; its spans are ranges of the batch's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRow {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch, or -1.
    pub timestamp: i64,
    /// The key.
    pub key: Span,
    /// The value; null is a tombstone.
    pub value: Span,
    /// The encoded header section, count included; empty where there are no headers.
    pub headers: Span,
}
