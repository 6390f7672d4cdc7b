//! Lines on disk while they cannot be delivered: written at the end, read from the front, bounded.
//!
//! A folder holds segments, numbered files of chunks ([`segment`]); `position`, which says up to where all is delivered;
//! and `lock`, held by the process that uses it. What a process leaves behind, ended or killed, the next one delivers
//! first. Only bytes given to the system are safe from the end of the process; they are not synced, so that a power
//! failure may take the last ones.
//!
//! Runs on the appender's own thread, which may wait for the disk.
#![expect(
    clippy::disallowed_methods,
    reason = "runs on the appender's own thread, which may wait for the disk"
)]

mod position;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use self::position::Position;
use self::segment::{HEADER, Segment};
use crate::chunk::Chunk;

/// The smallest and the largest segment.
const SEGMENT_BYTES: (u64, u64) = (64 << 10, 16 << 20);

/// The end of a chunk in the spill: when its lines are delivered, all up to here are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) end: u64,
}

/// The spill of one process.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    limit: u64,
    segments: VecDeque<Segment>,
    /// The last segment, while it is written to.
    writer: Option<File>,
    /// Where the next chunk is read.
    reader: Option<(u64, File)>,
    next: Place,
    position: Position,
    /// The number of the first segment of this process.
    first_own: u64,
    bytes: u64,
    /// Lines that were there when it was opened.
    pub(crate) recovered: u64,
    /// Bytes that an earlier process had not written whole.
    pub(crate) cut: u64,
    /// Lines that were found damaged since this was last asked.
    damaged: u64,
    _lock: File,
}

impl Spill {
    /// Opens a folder and finds what an earlier process left there; none if another process uses it.
    pub(crate) fn open(folder: &Path, limit: u64) -> io::Result<Option<Self>> {
        // Log lines may hold what only their program may know.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (position, delivered) = Position::open(folder)?;
        let mut numbers: Vec<u64> = fs::read_dir(folder)?
            .filter_map(|entry| segment::number(&entry.ok()?.path()))
            .collect();
        numbers.sort_unstable();
        let (mut segments, mut cut) = (VecDeque::new(), 0);
        for number in numbers {
            if number >= delivered.segment {
                let (found, torn) = Segment::recover(folder, number)?;
                cut += torn;
                if found.bytes > 0 {
                    segments.push_back(found);
                    continue;
                }
            }
            fs::remove_file(segment::path(folder, number))?;
        }
        let first = segments
            .front()
            .map_or(delivered.segment, |segment| segment.number);
        let next = if first == delivered.segment {
            delivered
        } else {
            Place {
                segment: first,
                end: 0,
            }
        };
        let last = segments
            .back()
            .map_or(next.segment, |segment| segment.number);
        let mut spill = Self {
            folder: folder.to_owned(),
            limit,
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            recovered: segments
                .iter()
                .map(|segment| u64::from(segment.lines))
                .sum(),
            cut,
            damaged: 0,
            segments,
            writer: None,
            reader: None,
            next,
            position,
            first_own: last + 1,
            _lock: lock,
        };
        if next.end > 0
            && spill
                .segments
                .front()
                .is_some_and(|front| front.number == first)
        {
            spill.recovered -= spill.lines_before(next)?;
        }
        Ok(Some(spill))
    }

    /// How many lines a segment has before a place.
    fn lines_before(&self, place: Place) -> io::Result<u64> {
        let file = File::open(segment::path(&self.folder, place.segment))?;
        let (mut at, mut lines) = (0, 0);
        while at < place.end {
            let Some((chunk, end)) = segment::read(&file, at)? else {
                break;
            };
            lines += u64::from(chunk.lines);
            at = end;
        }
        Ok(lines)
    }

    /// The bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a chunk fits within the limit.
    pub(crate) fn has_room(&self, chunk: &Chunk) -> bool {
        self.bytes + HEADER + chunk.bytes.len() as u64 <= self.limit
    }

    /// Lines that were found damaged since this was last asked: they are lost.
    pub(crate) fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// Whether there are chunks that were not read yet.
    pub(crate) fn has_unread(&self) -> bool {
        self.segments.back().is_some_and(|last| {
            self.next
                < Place {
                    segment: last.number,
                    end: last.bytes,
                }
        })
    }

    /// Whether a place was written by this process.
    pub(crate) fn is_own(&self, place: Place) -> bool {
        place.segment >= self.first_own
    }

    /// Whether lines that were there when it was opened are not delivered yet.
    pub(crate) fn has_inherited(&self) -> bool {
        let first = self.segments.front();
        first.is_some_and(|first| first.number < self.first_own)
    }

