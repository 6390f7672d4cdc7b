//! Compares records with lines as they come.

use anyhow::Context as _;
use millrace_client::consumer::Fetched;

use super::{
    hash::Hashing,
    items::{self, Form},
    queue::Queue,
    trace::Tracer,
};

/// Records that wait, and what was found of those before them.
pub(super) struct Comparing {
    pub(super) tracer: Tracer,
    pub(super) hashing: Hashing,
    pub(super) form: Form,
    /// By partition.
    pub(super) queues: Vec<Queue>,
    /// The queue of the last record.
    last: usize,
}

impl Comparing {
    /// Nothing was read yet of these partitions.
    pub(super) fn new(tracer: Tracer, hashing: Hashing, form: Form, partitions: &[i32]) -> Self {
        Self {
            tracer,
            hashing,
            form,
            queues: partitions.iter().copied().map(Queue::new).collect(),
            last: 0,
        }
    }

    /// Takes in the records before `end`.
    pub(super) fn add(&mut self, queue: usize, fetched: &Fetched, end: i64) {
        let items = &mut self.queues[queue].items;
        items::append(fetched, end, self.form, &self.hashing, items);
    }

    /// Compares records until more of some partition must be read, and returns how many.
    ///
    /// # Errors
    /// When lines cannot be looked up in a temporary file.
    pub(super) fn settle(&mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        if self.queues.iter().any(Queue::is_short) {
            return Ok(count);
        }
        let lookup = "cannot look up lines in a temporary file";
        loop {
            let Some(choice) = self
                .tracer
                .choose(&self.queues, self.last)
                .context(lookup)?
            else {
                return Ok(count);
            };
            self.last = choice.queue;
            let queue = &mut self.queues[choice.queue];
            if let Some(item) = queue.items.pop_front() {
                self.tracer
                    .record(queue.partition, &item, choice.line)
                    .context(lookup)?;
                count += 1;
            }
            if queue.is_short() {
                return Ok(count);
            }
        }
    }
}
