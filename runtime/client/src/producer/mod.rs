//! The producer: records in, batches out, acknowledgements back.
//!
//! [`Producer::append`] encodes rows straight into the open batch of their partition, under one lock
//! a run of rows. One task, the sender, takes batches that are full or have waited long enough,
//! closes them and keeps several requests in flight for each broker. Sequence numbers let the broker
//! recognise what it gets twice, so retries neither double nor reorder.

mod accumulator;
mod append;
mod batch;
mod budget;
mod config;
mod error;
mod interceptor;
mod metrics;
mod partition;
pub mod partitioner;
mod send;
mod sender;

use millrace_wire::log_scope::inherited;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, Topic};
use accumulator::Accumulator;
use append::Run;
use interceptor::Chain;
use send::Forgotten;
use sender::Sender;

pub use config::{Adaptive, ProducerConfig};
pub use error::ProduceError;
pub use interceptor::{Interceptor, OutgoingRecord};
pub use metrics::ProducerMetrics;
pub use send::SendCallback;

/// A record, borrowed from wherever it lies.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// Milliseconds since the Unix epoch; negative for the time it is appended.
    pub timestamp: i64,
    /// The key; unless told otherwise it chooses the partition where none is given.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The encoded header section ([`millrace_wire::batch::Headers`]); empty for none.
    pub headers: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// A record of now, without a key and headers.
    #[must_use]
    pub fn of(value: &'a [u8]) -> Self {
        Self {
            timestamp: -1,
            key: None,
            value: Some(value),
            headers: &[],
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(self, key: &'a [u8]) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }
}

/// How far [`Producer::append`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Rows that were taken.
    pub rows: usize,
    /// Whether the next one found no room: wait with [`Producer::room`].
    pub full: bool,
}

/// Where acknowledged records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The partition.
    pub partition: i32,
    /// Offset of the first record of the range, -1 where the broker does not say.
    pub base_offset: i64,
}

/// Is told what became of records.
pub trait AckSink: Send + Sync {
    /// The records of these tickets were all delivered, or all given up.
    ///
    /// Called in the sender's task, so it has to be quick; it may be called before the `append` that
    /// took the records has returned. Every ticket is told of exactly once.
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>);
}

/// Where a single record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The partition.
    pub partition: i32,
    /// Its offset, -1 where the broker does not say (`acks=0`).
    pub offset: i64,
}

/// Sends records to topics. Dropping it gives up what was not delivered; [`Producer::close`] waits.
pub struct Producer {
    shared: Arc<Shared>,
    forgotten: Arc<Forgotten>,
}

/// What the producer's handle and its sender have in common.
struct Shared {
    config: ProducerConfig,
    cluster: Cluster,
    interceptors: Chain,
    accumulator: Mutex<Accumulator>,
    metrics: Arc<ProducerMetrics>,
    /// The sender has something new to look at.
    wake: Notify,
    /// Batches were delivered or given up.
    progress: Notify,
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Accumulator> {
        self.accumulator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the accumulator satisfies `condition`.
    async fn until(&self, condition: impl Fn(&Accumulator) -> bool) {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if condition(&self.lock()) {
                return;
            }
            progress.await;
        }
    }
}

impl Producer {
    /// A producer on the runtime that this is called in.
    #[must_use]
    pub fn new(config: ProducerConfig, cluster: Cluster) -> Self {
        Self::with_interceptors(config, cluster, Vec::new())
    }

