//! Who gets in: bounds on requests and bytes, and whether records can be taken at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hyper::StatusCode;
use millrace_api::SourceContext;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Refusal;
use super::config::ListenerConfig;

/// What a record takes beside its bytes while it waits.
pub(super) const RECORD_BYTES: usize = 128;

/// The gate that all requests pass.
#[derive(Debug)]
pub(super) struct Gate {
    context: SourceContext,
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// Requests that were given up and whose records the broker has not answered for yet.
    late: AtomicUsize,
}

impl Gate {
    pub(super) fn new(config: &ListenerConfig, context: SourceContext) -> Self {
        let permits = |count: i64| usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            context,
            requests: Arc::new(Semaphore::new(permits(config.requests_max.into()))),
            bytes: Arc::new(Semaphore::new(permits(config.waiting_bytes_max))),
            late: AtomicUsize::new(0),
        }
    }

    /// One more request, until the permit is dropped.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.requests).try_acquire_owned().map_err(|_| {
            Refusal::later(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests are in progress",
            )
        })
    }

    /// Whether records can be taken now.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.is_paused() {
            return Err(Refusal::unavailable("the listener is paused"));
        }
        if self.late.load(Ordering::Relaxed) > 0 {
            return Err(Refusal::unavailable("the broker does not answer"));
        }
        Ok(())
    }

    /// Whether the task is to pause or stop.
    pub(super) fn is_paused(&self) -> bool {
        self.context.is_interrupted()
    }

    /// Room for so many bytes, until the permit is dropped.
    pub(super) fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let full = || Refusal::unavailable("as much as may wait for the broker is waiting");
        let bytes = u32::try_from(bytes).map_err(|_| full())?;
        Arc::clone(&self.bytes)
            .try_acquire_many_owned(bytes)
            .map_err(|_| full())
    }
}

/// Whether a request was given up before the broker answered. While there is one, others are not let in: they would
/// only wait as long.
#[derive(Debug)]
pub(super) struct Late {
    gate: Arc<Gate>,
    is_late: AtomicBool,
}

impl Late {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            is_late: AtomicBool::new(false),
        }
    }

    /// The request was given up; what it holds tells the gate when the broker answers after all.
    pub(super) fn give_up(&self) {
        if !self.is_late.swap(true, Ordering::Relaxed) {
            self.gate.late.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        if *self.is_late.get_mut() {
            self.gate.late.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
