//! A member of a group: says what it is given and what it reads, and leaves when its input ends.

use std::io::{self, Read as _};

use rdkafka::{
    ClientContext, Message as _,
    consumer::{
        BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
    },
};
use tokio::sync::oneshot;

use crate::clients;

/// Prints the partitions of the topic after each rebalance.
struct Announcer;

impl ClientContext for Announcer {}

impl ConsumerContext for Announcer {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(given) = rebalance {
            let mut partitions: Vec<_> =
                given.elements().iter().map(|one| one.partition()).collect();
            partitions.sort_unstable();
            let partitions: Vec<_> = partitions.iter().map(i32::to_string).collect();
            println!("assigned {}", partitions.join(" "));
        }
    }
}

pub(crate) async fn run(server: &str, group: &str, topic: &str) -> anyhow::Result<()> {
    let consumer: StreamConsumer<Announcer> =
        clients::grouped(server, group).create_with_context(Announcer)?;
    consumer.subscribe(&[topic])?;
    let mut ended = end_of_input();
    loop {
        tokio::select! {
            _ = &mut ended => return Ok(()),
            record = consumer.recv() => {
                let record = record?;
                let value = String::from_utf8_lossy(record.payload().unwrap_or_default());
                println!("record {} {} {value}", record.partition(), record.offset());
                // A member that has just lost the partition may not commit; its new owner reads the record again.
                if let Err(error) = consumer.commit_message(&record, CommitMode::Sync) {
                    eprintln!("not committed: {error}");
                }
            }
        }
    }
}

/// Resolves when the standard input has ended.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // Any end of the input is the end.
        drop(io::stdin().read_to_end(&mut Vec::new()));
        drop(ended);
    });
    end
}
