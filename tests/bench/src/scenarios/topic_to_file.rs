//! A file sink in a worker process: from the connector's creation until the file holds the last line.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::server::WorkerServer;
use super::wait_until;
use crate::case::{Codec, Run, Sample};
use crate::input::Input;

const TOPIC: &str = "lines";

pub(crate) fn run(input: &Input, codec: Codec) -> Run {
    let input = input.clone();
    let mut server: Option<WorkerServer> = None;
    Box::new(move || {
        let server = match &mut server {
            Some(server) => server,
            none => {
                let server = none.insert(WorkerServer::start(codec)?);
                server.client.fill(TOPIC, &input, codec)?;
                server
            }
        };
        let name = server.fresh_name("sink");
        let output = server.file(&name);
        let started = Instant::now();
        server.create_sink(&name, &output, TOPIC)?;
        wait_for_file(server, &name, &output, input.bytes())?;
        let elapsed = started.elapsed();
        server.delete(&name)?;
        fs::remove_file(&output).with_context(|| format!("cannot remove {}", output.display()))?;
        Ok(Sample {
            bytes: input.bytes(),
            records: input.lines,
            elapsed,
        })
    })
}

/// Waits until the sink `name` has written `bytes`.
pub(crate) fn wait_for_file(
    server: &WorkerServer,
    name: &str,
    output: &Path,
    bytes: u64,
) -> anyhow::Result<()> {
    let mut looks = 0;
    wait_until("writing the file", || {
        looks += 1;
        if looks % 1000 == 0 {
            server.check(name)?;
        }
        Ok(fs::metadata(output).is_ok_and(|file| file.len() >= bytes))
    })
}
