//! The task: makes requests of records and hands them to its lanes.
//!
//! `put` takes records on and returns; the lanes send them meanwhile, so that a slow server holds up nobody. While more waits than
//! `buffer.max.bytes`, the task's partitions are paused. A record that cannot be delivered is reported by the next `put`,
//! for which the lane asks; until then nothing behind it is committed.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_api::{
    ConnectError, ConsumedRecord, Properties, SinkBatch, SinkContext, SinkOffsets, SinkRow,
    SinkTask, TopicPartition,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::config::{OnNull, Order, SinkConfig};
use super::item::{Item, Ticket};
use super::lane::Lane;
use super::presets::Preset;
use super::render::Renderer;
use super::shared::{News, Plan, Queue, Shared};
use super::target::{Target, Targets};
use super::view::View;
use super::window::Window;
use crate::client::{HttpClient, Redirects};

/// How long `put` waits for room before it pauses the partitions.
const ROOM_WAIT: Duration = Duration::from_millis(500);
/// How long a commit waits for what is on its way.
const COMMIT_WAIT: Duration = Duration::from_secs(5);
/// The same when the task is to pause or stop.
const STOP_WAIT: Duration = Duration::from_secs(2);
/// So many records are made into requests without giving the thread back.
const STRIDE: usize = 64;

/// Sends records to a server.
#[derive(Debug, Default)]
pub(crate) struct HttpSinkTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    queues: Vec<Arc<Queue>>,
    /// The lanes; they end with it.
    _lanes: JoinSet<()>,
    targets: Targets,
    renderer: Renderer,
    windows: HashMap<TopicPartition, Arc<Window>>,
    buffer_max: usize,
    order: Order,
    on_null: OnNull,
    preset: Preset,
    paused: bool,
    /// The window asked for last.
    last_window: Option<(Arc<str>, i32, Arc<Window>)>,
}

/// A record that has been made into a part of a request.
#[derive(Debug)]
struct Part {
    target: Arc<Target>,
    /// Its range of the text of all records; none for a request without a body.
    body: Option<Range<usize>>,
    group: Option<Arc<str>>,
}

/// A record of a batch on its way into a lane.
#[derive(Debug)]
struct Draft {
    lane: usize,
    record: ConsumedRecord,
    window: Arc<Window>,
    /// Why it cannot be sent, if it cannot.
    part: Result<Part, ConnectError>,
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
        running.last_window = None;
        if running.paused {
            running.shared.context().pause(partitions.iter().cloned());
        }
        Ok(())
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let running = self.running()?;
        running.settle()?;
        if !batch.is_empty() {
            running.take_on(batch).await;
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
        running.last_window = None;
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
        let lanes = usize::try_from(config.parallel_requests).unwrap_or(1);
        let queues: Vec<Arc<Queue>> = (0..lanes).map(|_| Arc::default()).collect();
        let mut running = JoinSet::new();
        for queue in &queues {
            running.spawn(Lane::new(Arc::clone(&shared)).run(Arc::clone(queue)));
        }
        Ok(Self {
            shared,
            queues,
            _lanes: running,
            targets: Targets::new(&config)?,
            renderer: Renderer::new(&config)?,
            windows: HashMap::new(),
            buffer_max: usize::try_from(config.buffer_max_bytes).unwrap_or(1_024),
            order: config.order,
            on_null: config.on_null,
            preset: config.preset,
            paused: false,
            last_window: None,
        })
    }

    /// Reports what could not be delivered.
    fn settle(&mut self) -> Result<(), ConnectError> {
        let News { failures, fatal } = self.shared.take_news();
        if let Some(fatal) = fatal {
            return Err(fatal);
        }
        for failure in failures {
            if let Some(reporter) = self.shared.context().errant_records() {
                reporter.report_consumed(failure.ticket.record.clone(), failure.error);
            }
            self.shared.done(&failure.ticket);
        }
        Ok(())
    }

