//! `range`: each topic's partitions are cut into runs, one for each subscriber; the first get one more.

use std::sync::Arc;

use super::{Assignments, Consumer, PartitionCounts, nothing, subscribers};
use crate::consumer::topic_partition::TopicPartition;

pub(super) fn assign(members: &[Consumer], counts: &PartitionCounts) -> Assignments {
    let mut assignments = nothing(members);
    for (topic, subscribers) in subscribers(members, counts) {
        let partitions = usize::try_from(counts[topic]).unwrap_or(0);
        let (each, extra) = (
            partitions / subscribers.len(),
            partitions % subscribers.len(),
        );
        let name: Arc<str> = topic.into();
        let mut next = 0;
        for (index, member) in subscribers.iter().enumerate() {
            let length = each + usize::from(index < extra);
            let run = (next..next + length).filter_map(|number| i32::try_from(number).ok());
            if let Some(assigned) = assignments.get_mut(&member.member_id) {
                assigned.extend(run.map(|number| TopicPartition::new(Arc::clone(&name), number)));
            }
            next += length;
        }
    }
    assignments
}
