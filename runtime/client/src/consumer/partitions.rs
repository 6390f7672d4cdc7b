//! The partitions a consumer reads, and how far it is in each: a state machine without I/O.
//!
//! ```text
//! Committed ──▶ Reset ──▶ Fetching      a partition starts where its group stopped, or where
//!     └────────────────────▲            `auto.offset.reset` says; a seek leads straight to Fetching
//! ```
//!
//! Two offsets are kept of each: the position, behind what was handed out, and the fetch offset, behind what has
//! arrived. A seek or a new assignment gives the partition a new stamp, and what was asked for under an old stamp is
//! dropped when it arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millrace_wire::uuid::Uuid;

use super::topic_partition::TopicPartition;
use crate::backoff::Backoff;

/// Where a partition's position comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// From the group's committed offset.
    Committed,
    /// From the end of the log, or the time, that the timestamp names (ListOffsets).
    Reset(i64),
    /// It is known.
    Fetching,
}

/// One partition.
#[derive(Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    /// The next offset to hand out, once known.
    pub(super) position: i64,
    /// The next offset to ask for.
    pub(super) fetch_offset: i64,
    /// Epoch of the last batch that arrived, -1 if none has.
    pub(super) fetched_epoch: i32,
    /// Epoch of the last batch handed out; goes along with commits.
    pub(super) position_epoch: i32,
    /// The topic whose log the epochs are of; zero before the first fetch, and where brokers have no ids.
    topic_id: Uuid,
    pub(super) paused: bool,
    /// What was asked for under another stamp is stale.
    pub(super) stamp: u64,
    /// A request about the position is under way.
    pub(super) resolving: bool,
    /// Nothing is asked before this time.
    pub(super) not_before: Duration,
    backoff: Backoff,
}

impl State {
    /// The position, if it is known.
    pub(super) fn known_position(&self) -> Option<i64> {
        (self.stage == Stage::Fetching).then_some(self.position)
    }

    pub(super) fn is_fetchable(&self, now: Duration) -> bool {
        self.stage == Stage::Fetching && !self.paused && now >= self.not_before
    }

    /// Whether its position is to be asked for now.
    pub(super) fn wants(&self, now: Duration) -> Option<Stage> {
        (self.stage != Stage::Fetching && !self.resolving && now >= self.not_before)
            .then_some(self.stage)
    }

    /// Waits before the next request for this partition.
    pub(super) fn back_off(&mut self, now: Duration) {
        self.not_before = now + self.backoff.fail();
    }

    pub(super) fn succeed(&mut self) {
        self.backoff.succeed();
    }

    /// The partition is about to be fetched from this topic. Where that is another than before, under the same name, it
    /// has a log of its own: epochs of the old one would say that the new one was truncated.
    pub(super) fn fetch_from(&mut self, topic_id: Uuid) {
        if self.topic_id != topic_id && !self.topic_id.is_zero() {
            self.fetched_epoch = -1;
            self.position_epoch = -1;
        }
        self.topic_id = topic_id;
    }

    /// What has not been handed out is asked for again.
    pub(super) fn refetch(&mut self) {
        self.fetch_offset = self.position;
        self.fetched_epoch = self.position_epoch;
    }
}

/// All partitions of a consumer.
#[derive(Debug)]
pub(super) struct Partitions {
    states: BTreeMap<TopicPartition, State>,
    stamps: u64,
    backoff: Backoff,
}

impl Partitions {
    pub(super) fn new(backoff: Backoff) -> Self {
        Partitions {
            states: BTreeMap::new(),
            stamps: 0,
            backoff,
        }
    }

    /// Adds partitions; those already there stay as they are.
    pub(super) fn add(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        start: Stage,
    ) {
        for partition in partitions {
            let stamp = self.next_stamp();
            let backoff = self.backoff.clone();
            self.states.entry(partition).or_insert_with(|| State {
                stage: start,
                position: 0,
                fetch_offset: 0,
                fetched_epoch: -1,
                position_epoch: -1,
                topic_id: Uuid::ZERO,
                paused: false,
                stamp,
                resolving: false,
                not_before: Duration::ZERO,
                backoff,
            });
        }
    }

