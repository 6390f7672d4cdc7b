//! Dividing partitions between the members of a consumer group.
//!
//! The leader runs the assignor that the coordinator chose among those all members offer, so that each of them must
//! come to what its name promises: clients by others compute and expect the same.

mod cooperative_sticky;
mod equal;
mod range;
mod round_robin;
mod sticky;
mod user_data;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::topic_partition::TopicPartition;

/// A member that wants partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consumer {
    /// Its id within the group.
    pub member_id: String,
    /// Its `group.instance.id`, which orders members before their ids do.
    pub instance_id: Option<String>,
    /// Topics it subscribes to.
    pub topics: Vec<String>,
    /// What it holds, as far as it can be believed.
    pub owned: Vec<TopicPartition>,
    /// The generation `owned` is from, -1 for none.
    pub generation: i32,
    /// What its assignor of the same name has to say beside that.
    pub user_data: Option<Bytes>,
}

impl Consumer {
    /// Static members come first and in the order of their instance ids, so that they keep what they had over
    /// restarts.
    fn order(&self) -> (bool, &str, &str) {
        let instance = self.instance_id.as_deref();
        (
            instance.is_none(),
            instance.unwrap_or_default(),
            &self.member_id,
        )
    }
}

/// The number of partitions of each topic that exists.
pub type PartitionCounts = BTreeMap<String, i32>;

/// What each member gets, by its id.
pub type Assignments = BTreeMap<String, Vec<TopicPartition>>;

/// What a member was assigned last, whether it still holds it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAssignment {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// The generation, -1 for none.
    pub generation: i32,
}

impl Default for LastAssignment {
    fn default() -> Self {
        Self {
            partitions: Vec::new(),
            generation: -1,
        }
    }
}

/// A way of dividing partitions, also one's own. All members of a group must offer one of the same name.
pub trait PartitionAssignor: Send + Sync + std::fmt::Debug {
    /// Its name in the group protocol.
    fn name(&self) -> &str;

    /// Whether members keep their partitions during a rebalance. Then it may not give a partition to one member while
    /// another holds it.
    fn is_cooperative(&self) -> bool {
        false
    }

    /// What this member tells the leader beside its topics and what it holds.
    fn user_data(&self, _last: &LastAssignment) -> Option<Bytes> {
        None
    }

    /// Divides the partitions of the topics that exist between the members, which come in a stable order: static ones
    /// by their instance ids, then the others by their member ids. Called on the group's leader only.
    fn assign(&self, members: &[Consumer], counts: &PartitionCounts) -> Assignments;
}

/// The ways to divide partitions that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// `range`: topic by topic, a run of partitions for each member.
    Range,
    /// `roundrobin`: all partitions dealt out in turn.
    RoundRobin,
    /// `sticky`: even, and moving as little as possible; members give up everything while the group rebalances.
    Sticky,
    /// `cooperative-sticky`: even, and moving as little as possible; members keep what they have while it moves.
    CooperativeSticky,
}

/// Names of assignors as Kafka's clients configure them: by class or by protocol name.
const NAMES: &[(&str, Assignor)] = &[
    ("range", Assignor::Range),
    (
        "org.apache.kafka.clients.consumer.RangeAssignor",
        Assignor::Range,
    ),
    ("roundrobin", Assignor::RoundRobin),
    (
        "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        Assignor::RoundRobin,
    ),
    ("sticky", Assignor::Sticky),
    (
        "org.apache.kafka.clients.consumer.StickyAssignor",
        Assignor::Sticky,
    ),
    ("cooperative-sticky", Assignor::CooperativeSticky),
    (
        "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        Assignor::CooperativeSticky,
    ),
];

impl Assignor {
    /// The assignor of that protocol or class name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, assignor)| *assignor)
    }
}

impl PartitionAssignor for Assignor {
    fn name(&self) -> &str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    fn is_cooperative(&self) -> bool {
        *self == Assignor::CooperativeSticky
    }

    fn user_data(&self, last: &LastAssignment) -> Option<Bytes> {
        match self {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::Sticky => user_data::encode_previous(last),
            Assignor::CooperativeSticky => Some(user_data::encode_generation(last.generation)),
        }
    }

    fn assign(&self, members: &[Consumer], counts: &PartitionCounts) -> Assignments {
        match self {
            Assignor::Range => range::assign(members, counts),
            Assignor::RoundRobin => round_robin::assign(members, counts),
            Assignor::Sticky => sticky::assign(members, counts),
            Assignor::CooperativeSticky => cooperative_sticky::assign(members, counts),
        }
    }
}

/// Puts members into the order in which assignors get them.
pub(super) fn sort(members: &mut [Consumer]) {
    members.sort_by(|one, other| one.order().cmp(&other.order()));
}

fn nothing(members: &[Consumer]) -> Assignments {
    members
        .iter()
        .map(|member| (member.member_id.clone(), Vec::new()))
        .collect()
}

/// The subscribed topics that exist, in order, each with its subscribers in the order of `members`.
fn subscribers<'a>(
    members: &'a [Consumer],
    counts: &PartitionCounts,
) -> BTreeMap<&'a str, Vec<&'a Consumer>> {
    let mut topics: BTreeMap<&str, Vec<&Consumer>> = BTreeMap::new();
    for member in members {
        let mut wanted: Vec<&str> = member.topics.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for topic in wanted
            .into_iter()
            .filter(|topic| counts.contains_key(*topic))
        {
            topics.entry(topic).or_default().push(member);
        }
    }
    topics
}

#[cfg(test)]
mod java;
#[cfg(test)]
mod tests;
