//! `sticky`: as even as the subscriptions allow, moving as little as possible.
//!
//! Members give up everything before they join, so that each tells in the assignor's own data what it had before.
//! Where all subscribe to the same topics, [`equal`] divides as Kafka's Java clients do. Otherwise only evenness
//! matters between members of other makes; the exact choice is each leader's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Assignments, Consumer, PartitionCounts, equal, nothing, subscribers, user_data};
use crate::consumer::topic_partition::TopicPartition;

/// What a member has, or had last, and the generation it is from.
pub(super) struct Claim<'a> {
    pub(super) member: &'a Consumer,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) generation: i32,
}

pub(super) fn assign(members: &[Consumer], counts: &PartitionCounts) -> Assignments {
    let claims = members.iter().map(|member| {
        let previous = user_data::decode_previous(member.user_data.as_ref());
        Claim {
            member,
            partitions: previous.partitions,
            generation: previous.generation,
        }
    });
    divide(members, &claims.collect::<Vec<_>>(), counts)
}

/// Divides evenly and leaves where it is what may stay.
pub(super) fn divide(
    members: &[Consumer],
    claims: &[Claim<'_>],
    counts: &PartitionCounts,
) -> Assignments {
    let owners = owners(claims, counts);
    if equal::is_equal(members) {
        return equal::divide(members, &owners, counts);
    }
    let mut plan = Plan::new(members, counts);
    plan.keep(&owners);
    plan.hand_out();
    plan.even_out();
    plan.assignments
}

/// Who holds what. Of two that claim a partition, the one of the later generation is right; equal claims count for
/// nobody.
fn owners(claims: &[Claim<'_>], counts: &PartitionCounts) -> BTreeMap<TopicPartition, String> {
    let mut claimants: BTreeMap<&TopicPartition, Vec<&Claim<'_>>> = BTreeMap::new();
    for claim in claims {
        for partition in &claim.partitions {
            let exists = counts
                .get(&*partition.topic)
                .is_some_and(|count| partition.partition < *count);
            let wanted = &claim.member.topics;
            if exists && wanted.iter().any(|topic| **topic == *partition.topic) {
                claimants.entry(partition).or_default().push(claim);
            }
        }
    }
    let latest = |claimants: Vec<&Claim<'_>>| {
        let generation = claimants.iter().map(|claim| claim.generation).max()?;
        let mut holders = claimants
            .into_iter()
            .filter(|claim| claim.generation == generation);
        let holder = holders.next()?.member;
        holders.next().is_none().then(|| holder.member_id.clone())
    };
    claimants
        .into_iter()
        .filter_map(|(partition, claimants)| Some((partition.clone(), latest(claimants)?)))
        .collect()
}

struct Plan<'a> {
    assignments: Assignments,
    subscribers: BTreeMap<&'a str, Vec<&'a Consumer>>,
    unassigned: BTreeSet<TopicPartition>,
    order: HashMap<&'a str, usize>,
}

impl<'a> Plan<'a> {
    fn new(members: &'a [Consumer], counts: &PartitionCounts) -> Self {
        let subscribers = subscribers(members, counts);
        let mut unassigned = BTreeSet::new();
        for topic in subscribers.keys() {
            let name: Arc<str> = (*topic).into();
            unassigned.extend(
                (0..counts[*topic]).map(|number| TopicPartition::new(Arc::clone(&name), number)),
            );
        }
        let order = members
            .iter()
            .enumerate()
            .map(|(index, member)| (member.member_id.as_str(), index))
            .collect();
        Plan {
            assignments: nothing(members),
            subscribers,
            unassigned,
            order,
        }
    }

    fn keep(&mut self, owners: &BTreeMap<TopicPartition, String>) {
        for (partition, owner) in owners {
            if self.unassigned.remove(partition) {
                self.assignments
                    .entry(owner.clone())
                    .or_default()
                    .push(partition.clone());
            }
        }
    }

    /// Free partitions go, in order, to the subscriber that has the fewest; those with few takers first.
    fn hand_out(&mut self) {
        let mut free: Vec<TopicPartition> =
            std::mem::take(&mut self.unassigned).into_iter().collect();
        free.sort_by_key(|partition| self.subscribers[&*partition.topic].len());
        for partition in free {
            if let Some(member) = self.least_loaded(&partition) {
                self.assignments.entry(member).or_default().push(partition);
            }
        }
    }

    fn least_loaded(&self, partition: &TopicPartition) -> Option<String> {
        let takers = self.subscribers[&*partition.topic].iter();
        let least = takers.min_by_key(|member| {
            (
                self.load(&member.member_id),
                self.order[member.member_id.as_str()],
            )
        });
        least.map(|member| member.member_id.clone())
    }

    fn load(&self, member: &str) -> usize {
        self.assignments.get(member).map_or(0, Vec::len)
    }

    /// Moves partitions from members with more to takers with at least two fewer until nothing moves. Every move
    /// makes the sum of squared loads smaller, so it ends.
    fn even_out(&mut self) {
        while let Some((from, at, to)) = self.improvement() {
            if let Some(held) = self.assignments.get_mut(&from) {
                let partition = held.swap_remove(at);
                self.assignments.entry(to).or_default().push(partition);
            }
        }
        self.assignments.values_mut().for_each(|held| held.sort());
    }

    fn improvement(&self) -> Option<(String, usize, String)> {
        let mut loaded: Vec<&String> = self.assignments.keys().collect();
        loaded.sort_by_key(|member| std::cmp::Reverse(self.load(member)));
        let least = self.assignments.values().map(Vec::len).min()?;
        for member in loaded
            .into_iter()
            .take_while(|member| self.load(member) >= least + 2)
        {
            let held = &self.assignments[member];
            for (at, partition) in held.iter().enumerate().rev() {
                let taker = self.least_loaded(partition)?;
                if self.load(&taker) + 2 <= held.len() {
                    return Some((member.clone(), at, taker));
                }
            }
        }
        None
    }
}
