//! The HTTP sink in a worker process: from the connector's creation until the server has received the last line.

use std::rc::Rc;
use std::time::Instant;

use serde_json::json;

use super::server::WorkerServer;
use super::wait_until;
use crate::bounds::http::{PARALLEL, Server};
use crate::case::{Codec, Run, Sample};
use crate::input::Input;

const TOPIC: &str = "lines";

/// Sends `batch` lines a request to `target`, as many requests at once as the plain loop.
pub(crate) fn run(target: &Rc<Server>, input: &Input, codec: Codec, batch: usize) -> Run {
    let (target, input) = (Rc::clone(target), input.clone());
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
        let name = server.fresh_name("http");
        let before = target.received();
        let started = Instant::now();
        server.create(
            &name,
            &json!({
                "connector.class": "HttpSink",
                "topics": TOPIC,
                "http.api.url": format!("http://{}/", target.address),
                "batch.max.size": batch,
                "batch.separator": "\\n",
                "parallel.requests": PARALLEL,
                "request.order": "none"
            }),
        )?;
        let mut looks = 0;
        wait_until("sending the lines", || {
            looks += 1;
            if looks % 1000 == 0 {
                server.check(&name)?;
            }
            Ok(target.received() - before >= input.bytes() - input.lines)
        })?;
        let elapsed = started.elapsed();
        server.delete(&name)?;
        Ok(Sample {
            bytes: input.bytes(),
            records: input.lines,
            elapsed,
        })
    })
}
