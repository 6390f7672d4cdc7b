//! Lines between the threads that log and the sender: bounded memory under one lock.
//!
//! A thread that logs copies its line in and goes on. Where there is no room it waits, but no longer than the budget,
//! and where the sender has taken nothing all that while, only one such wait in vain: until there is room again the others
//! do not wait at all. Then lines are dropped, the new one or the oldest, and counted. Lines that are exempt take a reserve
//! beyond the limit, then the place of lines that are not.
//!
//! Those who wait are woken when there is room for several chunks: threads that log flat out would otherwise spend their time
//! falling asleep and waking up, all but one of them in vain.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::chunk::{CHUNK_BYTES, Chunk};
use crate::line::Draft;
use crate::metrics::Metrics;

/// Buffers that are kept for the next chunks.
const KEPT_BUFFERS: usize = 16;

/// Those who wait are woken when so many bytes are free, or a quarter of the memory if that is less.
const WAKING_BYTES: usize = 8 * CHUNK_BYTES;

/// Which line goes when none fits any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, millrace_config::ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum DropPolicy {
    /// The one that is handed over.
    Newest,
    /// The ones that wait longest.
    Oldest,
}

/// The queue's bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes for all lines; exempt ones may take a quarter more.
    pub(crate) memory: usize,
    /// How long a thread may wait for room.
    pub(crate) budget: Duration,
    pub(crate) policy: DropPolicy,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is queued under this number.
    Taken(u64),
    /// It was dropped, and counted.
    Dropped,
    /// The appender is closed; counted as dropped.
    Closed,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    room: Condvar,
    /// Wakes the sender.
    pub(crate) wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    /// Capacity of all chunks.
    used: usize,
    /// The number of the last line that was handed over, dropped ones included.
    last_sequence: u64,
    /// The number of the last line that was taken.
    last_taken: u64,
    buffers: Vec<Vec<u8>>,
    /// Chunks that were taken out.
    popped: u64,
    /// Threads that wait for room.
    waiting: u32,
    /// Somebody has waited in vain while nothing was taken out, and there was no room since.
    stalled: bool,
    /// The sender waits to be woken.
    sleeping: bool,
    /// The sender was woken because lines take more than half of the memory, and took none since.
    nudged: bool,
    /// An exempt line found no room: lines in the spill have to make way.
    pressed: bool,
    closed: bool,
}

impl State {
    fn fits(&self, room: usize, limit: usize) -> bool {
        self.chunks.back().is_some_and(|chunk| chunk.has_room(room))
            || self.used + room.max(CHUNK_BYTES) <= limit
    }

