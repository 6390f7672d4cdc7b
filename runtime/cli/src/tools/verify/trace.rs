//! Finds for each record the line that it is of.
//!
//! Each stream (a file, or all files as one log) has a place where its next line is expected, and each partition a record
//! that is next. Where the topic holds the files once and in order, at each moment one of these records is one of these
//! lines: nothing has to be searched ([`choose`]). Where several of them are equal, that pair is taken from which on the
//! records that follow can be explained best ([`explain`]). Where no record is an expected line, something is missing or
//! repeated: the line is searched by the position in the record's headers, else by its hash ([`search`]). A record that
//! was taken for a line of the wrong file is given to the right one once that goes on ([`Tracer::reclaim`]).

mod choose;
mod explain;
mod recent;
mod search;

use std::{collections::HashMap, io, ops::Range, sync::Arc};

use self::recent::{Recent, Taken};
use super::{
    files::Files,
    findings::{Findings, Misplaced, Unknown},
    queue::Item,
    seen::Seen,
};

/// Lines that are to come in order.
#[derive(Debug)]
struct Stream {
    lines: Range<u64>,
    /// The line that is expected next.
    next: u64,
    /// How far behind its line's first byte the last record says that it begins: where the file was changed before that.
    shift: i64,
}

/// Follows the records.
#[derive(Debug)]
pub(super) struct Tracer {
    pub(super) files: Files,
    streams: Vec<Stream>,
    /// The stream of the last record.
    current: Option<usize>,
    /// Streams by the hash of their next line; not the current one.
    expected: HashMap<u64, Vec<usize>>,
    /// Which stream's records have this path in their headers.
    owners: HashMap<Arc<[u8]>, usize>,
    /// The furthest line of a stream in a partition.
    furthest: HashMap<(i32, usize), u64>,
    recent: Recent,
    pub(super) seen: Seen,
    pub(super) doubled: Findings<Misplaced>,
    pub(super) disordered: Findings<Misplaced>,
    pub(super) unknown: Findings<Unknown>,
    pub(super) records: u64,
}

impl Tracer {
    /// Expects the first line of every stream: of every file, or of all files together where they are one log.
    pub(super) fn new(mut files: Files, is_one_log: bool, kept_max: usize) -> io::Result<Self> {
        let lines = files.table.len();
        let ranges: Vec<Range<u64>> = if is_one_log {
            std::iter::once(0..lines).collect()
        } else {
            files.files.iter().map(|file| file.lines.clone()).collect()
        };
        let mut expected: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut streams = Vec::new();
        for (number, lines) in ranges.into_iter().enumerate() {
            if !lines.is_empty()
                && let Some((hash, _)) = files.table.get(lines.start)?
            {
                expected.entry(hash).or_default().push(number);
            }
            streams.push(Stream {
                next: lines.start,
                lines,
                shift: 0,
            });
        }
        Ok(Self {
            streams,
            current: None,
            expected,
            owners: HashMap::new(),
            furthest: HashMap::new(),
            recent: Recent::default(),
            seen: Seen::none_of(lines),
            doubled: Findings::new(kept_max),
            disordered: Findings::new(kept_max),
            unknown: Findings::new(kept_max),
            records: 0,
            files,
        })
    }

    /// Takes a record of a partition for the lines from `line` on, or for none of the files'.
    pub(super) fn record(
        &mut self,
        partition: i32,
        item: &Item,
        line: Option<u64>,
    ) -> io::Result<()> {
        self.records += 1;
        let Some(line) = line else {
            self.recent.forget();
            self.unknown
                .record(partition, item.offset, item.value.as_deref());
            return Ok(());
        };
        let stream = self.stream_of(line);
        if item.position.is_none() && line > self.streams[stream].next {
            self.reclaim(stream, line, partition)?;
        }
        self.go_to(stream)?;
        if let (Some(position), Some((_, start))) = (item.position, self.files.table.get(line)?) {
            self.streams[stream].shift = position as i64 - start as i64;
        }
        for (line, hash) in (line..).zip(item.hashes()) {
            self.take(stream, line, hash, (partition, item.offset));
        }
        if let Some(path) = &item.path
            && self.owners.get(path) != Some(&stream)
        {
            self.owners.insert(Arc::clone(path), stream);
        }
        Ok(())
    }

