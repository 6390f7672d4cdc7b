//! Fetch over TCP: the embedded consumer reads a full topic of a broker process and looks at every value.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_config::{Config, Properties};

use super::client::Client;
use super::server::BrokerServer;
use crate::case::{Codec, Run, Sample};
use crate::input::Input;

const TOPIC: &str = "lines";

pub(crate) fn run(input: &Input, codec: Codec) -> Run {
    let input = input.clone();
    let mut server: Option<BrokerServer> = None;
    Box::new(move || {
        let server = match &mut server {
            Some(server) => server,
            none => {
                let server = none.insert(BrokerServer::start()?);
                server.client.fill(TOPIC, &input, codec)?;
                server
            }
        };
        let started = Instant::now();
        let (records, bytes) = server
            .client
            .runtime
            .block_on(read_all(&server.client, input.lines))?;
        let elapsed = started.elapsed();
        ensure!(
            bytes == input.bytes() - input.lines,
            "{bytes} bytes of values were fetched"
        );
        Ok(Sample {
            bytes: input.bytes(),
            records,
            elapsed,
        })
    })
}

/// Records and bytes of values.
async fn read_all(client: &Client, lines: u64) -> anyhow::Result<(u64, u64)> {
    let keys = Properties::from([
        ("bootstrap.servers".to_owned(), client.address().to_owned()),
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
        ("enable.auto.commit".to_owned(), "false".to_owned()),
    ]);
    let mut consumer = Consumer::new(ConsumerConfig::parse(&keys)?, client.cluster.clone());
    consumer.assign(&[TopicPartition::new(TOPIC, 0)]);
    let (mut records, mut bytes) = (0, 0);
    while records < lines {
        let batch = consumer.poll(Duration::from_secs(30)).await?;
        let Some(batch) = batch else {
            anyhow::bail!("only {records} records came")
        };
        for row in &batch.rows {
            let value = black_box(row.value.of(&batch.data)).unwrap_or_default();
            bytes += value.len() as u64;
        }
        records += batch.rows.len() as u64;
    }
    consumer.close(Duration::from_secs(5)).await?;
    Ok((records, bytes))
}
