//! How well a record's line explains the records behind it, in its partition and in the others.

use std::{collections::VecDeque, io};

use super::{Tracer, choose::in_turn};
use crate::tools::verify::queue::{AHEAD, Item, Queue};

/// Steps of one look ahead, in which equal lines may lead several ways.
const STEPS_MAX: u32 = 256;

/// Places of streams, other than where they are.
#[derive(Debug, Default)]
struct Overlay(Vec<(usize, u64)>);

impl Overlay {
    fn get(&self, stream: usize) -> Option<u64> {
        let found = self.0.iter().find(|(other, _)| *other == stream);
        found.map(|(_, next)| *next)
    }

    /// Sets a place, and returns what was set before.
    fn set(&mut self, stream: usize, next: u64) -> Option<u64> {
        match self.0.iter_mut().find(|(other, _)| *other == stream) {
            Some((_, place)) => Some(std::mem::replace(place, next)),
            None => {
                self.0.push((stream, next));
                None
            }
        }
    }

    fn undo(&mut self, stream: usize, before: Option<u64>) {
        match before {
            Some(next) => drop(self.set(stream, next)),
            None => self.0.retain(|(other, _)| *other != stream),
        }
    }
}

/// A look ahead.
struct Look<'a> {
    queues: &'a [Queue],
    /// Records of each queue that were passed.
    passed: Vec<usize>,
    places: Overlay,
    steps: u32,
}

impl<'a> Look<'a> {
    fn next(&self, queue: usize) -> Option<&'a Item> {
        self.queues[queue].items.get(self.passed[queue])
    }
}

impl Tracer {
    /// How many records from the first on are the lines from `line` on.
    pub(super) fn run(&mut self, line: u64, items: &VecDeque<Item>) -> io::Result<usize> {
        let mut next = line;
        for (count, item) in items.iter().take(AHEAD + 1).enumerate() {
            if !self.fits(next, item)? {
                return Ok(count);
            }
            next += item.lines();
        }
        Ok(items.len().min(AHEAD + 1))
    }

    /// How many records are next lines of streams, one after another, once the first one of `queue` was taken for `line`.
    pub(super) fn explained(
        &mut self,
        line: u64,
        queues: &[Queue],
        queue: usize,
    ) -> io::Result<usize> {
        let Some(first) = queues[queue].items.front() else {
            return Ok(0);
        };
        let stream = self.stream_of(line);
        let mut look = Look {
            queues,
            passed: vec![0; queues.len()],
            places: Overlay::default(),
            steps: STEPS_MAX,
        };
        look.passed[queue] = 1;
        look.places.set(stream, line + first.lines());
        self.explain(&mut look, queue, stream, AHEAD)
    }

    fn explain(
        &mut self,
        look: &mut Look<'_>,
        last: usize,
        stream: usize,
        most: usize,
    ) -> io::Result<usize> {
        let mut best = 0;
        if most == 0 {
            return Ok(0);
        }
        for queue in in_turn(look.queues, last) {
            let Some(item) = look.next(queue) else {
                continue;
            };
            for (stream, line) in self.possible(&look.places, stream, item)? {
                if best == most || look.steps == 0 {
                    return Ok(best);
                }
                look.steps -= 1;
                look.passed[queue] += 1;
                let before = look.places.set(stream, line + item.lines());
                best = best.max(1 + self.explain(look, queue, stream, most - 1)?);
                look.places.undo(stream, before);
                look.passed[queue] -= 1;
            }
        }
        Ok(best)
    }

    /// Next lines of streams that a record may be; first that of the stream of the record before it.
    fn possible(
        &mut self,
        overlay: &Overlay,
        last: usize,
        item: &Item,
    ) -> io::Result<Vec<(usize, u64)>> {
        let Some(hash) = item.hash else {
            return Ok(Vec::new());
        };
        let mut streams = vec![last];
        streams.extend(overlay.0.iter().map(|(stream, _)| *stream));
        streams.extend(self.current);
        let others = self.expected.get(&hash);
        // Of very many that are alike, some are enough.
        streams.extend(others.into_iter().flatten().take(AHEAD));
        let mut possible: Vec<(usize, u64)> = Vec::new();
        for stream in streams {
            let next = overlay
                .get(stream)
                .unwrap_or_else(|| self.streams[stream].next);
            let is_within = self.streams[stream].lines.contains(&next);
            let is_known = possible.iter().any(|(other, _)| *other == stream);
            if is_within && !is_known && self.fits(next, item)? {
                possible.push((stream, next));
            }
        }
        Ok(possible)
    }
}
