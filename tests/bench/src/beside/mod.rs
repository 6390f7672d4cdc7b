//! Kafka Connect and Millrace beside each other, on one machine in one run: the same file connectors, managed over the
//! same REST API, in workers of a group.
//!
//! Kafka Connect runs on Apache Kafka; Millrace runs on its included broker, and on that same Apache Kafka. Each worker
//! has its defaults; what both are told differs in names only. It takes Java and Maven, and a quarter of an hour.

mod jobs;
mod worker;

use millrace_interop::kafka::{Kafka, Setup};
use millrace_system::sandbox::Sandbox;

use crate::input::Input;
use crate::report::Figure;
use jobs::Found;
use worker::Make;

/// What is compared: a name, a unit, and where it stands in what was found.
type Compared = (&'static str, &'static str, fn(&Found) -> f64);

const COMPARED: [Compared; 7] = [
    ("start to REST answering", "ms", |found| found.start_ms),
    ("resident memory, idle", "MB", |found| found.idle_mb),
    ("file to topic to file", "MB/s", |found| found.mb_per_s),
    ("peak memory under that load", "MB", |found| found.peak_mb),
    ("200 connectors by REST, till all run", "s", |found| {
        found.create_s
    }),
    ("processor with these, nothing flows", "%", |found| {
        found.idle_cpu
    }),
    ("all run again after a kill", "s", |found| found.moved_s),
];

/// Ships `input` and manages connectors with each of the three.
pub(crate) fn beside(input: &Input) -> anyhow::Result<Vec<Figure>> {
    let sandbox = Sandbox::new();
    let kafka = Kafka::start_with(&sandbox, &sandbox.join("data"), &Setup::default())?;
    let connect = jobs::run(Make::Connect, kafka.address(), input)?;
    let on_kafka = jobs::run(Make::OnKafka, kafka.address(), input)?;
    // Its memory and its threads are to be free for a broker of our own.
    drop(kafka);
    let included = jobs::run(Make::Included, "", input)?;
    let mut figures = Vec::new();
    for (name, unit, value) in COMPARED {
        for (who, found) in [
            ("Kafka Connect", &connect),
            ("Millrace on Kafka", &on_kafka),
            ("Millrace", &included),
        ] {
            figures.push(Figure::of(format!("{name}: {who}"), unit, &[value(found)]));
        }
        for (who, found) in [("on Kafka", &on_kafka), ("alone", &included)] {
            let (ours, theirs) = (value(found), value(&connect));
            let ratio = if unit == "MB/s" {
                ours / theirs
            } else {
                theirs / ours
            };
            figures.push(Figure::of(format!("{name}: better, {who}"), "x", &[ratio]));
        }
    }
    Ok(figures)
}
