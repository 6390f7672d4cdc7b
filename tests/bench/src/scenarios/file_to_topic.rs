//! A file source in a worker process: from the connector's creation until the topic durably holds the last line.

use std::time::Instant;

use super::server::WorkerServer;
use super::wait_until;
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
        let name = server.fresh_name("source");
        server.client.create_topic(&name)?;
        let started = Instant::now();
        server.create_source(&name, &input.path, &name)?;
        let mut looks = 0;
        wait_until("file to topic", || {
            looks += 1;
            if looks % 1000 == 0 {
                server.check(&name)?;
            }
            Ok(server.client.end_offset(&name)? >= input.lines)
        })?;
        let elapsed = started.elapsed();
        server.delete(&name)?;
        server.client.delete_topic(&name)?;
        Ok(Sample {
            bytes: input.bytes(),
            records: input.lines,
            elapsed,
        })
    })
}
