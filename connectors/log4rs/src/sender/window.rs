//! Lines in flight: taken out of queue or spill, and kept until brokers have acknowledged them.
//!
//! Each line has a ticket, its number in the order of sending. Chunks leave at the front, whole, so that what is done is
//! always an unbroken run of lines.

use std::collections::VecDeque;
use std::ops::Range;

use crate::chunk::Chunk;
use crate::line::Line;
use crate::spill::Place;

/// A chunk in flight.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) chunk: Chunk,
    /// Where it ends in the spill, if it is there.
    pub(super) place: Option<Place>,
    first_ticket: u64,
    /// The next line to give to the producer, and where it begins.
    next_line: u32,
    next_byte: usize,
    /// A bit for each line that is done.
    done: Vec<u64>,
    open: u32,
}

impl Sent {
    fn is_done(&self, line: u32) -> bool {
        let line = line as usize;
        self.done[line / 64] & (1 << (line % 64)) != 0
    }

    fn mark(&mut self, line: u32) -> bool {
        let was_done = self.is_done(line);
        if !was_done {
            let line = line as usize;
            self.done[line / 64] |= 1 << (line % 64);
            self.open -= 1;
        }
        !was_done
    }

    /// The lines that the producer was not given yet, each with whether it is done all the same.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Line<'_>, bool)> {
        let lines = self.next_line..self.chunk.lines;
        let bytes = crate::line::Lines::new(&self.chunk.bytes[self.next_byte..]);
        lines
            .zip(bytes)
            .map(move |(number, line)| (line, self.is_done(number)))
    }

    /// The ticket of the next line.
    pub(super) fn ticket(&self) -> u64 {
        self.first_ticket + u64::from(self.next_line)
    }

    /// Steps over lines that the producer was given.
    pub(super) fn step(&mut self, lines: usize) {
        let bytes: usize = self
            .waiting()
            .take(lines)
            .map(|(line, _)| line.frame.len())
            .sum();
        self.next_byte += bytes;
        self.next_line += u32::try_from(lines).unwrap_or(u32::MAX);
    }
}

/// All that is in flight.
#[derive(Debug, Default)]
pub(super) struct Window {
    chunks: VecDeque<Sent>,
    /// Bytes of all chunks.
    pub(super) bytes: usize,
    next_ticket: u64,
    /// Lines that are not done.
    pub(super) open: u64,
}

impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Adds a chunk at the end.
    pub(super) fn push(&mut self, chunk: Chunk, place: Option<Place>) {
        self.bytes += chunk.bytes.capacity();
        self.open += u64::from(chunk.lines);
        let sent = Sent {
            place,
            first_ticket: self.next_ticket,
            next_line: 0,
            next_byte: 0,
            done: vec![0; (chunk.lines as usize).div_ceil(64)],
            open: chunk.lines,
            chunk,
        };
        self.next_ticket += u64::from(sent.chunk.lines);
        self.chunks.push_back(sent);
    }

    /// The chunks that were not given to the producer whole, in order.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &mut Sent> {
        self.chunks
            .iter_mut()
            .filter(|sent| sent.next_line < sent.chunk.lines)
    }

    /// Chunks that are not in the spill.
    pub(super) fn unsaved(&mut self) -> impl Iterator<Item = &mut Sent> {
        self.chunks.iter_mut().filter(|sent| sent.place.is_none())
    }

    /// Whether all chunks are in the spill.
    pub(super) fn is_saved(&self) -> bool {
        self.chunks.iter().all(|sent| sent.place.is_some())
    }

    /// Whether chunks that are in the spill are in front of all that are not.
    pub(super) fn is_saved_in_front(&self) -> bool {
        let mut unsaved = self.chunks.iter().skip_while(|sent| sent.place.is_some());
        unsaved.all(|sent| sent.place.is_none())
    }

    /// Lines that are neither done nor in the spill.
    pub(super) fn unsaved_lines(&self) -> u64 {
        let unsaved = self.chunks.iter().filter(|sent| sent.place.is_none());
        unsaved.map(|sent| u64::from(sent.open)).sum()
    }

    /// These lines are delivered or refused; says how many were not before.
    pub(super) fn finish(&mut self, tickets: Range<u64>) -> u64 {
        let mut finished = 0;
        let first = self.chunks.partition_point(|sent| {
            sent.first_ticket + u64::from(sent.chunk.lines) <= tickets.start
        });
        for sent in self.chunks.iter_mut().skip(first) {
            if sent.first_ticket >= tickets.end {
                break;
            }
            let from = tickets.start.saturating_sub(sent.first_ticket);
            let to = (tickets.end - sent.first_ticket).min(sent.chunk.lines.into());
            for line in from..to {
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                finished += u64::from(sent.mark(line));
            }
        }
        self.open -= finished;
        finished
    }

    /// Takes the first chunk out if it is done.
    pub(super) fn pop_done(&mut self) -> Option<Sent> {
        self.chunks.front().filter(|sent| sent.open == 0)?;
        let sent = self.chunks.pop_front()?;
        self.bytes -= sent.chunk.bytes.capacity();
        Some(sent)
    }

    /// Begins again with the first line that is not done: the producer is a new one.
    pub(super) fn rewind(&mut self) {
        for sent in &mut self.chunks {
            (sent.next_line, sent.next_byte) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;
    use crate::line::Draft;

    fn chunk(lines: u64) -> Chunk {
        let mut chunk = Chunk::on(Vec::with_capacity(1 << 12));
        for sequence in 0..lines {
            let draft = Draft {
                level: Level::Info,
                exempt: false,
                timestamp: 0,
                key: None,
                header_count: 0,
                headers: &[],
                numbered: false,
                value: b"v",
            };
            chunk.push(&draft, sequence);
        }
        chunk
    }

    #[test]
    fn chunks_leave_in_order_when_all_their_lines_are_done() {
        let mut window = Window::default();
        window.push(chunk(100), None);
        window.push(chunk(50), None);
        assert_eq!(window.finish(90..120), 30);
        assert!(window.pop_done().is_none());
        assert_eq!(window.finish(120..150), 30);
        assert!(window.pop_done().is_none(), "the first is not done");
        assert_eq!(window.finish(0..100), 90);
        assert_eq!(window.pop_done().map(|sent| sent.chunk.lines), Some(100));
        assert_eq!(window.pop_done().map(|sent| sent.chunk.lines), Some(50));
        assert!(window.is_empty());
        assert_eq!((window.bytes, window.open), (0, 0));
    }

    #[test]
    fn what_is_saved_in_front_is_told_from_what_is_saved_behind() {
        let place = Some(Place { segment: 1, end: 9 });
        for (places, in_front) in [
            ([place, None, None], true),
            ([place, place, place], true),
            ([None, None, None], true),
            ([None, place, place], false),
            ([place, None, place], false),
        ] {
            let mut window = Window::default();
            for place in places {
                window.push(chunk(1), place);
            }
            assert_eq!(window.is_saved_in_front(), in_front, "{places:?}");
        }
    }

    #[test]
    fn after_a_rewind_the_lines_that_are_done_are_known() {
        let mut window = Window::default();
        window.push(chunk(10), None);
        let sent = window.waiting().next().unwrap();
        sent.step(6);
        assert_eq!((sent.ticket(), sent.waiting().count()), (6, 4));
        window.finish(2..4);
        window.rewind();
        let sent = window.waiting().next().unwrap();
        let done: Vec<_> = sent.waiting().map(|(_, done)| done).collect();
        let expected: Vec<_> = (0..10).map(|line| line == 2 || line == 3).collect();
        assert_eq!(done, expected);
        assert_eq!(window.finish(0..10), 8);
        assert!(window.pop_done().is_some());
    }
}
