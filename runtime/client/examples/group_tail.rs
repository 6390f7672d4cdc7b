//! Prints what a member of a group reads, and what happens to its assignment.
//!
//! ```text
//! cargo run -p millrace-client --example group_tail -- localhost:9092 my-group orders [key=value ...]
//! ```
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use millrace_client::consumer::{Consumer, ConsumerConfig, Polled, TopicPartition};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};
use millrace_wire::clock;
use millrace_wire::link::TcpDial;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, group, topic, settings @ ..] = arguments.as_slice() else {
        return Err("usage: group_tail SERVERS GROUP TOPIC [KEY=VALUE ...]".into());
    };
    let mut properties = Properties::from([
        ("bootstrap.servers".to_owned(), servers.clone()),
        ("group.id".to_owned(), group.clone()),
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
    ]);
    let given = settings
        .iter()
        .filter_map(|setting| setting.split_once('='));
    properties.extend(given.map(|(key, value)| (key.to_owned(), value.to_owned())));

    let cluster = Cluster::new(
        ClusterConfig::parse(&properties)?,
        Arc::new(TcpDial::default()),
        clock::system(),
    );
    let mut consumer = Consumer::new(ConsumerConfig::parse(&properties)?, cluster);
    consumer.subscribe(&[topic])?;
    loop {
        tokio::select! {
            polled = consumer.poll_event(Duration::from_secs(60)) => match polled {
                Ok(Some(polled)) => show(polled),
                Ok(None) => {}
                Err(error) => println!("error: {error}"),
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    consumer.close(Duration::from_secs(5)).await?;
    Ok(())
}

fn show(polled: Polled) {
    match polled {
        Polled::Assigned(partitions) => println!("assigned {}", names(&partitions)),
        Polled::Revoked(partitions) => println!("revoked {}", names(&partitions)),
        Polled::Lost(partitions) => println!("lost {}", names(&partitions)),
        Polled::Batch(batch) => {
            for row in &batch.rows {
                let value = row.value.of(&batch.data).map(String::from_utf8_lossy);
                println!(
                    "{}-{} {} {}",
                    batch.topic,
                    batch.partition,
                    row.offset,
                    value.unwrap_or_default()
                );
            }
        }
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}