    /// Writes a chunk at the end. After an error it is as if nothing had been written.
    pub(crate) fn append(&mut self, chunk: &Chunk) -> io::Result<Place> {
        if self.writer.is_none()
            || self
                .segments
                .back()
                .is_none_or(|last| last.bytes >= self.segment_bytes())
        {
            self.begin_segment()?;
        }
        let (Some(writer), Some(last)) = (&self.writer, self.segments.back_mut()) else {
            return Err(io::Error::other("no segment is open"));
        };
        let before = last.bytes;
        let written = last.append(writer, chunk);
        if written.is_err() {
            self.writer = None;
        }
        written?;
        self.bytes += last.bytes - before;
        Ok(Place {
            segment: last.number,
            end: last.bytes,
        })
    }

    /// Writes a chunk that is in flight already, so that it is not read as long as this process lives. Nothing unread may
    /// be there.
    pub(crate) fn append_in_flight(&mut self, chunk: &Chunk) -> io::Result<Place> {
        debug_assert!(!self.has_unread());
        let place = self.append(chunk)?;
        self.next = place;
        Ok(place)
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let number = self
            .segments
            .back()
            .map_or(self.first_own, |last| last.number + 1);
        let number = number.max(self.first_own).max(self.next.segment + 1);
        let file = OpenOptions::new()
            .create_new(true)
            .read(true)
            .write(true)
            .open(segment::path(&self.folder, number))?;
        self.writer = Some(file);
        self.segments.push_back(Segment::empty(number));
        Ok(())
    }

    fn segment_bytes(&self) -> u64 {
        (self.limit / 8).clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1)
    }

    /// Reads the next chunk; it stays on disk until it is delivered. Behind damage it goes on with the next segment; after an
    /// error it can be asked again.
    pub(crate) fn read(&mut self) -> io::Result<Option<(Chunk, Place)>> {
        while self.has_unread() {
            let Some(current) = self
                .segments
                .iter()
                .find(|segment| segment.number >= self.next.segment)
            else {
                return Ok(None);
            };
            let number = current.number;
            if number > self.next.segment {
                self.next = Place {
                    segment: number,
                    end: 0,
                };
            }
            if self.next.end >= current.bytes {
                self.next = Place {
                    segment: number + 1,
                    end: 0,
                };
                continue;
            }
            if self.reader.as_ref().is_none_or(|(open, _)| *open != number) {
                let file = File::open(segment::path(&self.folder, number))?;
                self.reader = Some((number, file));
            }
            let Some((_, file)) = &self.reader else {
                return Ok(None);
            };
            let (lines, bytes) = (current.lines, current.bytes);
            if let Some((chunk, end)) = segment::read(file, self.next.end)? {
                self.next.end = end;
                return Ok(Some((chunk, self.next)));
            }
            self.damaged += u64::from(lines) - self.lines_before(self.next)?.min(lines.into());
            self.next.end = bytes;
        }
        Ok(None)
    }

    /// Everything up to a place is delivered: notes it and deletes what is of no more use.
    pub(crate) fn delivered(&mut self, place: Place) -> io::Result<()> {
        self.position.note(place)?;
        let is_over = |segment: &Segment, has_more: bool| {
            segment.number < place.segment
                || (segment.number == place.segment && segment.bytes <= place.end && has_more)
        };
        while let Some(first) = self.segments.front()
            && is_over(first, self.segments.len() > 1 || !self.has_unread())
        {
            let (number, bytes) = (first.number, first.bytes);
            if self.segments.len() == 1 {
                self.writer = None;
                self.next = self.next.max(Place {
                    segment: number,
                    end: bytes,
                });
            }
            self.segments.pop_front();
            self.bytes -= bytes;
            fs::remove_file(segment::path(&self.folder, number))?;
        }
        Ok(())
    }

    /// Drops the droppable lines of the oldest segment that nobody has read from yet; says how many. None are left to drop
    /// where it answers 0.
    pub(crate) fn evict(&mut self) -> io::Result<u64> {
        let next = self.next;
        let last = self.segments.back().map(|last| last.number);
        let oldest = self.segments.iter_mut().find(|segment| {
            let is_untouched =
                segment.number > next.segment || (segment.number == next.segment && next.end == 0);
            is_untouched && Some(segment.number) != last && segment.droppable > 0
        });
        let Some(oldest) = oldest else { return Ok(0) };
        let before = oldest.bytes;
        let dropped = oldest.keep_exempt(&self.folder)?;
        self.bytes -= before - oldest.bytes;
        self.reader = None;
        Ok(dropped)
    }
}

#[cfg(test)]
mod tests;
