//! The bytes and batches that a producer may have waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::ProducerBatch;
use super::config::{Adaptive, ProducerConfig};
use super::metrics::ProducerMetrics;
use super::partitioner::Partitioning;

/// Bounds of records, batches and all of them together, and how records are spread.
pub(super) struct Limits {
    pub(super) memory: usize,
    pub(super) batch: usize,
    pub(super) request: usize,
    pub(super) partitioning: Partitioning,
    pub(super) adaptive: Adaptive,
}

/// What is used of `buffer.memory`, and by which batches.
pub(super) struct Budget {
    pub(super) limits: Limits,
    pub(super) metrics: Arc<ProducerMetrics>,
    used: usize,
    /// What the last row that found no room needs.
    wanted: usize,
    next_batch: u64,
    /// Batches not yet delivered or given up, with the number of parts they were split into.
    incomplete: BTreeMap<u64, usize>,
}

impl Budget {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            limits: Limits {
                memory: config.buffer_memory,
                batch: config.batch_size.max(1),
                request: config.max_request_size,
                partitioning: config.partitioning.clone(),
                adaptive: config.adaptive,
            },
            metrics: Arc::new(ProducerMetrics::new(config.buffer_memory)),
            used: 0,
            wanted: 0,
            next_batch: 0,
            incomplete: BTreeMap::new(),
        }
    }

    /// Whether a batch may take `needed` bytes. One always may, so that no row waits for ever.
    pub(super) fn allows(&mut self, needed: usize) -> bool {
        let allowed = self.used == 0 || self.used + needed <= self.limits.memory;
        self.wanted = if allowed { 0 } else { needed };
        allowed
    }

    /// Whether an open batch may grow by `more` bytes; nobody waits for that.
    pub(super) fn allows_growth(&self, more: usize) -> bool {
        self.used + more <= self.limits.memory
    }

    /// The id of a new batch.
    pub(super) fn begin(&mut self) -> u64 {
        let id = self.next_batch;
        self.next_batch += 1;
        self.incomplete.insert(id, 1);
        id
    }

    /// Counts bytes as used.
    pub(super) fn take(&mut self, bytes: usize) {
        self.used += bytes;
        self.show_used();
    }

    /// Counts bytes as free again.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
        self.show_used();
    }

    fn show_used(&self) {
        let used = i64::try_from(self.used).unwrap_or(i64::MAX);
        self.metrics.buffer_used.set(used);
    }

    /// A batch was split in two.
    pub(super) fn split(&mut self, id: u64) {
        *self.incomplete.entry(id).or_insert(1) += 1;
    }

    /// A batch is done with: its memory is free.
    pub(super) fn release(&mut self, batch: &ProducerBatch) {
        self.give_back(batch.accounted);
        if let Some(parts) = self.incomplete.get_mut(&batch.id) {
            *parts -= 1;
            if *parts == 0 {
                self.incomplete.remove(&batch.id);
            }
        }
    }

    /// Whether the row that found no room would find it now.
    pub(super) fn has_room(&self) -> bool {
        self.used == 0 || self.used + self.wanted <= self.limits.memory
    }

    /// The id that the next batch will get; all below it exist.
    pub(super) fn mark(&self) -> u64 {
        self.next_batch
    }

    /// Whether all batches below a mark are delivered or given up.
    pub(super) fn is_complete_below(&self, mark: u64) -> bool {
        let first = self.incomplete.first_key_value();
        first.is_none_or(|(&first, _)| first >= mark)
    }
}
