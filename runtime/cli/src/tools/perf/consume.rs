//! `millrace perf consume`.

use std::time::Duration;

use anyhow::bail;
use clap::{ArgGroup, Args};
use millrace_client::consumer::{Consumer, ConsumerConfig, Fetched, Polled};
use millrace_config::{Config as _, Properties};
use millrace_wire::clock::{self, Clock};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::MEGABYTE;
use crate::{
    failure::Failure,
    older::Place,
    tools::{
        run::{self, Usage},
        server::Server,
        stdout::{print, print_json},
        time,
        topics::pattern,
    },
};

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// How long leaving the group may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// The columns that both kinds of output end with.
const COLUMNS: &str = "data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, \
                       fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["topic", "include"])))]
pub(super) struct Consume {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// A regular expression for topics
    #[arg(long, value_name = "PATTERN")]
    include: Option<String>,
    /// How many records
    #[arg(long, value_name = "N", alias = "num-records")]
    messages: u64,
    /// The group; one of its own without it
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Bytes of a partition in one answer
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    fetch_size: u32,
    /// Begin at the end, where the group has committed nothing
    #[arg(long)]
    from_latest: bool,
    /// End if no record comes for so long
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
    /// Tell of every interval
    #[arg(long)]
    show_detailed_stats: bool,
    /// How long an interval is
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    reporting_interval: u64,
    /// Leave the line of titles out
    #[arg(long)]
    hide_header: bool,
    /// Accepted, without effect: the system sizes socket buffers
    #[arg(long, value_name = "BYTES", hide = true)]
    socket_buffer_size: Option<u64>,
    /// Print the summary as JSON, and nothing before it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Consume {
    pub(super) fn run(&self) -> Result<(), Failure> {
        run::until_stopped(|stop| self.measure(stop))
    }

    async fn measure(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let properties = self.properties()?;
        let config =
            ConsumerConfig::parse(&properties).map_err(|errors| Usage::new(errors.to_string()))?;
        let cluster = Server::cluster(&properties).await?;
        if !self.hide_header && !self.json {
            let first = if self.show_detailed_stats {
                "time, threadId"
            } else {
                "start.time, end.time"
            };
            print(format!("{first}, {COLUMNS}\n"))?;
        }
        let mut consumer = Consumer::new(config, cluster);
        match (&self.topic, &self.include) {
            (Some(topic), _) => consumer.subscribe(&[topic])?,
            (None, include) => {
                let include = include.as_deref().unwrap_or(".*");
                pattern(include)?;
                consumer.subscribe_pattern(&include.replace(',', "|"))?;
            }
        }
        let clock = clock::system();
        let begin = Moment::now(clock.as_ref());
        let mut read = Read::default();
        let outcome = tokio::select! {
            outcome = self.read(&mut consumer, clock.as_ref(), begin, &mut read) => outcome,
            () = stop.cancelled() => Ok(()),
        };
        let end = Moment::now(clock.as_ref());
        let closed = consumer.close(CLOSE_WITHIN).await;
        outcome?;
        let figures = read.figures(end.monotonic - begin.monotonic, &read);
        if self.json {
            print_json(&figures.document())?;
        } else if !self.show_detailed_stats {
            let times = format!("{}, {}", time::show(begin.wall_ms), time::show(end.wall_ms));
            print(figures.line(&times))?;
        }
        closed?;
        if read.records < self.messages && !stop.is_cancelled() {
            bail!(
                "only {} of {} records came: none within {} ms after the last; --timeout sets how long to wait",
                read.records,
                self.messages,
                self.timeout
            );
        }
        Ok(())
    }

