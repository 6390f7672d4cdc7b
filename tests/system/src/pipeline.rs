//! The main job as a test sets it up: a worker with the included broker, a file source, a file sink.

use std::{fmt::Write as _, path::PathBuf};

use crate::{process::Millrace, rest::Rest, sandbox::Sandbox};

/// The topic of the pipeline.
pub const TOPIC: &str = "lines";

/// A running worker, and where it answers.
#[derive(Debug)]
pub struct Pipeline {
    /// The process.
    pub millrace: Millrace,
    /// Its REST API.
    pub rest: Rest,
    /// The address of its broker.
    pub broker: String,
}

impl Pipeline {
    /// Starts a worker with these connector files, and waits until it answers.
    pub fn start(sandbox: &Sandbox, connectors: &[PathBuf]) -> Self {
        Self::start_with(sandbox, &[], connectors)
    }

    /// The same with more worker keys.
    pub fn start_with(sandbox: &Sandbox, keys: &[(&str, &str)], connectors: &[PathBuf]) -> Self {
        let worker = worker_file(sandbox, keys);
        let arguments = ["standalone".into(), worker]
            .into_iter()
            .chain(connectors.iter().cloned());
        let mut millrace = Millrace::start(sandbox, arguments);
        let broker = millrace.address("broker ");
        let rest = Rest::new(&millrace.address("rest "));
        Self {
            millrace,
            rest,
            broker,
        }
    }

    /// Starts the whole way: lines of `in.log` through the topic to `out.log`.
    pub fn file_to_file(sandbox: &Sandbox) -> Self {
        let connectors = [source_file(sandbox), sink_file(sandbox)];
        let pipeline = Self::start(sandbox, &connectors);
        pipeline.rest.await_state("source", "RUNNING");
        pipeline.rest.await_state("sink", "RUNNING");
        pipeline
    }
}

/// Writes a worker file: ports the system picks, data in the sandbox, and `keys` over that.
pub fn worker_file(sandbox: &Sandbox, keys: &[(&str, &str)]) -> PathBuf {
    let base = [
        (
            "key.converter",
            "org.apache.kafka.connect.storage.StringConverter",
        ),
        (
            "value.converter",
            "org.apache.kafka.connect.storage.StringConverter",
        ),
        ("offset.storage.file.filename", "data/connect.offsets"),
        ("offset.flush.interval.ms", "100"),
        ("listeners", "http://127.0.0.1:0"),
        ("broker.listeners", "PLAINTEXT://127.0.0.1:0"),
        ("broker.log.dirs", "data/broker"),
    ];
    properties_file(sandbox, "worker.properties", base.iter().chain(keys))
}

/// Writes the file of a source that ships `in.log`.
pub fn source_file(sandbox: &Sandbox) -> PathBuf {
    let keys = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", TOPIC),
    ];
    properties_file(sandbox, "source.properties", &keys)
}

/// Writes the file of a sink that writes `out.log`.
pub fn sink_file(sandbox: &Sandbox) -> PathBuf {
    let keys = [
        ("name", "sink"),
        ("connector.class", "FileStreamSink"),
        ("file", "out.log"),
        ("topics", TOPIC),
    ];
    properties_file(sandbox, "sink.properties", &keys)
}

/// Writes a properties file; of a key given twice the last value counts.
pub fn properties_file<'a>(
    sandbox: &Sandbox,
    name: &str,
    keys: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
) -> PathBuf {
    let mut text = String::new();
    for (key, value) in keys {
        writeln!(text, "{key}={value}").expect("a String takes all");
    }
    sandbox.write(name, text)
}
