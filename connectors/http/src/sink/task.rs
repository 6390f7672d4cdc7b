//! The task: takes records on and hands them to its lanes.
//!
//! `put` takes records on and returns; the lanes make requests of them and send these meanwhile, so that a slow server holds up nobody. While more waits than
//! `buffer.max.bytes`, the task's partitions are paused. A record that cannot be delivered is reported by the next `put`,
//! for which the lane asks; until then nothing behind it is committed.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, Properties, SinkBatch, SinkContext, SinkOffsets, SinkRun, SinkTask,
    TopicPartition,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::config::{Order, SinkConfig};
use super::lane;
use super::prepare::Preparer;
use super::queue::Queue;
use super::rows::{Held, Piece, Rows};
use super::shared::{News, Plan, Shared};
use super::target::Targets;
use super::window::Window;
use crate::client::{HttpClient, Redirects};

/// How long `put` waits for room before it pauses the partitions.
const ROOM_WAIT: Duration = Duration::from_millis(500);
/// How long a commit waits for what is on its way.
const COMMIT_WAIT: Duration = Duration::from_secs(5);
/// The same when the task is to pause or stop.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Sends records to a server.
#[derive(Debug, Default)]
pub(crate) struct HttpSinkTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    /// A queue for each lane, or one for all of them where no order is to be kept.
    queues: Vec<Arc<Queue>>,
    /// The lanes; they end with it.
    _lanes: JoinSet<()>,
    windows: HashMap<TopicPartition, Arc<Window>>,
    buffer_max: usize,
    order: Order,
    paused: bool,
}

#[async_trait]
impl SinkTask for HttpSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        self.running = Some(Running::start(properties, context).await?);
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        for partition in partitions {
            running.windows.insert(partition.clone(), Arc::default());
        }
        if running.paused {
            running.shared.context().pause(partitions.iter().cloned());
        }
        Ok(())
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let running = self.running()?;
        running.settle()?;
        if !batch.is_empty() {
            running.take_on(batch);
        }
        running.wait_for_room().await;
        running.settle()
    }

    async fn pre_commit(&mut self, mut offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        let running = self.running()?;
        running.flush().await;
        for (partition, offset) in &mut offsets {
            let window = running.windows.get(partition);
            if let Some(unfinished) = window.and_then(|window| window.unfinished()) {
                *offset = (*offset).min(unfinished);
            }
        }
        Ok(offsets)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        for partition in partitions {
            if let Some(window) = running.windows.remove(partition) {
                window.close();
            }
        }
        Ok(())
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl HttpSinkTask {
    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running
            .as_mut()
            .ok_or_else(|| ConnectError::connect("the task is not started"))
    }
}

impl Running {
    async fn start(properties: &Properties, context: SinkContext) -> Result<Self, ConnectError> {
        let config = SinkConfig::read(properties)?;
        let tolerance = properties.get("errors.tolerance");
        let tolerant =
            tolerance.is_some_and(|tolerance| tolerance.trim().eq_ignore_ascii_case("all"));
        let https = config.url.starts_with("https");
        let client = HttpClient::open(&config.client, https, Redirects::KeepingMethod).await?;
        let shared = Arc::new(Shared::new(Plan::new(&config, tolerant)?, client, context));
        let targets = Targets::new(&config)?;
        let lanes = usize::try_from(config.parallel_requests).unwrap_or(1);
        let (queues, takers) = match config.order {
            Order::None => (1, lanes),
            Order::Partition | Order::Key => (lanes, 1),
        };
        let queues: Vec<_> = (0..queues).map(|_| Arc::new(Queue::of(takers))).collect();
        let mut running = JoinSet::new();
        for queue in queues.iter().cycle().take(lanes) {
            let preparer = Preparer::new(Arc::clone(&shared), targets.clone(), Arc::clone(queue));
            running.spawn(lane::run(Arc::clone(&shared), preparer));
        }
        Ok(Self {
            shared,
            queues,
            _lanes: running,
            windows: HashMap::new(),
            buffer_max: usize::try_from(config.buffer_max_bytes).unwrap_or(1_024),
            order: config.order,
            paused: false,
        })
    }

    /// Reports what could not be delivered.
    fn settle(&mut self) -> Result<(), ConnectError> {
        let News { failures, fatal } = self.shared.take_news();
        if let Some(fatal) = fatal {
            return Err(fatal);
        }
        for failure in failures {
            if let Some(reporter) = self.shared.context().errant_records()
                && let Some(record) = failure.record.consumed()
            {
                reporter.report_consumed(record, failure.error);
            }
            self.shared.done(&failure.record);
        }
        Ok(())
    }

