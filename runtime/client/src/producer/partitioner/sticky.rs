//! Choosing partitions without keys: one for a batch's worth of bytes, or each in its turn.

use std::time::Duration;

use crate::backoff::random_u64;
use crate::cluster::Topic;
use crate::producer::batch::Body;
use crate::producer::config::Adaptive;
use crate::producer::partition::PartitionQueue;

/// Where the records of a topic without keys go at the moment.
#[derive(Debug, Default)]
pub(in crate::producer) struct Sticky {
    current: Option<usize>,
    /// Bytes that the current partition was given.
    bytes: usize,
    /// The next turn, where every record goes to another partition.
    turn: usize,
}

/// What a change of the partition looks at.
pub(in crate::producer) struct Sight<'a> {
    pub(in crate::producer) topic: &'a Topic,
    pub(in crate::producer) queues: &'a [PartitionQueue],
    pub(in crate::producer) adaptive: &'a Adaptive,
    pub(in crate::producer) now: Duration,
}

impl Sticky {
    /// The partition for a record; it changes after `batch` bytes.
    #[inline]
    pub(in crate::producer) fn partition(
        &mut self,
        payload: usize,
        batch: usize,
        sight: &Sight<'_>,
    ) -> usize {
        let count = sight.topic.partitions.len();
        let current = match self.current {
            Some(current) if current < count && self.bytes < batch => current,
            _ => self.change(sight),
        };
        self.bytes += payload;
        current
    }

    #[cold]
    fn change(&mut self, sight: &Sight<'_>) -> usize {
        let usable = usable(sight);
        let weights: Vec<u64> = if sight.adaptive.enabled {
            weights(&usable, sight.queues)
        } else {
            vec![1; usable.len()]
        };
        let next = choose(&usable, &weights, self.current, random_u64()).unwrap_or(0);
        self.bytes = 0;
        self.current = Some(next);
        next
    }

    /// The next partition that has a leader, or the next at all where none has.
    pub(in crate::producer) fn next_in_turn(&mut self, topic: &Topic) -> usize {
        let count = topic.partitions.len();
        let turns = (0..count).map(|ahead| (self.turn + ahead) % count);
        let led = |at: &usize| topic.partitions[*at].leader.is_some();
        let next = turns.clone().find(led).unwrap_or(self.turn % count.max(1));
        self.turn = next + 1;
        next
    }
}

/// Partitions with a leader that takes what it is given; all, where there is none.
fn usable(sight: &Sight<'_>) -> Vec<usize> {
    let led = |at: &usize| sight.topic.partitions[*at].leader.is_some();
    let led: Vec<usize> = (0..sight.topic.partitions.len()).filter(led).collect();
    let taking = |at: &usize| !is_stuck(sight, *at);
    let taking: Vec<usize> = led.iter().copied().filter(taking).collect();
    if !taking.is_empty() {
        taking
    } else if !led.is_empty() {
        led
    } else {
        (0..sight.topic.partitions.len()).collect()
    }
}

/// Whether a batch has waited for its leader longer than `partitioner.availability.timeout.ms`.
fn is_stuck(sight: &Sight<'_>, at: usize) -> bool {
    let Some(patience) = sight.adaptive.availability_timeout else {
        return false;
    };
    let Some(front) = sight.queues.get(at).and_then(|queue| queue.batches.front()) else {
        return false;
    };
    sight.now.saturating_sub(front.created) > sight.adaptive.linger + patience
}

/// The fewer batches wait, the more weight, as in Java: the longest queue has weight 1.
fn weights(usable: &[usize], queues: &[PartitionQueue]) -> Vec<u64> {
    let waiting = |at: &usize| {
        let queue = queues.get(*at);
        // An open batch that nothing waits behind says nothing about the leader's speed.
        queue.map_or(0, |queue| {
            let closed = queue
                .batches
                .iter()
                .filter(|batch| matches!(batch.body, Body::Closed(_)));
            closed.count().max(queue.batches.len().saturating_sub(1)) as u64
        })
    };
    let lengths: Vec<u64> = usable.iter().map(waiting).collect();
    let most = lengths.iter().copied().max().unwrap_or(0);
    lengths.iter().map(|length| most + 1 - length).collect()
}

/// One at random by weight, another than `current` where there is a choice.
fn choose(usable: &[usize], weights: &[u64], current: Option<usize>, random: u64) -> Option<usize> {
    let others = usable
        .iter()
        .zip(weights)
        .filter(|(at, _)| usable.len() == 1 || Some(**at) != current);
    let total: u64 = others.clone().map(|(_, weight)| weight).sum();
    let mut point = random % total.max(1);
    let found = others.clone().find(|(_, weight)| {
        let here = point < **weight;
        point = point.saturating_sub(**weight);
        here
    });
    found.map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_changes_where_it_can() {
        assert_eq!(choose(&[], &[], None, 7), None);
        assert_eq!(choose(&[3], &[1], Some(3), 7), Some(3));
        for random in 0..50 {
            let next = choose(&[1, 2, 4], &[1, 1, 1], Some(2), random);
            assert!([1, 4].contains(&next.unwrap()));
        }
    }

    #[test]
    fn partitions_where_less_waits_are_chosen_more_often() {
        let times = |at| {
            (0..1_000)
                .filter(|random| choose(&[0, 1, 2], &[8, 1, 1], None, *random) == Some(at))
                .count()
        };
        assert_eq!((times(0), times(1), times(2)), (800, 100, 100));
    }

    #[test]
    fn turns_leave_out_partitions_without_a_leader() {
        let topic = topic(&[Some(1), None, Some(2)]);
        let mut sticky = Sticky::default();
        let turns: Vec<usize> = (0..4).map(|_| sticky.next_in_turn(&topic)).collect();
        assert_eq!(turns, [0, 2, 0, 2]);
        let mut sticky = Sticky::default();
        let nobody = self::topic(&[None, None]);
        let turns: Vec<usize> = (0..3).map(|_| sticky.next_in_turn(&nobody)).collect();
        assert_eq!(turns, [0, 1, 0]);
    }

    fn topic(leaders: &[Option<i32>]) -> Topic {
        let partition = |(index, leader): (i32, &Option<i32>)| crate::cluster::Partition {
            index,
            leader: *leader,
            leader_epoch: 0,
            replicas: Vec::new(),
            isr: Vec::new(),
        };
        Topic {
            name: "t".into(),
            id: millrace_wire::uuid::Uuid::ZERO,
            is_internal: false,
            partitions: (0..).zip(leaders).map(partition).collect(),
            updated: Duration::ZERO,
        }
    }
}