    /// Puts a line at the end, under the next number.
    fn put(&mut self, draft: &Draft<'_>, room: usize) -> u64 {
        self.last_sequence += 1;
        self.last_taken = self.last_sequence;
        if !self.chunks.back().is_some_and(|chunk| chunk.has_room(room)) {
            let buffer = if room <= CHUNK_BYTES {
                let kept = self.buffers.pop();
                kept.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES))
            } else {
                Vec::with_capacity(room)
            };
            self.used += buffer.capacity();
            self.chunks.push_back(Chunk::on(buffer));
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.push(draft, self.last_sequence);
        }
        self.last_sequence
    }

    /// Drops the droppable lines of the oldest chunk that has any; says how many.
    fn evict(&mut self) -> u32 {
        let oldest = self.chunks.iter_mut().enumerate();
        let Some((at, chunk)) = oldest.into_iter().find(|(_, chunk)| chunk.droppable > 0) else {
            return 0;
        };
        let dropped = chunk.droppable;
        self.used -= chunk.bytes.capacity();
        if chunk.lines == dropped {
            self.chunks.remove(at);
        } else {
            *chunk = chunk.exempt_only();
            self.used += chunk.bytes.capacity();
        }
        dropped
    }
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            room: Condvar::new(),
            wake: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a line over. Waits for room no longer than the budget.
    pub(crate) fn push(&self, draft: &Draft<'_>, metrics: &Metrics) -> Pushed {
        let room = draft.room();
        let limit = self.limit(draft.exempt);
        let mut state = self.lock();
        // What is larger than all of the memory would wait, and push others out, in vain.
        let may_fit = room.max(CHUNK_BYTES) <= limit;
        if may_fit && !state.fits(room, limit) && !state.closed {
            state = self.wait(state, room, limit);
        }
        let evicts = may_fit && (draft.exempt || self.bounds.policy == DropPolicy::Oldest);
        while evicts && !state.closed && !state.fits(room, limit) {
            let dropped = state.evict();
            metrics.dropped.add(u64::from(dropped));
            if dropped == 0 {
                break;
            }
        }
        if state.closed || !state.fits(room, limit) {
            state.last_sequence += 1;
            state.pressed |= draft.exempt && may_fit;
            metrics.dropped.increment();
            let closed = state.closed;
            drop(state);
            return if closed {
                Pushed::Closed
            } else {
                Pushed::Dropped
            };
        }
        let sequence = state.put(draft, room);
        let crowded = state.used > self.bounds.memory / 2;
        let wakes = state.sleeping || (crowded && !state.nudged);
        state.nudged |= crowded;
        state.sleeping = false;
        drop(state);
        metrics.taken.increment();
        if wakes {
            self.wake.notify_one();
        }
        Pushed::Taken(sequence)
    }

    /// Bytes that lines may take, exempt ones or others.
    fn limit(&self, exempt: bool) -> usize {
        let reserve = if exempt { self.bounds.memory / 4 } else { 0 };
        self.bounds.memory + reserve
    }

    /// Queues a line of our own if there is room at once, even after the end.
    pub(crate) fn push_own(&self, draft: &Draft<'_>, metrics: &Metrics) -> bool {
        let mut state = self.lock();
        let room = draft.room();
        let fits = state.fits(room, self.limit(draft.exempt));
        if fits {
            state.put(draft, room);
            metrics.taken.increment();
        }
        fits
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        room: usize,
        limit: usize,
    ) -> MutexGuard<'a, State> {
        if state.stalled || self.bounds.budget.is_zero() {
            return state;
        }
        self.wake.notify_one();
        let popped = state.popped;
        state.waiting += 1;
        let waited = self
            .room
            .wait_timeout_while(state, self.bounds.budget, |state| {
                !state.stalled && !state.closed && !state.fits(room, limit)
            });
        let timeout;
        (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.stalled |= timeout.timed_out() && state.popped == popped;
        state
    }

    /// Takes the oldest chunk.
    pub(crate) fn pop(&self) -> Option<Chunk> {
        self.pop_if(|_| true)
    }

    /// Takes the oldest chunk if it is wanted.
    pub(crate) fn pop_if(&self, is_wanted: impl FnOnce(&Chunk) -> bool) -> Option<Chunk> {
        let mut state = self.lock();
        if !state.chunks.front().is_some_and(is_wanted) {
            return None;
        }
        let chunk = state.chunks.pop_front()?;
        state.used -= chunk.bytes.capacity();
        state.popped += 1;
        state.stalled = false;
        state.nudged = false;
        let free = self.bounds.memory.saturating_sub(state.used);
        let has_room = free >= WAKING_BYTES.min(self.bounds.memory / 4);
        let wakes = state.waiting > 0 && (has_room || state.chunks.is_empty());
        drop(state);
        if wakes {
            self.room.notify_all();
        }
        Some(chunk)
    }

    /// Puts a chunk back in front, where it came from.
    pub(crate) fn unpop(&self, chunk: Chunk) {
        let mut state = self.lock();
        state.used += chunk.bytes.capacity();
        state.chunks.push_front(chunk);
    }

    /// Keeps a chunk's buffer for another one.
    pub(crate) fn recycle(&self, mut bytes: Vec<u8>) {
        let mut state = self.lock();
        if bytes.capacity() == CHUNK_BYTES && state.buffers.len() < KEPT_BUFFERS {
            bytes.clear();
            state.buffers.push(bytes);
        }
    }

    /// Whether a chunk waits that takes no more lines.
    pub(crate) fn has_full(&self) -> bool {
        self.lock().chunks.len() > 1
    }

    /// Whether lines take more than half of the memory.
    pub(crate) fn is_crowded(&self) -> bool {
        self.lock().used > self.bounds.memory / 2
    }

    /// Whether an exempt line found no room since this was last asked.
    pub(crate) fn take_pressed(&self) -> bool {
        std::mem::take(&mut self.lock().pressed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().chunks.is_empty()
    }

    /// The number of the last line that was taken, 0 before the first.
    pub(crate) fn last_taken(&self) -> u64 {
        self.lock().last_taken
    }

    /// The number of the last line taken, if none waits here.
    pub(crate) fn settled(&self) -> Option<u64> {
        let state = self.lock();
        state.chunks.is_empty().then_some(state.last_taken)
    }

    /// Gives all lines up; says how many there were.
    pub(crate) fn drop_all(&self) -> u64 {
        let mut state = self.lock();
        state.used = 0;
        state
            .chunks
            .drain(..)
            .map(|chunk| u64::from(chunk.lines))
            .sum()
    }

    /// Says that the sender waits to be woken; false if there is something to do.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.lock();
        state.sleeping = state.chunks.is_empty() && !state.closed;
        state.sleeping
    }

    /// Takes no more lines.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests;
