//! `cooperative-sticky`: as `sticky`, but members keep what they have while the group rebalances.
//!
//! A partition that has to move is in nobody's assignment the first time: its owner gives it up when it sees that it
//! is gone, joins again, and only then it is handed on (KIP-429). Members of other makes count on that rule.

use std::collections::BTreeMap;

use super::sticky::{Claim, divide};
use super::{Assignments, Consumer, PartitionCounts, user_data};
use crate::consumer::topic_partition::TopicPartition;

pub(super) fn assign(members: &[Consumer], counts: &PartitionCounts) -> Assignments {
    let claims = members.iter().map(|member| Claim {
        member,
        partitions: member.owned.clone(),
        generation: generation(member),
    });
    let mut assignments = divide(members, &claims.collect::<Vec<_>>(), counts);
    withhold_moving(&mut assignments, members);
    assignments
}

/// Members that do not tell their generation in the subscription tell it in the assignor's own data.
fn generation(member: &Consumer) -> i32 {
    if member.generation >= 0 {
        member.generation
    } else {
        user_data::decode_generation(member.user_data.as_ref())
    }
}

/// Takes out what one member is to get while another still holds it.
fn withhold_moving(assignments: &mut Assignments, members: &[Consumer]) {
    let mut held: BTreeMap<&TopicPartition, Vec<&str>> = BTreeMap::new();
    for member in members {
        for partition in &member.owned {
            held.entry(partition).or_default().push(&member.member_id);
        }
    }
    for (member, partitions) in assignments {
        partitions.retain(|partition| {
            held.get(partition)
                .is_none_or(|holders| holders.iter().all(|holder| holder == member))
        });
    }
}
