//! What a producer counts: its memory, and what became of its batches.

use millrace_wire::metrics::{Counter, Gauge};

/// Figures of a producer, read at any time.
#[derive(Debug)]
pub struct ProducerMetrics {
    buffer_memory: usize,
    pub(super) buffer_used: Gauge,
    /// Batches that brokers have acknowledged.
    pub batches_sent: Counter,
    /// Batches that were put back to be sent again.
    pub batch_retries: Counter,
    /// Batches that were given up.
    pub batch_errors: Counter,
}

impl ProducerMetrics {
    pub(super) fn new(buffer_memory: usize) -> Self {
        Self {
            buffer_memory,
            buffer_used: Gauge::default(),
            batches_sent: Counter::default(),
            batch_retries: Counter::default(),
            batch_errors: Counter::default(),
        }
    }

    /// The bytes that it may hold: `buffer.memory`.
    #[must_use]
    pub fn buffer_total(&self) -> usize {
        self.buffer_memory
    }

    /// The bytes of them that are free.
    #[must_use]
    pub fn buffer_available(&self) -> usize {
        let used = usize::try_from(self.buffer_used.get()).unwrap_or(0);
        self.buffer_memory.saturating_sub(used)
    }
}
