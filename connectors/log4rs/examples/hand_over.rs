//! What handing a line over costs while no broker is there, and what becomes of the lines:
//! `cargo run --release -p millrace-log4rs --example hand_over [FOLDER]`.
//!
//! One thread formats an hour's lines and hands them over, and times each, beside formatting alone; then two threads do it
//! flat out. The spill is in the folder, else in one for temporary files. Then a broker comes, which is part of this
//! program, and gets them. The program fails where a figure does not hold.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement takes the time and prints it"
)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use log::{Level, Record};
use log4rs::append::Append;
use millrace_broker::{Broker, BrokerConfig};
use millrace_log4rs::{Flushed, KafkaAppender, Properties};
use millrace_wire::clock;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Of a program that logs a thousand lines a second.
const HOUR: usize = 1000 * 3600;
const FLAT_OUT: usize = 2_000_000;
const ALL: u64 = (HOUR + 2 * FLAT_OUT) as u64;
/// The usual `block.budget.ms`.
const BUDGET: Duration = Duration::from_millis(1000);
const DELIVERY: Duration = Duration::from_secs(600);

fn main() -> Result<()> {
    let folder = match std::env::args().nth(1) {
        Some(folder) => TempDir::new_in(folder),
        None => TempDir::new(),
    }?;
    let port = millrace_testkit::free_port();
    let appender = Arc::new(appender(port, &folder.path().join("spill"))?);
    let metrics = appender.metrics();

    let mut line = Vec::with_capacity(1024);
    let alone = timed("formatting alone", |number| {
        line.clear();
        Ok(line.write_fmt(format_args!("{}", Message(number)))?)
    })?;
    let with = timed("formatted and handed over", |number| {
        hand_over(&appender, number)
    })?;
    let rate = flat_out(&appender)?;
    println!(
        "spilled {}, dropped {}",
        metrics.spilled.get(),
        metrics.dropped.get()
    );

    let started = Instant::now();
    let broker = TheBroker::start(port, &folder.path().join("broker"))?;
    let flushed = appender.flush_within(DELIVERY);
    let (delivered, dropped) = (metrics.delivered.get(), metrics.dropped.get());
    println!(
        "{flushed:?} in {:?}: delivered {delivered}, dropped {dropped}",
        started.elapsed()
    );
    drop(broker);
    ensure!(flushed == Flushed::Delivered, "lines are left");
    ensure!(
        (delivered, dropped) == (ALL, 0),
        "not all of {ALL} lines have arrived"
    );
    let costs = with.p99.saturating_sub(alone.p99);
    ensure!(costs < Duration::from_micros(2), "p99 costs {costs:?}");
    ensure!(with.p9999 <= BUDGET, "p99.99 is beyond the budget");
    ensure!(rate >= 1e6, "fewer than a million lines a second");
    Ok(())
}

fn appender(port: u16, spill: &Path) -> Result<KafkaAppender> {
    let settings = [
        ("bootstrap.servers", format!("127.0.0.1:{port}")),
        ("topic", "hand-over".to_owned()),
        ("spill.dir", spill.display().to_string()),
        ("spill.bytes", (4_u64 << 30).to_string()),
        ("block.budget.ms", BUDGET.as_millis().to_string()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value));
    Ok(KafkaAppender::new(Properties::from(settings))?)
}

/// Of durations.
struct Percentiles {
    p99: Duration,
    p9999: Duration,
}

/// Does it for an hour's lines, and says how long it took for one.
fn timed(name: &str, mut each: impl FnMut(usize) -> Result<()>) -> Result<Percentiles> {
    let mut took = Vec::with_capacity(HOUR);
    for number in 0..HOUR {
        let started = Instant::now();
        each(number)?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    let at = |per_million: usize| took[(HOUR - 1) * per_million / 1_000_000];
    println!(
        "{name}: p50 {:?}, p99 {:?}, p99.99 {:?}, max {:?}",
        at(500_000),
        at(990_000),
        at(999_900),
        at(1_000_000)
    );
    Ok(Percentiles {
        p99: at(990_000),
        p9999: at(999_900),
    })
}

/// Two threads; the answer is how many lines a second they hand over.
fn flat_out(appender: &Arc<KafkaAppender>) -> Result<f64> {
    let started = Instant::now();
    let threads = [(); 2].map(|()| {
        let appender = Arc::clone(appender);
        std::thread::spawn(move || {
            (0..FLAT_OUT).try_for_each(|number| hand_over(&appender, number))
        })
    });
    for thread in threads {
        thread
            .join()
            .map_err(|_| anyhow!("a thread has panicked"))??;
    }
    let rate = (2 * FLAT_OUT) as f64 / started.elapsed().as_secs_f64();
    println!("two threads flat out: {:.2} M lines/s", rate / 1e6);
    Ok(rate)
}

/// A line's message.
struct Message(usize);

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = self.0;
        write!(
            f,
            "order {number} paid by card, shipped to the usual address, see invoice"
        )
    }
}

fn hand_over(appender: &KafkaAppender, number: usize) -> Result<()> {
    let message = Message(number);
    let message = format_args!("{message}");
    let record = Record::builder()
        .level(Level::Info)
        .target("shop::orders")
        .args(message)
        .build();
    appender.append(&record)
}

/// The broker, and the threads that it runs on.
struct TheBroker {
    runtime: Runtime,
    broker: Option<Broker>,
}

impl TheBroker {
    fn start(port: u16, data: &Path) -> Result<Self> {
        let properties = [
            ("listeners", format!("PLAINTEXT://127.0.0.1:{port}")),
            ("log.dirs", data.display().to_string()),
        ];
        let properties = properties.map(|(key, value)| (key.to_owned(), value));
        let config = BrokerConfig::from_properties(&Properties::from(properties))?;
        let runtime = Runtime::new()?;
        let broker = runtime
            .block_on(Broker::start(config, clock::system()))
            .context("the broker does not start")?;
        Ok(Self {
            runtime,
            broker: Some(broker),
        })
    }
}

impl Drop for TheBroker {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.runtime
                .block_on(broker.shutdown(Duration::from_secs(5)));
        }
    }
}
