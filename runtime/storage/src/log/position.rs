//! The offsets that say what may be read, kept where readers need no lock of the writer's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::segment::Segment;

/// An offset and the byte at which its batch starts, or would start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) offset: i64,
    /// Base offset of the segment that holds the byte.
    pub(crate) segment: i64,
    pub(crate) position: u64,
}

impl Mark {
    /// The end of a log whose last segment is `active`.
    pub(crate) fn at_end(next_offset: i64, active: &Segment) -> Self {
        Self {
            offset: next_offset,
            segment: active.base_offset,
            position: active.size(),
        }
    }

    /// Where readers have to stop in a segment that is `size` bytes long.
    pub(crate) fn limit_in(&self, segment: &Segment) -> u64 {
        match segment.base_offset.cmp(&self.segment) {
            std::cmp::Ordering::Less => segment.size(),
            std::cmp::Ordering::Equal => self.position,
            std::cmp::Ordering::Greater => 0,
        }
    }
}

/// Value of `first_open` where no transaction is open.
const NONE_OPEN: i64 = i64::MAX;

#[derive(Debug)]
pub(crate) struct Positions {
    start: AtomicI64,
    end: AtomicI64,
    durable: AtomicI64,
    first_open: AtomicI64,
    high_watermark: Mutex<Mark>,
}

impl Positions {
    /// A log of which everything is on the disk.
    pub(crate) fn new(start: i64, end: Mark, first_open: Option<i64>) -> Self {
        Self {
            start: AtomicI64::new(start),
            end: AtomicI64::new(end.offset),
            durable: AtomicI64::new(end.offset),
            first_open: AtomicI64::new(first_open.unwrap_or(NONE_OPEN)),
            high_watermark: Mutex::new(end),
        }
    }

    pub(crate) fn start(&self) -> i64 {
        self.start.load(Ordering::Acquire)
    }

    /// Raises the log start offset; says whether it was lower.
    pub(crate) fn raise_start(&self, start: i64) -> bool {
        self.start.fetch_max(start, Ordering::AcqRel) < start
    }

    pub(crate) fn end(&self) -> i64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn set_end(&self, end: i64) {
        self.end.store(end, Ordering::Release);
    }

    pub(crate) fn durable(&self) -> i64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn raise_durable(&self, durable: i64) {
        self.durable.fetch_max(durable, Ordering::AcqRel);
    }

    pub(crate) fn set_first_open(&self, first_open: Option<i64>) {
        self.first_open
            .store(first_open.unwrap_or(NONE_OPEN), Ordering::Release);
    }

    pub(crate) fn last_stable(&self) -> i64 {
        self.first_open
            .load(Ordering::Acquire)
            .min(self.high_watermark().offset)
    }

    pub(crate) fn high_watermark(&self) -> Mark {
        *self
            .high_watermark
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Raises the high watermark; says whether it was lower.
    pub(crate) fn raise_high_watermark(&self, mark: Mark) -> bool {
        let mut current = self
            .high_watermark
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let raised = mark.offset > current.offset;
        // An empty segment rolled at the same offset moves the mark's byte, not its offset.
        if raised || mark.offset == current.offset && mark.segment > current.segment {
            *current = mark;
        }
        raised
    }

    /// Everything ends at `end` from now on.
    pub(crate) fn cut(&self, end: Mark) {
        self.set_end(end.offset);
        self.start.fetch_min(end.offset, Ordering::AcqRel);
        self.durable.fetch_min(end.offset, Ordering::AcqRel);
        let mut current = self
            .high_watermark
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if current.offset >= end.offset {
            *current = end;
        }
    }
}
