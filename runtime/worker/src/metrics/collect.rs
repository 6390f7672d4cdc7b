//! Writing the families of tasks and their clients when somebody scrapes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_client::producer::ProducerMetrics;
use millrace_wire::clock::Clock;
use millrace_wire::metrics::{
    Collect, Counter, Exposition, Family, OneMinuteRate, RecentMax, RecentMean, Timing, Value,
};

use super::WorkerMetrics;
use super::backlog::Unread;
use super::families::{
    ABANDONED_THREADS, ACTIVE, BATCH_AVG, BATCH_ERRORS, BATCH_MAX, BATCH_RETRIES, BATCHES_SENT,
    BUFFER_AVAILABLE, BUFFER_TOTAL, BYTES_CONSUMED, COMMIT_AVG, COMMIT_FAILURE, COMMIT_MAX,
    COMMIT_SUCCESS, COMMITS, DEAD_LETTERS, DEAD_LETTERS_FAILED, ERRORS, FAILURES, LAST_ERROR,
    LOGGED, POLL_AVG, POLL_MAX, POLL_RATE, POLLED, PUT_AVG, PUT_MAX, READ, READ_RATE,
    RECORDS_CONSUMED, RECORDS_LAG, RETRIES, SEND_RATE, SENT, SINK_COMMITS, SINK_LAG_MAX,
    SINK_PARTITIONS, SKIPPED, SOURCE_EVENTS, UNREAD_BYTES, UNREAD_SECONDS, WRITE_RATE, WRITTEN,
};
use super::task::{TaskKind, TaskMetrics};
use crate::actor::Threads;

/// What the figures of the last minute need of earlier scrapes.
#[derive(Debug, Default)]
pub(super) struct Recent {
    batch_avg: RecentMean,
    batch_max: RecentMax,
    commit: RecentTiming,
    call: RecentTiming,
    /// Of records polled or read, and of records written or sent.
    rates: Option<[OneMinuteRate; 2]>,
}

#[derive(Debug, Default)]
struct RecentTiming {
    avg: RecentMean,
    max: RecentMax,
}

impl RecentTiming {
    /// Average and maximum in milliseconds.
    fn update(&mut self, timing: &Timing, now: Duration) -> (f64, f64) {
        let longest = timing.take_max().as_secs_f64() * 1e3;
        (
            self.avg.update_ms(timing, now),
            self.max.update(longest, now),
        )
    }
}

/// The figures of a task that are made of several scrapes.
struct Row {
    task: Arc<TaskMetrics>,
    number: String,
    client: String,
    batch: (f64, f64),
    commit: (f64, f64),
    /// Of poll or put.
    call: (f64, f64),
    rates: [f64; 2],
}

/// Collects the tasks of a worker.
#[derive(Debug)]
pub(crate) struct TaskCollector {
    metrics: Arc<WorkerMetrics>,
    threads: Threads,
    clock: Arc<dyn Clock>,
    /// When somebody last scraped, or when the worker began: a task that is seen for the first time has counted from 0
    /// since then.
    scraped: Mutex<Duration>,
}

impl TaskCollector {
    pub(crate) fn new(
        metrics: Arc<WorkerMetrics>,
        threads: Threads,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let scraped = Mutex::new(clock.monotonic());
        Self {
            metrics,
            threads,
            clock,
            scraped,
        }
    }

    fn rows(&self) -> Vec<Row> {
        let now = self.clock.monotonic();
        let mut scraped = self.scraped.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *scraped, now);
        drop(scraped);
        let tasks = self.metrics.tasks().into_iter();
        tasks.map(|task| row(task, before, now)).collect()
    }
}

fn row(task: Arc<TaskMetrics>, before: Duration, now: Duration) -> Row {
    let mut recent = task.recent.lock().unwrap_or_else(PoisonError::into_inner);
    let (prefix, call, counters) = match task.kind {
        TaskKind::Source => (
            "connector-producer",
            &task.source.poll,
            [&task.source.polled, &task.source.written],
        ),
        TaskKind::Sink => (
            "connector-consumer",
            &task.sink.put,
            [&task.sink.read, &task.sink.sent],
        ),
    };
    let sizes = &task.batches;
    let avg = recent
        .batch_avg
        .update(sizes.count.get(), sizes.sum.get() as f64, now);
    let max = recent.batch_max.update(sizes.take_max() as f64, now);
    let counts = counters.map(Counter::get);
    let rates = recent
        .rates
        .get_or_insert_with(|| counts.map(|_| OneMinuteRate::new(0, before)));
    let rates = [
        rates[0].update(counts[0], now),
        rates[1].update(counts[1], now),
    ];
    let commit = recent.commit.update(&task.commits, now);
    let call = recent.call.update(call, now);
    drop(recent);
    Row {
        number: task.id.task.to_string(),
        client: format!("{prefix}-{}", task.id),
        batch: (avg, max),
        commit,
        call,
        rates,
        task,
    }
}