    async fn read(
        &self,
        consumer: &mut Consumer,
        clock: &dyn Clock,
        begin: Moment,
        read: &mut Read,
    ) -> anyhow::Result<()> {
        let idle_limit = Duration::from_millis(self.timeout);
        let interval = Duration::from_millis(self.reporting_interval.max(1));
        let (mut last, mut told, mut before) = (begin.monotonic, begin.monotonic, Read::default());
        let mut joining = Some(begin.monotonic);
        while read.records < self.messages {
            let polled = consumer.poll_event(POLL).await?;
            let now = clock.monotonic();
            match polled {
                Some(Polled::Batch(fetched)) => {
                    read.add(&fetched, self.messages);
                    last = now;
                }
                Some(Polled::Assigned(_)) => {
                    let since = joining.take().unwrap_or(now);
                    read.joining += now.saturating_sub(since);
                }
                Some(Polled::Revoked(_) | Polled::Lost(_)) => joining = Some(now),
                None if now.saturating_sub(last) > idle_limit => return Ok(()),
                None => {}
            }
            let elapsed = now.saturating_sub(told);
            if self.show_detailed_stats && !self.json && elapsed >= interval {
                let time = format!("{}, 0", time::show(clock.now_ms()));
                print(read.figures(elapsed, &read.since(&before)).line(&time))?;
                (told, before) = (now, read.clone());
            }
        }
        Ok(())
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let reset = if self.from_latest {
            "latest"
        } else {
            "earliest"
        };
        let fetch = self.fetch_size.to_string();
        let defaults = [
            ("client.id", "perf-consumer-client"),
            ("auto.offset.reset", reset),
            ("max.partition.fetch.bytes", fetch.as_str()),
            ("check.crcs", "false"),
        ];
        let mut properties = self.server.properties(Place::Consumer, &defaults)?;
        let own = format!("perf-consumer-{}", std::process::id());
        let group = self.group.clone();
        if let Some(group) = group.or_else(|| (!properties.contains_key("group.id")).then_some(own))
        {
            properties.insert("group.id".to_owned(), group);
        }
        Ok(properties)
    }
}

/// A point in time by both clocks.
#[derive(Debug, Clone, Copy)]
struct Moment {
    wall_ms: i64,
    monotonic: Duration,
}

impl Moment {
    fn now(clock: &dyn Clock) -> Self {
        Self {
            wall_ms: clock.now_ms(),
            monotonic: clock.monotonic(),
        }
    }
}

/// What was read so far.
#[derive(Debug, Clone, Default)]
struct Read {
    records: u64,
    bytes: u64,
    joining: Duration,
}

impl Read {
    fn add(&mut self, fetched: &Fetched, limit: u64) {
        for row in fetched.rows.iter() {
            if self.records == limit {
                return;
            }
            self.records += 1;
            let spans = [row.key, row.value];
            let bytes = spans
                .iter()
                .filter_map(|span| span.of(&fetched.data))
                .map(<[u8]>::len);
            self.bytes += bytes.sum::<usize>() as u64;
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            records: self.records - before.records,
            bytes: self.bytes - before.bytes,
            joining: self.joining.saturating_sub(before.joining),
        }
    }

    /// What a line of output says: totals of `self`, rates of `span`, which took `elapsed`.
    fn figures(&self, elapsed: Duration, span: &Self) -> Figures {
        let fetching = elapsed.saturating_sub(span.joining);
        let rate = |amount: f64, time: Duration| {
            if time.is_zero() {
                0.0
            } else {
                amount / time.as_secs_f64()
            }
        };
        let (megabytes, records) = (span.bytes as f64 / MEGABYTE, span.records as f64);
        Figures {
            megabytes: self.bytes as f64 / MEGABYTE,
            megabytes_per_second: rate(megabytes, elapsed),
            records: self.records,
            records_per_second: rate(records, elapsed),
            joining: span.joining,
            fetching,
            fetched_megabytes_per_second: rate(megabytes, fetching),
            fetched_records_per_second: rate(records, fetching),
        }
    }
}

/// The columns.
struct Figures {
    megabytes: f64,
    megabytes_per_second: f64,
    records: u64,
    records_per_second: f64,
    joining: Duration,
    fetching: Duration,
    fetched_megabytes_per_second: f64,
    fetched_records_per_second: f64,
}

impl Figures {
    fn line(&self, times: &str) -> String {
        format!(
            "{times}, {:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}\n",
            self.megabytes,
            self.megabytes_per_second,
            self.records,
            self.records_per_second,
            self.joining.as_millis(),
            self.fetching.as_millis(),
            self.fetched_megabytes_per_second,
            self.fetched_records_per_second,
        )
    }

    fn document(&self) -> Value {
        json!({
            "megabytes": self.megabytes,
            "megabytesPerSecond": self.megabytes_per_second,
            "records": self.records,
            "recordsPerSecond": self.records_per_second,
            "rebalanceMs": self.joining.as_millis() as u64,
            "fetchMs": self.fetching.as_millis() as u64,
            "fetchedMegabytesPerSecond": self.fetched_megabytes_per_second,
            "fetchedRecordsPerSecond": self.fetched_records_per_second,
        })
    }
}
