//! File to topic to file in one worker process: both connectors at once, until the output holds the last line.

use std::fs;
use std::time::Instant;

use anyhow::Context;

use super::server::WorkerServer;
use super::topic_to_file::wait_for_file;
use crate::case::{Codec, Run, Sample};
use crate::input::Input;

pub(crate) fn run(input: &Input, codec: Codec) -> Run {
    let input = input.clone();
    let mut server: Option<WorkerServer> = None;
    Box::new(move || {
        let server = match &mut server {
            Some(server) => server,
            none => none.insert(WorkerServer::start(codec)?),
        };
        run_once(server, &input)
    })
}

/// Ships `input` once through a new topic.
pub(crate) fn run_once(server: &mut WorkerServer, input: &Input) -> anyhow::Result<Sample> {
    let (source, sink) = (server.fresh_name("source"), server.fresh_name("sink"));
    let (topic, output) = (&source, server.file(&sink));
    server.client.create_topic(topic)?;
    let started = Instant::now();
    server.create_sink(&sink, &output, topic)?;
    server.create_source(&source, &input.path, topic)?;
    wait_for_file(server, &sink, &output, input.bytes())?;
    let elapsed = started.elapsed();
    server.delete(&source)?;
    server.delete(&sink)?;
    server.client.delete_topic(topic)?;
    fs::remove_file(&output).with_context(|| format!("cannot remove {}", output.display()))?;
    Ok(Sample {
        bytes: input.bytes(),
        records: input.lines,
        elapsed,
    })
}