impl Collect for TaskCollector {
    fn collect(&self, into: &mut Exposition) {
        into.single(&ABANDONED_THREADS, self.threads.abandoned());
        let rows = self.rows();
        common(&rows, into);
        let (sources, sinks): (Vec<Row>, Vec<Row>) = rows
            .into_iter()
            .partition(|row| row.task.kind == TaskKind::Source);
        of_sources(&sources, into);
        unread(&sources, into);
        events(&sources, into);
        of_sinks(&sinks, into);
        producers(&sources, into);
        consumers(&sinks, into);
    }
}

/// What sources have not read: the sum, and each part that they have told.
fn unread(rows: &[Row], into: &mut Exposition) {
    let told = rows
        .iter()
        .filter_map(|row| Some((row, row.task.backlog.unread()?)));
    let told: Vec<(&Row, Unread)> = told.collect();
    let mut bytes = into.family(&UNREAD_BYTES);
    for (row, unread) in &told {
        let (connector, task) = (&*row.task.id.connector, row.number.as_str());
        bytes.add(&[connector, task, ""], unread.bytes);
        for part in &unread.parts {
            bytes.add(&[connector, task, &*part.name], part.bytes);
        }
    }
    let mut seconds = into.family(&UNREAD_SECONDS);
    for (row, unread) in &told {
        let (connector, task) = (&*row.task.id.connector, row.number.as_str());
        seconds.add(&[connector, task, ""], unread.seconds);
        for part in &unread.parts {
            seconds.add(&[connector, task, &*part.name], part.seconds);
        }
    }
}

/// What sources have counted.
fn events(rows: &[Row], into: &mut Exposition) {
    let mut samples = into.family(&SOURCE_EVENTS);
    for row in rows {
        for (event, total) in row.task.events.totals() {
            samples.add(&[&row.task.id.connector, &row.number, event], total);
        }
    }
}

/// A family with one sample a task.
fn each(rows: &[Row], into: &mut Exposition, family: &Family, figure: impl Fn(&Row) -> Value) {
    let mut samples = into.family(family);
    for row in rows {
        samples.add(&[&row.task.id.connector, &row.number], figure(row));
    }
}

fn common(rows: &[Row], into: &mut Exposition) {
    each(rows, into, &BATCH_AVG, |row| row.batch.0.into());
    each(rows, into, &BATCH_MAX, |row| row.batch.1.into());
    each(rows, into, &COMMIT_AVG, |row| row.commit.0.into());
    each(rows, into, &COMMIT_MAX, |row| row.commit.1.into());
    each(rows, into, &COMMIT_SUCCESS, |row| {
        share(succeeded(row), row).into()
    });
    each(rows, into, &COMMIT_FAILURE, |row| {
        share(row.task.commits_failed.get(), row).into()
    });
    let mut commits = into.family(&COMMITS);
    for row in rows {
        let (connector, task) = (&*row.task.id.connector, row.number.as_str());
        commits.add(&[connector, task, "success"], succeeded(row));
        let failed = row.task.commits_failed.get();
        commits.add(&[connector, task, "failure"], failed);
    }
    each(rows, into, &FAILURES, |row| {
        row.task.errors.failures.get().into()
    });
    each(rows, into, &ERRORS, |row| {
        let errors = &row.task.errors;
        (errors.failures.get() + errors.retries.get()).into()
    });
    each(rows, into, &SKIPPED, |row| {
        row.task.errors.skipped.get().into()
    });
    each(rows, into, &LOGGED, |row| {
        row.task.errors.logged.get().into()
    });
    each(rows, into, &RETRIES, |row| {
        row.task.errors.retries.get().into()
    });
    each(rows, into, &DEAD_LETTERS, |row| {
        row.task.errors.dead_letters.get().into()
    });
    each(rows, into, &DEAD_LETTERS_FAILED, |row| {
        row.task.errors.dead_letters_failed.get().into()
    });
    each(rows, into, &LAST_ERROR, |row| {
        row.task.errors.last_ms.get().into()
    });
}

fn succeeded(row: &Row) -> u64 {
    let task = &row.task;
    task.commits
        .count()
        .saturating_sub(task.commits_failed.get())
}