    fn take(&mut self, stream: usize, line: u64, hash: u64, (partition, offset): (i32, i64)) {
        self.streams[stream].next = line + 1;
        let furthest = self.furthest.get(&(partition, stream)).copied();
        let is_new = self.seen.add(line);
        if is_new && furthest.is_none_or(|furthest| furthest < line) {
            self.recent.add(Taken {
                stream,
                line,
                hash,
                partition,
                offset,
                furthest,
            });
        } else {
            self.recent.forget();
            let is_first = self.files.files[self.files.of_line(line)].lines.start == line;
            let findings = match is_new {
                true => &mut self.disordered,
                false => &mut self.doubled,
            };
            findings.line(line, is_first, partition, offset);
        }
        self.furthest
            .insert((partition, stream), furthest.unwrap_or(line).max(line));
    }

    /// Before a stream goes on behind lines that it did not have: where some of the last records are of these lines as well
    /// as of those of other streams that they were taken for, they were these.
    fn reclaim(&mut self, stream: usize, line: u64, partition: i32) -> io::Result<()> {
        let expected = self.streams[stream].next;
        let mut reclaimed = Vec::new();
        let mut before = self.recent.len();
        for wanted in (expected..line).rev() {
            if self.seen.has(wanted) {
                break;
            }
            let hash = self.files.table.get(wanted)?.map(|(hash, _)| hash);
            let streams = &self.streams;
            let fits = |taken: &Taken| {
                taken.stream != stream
                    && Some(taken.hash) == hash
                    && taken.partition == partition
                    && streams[taken.stream].next == taken.line + 1
            };
            let Some((place, taken)) = self.recent.take_last_if(before, fits) else {
                break;
            };
            before = place;
            self.give_back(&taken)?;
            reclaimed.push((wanted, taken));
        }
        if reclaimed.is_empty() {
            return Ok(());
        }
        self.go_to(stream)?;
        for (wanted, taken) in reclaimed.into_iter().rev() {
            self.take(stream, wanted, taken.hash, (partition, taken.offset));
        }
        Ok(())
    }

    /// As if a line had not been seen.
    fn give_back(&mut self, taken: &Taken) -> io::Result<()> {
        let stream = taken.stream;
        if self.current != Some(stream) {
            self.unexpect(stream)?;
        }
        self.seen.remove(taken.line);
        self.streams[stream].next = taken.line;
        match taken.furthest {
            Some(furthest) => self.furthest.insert((taken.partition, stream), furthest),
            None => self.furthest.remove(&(taken.partition, stream)),
        };
        if self.current != Some(stream) {
            self.expect(stream)?;
        }
        Ok(())
    }

    /// Lets go of the stream that was current, and no longer searches for the next line of `stream`.
    fn go_to(&mut self, stream: usize) -> io::Result<()> {
        if self.current == Some(stream) {
            return Ok(());
        }
        if let Some(left) = self.current {
            self.expect(left)?;
        }
        self.unexpect(stream)?;
        self.current = Some(stream);
        Ok(())
    }

    fn expect(&mut self, stream: usize) -> io::Result<()> {
        if let Some(hash) = self.expected_of(stream)? {
            self.expected.entry(hash).or_default().push(stream);
        }
        Ok(())
    }

    fn unexpect(&mut self, stream: usize) -> io::Result<()> {
        if let Some(hash) = self.expected_of(stream)?
            && let Some(streams) = self.expected.get_mut(&hash)
        {
            streams.retain(|other| *other != stream);
            if streams.is_empty() {
                self.expected.remove(&hash);
            }
        }
        Ok(())
    }

    /// The hash of the line that a stream goes on with.
    fn expected_of(&mut self, stream: usize) -> io::Result<Option<u64>> {
        let Stream { lines, next, .. } = &self.streams[stream];
        if !lines.contains(next) {
            return Ok(None);
        }
        Ok(self.files.table.get(*next)?.map(|(hash, _)| hash))
    }

    fn stream_of(&self, line: u64) -> usize {
        let behind = self
            .streams
            .partition_point(|stream| stream.lines.end <= line);
        behind.min(self.streams.len().saturating_sub(1))
    }

    /// Whether a record holds the lines from `line` on, and comes from there as far as its headers say.
    fn fits(&mut self, line: u64, item: &Item) -> io::Result<bool> {
        let file = &self.files.files[self.files.of_line(line)];
        if !file.lines.contains(&line) || file.lines.end - line < item.lines() {
            return Ok(false);
        }
        let shift = self.streams[self.stream_of(line)].shift;
        for (index, expected) in (line..).zip(item.hashes()) {
            let Some((hash, start)) = self.files.table.get(index)? else {
                return Ok(false);
            };
            let is_elsewhere =
                |position: u64| index == line && position as i64 != start as i64 + shift;
            if hash != expected || item.position.is_some_and(is_elsewhere) {
                return Ok(false);
            }
        }
        Ok(item.hash.is_some())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write their files")]
mod tests;
