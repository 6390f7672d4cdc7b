//! Group commit: one thread a data directory syncs every log that was appended to, answers all who
//! wait, and starts again with what came meanwhile. A log for which space or descriptors ran short is
//! tried again a little later; those who wait for it wait on.

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::checkpoints::Checkpoints;
use crate::error::StorageError;
use crate::log::Log;
use crate::parallel;
use crate::shared::Shared;

/// The logs that ask for a sync.
#[derive(Default)]
pub(crate) struct FlushQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    logs: Vec<Arc<Log>>,
    checkpoint: bool,
    stopped: bool,
}

/// What the flusher is to do next.
pub(crate) enum Work {
    Flush(Vec<Arc<Log>>),
    Checkpoint,
    /// The time is up that the flusher wanted to wait.
    Due,
    Stop,
}

impl FlushQueue {
    pub(crate) fn push(&self, log: Arc<Log>) {
        let mut state = self.lock();
        state.logs.push(log);
        let first = state.logs.len() == 1;
        drop(state);
        if first {
            self.changed.notify_one();
        }
    }

    /// Asks for the checkpoints to be written now.
    pub(crate) fn request_checkpoint(&self) {
        self.lock().checkpoint = true;
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Takes all logs that ask for a sync; empty where none does.
    pub(crate) fn take(&self) -> Vec<Arc<Log>> {
        mem::take(&mut self.lock().logs)
    }

    /// Waits for work, at most as long as `due`.
    fn wait(&self, due: Option<Duration>) -> Work {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Work::Stop;
            }
            if mem::take(&mut state.checkpoint) {
                return Work::Checkpoint;
            }
            if !state.logs.is_empty() {
                return Work::Flush(mem::take(&mut state.logs));
            }
            state = match due {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due);
                    let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && state.logs.is_empty() && !state.stopped {
                        return Work::Due;
                    }
                    state
                }
            };
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FlushQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushQueue")
            .field("logs", &self.lock().logs.len())
            .finish_non_exhaustive()
    }
}

/// With this many logs to sync, several syncs at a time are worth their threads: the file system
/// commits for all of them at once.
const PARALLEL_FROM: usize = 8;
const PARALLEL_SYNCS: usize = 4;

/// How long a log waits that could not be synced for a shortage.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A log that could not be synced yet, and for the want of what.
pub(crate) struct Postponed {
    pub(crate) log: Arc<Log>,
    error: StorageError,
}

/// Syncs the logs and answers who waits for them; gives those to be tried again. The first failure that
/// is no shortage takes the directory offline: the operating system may have dropped what it could not
/// write, and a later sync would not say so.
pub(crate) fn flush_all(shared: &Shared, logs: &[Arc<Log>]) -> Vec<Postponed> {
    let threads = if logs.len() < PARALLEL_FROM {
        1
    } else {
        PARALLEL_SYNCS
    };
    let postponed = Mutex::new(Vec::new());
    parallel::for_each(logs, threads, |log| {
        if let Some(error) = flush(shared, log) {
            let log = Arc::clone(log);
            let mut postponed = postponed.lock().unwrap_or_else(PoisonError::into_inner);
            postponed.push(Postponed { log, error });
        }
    });
    postponed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Syncs a log; gives the shortage for which it has to be tried again.
fn flush(shared: &Shared, log: &Log) -> Option<StorageError> {
    let error = shared.check_online().and_then(|()| log.flush()).err()?;
    // Of a log that was deleted meanwhile the files are gone, and who waited has been told.
    if log.has_ended() {
        return None;
    }
    if error.is_shortage() {
        return Some(error);
    }
    take_offline(shared, log, &error);
    None
}

fn take_offline(shared: &Shared, log: &Log, error: &StorageError) {
    if shared.check_online().is_ok() {
        log::error!(
            "data directory {} goes offline, {} cannot be synced: {error}",
            shared.path().display(),
            log.name()
        );
    }
    let offline = shared.fail(error);
    log.fail_waiters(&offline);
}

/// Ends all waiting where a callback panics on the flusher's thread, and takes it along.
struct OnPanic<'a>(&'a Shared);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason = "the flusher panicked".to_owned();
            let offline = self.0.fail(&StorageError::malformed(self.0.path(), reason));
            self.0
                .queue()
                .take()
                .iter()
                .for_each(|log| log.fail_waiters(&offline));
        }
    }
}

/// The flusher's loop; ends when the queue is stopped.
pub(crate) fn run(shared: &Shared, checkpoints: &Checkpoints) {
    let _on_panic = OnPanic(shared);
    let interval = shared.config().recovery_checkpoint_interval;
    let mut oldest_unsaved: Option<Duration> = None;
    let mut later = Later::default();
    loop {
        let now = shared.clock().monotonic();
        let due = oldest_unsaved.map(|since| since + interval);
        let next = [due, later.retry_at()].into_iter().flatten().min();
        match shared.queue().wait(next.map(|at| at.saturating_sub(now))) {
            Work::Stop => return,
            Work::Flush(logs) => {
                later.keep(shared, flush_all(shared, &logs));
                oldest_unsaved.get_or_insert(shared.clock().monotonic());
            }
            Work::Checkpoint => {
                checkpoints.write(shared);
                oldest_unsaved = None;
            }
            Work::Due => {}
        }
        later.retry(shared);
        let now = shared.clock().monotonic();
        if oldest_unsaved.is_some_and(|since| now >= since + interval) {
            checkpoints.write(shared);
            oldest_unsaved = None;
        }
    }
}

/// The logs that wait for the end of a shortage.
#[derive(Default)]
struct Later {
    logs: Vec<Arc<Log>>,
    since: Duration,
}

impl Later {
    fn retry_at(&self) -> Option<Duration> {
        (!self.logs.is_empty()).then(|| self.since + RETRY_PAUSE)
    }

    fn keep(&mut self, shared: &Shared, postponed: Vec<Postponed>) {
        if self.logs.is_empty()
            && let Some(Postponed { log, error }) = postponed.first()
        {
            log::error!(
                "{} of {} cannot be synced yet: {error}; it is tried again until it can",
                log.name(),
                shared.path().display()
            );
            self.since = shared.clock().monotonic();
        }
        self.logs
            .extend(postponed.into_iter().map(|postponed| postponed.log));
    }

    /// Tries again where it is time.
    fn retry(&mut self, shared: &Shared) {
        let now = shared.clock().monotonic();
        if self.retry_at().is_none_or(|at| now < at) {
            return;
        }
        let postponed = flush_all(shared, &mem::take(&mut self.logs));
        if postponed.is_empty() {
            log::info!("the logs of {} are synced again", shared.path().display());
        }
        self.logs
            .extend(postponed.into_iter().map(|postponed| postponed.log));
        self.since = now;
    }
}
