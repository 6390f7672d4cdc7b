//! Traffic by topic: sums over the partitions, and rates of the last minute.

use std::time::Duration;

use millrace_wire::metrics::{Exposition, Family, OneMinuteRate};

use super::{Recent, Scrape};
use crate::metrics::Traffic;
use crate::metrics::families::{
    BYTES_IN, BYTES_IN_RATE, BYTES_OUT, BYTES_OUT_RATE, FETCHES, FETCHES_FAILED, MESSAGES_IN,
    MESSAGES_IN_RATE, MESSAGES_OUT, MESSAGES_OUT_RATE, PRODUCES, PRODUCES_FAILED,
};
use crate::topics::Topic;

/// The families of counts, in the order of [`Counts`].
const COUNTS: [&Family; 8] = [
    &BYTES_IN,
    &MESSAGES_IN,
    &BYTES_OUT,
    &MESSAGES_OUT,
    &PRODUCES,
    &PRODUCES_FAILED,
    &FETCHES,
    &FETCHES_FAILED,
];
/// The families of rates: those of the first counts.
const RATES: [&Family; 4] = [
    &BYTES_IN_RATE,
    &MESSAGES_IN_RATE,
    &BYTES_OUT_RATE,
    &MESSAGES_OUT_RATE,
];

type Counts = [u64; COUNTS.len()];

/// How fast the first counts of a topic grew lately.
#[derive(Debug)]
pub(super) struct TopicRates([OneMinuteRate; RATES.len()]);

impl TopicRates {
    /// What counted from nothing since `since`.
    pub(super) fn new(since: Duration) -> Self {
        Self(std::array::from_fn(|_| OneMinuteRate::new(0, since)))
    }

    fn update(&mut self, counts: &Counts, now: Duration) -> [f64; RATES.len()] {
        std::array::from_fn(|index| self.0[index].update(counts[index], now))
    }
}

/// A row of each family: a topic, or all together under an empty name.
struct Row {
    topic: String,
    counts: Counts,
    rates: [f64; RATES.len()],
}

pub(super) fn collect(scrape: &Scrape<'_>, recent: &mut Recent, into: &mut Exposition) {
    let rows = rows(scrape, recent);
    for (index, family) in COUNTS.into_iter().enumerate() {
        let mut samples = into.family(family);
        for row in &rows {
            samples.add(&[&row.topic], row.counts[index]);
        }
    }
    for (index, family) in RATES.into_iter().enumerate() {
        let mut samples = into.family(family);
        for row in &rows {
            samples.add(&[&row.topic], row.rates[index]);
        }
    }
}

fn rows(scrape: &Scrape<'_>, recent: &mut Recent) -> Vec<Row> {
    let now = scrape.now;
    let metrics = &scrape.broker.core.metrics;
    let counts = counts(&metrics.traffic);
    let mut rows = vec![Row {
        topic: String::new(),
        rates: recent.all.update(&counts, now),
        counts,
    }];
    let mut earlier = std::mem::take(&mut recent.topics);
    for topic in &scrape.topics {
        let counts = sum(topic);
        let rates = earlier.remove(&topic.id);
        let mut rates = rates.unwrap_or_else(|| TopicRates::new(recent.at));
        rows.push(Row {
            topic: topic.name.to_string(),
            rates: rates.update(&counts, now),
            counts,
        });
        recent.topics.insert(topic.id, rates);
    }
    rows
}

fn sum(topic: &Topic) -> Counts {
    let partitions = topic.partitions.iter();
    partitions.fold([0; COUNTS.len()], |sum, partition| {
        let counts = counts(&partition.traffic);
        std::array::from_fn(|index| sum[index] + counts[index])
    })
}

fn counts(traffic: &Traffic) -> Counts {
    [
        &traffic.bytes_in,
        &traffic.messages_in,
        &traffic.bytes_out,
        &traffic.messages_out,
        &traffic.produces,
        &traffic.produces_failed,
        &traffic.fetches,
        &traffic.fetches_failed,
    ]
    .map(|counter| counter.get())
}
