//! Millrace: a standalone worker on the broker, with FileTail by its defaults.

use millrace_system::pipeline::properties_file;
use millrace_system::process::Millrace;

use super::{Job, process::Shipper};

pub(super) fn start(job: &Job<'_>) -> anyhow::Result<Shipper> {
    let string = "org.apache.kafka.connect.storage.StringConverter";
    let worker = [
        ("bootstrap.servers", job.broker),
        ("key.converter", string),
        ("value.converter", string),
        ("offset.storage.file.filename", "connect.offsets"),
        ("offset.flush.interval.ms", "1000"),
        ("listeners", "http://127.0.0.1:0"),
    ];
    let include = format!("{}/*.log", job.files.folder.display());
    let connector = [
        ("name", "tail"),
        ("connector.class", "FileTail"),
        ("include", include.as_str()),
        ("topic", job.topic),
    ];
    let worker = properties_file(job.sandbox, "worker.properties", &worker);
    let connector = properties_file(job.sandbox, "tail.properties", &connector);
    let millrace = Millrace::start(job.sandbox, ["standalone".into(), worker, connector]);
    Ok(Shipper::Millrace(millrace))
}
