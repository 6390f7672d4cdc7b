//! Which partition's next record is compared next, and which line it is.

use std::io;

use super::Tracer;
use crate::tools::verify::queue::{Item, Queue};

/// Pairs that are looked at closely where several are possible.
const CONSIDERED: usize = 8;

/// The next record, and the first of its lines; none where it is of no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tools::verify) struct Choice {
    pub(in crate::tools::verify) queue: usize,
    pub(in crate::tools::verify) line: Option<u64>,
}

/// A record that may be a line.
#[derive(Debug, Clone, Copy)]
struct Pair {
    queue: usize,
    line: u64,
}

impl From<Pair> for Choice {
    fn from(pair: Pair) -> Self {
        Self {
            queue: pair.queue,
            line: Some(pair.line),
        }
    }
}

impl Tracer {
    /// The record to go on with, where the one before it was of queue `last`; none where all queues are empty.
    pub(in crate::tools::verify) fn choose(
        &mut self,
        queues: &[Queue],
        last: usize,
    ) -> io::Result<Option<Choice>> {
        if let Some(line) = self.only_next(queues, last)? {
            return Ok(Some(Choice {
                queue: last,
                line: Some(line),
            }));
        }
        let mut pairs = Vec::new();
        for queue in in_turn(queues, last) {
            let known = pairs.len();
            self.expected_pairs(queues, queue, &mut pairs)?;
            // A line that is there only once can be no other.
            if let [pair] = pairs[known..]
                && self.is_only(pair.line)?
            {
                return Ok(Some(pair.into()));
            }
        }
        let pair = match pairs.len() {
            0 => return self.search_any(queues, last),
            1 => pairs[0],
            _ => self.best_pair(pairs, queues)?,
        };
        Ok(Some(pair.into()))
    }

    /// The next line of the current stream, where the next record of the same queue is that line and nothing else could
    /// be: by far the most common case.
    fn only_next(&mut self, queues: &[Queue], last: usize) -> io::Result<Option<u64>> {
        let (Some(current), Some(item)) = (self.current, queues[last].items.front()) else {
            return Ok(None);
        };
        let is_other = |(number, queue): (usize, &Queue)| {
            number != last
                && queue
                    .items
                    .front()
                    .is_some_and(|other| other.hash == item.hash)
        };
        let is_ambiguous = item
            .hash
            .is_none_or(|hash| self.expected.contains_key(&hash))
            || queues.iter().enumerate().any(is_other);
        if is_ambiguous {
            return Ok(None);
        }
        let Some(line) = self.fits_next(current, item)? else {
            return Ok(None);
        };
        // An equal one may stand behind the next record of another queue.
        let is_it = queues.len() == 1 || self.is_only(line)?;
        Ok(is_it.then_some(line))
    }

    /// Whether no other line is equal.
    fn is_only(&mut self, line: u64) -> io::Result<bool> {
        match self.files.table.get(line)? {
            Some((hash, _)) => Ok(self.files.index.only(hash)?.is_some()),
            None => Ok(false),
        }
    }

    /// The next line of a stream, if it is what the record holds.
    pub(super) fn fits_next(&mut self, stream: usize, item: &Item) -> io::Result<Option<u64>> {
        let line = self.streams[stream].next;
        let is_over = !self.streams[stream].lines.contains(&line);
        Ok((!is_over && self.fits(line, item)?).then_some(line))
    }

    /// Next lines of streams that the next record of a queue may be; only that of the file that its headers name, if
    /// that is one of them.
    fn expected_pairs(
        &mut self,
        queues: &[Queue],
        queue: usize,
        pairs: &mut Vec<Pair>,
    ) -> io::Result<()> {
        let Some((item, hash)) = queues[queue]
            .items
            .front()
            .and_then(|item| Some((item, item.hash?)))
        else {
            return Ok(());
        };
        let owner = item.path.as_ref().and_then(|path| self.owners.get(path));
        let owner = owner.copied();
        let others = self.expected.get(&hash).cloned().unwrap_or_default();
        let known = pairs.len();
        for stream in self.current.into_iter().chain(others) {
            let Some(line) = self.fits_next(stream, item)? else {
                continue;
            };
            if owner == Some(stream) {
                pairs.truncate(known);
                pairs.push(Pair { queue, line });
                return Ok(());
            }
            pairs.push(Pair { queue, line });
        }
        Ok(())
    }

    /// The pair from which on most can be explained; among equals the first, which goes on where the last record was.
    fn best_pair(&mut self, pairs: Vec<Pair>, queues: &[Queue]) -> io::Result<Pair> {
        let mut ranked = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let items = &queues[pair.queue].items;
            ranked.push((self.run(pair.line, items)?, pair));
        }
        ranked.sort_by_key(|(run, _)| std::cmp::Reverse(*run));
        ranked.truncate(CONSIDERED);
        let mut best: Option<((u8, usize), Pair)> = None;
        for (_, pair) in ranked {
            let items = &queues[pair.queue].items;
            let belongs = items.front().map_or(0, |item| {
                self.belongs(self.stream_of(pair.line), pair.line, item)
            });
            let rank = (belongs, self.explained(pair.line, queues, pair.queue)?);
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, pair));
            }
        }
        best.map(|(_, pair)| pair)
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// No record is a line that is expected. One that is of no file, or was seen, explains itself; of the others, that
    /// which leaves out least comes first.
    fn search_any(&mut self, queues: &[Queue], last: usize) -> io::Result<Option<Choice>> {
        let mut nearest: Option<(u64, Choice)> = None;
        for queue in in_turn(queues, last) {
            let Some(line) = self.search(queues, queue)? else {
                return Ok(Some(Choice { queue, line: None }));
            };
            let choice = Choice {
                queue,
                line: Some(line),
            };
            let next = self.streams[self.stream_of(line)].next;
            if self.seen.has(line) || line < next {
                return Ok(Some(choice));
            }
            if nearest.is_none_or(|(distance, _)| line - next < distance) {
                nearest = Some((line - next, choice));
            }
        }
        Ok(nearest.map(|(_, choice)| choice))
    }
}

/// The queues that are not empty, from `last` on.
pub(super) fn in_turn(queues: &[Queue], last: usize) -> impl Iterator<Item = usize> + '_ {
    let all = (last..queues.len()).chain(0..last);
    all.filter(|queue| !queues[*queue].items.is_empty())
}
