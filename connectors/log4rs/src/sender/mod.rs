//! The sender: takes lines out of the queue, in order, and sees that brokers get them.
//!
//! It runs on a thread and a runtime of its own, so that a program needs none, and one that has a runtime is not held up.
//! A line goes from the queue into the [`Window`], which keeps it until it is acknowledged, and to the producer
//! ([`outgoing`]). When brokers do not keep up and lines take more than half of the queue's memory, all goes to the spill
//! ([`store`]): first what is in flight, then what is queued, so that the spill holds the lines in order and a killed
//! process loses little. From then on the window is filled from the spill, and the queue goes to its end, until the spill
//! is read to its end.

mod acks;
mod outgoing;
mod store;
mod window;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;

use self::acks::Outcome;
use self::outgoing::Outgoing;
use self::store::Store;
use self::window::Window;
use crate::core::Core;
use crate::own;

/// Bytes in flight; a quarter of the spill if that is less, since it has to take them.
const WINDOW_BYTES: usize = 4 << 20;
/// How long the sender rests when there was nothing to do, while lines keep coming: nobody has to wake it then.
const TICK: Duration = Duration::from_millis(5);
/// After so many rests without a line it waits to be woken.
const IDLE_TICKS: u32 = 200;
/// When brokers have taken nothing for so long, what is in memory is written to the spill, and again after it: no crash of
/// the program takes more than that many milliseconds' lines with it.
const STALLED: Duration = Duration::from_secs(1);
/// How long closing the client may take when all is delivered.
const CLOSING: Duration = Duration::from_secs(1);

/// The sender of an appender.
pub(crate) struct Sender {
    core: Arc<Core>,
    window: Window,
    window_bytes: usize,
    store: Store,
    outgoing: Outgoing,
    /// When brokers took something last, or all was saved.
    moved: Duration,
    /// Rests in a row.
    rests: u32,
}

