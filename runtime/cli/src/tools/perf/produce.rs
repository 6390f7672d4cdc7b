//! `millrace perf produce`.

use std::{iter, path::PathBuf, sync::Arc, time::Duration};

use anyhow::bail;
use clap::{ArgGroup, Args};
use millrace_client::producer::{
    AckSink, Appended, ProduceError, Producer, ProducerConfig, RecordRef,
};
use millrace_wire::clock::{self, Clock};
use tokio_util::sync::CancellationToken;

use super::{
    latency::Latencies,
    payload::Payload,
    report::{document, summary_line, window_line},
};
use crate::{
    args::key_value,
    failure::Failure,
    older::Place,
    tools::{
        run::{self, Usage},
        server::Server,
        stdout::{print, print_json},
    },
};

/// Records that are timed together at most.
const RUN_RECORDS: u64 = 256;
/// How long the last records may take once the test is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("payload").required(true).args(["record_size", "payload_file", "payload_monotonic"])))]
pub(super) struct Produce {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    topic: String,
    /// How many records
    #[arg(long, value_name = "N")]
    num_records: u64,
    /// Bytes of a record, which are random letters
    #[arg(long, value_name = "BYTES")]
    record_size: Option<usize>,
    /// A file of payloads to choose from at random
    #[arg(long, value_name = "FILE")]
    payload_file: Option<PathBuf>,
    /// The record's number is its payload
    #[arg(long)]
    payload_monotonic: bool,
    /// What stands between the payloads of the file
    #[arg(long, value_name = "TEXT", default_value = "\\n")]
    payload_delimiter: String,
    /// Records a second at most; -1 for as many as there can be
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = -1.0)]
    throughput: f64,
    /// Producer properties
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., value_parser = key_value)]
    producer_props: Vec<(String, String)>,
    /// Records that are not counted in a second summary line
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup_records: u64,
    /// How often the last seconds are told of
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    reporting_interval: u64,
    /// Print the summary as JSON, and nothing before it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Produce {
    pub(super) fn run(&self) -> Result<(), Failure> {
        run::until_stopped(|stop| self.measure(stop))
    }

    async fn measure(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let payload = self.payload()?;
        let defaults = [("client.id", "perf-producer-client")];
        let mut properties = self.server.properties(Place::Producer, &defaults)?;
        let mut typed = self.producer_props.iter().cloned().collect();
        let problems = crate::older::properties(Place::Producer, &mut typed);
        if !problems.is_empty() {
            return Err(Usage::new(problems.join("\n  ")).into());
        }
        properties.extend(typed);
        let config =
            ProducerConfig::parse(&properties).map_err(|errors| Usage::new(errors.to_string()))?;
        let cluster = Server::cluster(&properties).await?;
        let clock = clock::system();
        let test = Test {
            producer: Producer::new(config, cluster),
            topic: Arc::from(self.topic.as_str()),
            latencies: Arc::new(Latencies::new(Arc::clone(&clock), self.warmup_records)),
            begin: clock.monotonic(),
            clock,
            per_second: self.throughput,
            window: Duration::from_millis(self.reporting_interval),
            json: self.json,
        };
        let bytes = test.send(payload, self.num_records, &stop).await?;
        test.finish(bytes, self.warmup_records, &stop).await
    }

    fn payload(&self) -> Result<Payload, Usage> {
        match (&self.payload_file, self.record_size) {
            (Some(path), _) => Payload::texts(path, &self.payload_delimiter),
            (None, Some(size)) => Ok(Payload::random(size)),
            (None, None) => Ok(Payload::numbers()),
        }
    }
}

struct Test {
    producer: Producer,
    topic: Arc<str>,
    latencies: Arc<Latencies>,
    clock: Arc<dyn Clock>,
    begin: Duration,
    per_second: f64,
    /// How often the last seconds are told of.
    window: Duration,
    json: bool,
}