/// The share of all commits; 0 where there were none.
fn share(part: u64, row: &Row) -> f64 {
    match row.task.commits.count() {
        0 => 0.0,
        all => part as f64 / all as f64,
    }
}

fn of_sources(rows: &[Row], into: &mut Exposition) {
    each(rows, into, &POLLED, |row| {
        row.task.source.polled.get().into()
    });
    each(rows, into, &WRITTEN, |row| {
        row.task.source.written.get().into()
    });
    each(rows, into, &ACTIVE, |row| {
        let source = &row.task.source;
        // What is done is read first: it never overtakes what was taken.
        let done = source.done.get();
        source.taken.get().saturating_sub(done).into()
    });
    each(rows, into, &POLL_RATE, |row| row.rates[0].into());
    each(rows, into, &WRITE_RATE, |row| row.rates[1].into());
    each(rows, into, &POLL_AVG, |row| row.call.0.into());
    each(rows, into, &POLL_MAX, |row| row.call.1.into());
}

fn of_sinks(rows: &[Row], into: &mut Exposition) {
    each(rows, into, &READ, |row| row.task.sink.read.get().into());
    each(rows, into, &SENT, |row| row.task.sink.sent.get().into());
    each(rows, into, &READ_RATE, |row| row.rates[0].into());
    each(rows, into, &SEND_RATE, |row| row.rates[1].into());
    each(rows, into, &PUT_AVG, |row| row.call.0.into());
    each(rows, into, &PUT_MAX, |row| row.call.1.into());
    each(rows, into, &SINK_PARTITIONS, |row| {
        row.task.sink.partitions.get().into()
    });
    each(rows, into, &SINK_COMMITS, |row| succeeded(row).into());
    each(rows, into, &SINK_LAG_MAX, |row| {
        let lags = row.task.sink.lags();
        lags.values().copied().max().unwrap_or(0).into()
    });
}

/// A figure of a producer.
type OfProducer = fn(&ProducerMetrics) -> Value;

fn producers(rows: &[Row], into: &mut Exposition) {
    let producers: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.client.as_str(), row.task.source.producer()?)))
        .collect();
    let figures: [(&Family, OfProducer); 5] = [
        (&BUFFER_TOTAL, |producer| producer.buffer_total().into()),
        (&BUFFER_AVAILABLE, |producer| {
            producer.buffer_available().into()
        }),
        (&BATCHES_SENT, |producer| producer.batches_sent.get().into()),
        (&BATCH_RETRIES, |producer| {
            producer.batch_retries.get().into()
        }),
        (&BATCH_ERRORS, |producer| producer.batch_errors.get().into()),
    ];
    for (family, figure) in figures {
        let mut samples = into.family(family);
        for (client, producer) in &producers {
            samples.add(&[client], figure(producer));
        }
    }
}

fn consumers(rows: &[Row], into: &mut Exposition) {
    let mut records = into.family(&RECORDS_CONSUMED);
    for row in rows {
        records.add(&[&row.client], row.task.sink.read.get());
    }
    let mut bytes = into.family(&BYTES_CONSUMED);
    for row in rows {
        bytes.add(&[&row.client], row.task.sink.bytes.get());
    }
    let mut lag = into.family(&RECORDS_LAG);
    for row in rows {
        for (at, records) in row.task.sink.lags().iter() {
            let partition = at.partition.to_string();
            lag.add(&[&row.client, &at.topic, &partition], *records);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use millrace_api::TaskId;
    use millrace_wire::clock::{Clock, ManualClock};

    use super::{TaskCollector, TaskKind, Threads, WorkerMetrics};

    #[test]
    fn the_first_scrape_shows_the_average_since_the_start() {
        let clock = Arc::new(ManualClock::new(0));
        let metrics = Arc::new(WorkerMetrics::default());
        let collector = TaskCollector::new(
            Arc::clone(&metrics),
            Threads::default(),
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        let begin = |name: &str| {
            let id = TaskId {
                connector: name.into(),
                task: 0,
            };
            metrics.begin(&id, TaskKind::Source, Arc::clone(&clock) as Arc<dyn Clock>)
        };
        let first = begin("a");
        first.polled(100, Duration::from_millis(1));
        clock.advance(Duration::from_secs(10));
        assert_eq!(collector.rows()[0].rates, [10.0, 0.0]);
        let second = begin("b");
        second.polled(100, Duration::from_millis(1));
        clock.advance(Duration::from_secs(20));
        assert_eq!(collector.rows()[1].rates, [5.0, 0.0]);
    }
}