    /// Makes parts of requests of the records and hands them to the lanes.
    async fn take_on(&mut self, batch: &SinkBatch) {
        let mut text = Vec::new();
        let mut drafts = Vec::with_capacity(batch.len());
        for (index, row) in batch.rows().enumerate() {
            if index > 0 && index % STRIDE == 0 {
                tokio::task::yield_now().await;
            }
            let start = text.len();
            let part = match self.part(row, &mut text) {
                Ok(None) => continue,
                Ok(Some(part)) => Ok(part),
                Err(error) => {
                    text.truncate(start);
                    Err(error)
                }
            };
            let record = row.consumed();
            drafts.push(Draft {
                lane: self.lane_of(&record, index, batch.len()),
                window: self.window_of(&record),
                record,
                part,
            });
        }
        self.hand_over(drafts, &Bytes::from(text), batch.block_bytes());
    }

    fn hand_over(&mut self, drafts: Vec<Draft>, text: &Bytes, block_bytes: usize) {
        let shared = &self.shared;
        let hold = shared.hold(block_bytes + text.len());
        shared.taken(drafts.len());
        let mut items: Vec<Vec<Item>> = self.queues.iter().map(|_| Vec::new()).collect();
        for draft in drafts {
            let ticket = Ticket {
                number: draft.window.add(draft.record.offset),
                record: draft.record,
                window: draft.window,
                hold: Arc::clone(&hold),
            };
            match draft.part {
                Ok(part) => items[draft.lane].push(Item {
                    ticket,
                    target: part.target,
                    body: part.body.map(|range| text.slice(range)),
                    group: part.group,
                }),
                Err(error) => shared.failed(ticket, error),
            }
        }
        for (queue, items) in self.queues.iter().zip(items) {
            queue.add(items);
        }
    }

    /// What is to be sent of a record; none if it is left out.
    fn part(&mut self, row: SinkRow<'_>, text: &mut Vec<u8>) -> Result<Option<Part>, ConnectError> {
        let view = View::new(row);
        let null = view.is_null();
        if null && self.on_null != OnNull::Delete {
            return self.without_value(&row).map(|()| None);
        }
        let body = !null || self.preset.deletes_in_body();
        let target = self.targets.of(&view, !body)?;
        let start = text.len();
        let group = match body {
            true => self.renderer.render(&view, text)?,
            false => None,
        };
        Ok(Some(Part {
            target,
            body: body.then_some(start..text.len()),
            group: group.map(Arc::from),
        }))
    }

    fn without_value(&self, row: &SinkRow<'_>) -> Result<(), ConnectError> {
        let place = || {
            format!(
                "{}-{}-{}",
                row.original_topic(),
                row.partition(),
                row.offset()
            )
        };
        match self.on_null {
            OnNull::Ignore | OnNull::Delete => {}
            OnNull::Log => {
                let id = self.shared.context().id();
                log::warn!("{id} leaves out {}, which has no value", place());
            }
            OnNull::Fail => {
                return Err(ConnectError::data(format!(
                    "{} has no value, and behavior.on.null.values is fail",
                    place()
                )));
            }
        }
        Ok(())
    }

    /// The lane of a record: the same for all records that must keep their order.
    fn lane_of(&self, record: &ConsumedRecord, index: usize, count: usize) -> usize {
        let lanes = self.queues.len();
        let hash = |bytes: &[u8]| BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes);
        let lane = match (self.order, &record.key) {
            (Order::None, _) => return index * lanes / count.max(1),
            (Order::Key, Some(key)) => hash(key),
            // Partitions of a topic are spread evenly.
            _ => hash(record.topic.as_bytes())
                .wrapping_add(u64::from(record.partition.unsigned_abs())),
        };
        usize::try_from(lane % lanes as u64).unwrap_or(0)
    }

    fn window_of(&mut self, record: &ConsumedRecord) -> Arc<Window> {
        if let Some((topic, partition, window)) = &self.last_window
            && *partition == record.partition
            && Arc::ptr_eq(topic, &record.topic)
        {
            return Arc::clone(window);
        }
        let partition = TopicPartition {
            topic: Arc::clone(&record.topic),
            partition: record.partition,
        };
        let window = Arc::clone(self.windows.entry(partition).or_default());
        self.last_window = Some((
            Arc::clone(&record.topic),
            record.partition,
            Arc::clone(&window),
        ));
        window
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
