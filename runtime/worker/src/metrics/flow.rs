//! Where a task is, and since when: what its states do not say.
//!
//! A task that is RUNNING may wait for its source, its broker or its sink for hours. It notes each stage that it enters,
//! a few relaxed stores a batch; whoever asks makes a verdict of them ([`Flow`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use millrace_wire::clock::Clock;
use serde::Serialize;

use super::backlog::Unread;
use super::memory::MemoryUse;
use super::task::{TaskKind, TaskMetrics};

/// For so long after its last record a task counts as flowing.
const RECENT: Duration = Duration::from_secs(10);
/// No time was noted yet.
const NEVER: u64 = u64::MAX;

/// What a task is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FlowStage {
    /// Its code starts.
    Start,
    /// It waits for records: of its source, or of the topics of a sink.
    Poll,
    /// Its source says that it cannot be read, and is asked again and again.
    PollRetry,
    /// Converters and transforms.
    Transform,
    /// Its records wait for room in the producer, or for the broker.
    Send,
    /// The sink has records to write, repetitions included.
    Put,
    /// Offsets are committed, or the code is told of it.
    Commit,
    /// Dead letters are stored.
    DeadLetters,
    /// It takes no more until some of what it, its connector or the worker holds is let go of.
    Memory,
    /// It stands still as it was told.
    Paused,
}

const STAGES: [FlowStage; 10] = [
    FlowStage::Start,
    FlowStage::Poll,
    FlowStage::PollRetry,
    FlowStage::Transform,
    FlowStage::Send,
    FlowStage::Put,
    FlowStage::Commit,
    FlowStage::DeadLetters,
    FlowStage::Memory,
    FlowStage::Paused,
];

/// What a task notes of its way.
#[derive(Debug)]
pub(crate) struct Progress {
    clock: Arc<dyn Clock>,
    stage: AtomicU8,
    /// Milliseconds of the monotonic clock.
    since: AtomicU64,
    began: u64,
    record: AtomicU64,
    commit: AtomicU64,
}

impl Progress {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = millis(clock.monotonic());
        Self {
            clock,
            stage: AtomicU8::new(FlowStage::Start as u8),
            since: AtomicU64::new(now),
            began: now,
            record: AtomicU64::new(NEVER),
            commit: AtomicU64::new(NEVER),
        }
    }

    fn now(&self) -> u64 {
        millis(self.clock.monotonic())
    }

    /// The task enters a stage; one that it is in already goes on.
    pub(crate) fn enter(&self, stage: FlowStage) {
        if self.stage.load(Ordering::Relaxed) != stage as u8 {
            self.since.store(self.now(), Ordering::Relaxed);
            self.stage.store(stage as u8, Ordering::Relaxed);
        }
    }

    /// The source is asked anew. After a failure that goes on, so that a source that fails all the time shows.
    pub(crate) fn poll(&self) {
        if self.stage.load(Ordering::Relaxed) != FlowStage::PollRetry as u8 {
            self.since.store(self.now(), Ordering::Relaxed);
            self.stage.store(FlowStage::Poll as u8, Ordering::Relaxed);
        }
    }

    /// The source has answered.
    pub(crate) fn polled(&self) {
        if self.stage.load(Ordering::Relaxed) == FlowStage::PollRetry as u8 {
            self.enter(FlowStage::Poll);
        }
    }

    /// Records have come in, or were taken by a sink.
    pub(super) fn record(&self) {
        self.record.store(self.now(), Ordering::Relaxed);
    }

    /// Offsets were committed.
    pub(super) fn commit(&self) {
        self.commit.store(self.now(), Ordering::Relaxed);
    }

    fn stage(&self) -> FlowStage {
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        STAGES.get(stage).copied().unwrap_or(FlowStage::Start)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER - 1)
}

/// What flows through a running task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Records have moved in the last 10 seconds.
    Flowing,
    /// It waits for records, and nothing says that there are any.
    Idle,
    /// It is stuck in a stage, or silent for longer than its connector allows.
    Stalled,
    /// It stands still as it was told.
    Paused,
}

