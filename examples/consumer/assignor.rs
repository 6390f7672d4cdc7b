//! An assignor of one's own. All members of a group have to offer one of the same name.

use millrace_client::consumer::TopicPartition;
use millrace_client::consumer::assignor::{
    Assignments, Consumer, PartitionAssignor, PartitionCounts,
};

/// Gives whole topics to members, in the order of their names.
#[derive(Debug)]
pub(crate) struct Alphabetical;

impl PartitionAssignor for Alphabetical {
    fn name(&self) -> &str {
        "alphabetical"
    }

    fn assign(&self, members: &[Consumer], counts: &PartitionCounts) -> Assignments {
        let mut assignments: Assignments = members
            .iter()
            .map(|member| (member.member_id.clone(), Vec::new()))
            .collect();
        for (turn, (topic, count)) in counts.iter().enumerate() {
            let takers: Vec<&Consumer> = members
                .iter()
                .filter(|member| member.topics.contains(topic))
                .collect();
            if takers.is_empty() {
                continue;
            }
            let taker = takers[turn % takers.len()];
            let partitions = (0..*count).map(|number| TopicPartition::new(topic.as_str(), number));
            if let Some(assigned) = assignments.get_mut(&taker.member_id) {
                assigned.extend(partitions);
            }
        }
        assignments
    }
}