impl Sender {
    /// Runs a sender on this thread until its appender is closed.
    pub(crate) fn run_thread(core: Arc<Core>) {
        own::mark_thread();
        let _ended = Ended(Arc::clone(&core));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_start(own::mark_thread)
            .build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(Self::new(core).run());
                // A name that is being resolved must not hold up the end.
                runtime.shutdown_background();
            }
            Err(error) => {
                core.queue.close();
                own::say(
                    &*core.clock,
                    format_args!("cannot start a runtime, lines are dropped: {error}"),
                );
            }
        }
    }

    fn new(core: Arc<Core>) -> Self {
        Self {
            window: Window::default(),
            window_bytes: core.settings.spill.as_ref().map_or(WINDOW_BYTES, |spill| {
                usize::try_from(spill.limit / 4).map_or(WINDOW_BYTES, |most| most.min(WINDOW_BYTES))
            }),
            store: Store::new(&core),
            outgoing: Outgoing::new(&core),
            moved: core.clock.monotonic(),
            rests: 0,
            core,
        }
    }

    async fn run(mut self) {
        loop {
            let was_busy = self.turn();
            if let Some(deadline) = self.core.deadline()
                && self.may_end(deadline)
            {
                break;
            }
            if was_busy {
                self.rests = 0;
                tokio::task::yield_now().await;
            } else {
                self.rest().await;
            }
        }
        self.end().await;
    }

    /// Does all that can be done now; says whether there is more.
    fn turn(&mut self) -> bool {
        self.store.open(&self.core);
        self.settle();
        self.core.report(self.core.deadline().is_some());
        let has_new = self.fill();
        let sent = self.outgoing.send(&mut self.window);
        if self.core.take_saving() || self.is_stalled() {
            self.store.save_all(&mut self.window, &self.core);
        }
        let has_moved = self.store.relieve(&mut self.window, &self.core);
        self.tell_progress();
        if self.core.is_flushing() {
            self.outgoing.flush();
        }
        has_new || sent > 0 || has_moved
    }

    /// Whether brokers have taken nothing for a while; asked once each while.
    fn is_stalled(&mut self) -> bool {
        let now = self.core.clock.monotonic();
        let is_stalled = !self.window.is_empty() && now.saturating_sub(self.moved) >= STALLED;
        if is_stalled || self.window.is_empty() {
            self.moved = now;
        }
        is_stalled
    }

    /// Heeds what the producer has said.
    fn settle(&mut self) {
        let metrics = &self.core.metrics;
        for (tickets, outcome) in self.outgoing.heard() {
            match outcome {
                Outcome::Delivered => {
                    metrics.delivered.add(self.window.finish(tickets));
                    self.moved = self.core.clock.monotonic();
                }
                Outcome::Refused(reason) => {
                    let count = self.window.finish(tickets);
                    metrics.refused.add(count);
                    own::say(
                        &*self.core.clock,
                        format_args!("{count} lines were refused: {reason}"),
                    );
                }
                Outcome::GivenUp(reason) => {
                    own::say(
                        &*self.core.clock,
                        format_args!("sending lines again: {reason}"),
                    );
                    self.outgoing.begin_anew();
                }
            }
        }
        if self.outgoing.take_anew() {
            self.window.rewind();
        }
        while let Some(sent) = self.window.pop_done() {
            self.store.done(sent, &self.core);
        }
    }

    /// Fills the window from the spill or, where that is empty, from the queue.
    fn fill(&mut self) -> bool {
        let mut has_new = false;
        while self.window.bytes < self.window_bytes {
            let next = if self.store.has_unread() {
                self.store.read(&self.core)
            } else {
                self.core.queue.pop().map(|chunk| (chunk, None))
            };
            let Some((chunk, place)) = next else { break };
            self.window.push(chunk, place);
            has_new = true;
        }
        has_new
    }

    fn tell_progress(&self) {
        let core = &self.core;
        let is_all_done = self.window.is_empty() && !self.store.has_unread();
        let settled = core.queue.settled();
        let done = match settled {
            Some(last) if is_all_done => last,
            _ => self.store.done_through(),
        };
        let is_all_saved = self.store.is_saving() && self.window.is_saved();
        let saved = match settled {
            Some(last) if is_all_saved => last,
            _ => self.store.saved_through(),
        };
        core.progress.reach(done, saved, self.store.has_inherited());
        core.metrics
            .in_flight
            .set(i64::try_from(self.window.open).unwrap_or(i64::MAX));
    }

    async fn rest(&mut self) {
        let core = Arc::clone(&self.core);
        self.rests = self.rests.saturating_add(1);
        let is_waiting = !self.window.is_empty() || self.store.has_unread();
        let may_sleep = self.rests > IDLE_TICKS
            && !is_waiting
            && core.deadline().is_none()
            && core.queue.fall_asleep();
        let limit = match may_sleep {
            true if self.store.wants_opening() => store::RETRY,
            true => {
                core.queue.wake.notified().await;
                self.rests = 0;
                return;
            }
            false => TICK,
        };
        // Whichever comes first; a wake that is missed here is there the next time.
        drop(tokio::time::timeout(limit, core.queue.wake.notified()).await);
    }

    /// Whether nothing is left to deliver, or the time for it is over.
    fn may_end(&self, deadline: Duration) -> bool {
        let is_all_done =
            self.window.is_empty() && !self.store.has_unread() && self.core.queue.is_empty();
        is_all_done || self.core.clock.monotonic() >= deadline
    }

    async fn end(mut self) {
        self.store.save_at_end(&mut self.window, &self.core);
        self.tell_progress();
        let lost = self.window.unsaved_lines() + self.core.queue.drop_all();
        if lost > 0 {
            self.core.metrics.dropped.add(lost);
            own::say(
                &*self.core.clock,
                format_args!("closed before {lost} lines were delivered; they are lost"),
            );
        }
        if self.window.is_empty() {
            self.outgoing.close(CLOSING).await;
        }
    }
}

/// Tells those who wait that the sender has ended, however that came about.
struct Ended(Arc<Core>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.progress.end();
    }
}
