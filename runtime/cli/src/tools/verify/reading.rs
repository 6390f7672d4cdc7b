//! Reads all partitions of the topic side by side, so that each record can be compared when it is the next line of a file.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use millrace_client::{
    Cluster,
    consumer::{Consumer, ConsumerConfig, TopicPartition},
};
use millrace_wire::clock;

use super::compare::Comparing;
use crate::tools::{progress::Progress, run::Usage};

/// How long to wait for a topic that is not there.
const TOPIC_WITHIN: Duration = Duration::from_secs(5);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(500);
/// How long nothing may come though the ends are not reached.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The partitions that are compared.
pub(super) struct Topic {
    consumer: Consumer,
    places: Vec<Place>,
}

/// How far a partition was read.
#[derive(Debug)]
struct Place {
    name: TopicPartition,
    /// The offset that is read next.
    next: i64,
    /// Records from here on are not compared.
    end: i64,
}

impl Topic {
    /// Finds the topic's partitions, or one of them, and where they begin and end.
    pub(super) async fn find(
        cluster: &Cluster,
        config: ConsumerConfig,
        name: &str,
        only: Option<i32>,
    ) -> anyhow::Result<Self> {
        let known = cluster
            .topic(&name.into(), false, TOPIC_WITHIN)
            .await
            .with_context(|| format!("cannot find topic {name}"))?;
        let indices = known.partitions.iter().map(|partition| partition.index);
        let chosen: Vec<TopicPartition> = indices
            .filter(|index| only.is_none_or(|only| only == *index))
            .map(|index| TopicPartition::new(name, index))
            .collect();
        if chosen.is_empty() {
            let count = known.partitions.len();
            let wanted = only.map_or_else(|| "any".to_owned(), |only| only.to_string());
            return Err(Usage::new(format!(
                "--partition {wanted}: topic {name} has the partitions below {count}"
            ))
            .into());
        }
        let mut consumer = Consumer::new(config, cluster.clone());
        let begins = consumer.beginning_offsets(&chosen).await?;
        consumer.assign(&chosen);
        let mut places = Vec::new();
        for (name, begin) in begins {
            consumer.seek(&name, begin)?;
            places.push(Place {
                name,
                next: begin,
                end: begin,
            });
        }
        let mut topic = Self { consumer, places };
        topic.look().await?;
        Ok(topic)
    }

    /// The numbers of the partitions.
    pub(super) fn partitions(&self) -> Vec<i32> {
        let numbers = self.places.iter().map(|place| place.name.partition);
        numbers.collect()
    }

    /// Asks where the partitions end by now.
    pub(super) async fn look(&mut self) -> anyhow::Result<()> {
        let names: Vec<TopicPartition> =
            self.places.iter().map(|place| place.name.clone()).collect();
        let isolation = self.consumer.config().isolation_level;
        let ends: BTreeMap<TopicPartition, i64> =
            self.consumer.end_offsets(&names, isolation).await?;
        for place in &mut self.places {
            place.end = ends.get(&place.name).copied().unwrap_or(place.end);
        }
        Ok(())
    }

    /// Reads and compares what is before these ends.
    pub(super) async fn read(
        &mut self,
        comparing: &mut Comparing,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let clock = clock::system();
        let mut heard = clock.monotonic();
        loop {
            for (queue, place) in comparing.queues.iter_mut().zip(&self.places) {
                queue.is_whole = place.next >= place.end;
            }
            progress.add(comparing.settle()?);
            let wanted = |(queue, _): &(usize, &Place)| comparing.queues[*queue].is_short();
            let wanted: Vec<usize> = self
                .places
                .iter()
                .enumerate()
                .filter(wanted)
                .map(|(queue, _)| queue)
                .collect();
            let Some(&first) = wanted.first() else {
                return Ok(());
            };
            if self.poll(&wanted, comparing).await? {
                heard = clock.monotonic();
            } else if clock.monotonic().saturating_sub(heard) > SILENCE_MAX {
                let place = &self.places[first];
                bail!(
                    "{}-{} gives nothing at offset {}, though it ends at {}",
                    place.name.topic,
                    place.name.partition,
                    place.next,
                    place.end
                );
            }
        }
    }

    /// Waits for records of these partitions; whether one of them was read on.
    async fn poll(&mut self, wanted: &[usize], comparing: &mut Comparing) -> anyhow::Result<bool> {
        for (number, place) in self.places.iter().enumerate() {
            let name = std::slice::from_ref(&place.name);
            if wanted.contains(&number) {
                self.consumer.resume(name)?;
            } else {
                self.consumer.pause(name)?;
            }
        }
        let fetched = match self.consumer.poll(POLL).await {
            Ok(fetched) => fetched,
            Err(error) if error.is_retriable() => {
                log::warn!("{error}");
                None
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(fetched) = &fetched {
            let is_its = |place: &Place| place.name.partition == fetched.partition;
            let Some(queue) = self.places.iter().position(is_its) else {
                return Ok(false);
            };
            comparing.add(queue, fetched, self.places[queue].end);
            self.places[queue].next = fetched.next_offset;
            return Ok(true);
        }
        // Behind the last record there may be marks of transactions, which are never handed out.
        let mut is_further = false;
        for place in &mut self.places {
            let known = self.consumer.known_position(&place.name);
            let next = known.map_or(place.next, |known| known.max(place.next));
            is_further |= next > place.next;
            place.next = next;
        }
        Ok(is_further)
    }

    /// Ends the connections.
    pub(super) async fn close(self) {
        if let Err(error) = self.consumer.close(POLL).await {
            log::debug!("{error}");
        }
    }
}