    /// A producer that asks these interceptors, in this order, about each record that is sent by
    /// itself ([`Producer::send`], [`Producer::send_then`], [`Producer::send_and_forget`]). Runs of
    /// rows ([`Producer::append`]) go by them.
    #[must_use]
    pub fn with_interceptors(
        config: ProducerConfig,
        cluster: Cluster,
        interceptors: Vec<Arc<dyn Interceptor>>,
    ) -> Self {
        let accumulator = Accumulator::new(&config);
        let shared = Arc::new(Shared {
            metrics: Arc::clone(&accumulator.budget.metrics),
            accumulator: Mutex::new(accumulator),
            config,
            cluster,
            interceptors: Chain::new(interceptors),
            wake: Notify::new(),
            progress: Notify::new(),
            stop: CancellationToken::new(),
            stopped: CancellationToken::new(),
        });
        tokio::spawn(inherited(Sender::new(Arc::clone(&shared)).run()));
        Self {
            shared,
            forgotten: Arc::default(),
        }
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<ProducerMetrics> {
        &self.shared.metrics
    }

    /// Takes a run of rows for a topic; row `n` gets ticket `first_ticket + n`.
    ///
    /// Without a partition [`ProducerConfig::partitioning`] chooses one for each row. Rows are taken until one finds no room in `buffer.memory` or is bad; the iterator
    /// may have been asked for the row behind the last one taken.
    ///
    /// # Errors
    ///
    /// About the first row, of which then none were taken: the topic's metadata is not known
    /// ([`Producer::ready`] fetches it), the record is larger than a limit, the producer is closed.
    pub fn append(
        &self,
        topic: &Arc<str>,
        partition: Option<i32>,
        rows: &mut dyn Iterator<Item = RecordRef<'_>>,
        first_ticket: u64,
        acks: &Arc<dyn AckSink>,
    ) -> Result<Appended, ProduceError> {
        let shared = &self.shared;
        let metadata = shared.cluster.metadata();
        let clock = shared.cluster.clock();
        let run = Run {
            topic,
            partition,
            first_ticket,
            acks,
            now: clock.monotonic(),
            now_ms: clock.now_ms(),
        };
        let (appended, wake) = shared.lock().append(&run, &metadata, rows)?;
        if wake {
            shared.wake.notify_one();
        }
        Ok(appended)
    }

    /// Waits until the row that found no room would find it.
    ///
    /// # Errors
    ///
    /// Where that takes longer than `max.block.ms`, or the producer is closed.
    pub async fn room(&self) -> Result<(), ProduceError> {
        let config = &self.shared.config;
        let waiting = self.shared.until(Accumulator::has_room);
        if tokio::time::timeout(config.max_block, waiting)
            .await
            .is_err()
        {
            return Err(ProduceError::NoRoom {
                limit: config.buffer_memory,
                waited: config.max_block,
            });
        }
        self.shared.lock().closed.clone().map_or(Ok(()), Err)
    }

    /// Waits until a topic's metadata is there; the broker may create the topic.
    ///
    /// # Errors
    ///
    /// The last error when `max.block.ms` is over, or one that will not pass.
    pub async fn ready(&self, topic: &Arc<str>) -> Result<Arc<Topic>, ProduceError> {
        let wait = self.shared.config.max_block;
        let known = self.shared.cluster.topic(topic, true, wait).await;
        known.map_err(|source| ProduceError::Topic {
            topic: Arc::clone(topic),
            source,
        })
    }

    /// Waits until all records taken so far are delivered or given up, and does not let their
    /// batches wait for more.
    pub async fn flush(&self) {
        let _flushing = Flushing::begin(&self.shared);
        let mark = self.shared.lock().budget.mark();
        self.shared
            .until(|accumulator| accumulator.budget.is_complete_below(mark))
            .await;
    }

    /// Takes no more records, waits up to `timeout` for those on their way, and gives up the rest.
    pub async fn close(&self, timeout: Duration) {
        self.shared
            .lock()
            .closed
            .get_or_insert(ProduceError::Closed);
        self.shared.progress.notify_waiters();
        let late = tokio::time::timeout(timeout, self.flush()).await.is_err();
        if late {
            log::warn!(
                "closing a producer: not all records were delivered within {} ms",
                timeout.as_millis()
            );
        }
        self.shared.stop.cancel();
        self.shared.stopped.cancelled().await;
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// A flush under way; ends when it is dropped, however that comes about.
struct Flushing<'a> {
    shared: &'a Shared,
}

impl<'a> Flushing<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.lock().flushing += 1;
        shared.wake.notify_one();
        Self { shared }
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.shared.lock().flushing -= 1;
    }
}
