//! What an appender's threads share: the queue, how far the sender is, what is counted.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use millrace_client::producer::ProducerConfig;
use millrace_wire::clock::Clock;

use crate::line::{Draft, Topics};
use crate::metrics::Metrics;
use crate::own;
use crate::progress::{Progress, Reached};
use crate::queue::{Bounds, Pushed, Queue};
use crate::report::Report;
use crate::sender::Sender;
use crate::settings::SpillSettings;

/// How long saving to the spill may take after a flush has run out of time.
const SAVING: Duration = Duration::from_secs(1);

/// What became of the lines that were handed over before a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Brokers have them all; what was dropped or refused is counted.
    Delivered,
    /// Not all were delivered in time, the others are in the spill: the next process delivers them if this one does not.
    Spilled,
    /// Not all were delivered in time, and there is no spill that could take the others.
    Pending,
}

/// How the sender works.
#[derive(Debug, Clone)]
pub(crate) struct SenderSettings {
    pub(crate) producer: ProducerConfig,
    pub(crate) topics: Topics,
    pub(crate) spill: Option<SpillSettings>,
    pub(crate) bounds: Bounds,
}

/// Shared by the threads that log and the sender.
pub(crate) struct Core {
    pub(crate) queue: Queue,
    pub(crate) progress: Progress,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: SenderSettings,
    pub(crate) report: Report,
    /// Flushes under way: batches do not wait for more lines meanwhile.
    flushing: AtomicU32,
    /// All that is in memory shall be written to the spill.
    saving: AtomicBool,
    /// Until when the sender may go on after it was told to end, in milliseconds of the monotonic clock.
    deadline: Mutex<Option<Duration>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Core {
    /// Starts the sender on a thread of its own.
    pub(crate) fn start(
        settings: SenderSettings,
        report: Report,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Arc<Self>> {
        let core = Arc::new(Self {
            queue: Queue::new(settings.bounds),
            progress: Progress::with_inherited(settings.spill.is_some()),
            metrics: Metrics::default(),
            clock,
            settings,
            report,
            flushing: AtomicU32::new(0),
            saving: AtomicBool::new(false),
            deadline: Mutex::new(None),
            thread: Mutex::new(None),
        });
        let shared = Arc::clone(&core);
        let thread = std::thread::Builder::new()
            .name("millrace-log4rs".to_owned())
            .spawn(move || Sender::run_thread(shared))?;
        *core.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(core)
    }

    /// Hands a line over.
    pub(crate) fn push(&self, draft: &Draft<'_>) -> Pushed {
        self.queue.push(draft, &self.metrics)
    }

    /// Tells of dropped lines, in the topic and on stderr; as often as is due, or at once if it is `urgent`.
    pub(crate) fn report(&self, urgent: bool) {
        let dropped = self.metrics.dropped.get();
        let told = self
            .report
            .tell(dropped, self.clock.monotonic(), urgent, |draft| {
                self.queue.push_own(draft, &self.metrics)
            });
        if told > 0 {
            own::say(&*self.clock, format_args!("{told} lines dropped"));
        }
    }

    /// Waits until a line is delivered; false if that takes too long.
    pub(crate) fn wait_for(&self, sequence: u64, limit: Duration) -> bool {
        let flushing = self.begin_flush();
        let reached = self
            .progress
            .wait(limit, |reached| reached.done >= sequence);
        drop(flushing);
        reached.done >= sequence
    }

    /// Waits until all lines handed over so far are delivered, and those that an earlier process left; saves the others when the time is over.
    pub(crate) fn flush(&self, limit: Duration) -> Flushed {
        if own::is_own_thread() {
            return Flushed::Pending;
        }
        self.report(true);
        let target = self.queue.last_taken();
        let flushing = self.begin_flush();
        let is_done = |reached: &Reached| reached.done >= target && !reached.inherited;
        let reached = self.progress.wait(limit, is_done);
        drop(flushing);
        if is_done(&reached) {
            return Flushed::Delivered;
        }
        if self.settings.spill.is_none() || reached.ended {
            return if reached.saved >= target {
                Flushed::Spilled
            } else {
                Flushed::Pending
            };
        }
        self.saving.store(true, Ordering::Release);
        self.queue.wake.notify_one();
        let reached = self
            .progress
            .wait(SAVING, |reached| reached.saved >= target);
        match reached {
            reached if is_done(&reached) => Flushed::Delivered,
            reached if reached.saved >= target => Flushed::Spilled,
            _ => Flushed::Pending,
        }
    }

    /// Takes no more lines, gives those on their way until `limit`, saves the others, and ends the sender.
    pub(crate) fn close(&self, limit: Duration) {
        self.begin_close(limit);
        self.join();
    }

    /// Takes no more lines and has the sender end, at the latest after `limit`.
    pub(crate) fn begin_close(&self, limit: Duration) {
        let deadline = self.clock.monotonic() + limit;
        self.deadline
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(deadline);
        self.queue.close();
    }

    /// Waits for the end of the sender.
    pub(crate) fn join(&self) {
        if own::is_own_thread() {
            return;
        }
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            own::say(&*self.clock, format_args!("the sender has panicked"));
        }
    }

    /// When to end, if that was asked for.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_flushing(&self) -> bool {
        self.flushing.load(Ordering::Acquire) > 0
    }

    /// Whether to save what is in memory; asked once for each wish.
    pub(crate) fn take_saving(&self) -> bool {
        self.saving.swap(false, Ordering::AcqRel)
    }

    fn begin_flush(&self) -> Flushing<'_> {
        self.flushing.fetch_add(1, Ordering::AcqRel);
        self.queue.wake.notify_one();
        Flushing(self)
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("settings", &self.settings)
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}

/// A flush under way; ends when it is dropped.
struct Flushing<'a>(&'a Core);

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::AcqRel);
    }
}
