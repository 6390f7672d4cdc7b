//! A broker and a worker in processes of their own, on ports that they find again when they are started anew.

use std::path::PathBuf;

pub use millrace_testkit::free_port;

use crate::{pipeline, process::Millrace, sandbox::Sandbox};

/// Starts a broker with its data in the sandbox.
///
/// # Panics
/// As [`Millrace::start`].
pub fn start_broker(sandbox: &Sandbox, port: u16) -> Millrace {
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    let arguments = [
        "broker",
        "--override",
        &listeners,
        "--override",
        "log.dirs=data/broker",
    ];
    Millrace::start(sandbox, arguments)
}

/// Starts a worker that uses the broker at `port`, which must be up, with these connector files.
///
/// # Panics
/// As [`Millrace::start`].
pub fn start_worker(sandbox: &Sandbox, port: u16, connectors: &[PathBuf]) -> Millrace {
    let server = format!("127.0.0.1:{port}");
    let keys = [
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
        ("bootstrap.servers", &server),
    ];
    let worker = pipeline::properties_file(sandbox, "worker.properties", &keys);
    let arguments = ["standalone".into(), worker]
        .into_iter()
        .chain(connectors.iter().cloned());
    Millrace::start(sandbox, arguments)
}