    /// Hands the records to the lanes.
    fn take_on(&mut self, batch: &SinkBatch) {
        let lanes = self.lanes_of(batch);
        let windows = batch.runs().iter().map(|run| self.window_of(run));
        let windows = windows.collect();
        let shared = &self.shared;
        let hold = shared.hold(Held::bytes(batch));
        let held = Arc::new(Held::new(batch.clone(), windows, hold));
        shared.taken(batch.len());
        for (lane, rows) in lanes {
            let held = Arc::clone(&held);
            self.queues[lane].add(Piece { held, rows });
        }
    }

    /// The rows of a batch by lanes.
    fn lanes_of(&self, batch: &SinkBatch) -> Vec<(usize, Rows)> {
        if self.queues.len() == 1 {
            return vec![(0, Rows::Range(0..batch.len() as u32))];
        }
        if self.order == Order::Key {
            return self.lanes_by_key(batch);
        }
        let runs = batch.runs_with_start();
        runs.map(|(start, run)| {
            let rows = Rows::Range(start as u32..run.end as u32);
            (self.lane_of(hash_of(run)), rows)
        })
        .collect()
    }

    fn lanes_by_key(&self, batch: &SinkBatch) -> Vec<(usize, Rows)> {
        let mut lanes: Vec<Option<Rows>> = vec![None; self.queues.len()];
        for (start, run) in batch.runs_with_start() {
            let without_key = hash_of(run);
            for index in start..run.end {
                let key = batch.packed()[index].key;
                let lane = self.lane_of(batch.bytes(key).map_or(without_key, hash));
                let row = index as u32;
                match &mut lanes[lane] {
                    Some(rows) => rows.push(row),
                    none => *none = Some(Rows::Range(row..row + 1)),
                }
            }
        }
        let filled = lanes.into_iter().enumerate();
        filled
            .filter_map(|(lane, rows)| Some((lane, rows?)))
            .collect()
    }

    fn lane_of(&self, hash: u64) -> usize {
        usize::try_from(hash % self.queues.len() as u64).unwrap_or(0)
    }

    fn window_of(&mut self, run: &SinkRun) -> Arc<Window> {
        let partition = TopicPartition {
            topic: Arc::clone(topic_of(run)),
            partition: run.partition,
        };
        Arc::clone(self.windows.entry(partition).or_default())
    }

    /// Waits until less is on its way than may be, for a short time; then pauses what is read instead.
    async fn wait_for_room(&mut self) {
        let shared = Arc::clone(&self.shared);
        let deadline = Instant::now() + ROOM_WAIT;
        if !self.paused {
            let room = |shared: &Shared| shared.bytes() <= self.buffer_max || shared.has_news();
            let _in_time = changed(&shared, deadline, room).await;
        }
        let full = shared.bytes() > self.buffer_max;
        let emptied = shared.bytes() <= self.buffer_max / 2;
        let all = self.windows.keys().cloned();
        if full && !self.paused {
            self.paused = true;
            shared.wake_below(Some(self.buffer_max / 2));
            shared.context().pause(all);
        } else if emptied && self.paused {
            self.paused = false;
            shared.wake_below(None);
            shared.context().resume(all);
        }
    }

    /// Waits for what is on its way, unless it stands still or the wait gets long.
    async fn flush(&self) {
        let shared = &self.shared;
        let begun = Instant::now();
        let stopping = async {
            shared.context().interrupted().await;
            tokio::time::sleep_until(begun + STOP_WAIT).await;
        };
        let flushed = changed(shared, begun + COMMIT_WAIT, |shared| {
            shared.records() == 0 || shared.has_news() || shared.is_pausing()
        });
        tokio::select! {
            _ = flushed => {}
            () = stopping => {}
        }
    }
}

/// The topic that the records of a run came from.
fn topic_of(run: &SinkRun) -> &Arc<str> {
    run.original_topic.as_ref().unwrap_or(&run.topic)
}

/// The same for all records of a partition; partitions of a topic are spread evenly.
fn hash_of(run: &SinkRun) -> u64 {
    hash(topic_of(run).as_bytes()).wrapping_add(u64::from(run.partition.unsigned_abs()))
}

fn hash(bytes: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes)
}

/// Waits until `is` holds; false if it does not by `deadline`.
async fn changed(shared: &Shared, deadline: Instant, is: impl Fn(&Shared) -> bool) -> bool {
    let wait = async {
        loop {
            let mut changed = std::pin::pin!(shared.load().changed.notified());
            changed.as_mut().enable();
            if is(shared) {
                return;
            }
            changed.await;
        }
    };
    tokio::time::timeout_at(deadline, wait).await.is_ok()
}
