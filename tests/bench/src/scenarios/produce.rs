//! Produce over TCP: the embedded producer, acks=all, into a broker process.

use std::time::{Duration, Instant};

use super::server::BrokerServer;
use crate::bounds::BLOCK;
use crate::case::{Codec, Run, Sample};
use crate::input::{self, Input};

pub(crate) fn run(input: &Input, codec: Codec) -> Run {
    let input = input.clone();
    let mut server: Option<BrokerServer> = None;
    let mut round = 0;
    Box::new(move || {
        let server = match &mut server {
            Some(server) => server,
            none => none.insert(BrokerServer::start()?),
        };
        let client = &server.client;
        round += 1;
        let topic = format!("produce-{round}");
        client.create_topic(&topic)?;
        let block = input::block(input.line_bytes, BLOCK);
        let producer = client.producer(codec, Duration::ZERO);
        let started = Instant::now();
        client.produce(&producer, &topic, &block, input.line_bytes, input.lines)?;
        let elapsed = started.elapsed();
        client
            .runtime
            .block_on(producer.close(Duration::from_secs(10)));
        client.delete_topic(&topic)?;
        Ok(Sample {
            bytes: input.bytes(),
            records: input.lines,
            elapsed,
        })
    })
}
