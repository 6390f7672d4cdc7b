//! Clients side by side: each reads what the others wrote with every codec, and they share a group.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, anyhow};

use crate::{broker::Broker, clients::Client, rebalance, standard::CODECS};

/// How many clients read at a time.
const READERS: usize = 4;

/// All pairs of writers and readers; then groups of four different members, so that each client is once the first.
pub(crate) fn run(clients: &[Box<dyn Client>], broker: &Broker) -> anyhow::Result<()> {
    let mut topics = Vec::new();
    for writer in clients {
        let prefix = format!("written-by-{}", writer.name());
        if writer.produce(broker.address(), &prefix, &CODECS)? {
            topics.extend(CODECS.map(|codec| format!("{prefix}-{codec}")));
        }
    }
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    read_all(clients, &topics, broker.address())?;
    mixed_groups(clients, broker)
}

/// Each client reads all topics, several clients at a time: most of them wait more than they work.
fn read_all(clients: &[Box<dyn Client>], topics: &[&str], server: &str) -> anyhow::Result<()> {
    let left = Mutex::new(clients.iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let read = || -> anyhow::Result<()> {
        while let Some(reader) = next() {
            reader
                .consume(server, topics)
                .with_context(|| format!("{} reads what others wrote", reader.name()))?;
            println!(
                "together: {} reads {} topics of all: ok",
                reader.name(),
                topics.len()
            );
        }
        Ok(())
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        readers.into_iter().try_for_each(|reader| {
            reader
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a reader panicked")))
        })
    })
}

/// A client writes the standard records with every codec, and another reads them.
pub(crate) fn read_back(
    writer: &dyn Client,
    reader: &dyn Client,
    broker: &Broker,
) -> anyhow::Result<()> {
    let prefix = format!("standard-{}", writer.name());
    if !writer.produce(broker.address(), &prefix, &CODECS)? {
        return Ok(());
    }
    let topics = CODECS.map(|codec| format!("{prefix}-{codec}"));
    let topics = topics.each_ref().map(String::as_str);
    reader.consume(broker.address(), &topics)?;
    println!("{}: records with every codec: ok", writer.name());
    Ok(())
}

fn mixed_groups(clients: &[Box<dyn Client>], broker: &Broker) -> anyhow::Result<()> {
    let members: Vec<_> = clients
        .iter()
        .filter(|client| client.shares_groups())
        .collect();
    for first in (0..members.len()).step_by(3) {
        let four = [0, 1, 2, 3].map(|step| members[(first + step) % members.len()].as_ref());
        let names = four.map(Client::name).join(", ");
        rebalance::run(four[0], four, broker.address(), &format!("mixed-{first}"))
            .with_context(|| format!("a group of {names}"))?;
        println!("together: a group of {names}: ok");
    }
    Ok(())
}
