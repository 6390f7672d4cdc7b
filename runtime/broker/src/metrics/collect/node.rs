//! The node: its state, its connections, and what Kafka says of clusters.

use millrace_wire::metrics::{Exposition, Family};

use super::Scrape;
use crate::metrics::families::{
    ACTIVE_BROKERS, ACTIVE_CONTROLLERS, BROKER_STATE, BROKERS, CONNECTIONS, CONNECTIONS_CREATED,
    CONNECTIONS_REFUSED, FENCED_BROKERS, GLOBAL_PARTITIONS, GLOBAL_TOPICS, IMBALANCE, LEADERS,
    OFFLINE_DIRECTORIES, OFFLINE_PARTITIONS, OFFLINE_REPLICAS, PARTITIONS, UNDER_MIN_ISR,
    UNDER_REPLICATED,
};

/// Kafka's numbers of a broker's states.
const RUNNING: u64 = 3;
const SHUTTING_DOWN: u64 = 6;

pub(super) fn collect(scrape: &Scrape<'_>, into: &mut Exposition) {
    let broker = scrape.broker;
    let partitions: usize = scrape
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum();
    let is_offline = broker.running.data_dir.check_online().is_err();
    let offline = if is_offline { partitions } else { 0 };
    let state = if broker.is_stopping() {
        SHUTTING_DOWN
    } else {
        RUNNING
    };
    let figures: [(&Family, u64); 14] = [
        (&BROKERS, 1),
        (&BROKER_STATE, state),
        (&LEADERS, (partitions - offline) as u64),
        (&PARTITIONS, partitions as u64),
        (&UNDER_REPLICATED, 0),
        (&UNDER_MIN_ISR, 0),
        (&OFFLINE_REPLICAS, offline as u64),
        (&ACTIVE_CONTROLLERS, 1),
        (&ACTIVE_BROKERS, 1),
        (&FENCED_BROKERS, 0),
        (&OFFLINE_PARTITIONS, offline as u64),
        (&GLOBAL_TOPICS, scrape.topics.len() as u64),
        (&GLOBAL_PARTITIONS, partitions as u64),
        (&IMBALANCE, 0),
    ];
    for (family, figure) in figures {
        into.single(family, figure);
    }
    into.single(&OFFLINE_DIRECTORIES, u64::from(is_offline));
    connections(scrape, into);
}

fn connections(scrape: &Scrape<'_>, into: &mut Exposition) {
    let listeners = scrape.broker.core.metrics.connections.all();
    let mut open = into.family(&CONNECTIONS);
    for (listener, counts) in &listeners {
        open.add(&[listener], counts.open.get());
    }
    let mut created = into.family(&CONNECTIONS_CREATED);
    for (listener, counts) in &listeners {
        created.add(&[listener], counts.created.get());
    }
    let mut refused = into.family(&CONNECTIONS_REFUSED);
    for (listener, counts) in &listeners {
        refused.add(&[listener], counts.refused.get());
    }
}
