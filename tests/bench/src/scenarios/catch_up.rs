//! What a producer keeps of its speed while a consumer of the same partition reads it from the start.
//!
//! The producer runs alone and beside the consumer in turn. The consumer decodes all it reads, and begins again where
//! it has caught up; producer, consumer and broker share the machine's processors, so the ratio is the whole price.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_config::{Config, Properties};

use super::client::Client;
use super::server::BrokerServer;
use crate::bounds::BLOCK;
use crate::case::Codec;
use crate::input::{self, Input};
use crate::report::Figure;

const TOPIC: &str = "catch-up";
/// Between two looks at whether the producer is done.
const LOOK: Duration = Duration::from_millis(100);

/// Measures `rounds` of both, after the topic was filled once.
pub(crate) fn catch_up(input: &Input, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let server = BrokerServer::start()?;
    server.client.fill(TOPIC, input, Codec::Plain)?;
    let (mut alone, mut beside, mut read, mut kept) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let before = produce(&server.client, input)?;
        let (during, reading) = beside_reader(&server.client, input)?;
        alone.push(before);
        beside.push(during);
        read.push(reading);
        kept.push(during / before);
    }
    Ok(vec![
        Figure::of("produce, alone", "MB/s", &alone),
        Figure::of("produce, beside a reader", "MB/s", &beside),
        Figure::of("the reader, from the start", "MB/s", &read),
        Figure::of("kept by the producer", "", &kept),
    ])
}

/// Produces the input's lines once; megabytes (10^6) a second.
fn produce(client: &Client, input: &Input) -> anyhow::Result<f64> {
    let block = input::block(input.line_bytes, BLOCK);
    let producer = client.producer(Codec::Plain, Duration::ZERO);
    let started = Instant::now();
    client.produce(&producer, TOPIC, &block, input.line_bytes, input.lines)?;
    let speed = input.bytes() as f64 / 1e6 / started.elapsed().as_secs_f64();
    client
        .runtime
        .block_on(producer.close(Duration::from_secs(10)));
    Ok(speed)
}

/// The producer's speed and that of the reader beside it.
fn beside_reader(client: &Client, input: &Input) -> anyhow::Result<(f64, f64)> {
    let (done, reads) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(client.address(), &done, &reads));
        while !reads.load(Ordering::Acquire) && !reader.is_finished() {
            thread::sleep(LOOK);
        }
        let produced = produce(client, input);
        done.store(true, Ordering::Release);
        let read = reader
            .join()
            .map_err(|_| anyhow!("the reader panicked"))?
            .context("the reader failed")?;
        Ok((produced?, read))
    })
}

/// Reads the topic over and over until `done`, through a client of its own; megabytes a second of values. Says by
/// `reads` that the first ones have come.
fn read_until(address: &str, done: &AtomicBool, reads: &AtomicBool) -> anyhow::Result<f64> {
    let client = Client::connect(address)?;
    client.runtime.block_on(async {
        let keys = Properties::from([
            ("bootstrap.servers".to_owned(), address.to_owned()),
            ("auto.offset.reset".to_owned(), "earliest".to_owned()),
            ("enable.auto.commit".to_owned(), "false".to_owned()),
        ]);
        let mut consumer = Consumer::new(ConsumerConfig::parse(&keys)?, client.cluster.clone());
        let partition = [TopicPartition::new(TOPIC, 0)];
        consumer.assign(&partition);
        let (mut bytes, started) = (0, Instant::now());
        while !done.load(Ordering::Acquire) {
            let Some(batch) = consumer.poll(LOOK).await? else {
                consumer.seek_to_beginning(&partition)?;
                continue;
            };
            let values = batch
                .rows
                .iter()
                .filter_map(|row| row.value.of(&batch.data));
            bytes += values.map(<[u8]>::len).sum::<usize>();
            reads.store(true, Ordering::Release);
        }
        let speed = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
        consumer.close(Duration::from_secs(5)).await?;
        Ok(speed)
    })
}
