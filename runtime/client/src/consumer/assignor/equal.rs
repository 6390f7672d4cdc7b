//! The sticky division where all members subscribe to the same topics, as Kafka's Java clients make it.
//!
//! Every member gets the same number of partitions, or the first few one more. Each keeps of what it had as many as it
//! may, those of the lowest numbers; the rest is dealt out in turn to whoever has too few, by member ids. Where more
//! members had one more than may keep it, the first by their ids do; Java takes them in the order of its hash table.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Assignments, Consumer, PartitionCounts, nothing};
use crate::consumer::topic_partition::TopicPartition;

/// Whether all members want the same topics.
pub(super) fn is_equal(members: &[Consumer]) -> bool {
    fn wanted(member: &Consumer) -> BTreeSet<&String> {
        member.topics.iter().collect()
    }
    let mut all = members.iter().map(wanted);
    let first = all.next();
    all.all(|topics| Some(topics) == first)
}

/// Divides the partitions of the topics that all members want. `owners` says who had what.
pub(super) fn divide(
    members: &[Consumer],
    owners: &BTreeMap<TopicPartition, String>,
    counts: &PartitionCounts,
) -> Assignments {
    let all = partitions(members, counts);
    let mut quotas = Quotas::new(all.len(), members.len());
    let mut kept = BTreeSet::new();
    let mut assignments = nothing(members);
    let (mut short, mut exact) = (VecDeque::new(), VecDeque::new());
    let mut owned = by_owner(owners);
    for (member, assigned) in &mut assignments {
        let mut had = owned.remove(member).unwrap_or_default();
        had.truncate(quotas.may_keep(had.len()));
        match had.len() {
            held if held < quotas.least => short.push_back(member.clone()),
            held if held == quotas.least => exact.push_back(member.clone()),
            _ => {}
        }
        kept.extend(had.iter().cloned());
        *assigned = had;
    }
    let free = all
        .into_iter()
        .filter(|partition| !kept.contains(partition));
    deal_out(free, short, exact, quotas.least, &mut assignments);
    assignments.values_mut().for_each(|held| held.sort());
    assignments
}

/// How many partitions a member may have.
struct Quotas {
    least: usize,
    /// Members that may still keep one more than that.
    above: usize,
}

impl Quotas {
    fn new(partitions: usize, members: usize) -> Self {
        let members = members.max(1);
        Self {
            least: partitions / members,
            above: partitions % members,
        }
    }

    /// How many a member keeps that had `held`.
    fn may_keep(&mut self, held: usize) -> usize {
        if held > self.least && self.above > 0 {
            self.above -= 1;
            self.least + 1
        } else {
            held.min(self.least)
        }
    }
}

/// One after the other: first to those with too few, until each has enough, then one more to others.
fn deal_out(
    free: impl Iterator<Item = TopicPartition>,
    mut short: VecDeque<String>,
    mut exact: VecDeque<String>,
    least: usize,
    assignments: &mut Assignments,
) {
    for partition in free {
        let Some(member) = short.pop_front().or_else(|| exact.pop_front()) else {
            return;
        };
        let assigned = assignments.entry(member.clone()).or_default();
        assigned.push(partition);
        match assigned.len() {
            held if held < least => short.push_back(member),
            held if held == least => exact.push_back(member),
            _ => {}
        }
    }
}

/// All partitions of the topics that exist, by topic and number.
fn partitions(members: &[Consumer], counts: &PartitionCounts) -> Vec<TopicPartition> {
    let wanted: BTreeSet<&String> = members.iter().flat_map(|member| &member.topics).collect();
    let existing = wanted
        .into_iter()
        .filter_map(|topic| Some((topic, *counts.get(topic)?)));
    let of_topic = |(topic, count): (&String, i32)| {
        let topic: Arc<str> = topic.as_str().into();
        (0..count).map(move |number| TopicPartition::new(Arc::clone(&topic), number))
    };
    existing.flat_map(of_topic).collect()
}

/// What each had, those first that it is to keep: by number, then by topic.
fn by_owner(owners: &BTreeMap<TopicPartition, String>) -> BTreeMap<&String, Vec<TopicPartition>> {
    let mut owned: BTreeMap<&String, Vec<TopicPartition>> = BTreeMap::new();
    for (partition, owner) in owners {
        owned.entry(owner).or_default().push(partition.clone());
    }
    for had in owned.values_mut() {
        had.sort_by(|one, other| (one.partition, &one.topic).cmp(&(other.partition, &other.topic)));
    }
    owned
}
