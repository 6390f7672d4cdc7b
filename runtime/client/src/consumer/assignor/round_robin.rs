//! `roundrobin`: all partitions in order, dealt out to the members in turn, over members that do not subscribe.

use std::sync::Arc;

use super::{Assignments, Consumer, PartitionCounts, nothing, subscribers};
use crate::consumer::topic_partition::TopicPartition;

pub(super) fn assign(members: &[Consumer], counts: &PartitionCounts) -> Assignments {
    let mut assignments = nothing(members);
    let mut turn = 0;
    for topic in subscribers(members, counts).into_keys() {
        let name: Arc<str> = topic.into();
        for number in 0..counts[topic] {
            while !members[turn % members.len()]
                .topics
                .iter()
                .any(|wanted| wanted == topic)
            {
                turn += 1;
            }
            let member = &members[turn % members.len()];
            turn += 1;
            if let Some(assigned) = assignments.get_mut(&member.member_id) {
                assigned.push(TopicPartition::new(Arc::clone(&name), number));
            }
        }
    }
    assignments
}