    /// Takes partitions away.
    pub(super) fn remove<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        for partition in partitions {
            self.states.remove(partition);
        }
    }

    /// Keeps these partitions only, and adds what is missing.
    pub(super) fn replace(&mut self, partitions: Vec<TopicPartition>, start: Stage) {
        let wanted: BTreeSet<&TopicPartition> = partitions.iter().collect();
        self.states
            .retain(|partition, _| wanted.contains(partition));
        self.add(partitions, start);
    }

    /// Puts the position at `offset`.
    pub(super) fn seek(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        let stamp = self.next_stamp();
        let Some(state) = self.states.get_mut(partition) else {
            return false;
        };
        state.stamp = stamp;
        place(state, offset);
        true
    }

    /// Puts the position at the end of the log that `timestamp` names, when that is known.
    pub(super) fn reset(&mut self, partition: &TopicPartition, timestamp: i64) -> bool {
        let stamp = self.next_stamp();
        let Some(state) = self.states.get_mut(partition) else {
            return false;
        };
        state.stamp = stamp;
        state.stage = Stage::Reset(timestamp);
        state.resolving = false;
        true
    }

    /// Whether the position was asked for by a time, rather than by an end of the log.
    pub(super) fn sought_by_time(&mut self, partition: &TopicPartition, stamp: u64) -> bool {
        let state = self.current(partition, stamp);
        state.is_some_and(|state| matches!(state.stage, Stage::Reset(timestamp) if timestamp >= 0))
    }

    /// The position of a partition was found out, unless it was asked for under another stamp.
    pub(super) fn resolve(
        &mut self,
        partition: &TopicPartition,
        stamp: u64,
        offset: i64,
        epoch: i32,
    ) {
        if let Some(state) = self.current(partition, stamp) {
            place(state, offset);
            state.position_epoch = epoch;
            state.fetched_epoch = epoch;
            state.succeed();
        }
    }

    /// The partition, if nothing was changed since `stamp`.
    pub(super) fn current(&mut self, partition: &TopicPartition, stamp: u64) -> Option<&mut State> {
        self.states
            .get_mut(partition)
            .filter(|state| state.stamp == stamp)
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&State> {
        self.states.get(partition)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut State> {
        self.states.get_mut(partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &State)> {
        self.states.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut State)> {
        self.states.iter_mut()
    }

    pub(super) fn names(&self) -> Vec<TopicPartition> {
        self.states.keys().cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// When the next partition that waits may be asked about.
    pub(super) fn next_due(&self, now: Duration) -> Option<Duration> {
        let waiting = self
            .states
            .values()
            .filter(|state| !state.paused || state.stage != Stage::Fetching);
        waiting
            .map(|state| state.not_before)
            .filter(|due| *due > now)
            .min()
    }

    fn next_stamp(&mut self) -> u64 {
        self.stamps += 1;
        self.stamps
    }
}

fn place(state: &mut State, offset: i64) {
    state.stage = Stage::Fetching;
    state.position = offset;
    state.fetch_offset = offset;
    state.position_epoch = -1;
    state.fetched_epoch = -1;
    state.resolving = false;
    state.not_before = Duration::ZERO;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(stage: Stage) -> (Partitions, TopicPartition) {
        let ms = Duration::from_millis;
        let mut partitions = Partitions::new(Backoff::new(ms(100), ms(1000)));
        let name = TopicPartition::new("t", 0);
        partitions.add([name.clone()], stage);
        (partitions, name)
    }

    #[test]
    fn an_answer_to_an_old_question_is_dropped() {
        let (mut partitions, name) = partitions(Stage::Committed);
        let asked = partitions.get(&name).unwrap().stamp;
        assert!(partitions.seek(&name, 42));
        partitions.resolve(&name, asked, 7, -1);
        assert_eq!(partitions.get(&name).unwrap().known_position(), Some(42));
    }

    #[test]
    fn what_is_kept_keeps_its_position() {
        let (mut partitions, name) = partitions(Stage::Committed);
        partitions.seek(&name, 42);
        partitions.replace(
            vec![name.clone(), TopicPartition::new("t", 1)],
            Stage::Committed,
        );
        assert_eq!(partitions.get(&name).unwrap().known_position(), Some(42));
        partitions.replace(vec![TopicPartition::new("t", 1)], Stage::Committed);
        assert!(partitions.get(&name).is_none());
    }

    #[test]
    fn epochs_of_a_topic_that_was_made_anew_are_forgotten() {
        let (mut partitions, name) = partitions(Stage::Committed);
        let stamp = partitions.get(&name).unwrap().stamp;
        partitions.resolve(&name, stamp, 7, 3);
        let state = partitions.get_mut(&name).unwrap();
        for (id, epoch) in [(1, 3), (1, 3), (2, -1)] {
            state.fetch_from(Uuid([id; 16]));
            assert_eq!((state.fetched_epoch, state.fetch_offset), (epoch, 7));
        }
    }

    #[test]
    fn a_failure_delays_the_next_question() {
        let (mut partitions, name) = partitions(Stage::Reset(-2));
        let now = Duration::from_secs(1);
        assert_eq!(
            partitions.get(&name).unwrap().wants(now),
            Some(Stage::Reset(-2))
        );
        partitions.get_mut(&name).unwrap().back_off(now);
        assert_eq!(partitions.get(&name).unwrap().wants(now), None);
        let due = partitions.next_due(now).unwrap();
        assert!(partitions.get(&name).unwrap().wants(due).is_some());
    }
}
