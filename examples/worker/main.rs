//! A worker with plugins of one's own beside the stock ones: a source, a sink, a transform, a predicate, a converter, a
//! header converter, a config provider. Each file is one of them, to copy.
//!
//! ```text
//! cargo run -p millrace-examples --example worker -- worker.properties source.properties sink.properties
//! ```
//!
//! The worker's file names a cluster by `bootstrap.servers`; each further file is a connector. Ctrl-C stops it in order.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod hex;
mod larger;
mod ledger;
mod lines;
mod lookup;
mod meter;
mod pairs;

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, Result};
use millrace_config::{Config, ConfigDef, Properties, properties};
use millrace_file::{FileStreamSink, FileStreamSource};
use millrace_wire::clock;
use millrace_worker::Worker;
use millrace_worker::task::TargetState;

const STOPS_WITHIN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<()> {
    let mut files = std::env::args_os().skip(1);
    let worker = files.next().context("name the worker's properties file")?;
    let worker = Worker::builder(clock::system())
        .properties(read(&worker)?)
        .source::<FileStreamSource>()
        .sink::<FileStreamSink>()
        .source::<meter::MeterSource>()
        .sink::<ledger::LedgerSink>()
        .transform(lookup::PLUGIN, lookup::LookupConfig::definition(), || {
            Box::<lookup::Lookup>::default()
        })
        .predicate(larger::PLUGIN, larger::LargerConfig::definition(), || {
            Box::<larger::IsLarger>::default()
        })
        .converter(pairs::PLUGIN, pairs::PairsConfig::definition(), || {
            Box::<pairs::Pairs>::default()
        })
        .header_converter(hex::PLUGIN, ConfigDef::new(), || Box::new(hex::Hex))
        .config_provider(lines::CLASS, || Box::<lines::Lines>::default())
        .start()
        .await?;
    for file in files {
        let connector = read(&file)?;
        let name = connector.get("name").context("a connector has a name")?;
        worker
            .create(name, &connector, TargetState::Started)
            .await?;
    }
    worker.set_ready();
    for address in worker.rest_addresses() {
        println!("REST at {address}");
    }
    tokio::signal::ctrl_c().await?;
    for late in worker.shut_down(STOPS_WITHIN).await {
        println!("{late} did not stop in time");
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are read before anything runs"
)]
fn read(file: &OsString) -> Result<Properties> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(properties::parse_bytes(&bytes)?)
}
