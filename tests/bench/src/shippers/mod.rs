//! FileTail beside shippers by others: the same files into the same broker, each on its own, in turn.
//!
//! The broker is `millrace broker` in a process of its own; every shipper is a process beside it, keeps its position in
//! files, waits for acknowledgements of all replicas, and does not compress. Those by others have large batches and
//! queues, as whoever wants speed of them sets them. Start-up does not count: the time is that from the first to the
//! last line that a consumer can read.

mod files;
mod flume;
mod millrace;
mod process;
mod rsyslog;
mod syslog_ng;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use millrace_system::sandbox::Sandbox;

use crate::input::Input;
use crate::memory;
use crate::report::Figure;
use crate::resources::{processor_seconds, resident_mb};
use crate::scenarios::server::BrokerServer;
use crate::scenarios::wait_until;
pub(crate) use files::COUNT as FILES;
use files::Files;
use process::Shipper;

/// Page cache that a run takes, in multiples of the lines' bytes: the topic, and slack.
const WARM_FACTOR: u64 = 2;

/// What a shipper is given to do.
pub(super) struct Job<'a> {
    /// Where its own files go; its working directory.
    sandbox: &'a Sandbox,
    files: &'a Files,
    broker: &'a str,
    topic: &'a str,
}

/// A make of shipper: its name, and how it is started.
type Make = (&'static str, fn(&Job<'_>) -> anyhow::Result<Shipper>);

/// Millrace is the first.
const MAKES: [Make; 4] = [
    ("Millrace FileTail", millrace::start),
    ("rsyslog imfile, omkafka", rsyslog::start),
    ("syslog-ng wildcard-file, kafka-c", syslog_ng::start),
    ("Flume TAILDIR, Kafka sink", flume::start),
];

/// What one run of a shipper took.
struct Taken {
    lines_per_second: f64,
    /// Processor seconds for a gigabyte (10^9) of lines, start and end included.
    processor: f64,
    /// Megabytes of resident memory at the peak.
    memory: f64,
}

/// Ships copies of `input` with each, `rounds` times.
pub(crate) fn shippers(dir: &Path, input: &Input, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let files = Files::create(dir, input)?;
    let broker = BrokerServer::start()?;
    let mut taken = MAKES.map(|_| Vec::new());
    for round in 0..rounds {
        for ((name, start), taken) in MAKES.iter().zip(&mut taken) {
            memory::warm_up(dir, WARM_FACTOR * files.bytes())?;
            let topic = format!("topic-{round}");
            broker.client.create_topic(&topic)?;
            let run = ship(&broker, &files, &topic, *start);
            taken.push(run.map_err(|error| error.context(format!("{name} does not ship")))?);
            broker.client.delete_topic(&topic)?;
        }
    }
    Ok(figures(&taken))
}

/// Ships all files once.
fn ship(
    broker: &BrokerServer,
    files: &Files,
    topic: &str,
    start: fn(&Job<'_>) -> anyhow::Result<Shipper>,
) -> anyhow::Result<Taken> {
    let sandbox = Sandbox::new();
    let job = Job {
        sandbox: &sandbox,
        files,
        broker: broker.client.address(),
        topic,
    };
    let mut shipper = start(&job)?;
    let (mut there, mut before) = (0, None);
    wait_until("shipping the files", || {
        shipper.check()?;
        there = broker.client.end_offset(topic)?;
        if there > 0 {
            before.get_or_insert((Instant::now(), there));
        }
        Ok(there >= files.lines)
    })?;
    let (began, first) = before.unwrap_or((Instant::now(), 0));
    let took = began.elapsed().max(Duration::from_nanos(1));
    let process = shipper.id();
    let taken = Taken {
        lines_per_second: (there - first) as f64 / took.as_secs_f64(),
        processor: processor_seconds(process)? / (files.bytes() as f64 / 1e9),
        memory: resident_mb(process, "VmHWM:")?,
    };
    shipper.stop()?;
    let at_the_end = broker.client.end_offset(topic)?;
    ensure!(
        at_the_end == files.lines,
        "{at_the_end} records came of {} lines",
        files.lines
    );
    Ok(taken)
}

fn figures(taken: &[Vec<Taken>]) -> Vec<Figure> {
    let of =
        |runs: &[Taken], value: fn(&Taken) -> f64| -> Vec<f64> { runs.iter().map(value).collect() };
    let mut figures = Vec::new();
    for ((name, _), runs) in MAKES.iter().zip(taken) {
        let speed = of(runs, |run| run.lines_per_second / 1e6);
        figures.push(Figure::of(*name, "M lines/s", &speed));
        let processor = of(runs, |run| run.processor);
        figures.push(Figure::of(format!("{name}: processor"), "s/GB", &processor));
        let memory = of(runs, |run| run.memory);
        figures.push(Figure::of(format!("{name}: peak memory"), "MB", &memory));
    }
    let Some((ours, others)) = taken.split_first() else {
        return figures;
    };
    for ((name, _), theirs) in MAKES[1..].iter().zip(others) {
        let pairs = ours.iter().zip(theirs);
        let ratios: Vec<f64> = pairs
            .map(|(ours, theirs)| ours.lines_per_second / theirs.lines_per_second)
            .collect();
        figures.push(Figure::of(format!("FileTail, times {name}"), "x", &ratios));
    }
    figures
}
