//! What handing a line over costs: `cargo run --release -p millrace-log4rs --example hand_over [BROKER [SPILL_DIR]]`.
//!
//! First one thread formats lines and hands them over, and times each, beside formatting alone; then two threads do it flat
//! out. Without a broker at that address it measures an outage; with a spill folder the lines of the outage go there.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement takes the time and prints it"
)]

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Level, Record};
use log4rs::append::Append;
use millrace_log4rs::{KafkaAppender, Properties};

const TIMED: usize = 1_000_000;
const FLAT_OUT: usize = 2_000_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "127.0.0.1:1".to_owned());
    let mut settings = Properties::from(
        [
            ("bootstrap.servers", broker.as_str()),
            ("topic", "hand-over"),
            ("flush.timeout.ms", "10000"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    if let Some(folder) = arguments.next() {
        settings.insert("spill.dir".to_owned(), folder);
        settings.insert("spill.bytes".to_owned(), (4_u64 << 30).to_string());
    }
    let appender = Arc::new(KafkaAppender::new(settings)?);
    let mut line = Vec::with_capacity(1024);
    timed("formatting alone", |number| {
        line.clear();
        Ok(line.write_fmt(format_args!("{}", Message(number)))?)
    })?;
    timed("formatted and handed over", |number| {
        hand_over(&appender, number)
    })?;
    flat_out(&appender)?;
    let metrics = appender.metrics();
    println!(
        "delivered {}, dropped {}, spilled {}",
        metrics.delivered.get(),
        metrics.dropped.get(),
        metrics.spilled.get()
    );
    Ok(())
}

/// Does it for many lines, and says how long it took for one.
fn timed(name: &str, mut each: impl FnMut(usize) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut took = Vec::with_capacity(TIMED);
    for number in 0..TIMED {
        let started = Instant::now();
        each(number)?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    let at = |per_million: usize| took[(TIMED - 1) * per_million / 1_000_000];
    println!(
        "{name}: p50 {:?}, p99 {:?}, p99.99 {:?}, max {:?}",
        at(500_000),
        at(990_000),
        at(999_900),
        at(1_000_000)
    );
    Ok(())
}

fn flat_out(appender: &Arc<KafkaAppender>) -> anyhow::Result<()> {
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
            .map_err(|_| anyhow::anyhow!("a thread has panicked"))??;
    }
    let took: Duration = started.elapsed();
    let rate = (2 * FLAT_OUT) as f64 / took.as_secs_f64() / 1e6;
    println!("two threads flat out: {rate:.2} M lines/s");
    Ok(())
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

fn hand_over(appender: &KafkaAppender, number: usize) -> anyhow::Result<()> {
    let message = Message(number);
    let message = format_args!("{message}");
    let record = Record::builder()
        .level(Level::Info)
        .target("shop::orders")
        .args(message)
        .build();
    appender.append(&record)
}