impl Test {
    /// Sends the records; gives how many bytes they had.
    async fn send(
        &self,
        mut payload: Payload,
        records: u64,
        stop: &CancellationToken,
    ) -> anyhow::Result<u64> {
        let acks: Arc<dyn AckSink> = Arc::clone(&self.latencies) as Arc<dyn AckSink>;
        let (mut sent, mut bytes) = (0, 0);
        let mut window = Window::at(self.begin);
        // Values are made once; those that found no room are handed over again.
        let mut run: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        while sent < records && !stop.is_cancelled() {
            if at == run.len() {
                let count = RUN_RECORDS.min(records - sent).min(self.allowed(sent));
                fill(&mut run, &mut payload, sent, count);
                at = 0;
            }
            let now = self.clock.monotonic();
            let waiting = &run[at..];
            let end = sent + waiting.len() as u64;
            self.latencies.sent(sent..end, now);
            let mut rows = waiting.iter().map(|value| record(value));
            let outcome = self
                .producer
                .append(&self.topic, None, &mut rows, sent, &acks);
            let taken = outcome.as_ref().map_or(0, |appended| appended.rows);
            self.latencies.untaken((waiting.len() - taken) as u64);
            bytes += waiting[..taken]
                .iter()
                .map(|value| value.len() as u64)
                .sum::<u64>();
            sent += taken as u64;
            at += taken;
            match outcome {
                Ok(Appended { full: true, .. }) => self.producer.room().await?,
                Ok(_) => {}
                Err(ProduceError::NotReady { .. }) => {
                    self.producer.ready(&self.topic).await?;
                }
                Err(error) => return Err(error.into()),
            }
            self.pace(sent, stop).await;
            window.tell(self, bytes as f64 / sent.max(1) as f64)?;
        }
        Ok(bytes)
    }

    /// How many may be sent at once under the rate.
    fn allowed(&self, sent: u64) -> u64 {
        if self.per_second <= 0.0 {
            return RUN_RECORDS;
        }
        let elapsed = (self.clock.monotonic() - self.begin).as_secs_f64();
        let due = (elapsed * self.per_second) as u64;
        due.saturating_sub(sent).max(1)
    }

    /// Waits until the next record is due.
    async fn pace(&self, sent: u64, stop: &CancellationToken) {
        let due = if self.per_second > 0.0 {
            self.begin + Duration::from_secs_f64(sent as f64 / self.per_second)
        } else {
            Duration::ZERO
        };
        let wait = due.saturating_sub(self.clock.monotonic());
        if wait.is_zero() {
            tokio::task::yield_now().await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn finish(
        self,
        bytes: u64,
        warm_up: u64,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        tokio::select! {
            () = self.producer.flush() => {}
            () = stop.cancelled() => {}
        }
        let elapsed = (self.clock.monotonic() - self.begin).as_secs_f64();
        self.producer.close(STOP_WITHIN).await;
        let all = self.latencies.summary(false);
        let size = bytes as f64 / (all.counts.records.max(1)) as f64;
        let steady = (warm_up > 0).then(|| self.latencies.summary(true));
        if self.json {
            let mut summary = document(&all, size, elapsed);
            if let Some(steady) = &steady {
                summary["steadyState"] = document(steady, size, elapsed);
            }
            print_json(&summary)?;
        } else {
            print(summary_line(&all, size, elapsed, ""))?;
            if let Some(steady) = &steady {
                print(summary_line(steady, size, elapsed, " steady state"))?;
            }
        }
        match self.latencies.failed() {
            None => Ok(()),
            Some((count, first)) => bail!("{count} records were not delivered: {first}"),
        }
    }
}

/// A span of seconds that a line tells of.
struct Window {
    begin: Duration,
}

impl Window {
    fn at(begin: Duration) -> Self {
        Self { begin }
    }

    /// Records count once they are acknowledged; their bytes follow from the size of a record.
    fn tell(&mut self, test: &Test, record_bytes: f64) -> anyhow::Result<()> {
        let now = test.clock.monotonic();
        let elapsed = now.saturating_sub(self.begin);
        if elapsed < test.window || test.json {
            return Ok(());
        }
        let counts = test.latencies.window();
        print(window_line(&counts, record_bytes, elapsed.as_secs_f64()))?;
        self.begin = now;
        Ok(())
    }
}

fn fill(run: &mut Vec<Vec<u8>>, payload: &mut Payload, first: u64, count: u64) {
    let count = usize::try_from(count).unwrap_or(1);
    run.truncate(count);
    run.extend(iter::repeat_with(Vec::new).take(count - run.len()));
    for (number, value) in (first..).zip(run) {
        value.clear();
        value.extend_from_slice(payload.next(number));
    }
}

fn record(value: &[u8]) -> RecordRef<'_> {
    RecordRef {
        timestamp: -1,
        key: None,
        value: Some(value),
        headers: &[],
    }
}