/// When a task counts as stalled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A stage that does work takes at most so long (`health.stalled.after.ms`).
    pub(crate) stage: Duration,
    /// Records come at least so often (`health.silence.max.ms` of the connector); none for whenever they come.
    pub(crate) silence: Option<Duration>,
}

/// How a task that runs on this worker is doing. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flow {
    /// The verdict.
    pub condition: Condition,
    /// What it is in the middle of, and since when.
    pub stage: FlowStage,
    /// When it entered that stage.
    pub stage_since: i64,
    /// Since when nothing moves that should.
    pub stalled_since: Option<i64>,
    /// When records last came in, or were last taken by the sink.
    pub last_record: Option<i64>,
    /// When offsets were last committed.
    pub last_commit: Option<i64>,
    /// Records that have come in; of a sink, those it has taken.
    pub records: u64,
    /// Records that wait: of a source, those that the broker has not acknowledged; of a sink, those in its topics.
    pub records_behind: u64,
    /// Bytes of these; of a sink an estimate by the mean size of those it has read.
    pub bytes_behind: u64,
    /// Of a sink that is behind, the age of the last record that it read, in seconds; 0 for one that is not.
    pub seconds_behind: f64,
    /// Of a source that knows it, what waits in its system and was not read.
    pub unread: Option<Unread>,
    /// What is held in memory for it, and how much of it may be.
    pub memory: MemoryUse,
}

impl TaskMetrics {
    /// How the task is doing.
    pub(crate) fn flow(&self, limits: Limits) -> Flow {
        let progress = &self.progress;
        let (now, now_ms) = (progress.now(), progress.clock.now_ms());
        let wall = |at: u64| now_ms - i64::try_from(now.saturating_sub(at)).unwrap_or(0);
        let noted = |at: u64| (at != NEVER).then(|| wall(at));
        let (stage, since) = (progress.stage(), progress.since.load(Ordering::Relaxed));
        let record = progress.record.load(Ordering::Relaxed);
        let quiet_since = if record == NEVER {
            progress.began
        } else {
            record
        };
        let behind = self.records_behind();
        let stalled = self.stalled(stage, since, quiet_since, behind, now, limits);
        let is_recent = record != NEVER && now.saturating_sub(record) < millis(RECENT);
        Flow {
            condition: match stage {
                FlowStage::Paused => Condition::Paused,
                _ if stalled.is_some() => Condition::Stalled,
                _ if is_recent => Condition::Flowing,
                _ => Condition::Idle,
            },
            stage,
            stage_since: wall(since),
            stalled_since: stalled.map(wall),
            last_record: noted(record),
            last_commit: noted(progress.commit.load(Ordering::Relaxed)),
            records: match self.kind {
                TaskKind::Source => self.source.polled.get(),
                TaskKind::Sink => self.sink.sent.get(),
            },
            records_behind: behind,
            bytes_behind: self.bytes_behind(behind),
            seconds_behind: match (self.kind, behind, self.sink.read_up_to()) {
                (TaskKind::Sink, 1.., Some(time)) => (now_ms - time).max(0) as f64 / 1e3,
                _ => 0.0,
            },
            unread: self.backlog.unread(),
            memory: self.memory_use(),
        }
    }

    /// Since when nothing moves that should.
    fn stalled(
        &self,
        stage: FlowStage,
        since: u64,
        quiet_since: u64,
        behind: u64,
        now: u64,
        limits: Limits,
    ) -> Option<u64> {
        let is_over = |since: u64, limit: Duration| now.saturating_sub(since) >= millis(limit);
        let is_silent = limits
            .silence
            .is_some_and(|silence| is_over(quiet_since, silence));
        match stage {
            FlowStage::Paused => None,
            FlowStage::Poll if is_silent => Some(quiet_since),
            // Records are there, and do not come.
            FlowStage::Poll if self.kind == TaskKind::Sink && behind > 0 => {
                is_over(quiet_since, limits.stage).then_some(quiet_since)
            }
            FlowStage::Poll => None,
            _ => is_over(since, limits.stage).then_some(since),
        }
    }

