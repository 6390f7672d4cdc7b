//! The connectors that a worker of this binary has: the stock ones, and those that its file has to name because they
//! do harm on purpose or run commands.

use std::sync::Arc;

use millrace_config::Properties;
use millrace_exec::Exec;
use millrace_file::{FileStreamSink, FileStreamSource};
use millrace_filesink::FileSink;
use millrace_http::{HttpListener, HttpSink, HttpSource};
use millrace_logsink::LogSink;
use millrace_spool::SpoolDir;
use millrace_stdout::StdoutSink;
use millrace_syslog::Syslog;
use millrace_tail::FileTail;
use millrace_testing::{
    DataGenerator, FaultBoard, FaultSink, FaultSource, MockSink, MockSource, PickySink,
    SchemaSource, VerifiableSink, VerifiableSource,
};
use millrace_worker::{
    Builder,
    config::unsafe_connectors::{EXEC, FAULTS, are_enabled},
    rest::FaultControl,
};
use serde_json::Value;

/// Registers them with a worker that has these properties.
pub(crate) fn register(builder: Builder, worker: &Properties) -> Builder {
    let builder = builder
        .source::<FileStreamSource>()
        .source::<FileTail>()
        .source::<HttpListener>()
        .source::<HttpSource>()
        .source::<SpoolDir>()
        .source::<Syslog>()
        .sink::<FileStreamSink>()
        .sink::<FileSink>()
        .sink::<HttpSink>()
        .sink::<LogSink>()
        .sink::<StdoutSink>()
        .source::<DataGenerator>()
        .source::<VerifiableSource>()
        .sink::<VerifiableSink>()
        .source::<MockSource>()
        .sink::<MockSink>()
        .sink::<PickySink>()
        .source::<SchemaSource>();
    let builder = match are_enabled(worker, EXEC) {
        true => builder.source::<Exec>(),
        false => builder,
    };
    match are_enabled(worker, FAULTS) {
        true => with_faults(builder),
        false => builder,
    }
}

fn with_faults(builder: Builder) -> Builder {
    let board = FaultBoard::default();
    let (of_sources, of_sinks) = (board.clone(), board.clone());
    builder
        .source_by(move || FaultSource::new(of_sources.clone()))
        .sink_by(move || FaultSink::new(of_sinks.clone()))
        .faults(Arc::new(Commands(board)))
}

/// What REST commands, on the board that the connectors look at.
#[derive(Debug)]
struct Commands(FaultBoard);

impl FaultControl for Commands {
    fn show(&self, connector: &str) -> Value {
        self.0.show(connector)
    }

    fn replace(&self, connector: &str, faults: &str) -> Result<(), String> {
        self.0.replace(connector, faults.as_bytes())
    }

    fn clear(&self, connector: &str) {
        self.0.clear(connector);
    }
}
