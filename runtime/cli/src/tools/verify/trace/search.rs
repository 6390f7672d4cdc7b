//! The line of a record that is none of those that are expected.

use std::{collections::VecDeque, io};

use super::{Stream, Tracer};
use crate::tools::verify::queue::{AHEAD, Item, Queue};

/// Equal lines that are considered on each side of the expected place.
const EQUAL_MAX: usize = 64;

impl Tracer {
    /// The line that the first record of a queue is most likely of; none where no file has it.
    pub(super) fn search(&mut self, queues: &[Queue], queue: usize) -> io::Result<Option<u64>> {
        let items = &queues[queue].items;
        let Some(item) = items.front() else {
            return Ok(None);
        };
        let Some(hash) = item.hash else {
            return Ok(None);
        };
        let anywhere = Item {
            position: None,
            ..item.clone()
        };
        // Most lines are there only once, and to look for a position means to look into each file.
        if let Some(line) = self.files.index.only(hash)? {
            return Ok(self.fits(line, &anywhere)?.then_some(line));
        }
        let mut candidates = self.by_position(hash, item, &anywhere)?;
        if candidates.is_empty() {
            // The file may have been changed before the place where it was read.
            if item.position.is_some()
                && let Some(line) = self.expected_line(hash, &anywhere)?
            {
                return Ok(Some(line));
            }
            candidates = self.by_hash(hash, &anywhere)?;
        }
        if candidates.len() < 2 {
            return Ok(candidates.first().copied());
        }
        candidates.extend(self.before_anchor(items)?);
        self.best(&candidates, queues, queue).map(Some)
    }

    /// The next line of a stream that the record holds.
    fn expected_line(&mut self, hash: u64, item: &Item) -> io::Result<Option<u64>> {
        let others = self.expected.get(&hash).cloned().unwrap_or_default();
        for stream in self.current.into_iter().chain(others) {
            if let Some(line) = self.fits_next(stream, item)? {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// Lines that begin where the record's headers say.
    fn by_position(&mut self, hash: u64, item: &Item, anywhere: &Item) -> io::Result<Vec<u64>> {
        let Some(position) = item.position else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for file in 0..self.files.files.len() {
            let lines = self.files.files[file].lines.clone();
            let table = &mut self.files.table;
            let line = table.partition_point(lines.start, lines.end, |pair| pair.1 < position)?;
            if lines.contains(&line)
                && table.get(line)? == Some((hash, position))
                && self.fits(line, anywhere)?
            {
                found.push(line);
            }
        }
        Ok(found)
    }

    /// Lines of that hash, around the next line of each stream.
    fn by_hash(&mut self, hash: u64, item: &Item) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        let mut line = 0;
        while let Some(first) = self.files.index.at_or_behind(hash, line)? {
            let stream = self.stream_of(first);
            for line in self.around(hash, stream)? {
                if self.fits(line, item)? {
                    found.push(line);
                }
            }
            line = self.streams[stream].lines.end;
        }
        Ok(found)
    }

    fn around(&mut self, hash: u64, stream: usize) -> io::Result<Vec<u64>> {
        let Stream { lines, next, .. } = &self.streams[stream];
        let index = &mut self.files.index;
        let mut around = Vec::new();
        let mut behind = *next;
        for _ in 0..EQUAL_MAX {
            match index.at_or_behind(hash, behind)? {
                Some(line) if line < lines.end => {
                    around.push(line);
                    behind = line + 1;
                }
                _ => break,
            }
        }
        let mut before = *next;
        for _ in 0..EQUAL_MAX {
            match index.before(hash, before)? {
                Some(line) if line >= lines.start => {
                    around.push(line);
                    before = line;
                }
                _ => break,
            }
        }
        Ok(around)
    }

    /// The line from which on a record and those behind it lead to one whose line there is only once.
    fn before_anchor(&mut self, items: &VecDeque<Item>) -> io::Result<Option<u64>> {
        let Some(item) = items.front() else {
            return Ok(None);
        };
        let mut lines = item.lines();
        for other in items.iter().skip(1).take(AHEAD) {
            if other.path != item.path {
                continue;
            }
            let index = &mut self.files.index;
            let anchor = match other.hash {
                Some(hash) => index.only(hash)?,
                None => None,
            };
            if let Some(line) = anchor.and_then(|anchor| anchor.checked_sub(lines)) {
                let anywhere = Item {
                    position: None,
                    ..item.clone()
                };
                if self.fits(line, &anywhere)? {
                    return Ok(Some(line));
                }
            }
            lines += other.lines();
        }
        Ok(None)
    }

    /// The candidate that the headers name, that explains most of what follows, that was not seen, that is near the
    /// expected place.
    fn best(&mut self, candidates: &[u64], queues: &[Queue], queue: usize) -> io::Result<u64> {
        let items = &queues[queue].items;
        let mut best = None;
        for &line in candidates {
            let stream = self.stream_of(line);
            let belongs = items
                .front()
                .map_or(0, |item| self.belongs(stream, line, item));
            let distance = line.abs_diff(self.streams[stream].next);
            let rank = (
                belongs,
                self.run(line, items)?,
                self.explained(line, queues, queue)?,
                !self.seen.has(line),
                u64::MAX - distance,
            );
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, line));
            }
        }
        Ok(best.map_or(0, |(_, line)| line))
    }

    /// How well the path in the headers fits: the stream that it stood for before, or a file of that path.
    pub(super) fn belongs(&self, stream: usize, line: u64, item: &Item) -> u8 {
        let Some(path) = &item.path else { return 0 };
        if self.owners.get(path) == Some(&stream) {
            return 1;
        }
        let named = self.files.files[self.files.of_line(line)].path.as_os_str();
        u8::from(named.as_encoded_bytes() == &**path)
    }
}