    fn records_behind(&self) -> u64 {
        match self.kind {
            TaskKind::Source => {
                // What is done is read first: it never overtakes what was taken.
                let done = self.source.done.get();
                self.source.taken.get().saturating_sub(done)
            }
            TaskKind::Sink => {
                let lags: i64 = self.sink.lags().values().sum();
                let held = self.sink.read.get().saturating_sub(self.sink.done.get());
                u64::try_from(lags).unwrap_or(0) + held
            }
        }
    }

    fn bytes_behind(&self, records: u64) -> u64 {
        match (self.kind, self.source.producer(), self.sink.read.get()) {
            (TaskKind::Source, Some(producer), _) => {
                let (total, free) = (producer.buffer_total(), producer.buffer_available());
                (total as u64).saturating_sub(free as u64)
            }
            (TaskKind::Sink, _, read @ 1..) => {
                let mean = self.sink.bytes.get() as f64 / read as f64;
                (mean * records as f64) as u64
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use millrace_api::{TaskId, TopicPartition};
    use millrace_wire::clock::{Clock, ManualClock};

    use super::{Condition, FlowStage, Limits};
    use crate::metrics::{TaskKind, TaskMetrics, WorkerMetrics};

    const LIMITS: Limits = Limits {
        stage: Duration::from_secs(30),
        silence: None,
    };

    fn task(kind: TaskKind) -> (Arc<TaskMetrics>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let id = TaskId {
            connector: "c".into(),
            task: 0,
        };
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        (WorkerMetrics::default().begin(&id, kind, shared), clock)
    }

    #[test]
    fn a_source_that_waits_is_idle_and_one_that_is_stuck_is_stalled() {
        let (task, clock) = task(TaskKind::Source);
        let second = Duration::from_secs(1);
        task.progress.poll();
        clock.advance(5 * second);
        task.polled(7, second);
        let flow = task.flow(LIMITS);
        assert_eq!((flow.condition, flow.records), (Condition::Flowing, 7));
        task.progress.poll();
        clock.advance(3600 * second);
        let flow = task.flow(LIMITS);
        assert_eq!(flow.condition, Condition::Idle);
        assert_eq!((flow.stage, flow.stalled_since), (FlowStage::Poll, None));
        let silent = Limits {
            silence: Some(60 * second),
            ..LIMITS
        };
        let flow = task.flow(silent);
        assert_eq!(flow.condition, Condition::Stalled);
        assert_eq!(flow.stalled_since, flow.last_record);

        task.progress.enter(FlowStage::Send);
        task.source.taken.add(7);
        clock.advance(29 * second);
        assert_eq!(task.flow(LIMITS).stalled_since, None);
        clock.advance(second);
        let flow = task.flow(LIMITS);
        assert_eq!(
            (flow.condition, flow.records_behind),
            (Condition::Stalled, 7)
        );
        assert_eq!(flow.stalled_since, Some(flow.stage_since));
    }

    #[test]
    fn a_source_that_fails_all_the_time_is_stalled() {
        let (task, clock) = task(TaskKind::Source);
        for _ in 0..31 {
            task.progress.poll();
            task.progress.enter(FlowStage::PollRetry);
            clock.advance(Duration::from_secs(1));
        }
        let flow = task.flow(LIMITS);
        assert_eq!(
            (flow.condition, flow.stage),
            (Condition::Stalled, FlowStage::PollRetry)
        );
        task.progress.polled();
        assert_eq!(task.flow(LIMITS).condition, Condition::Idle);
    }

    #[test]
    fn a_sink_that_has_records_and_takes_none_is_stalled() {
        let (task, clock) = task(TaskKind::Sink);
        let partition = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        task.sink.read(&partition, 10, 100, 30, Some(995_000));
        task.progress.enter(FlowStage::Poll);
        let flow = task.flow(LIMITS);
        assert_eq!((flow.records_behind, flow.bytes_behind), (40, 400));
        assert!((flow.seconds_behind - 5.0).abs() < 0.01, "{flow:?}");
        clock.advance(Duration::from_secs(31));
        assert_eq!(task.flow(LIMITS).condition, Condition::Stalled);
        task.put(10, Duration::ZERO);
        task.sink.done.add(10);
        assert_eq!(task.flow(LIMITS).records_behind, 30);
        task.progress.enter(FlowStage::Paused);
        assert_eq!(task.flow(LIMITS).condition, Condition::Paused);
    }
}
