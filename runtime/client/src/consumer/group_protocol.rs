//! What a consumer brings to its group: its subscription, and the division of partitions if it leads.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::assignor::{self, LastAssignment, PartitionAssignor, PartitionCounts};
use super::protocol::{decode_member, encode_assignment, encode_subscription};
use super::topic_partition::TopicPartition;
use crate::cluster::{Cluster, Metadata};
use crate::group::{AssignError, GroupProtocol, Member, Offer};

/// What the consumer tells the membership task.
#[derive(Debug, Default)]
struct View {
    topics: BTreeSet<Arc<str>>,
    owned: Vec<TopicPartition>,
    generation: i32,
    /// What it was assigned last; sticky assignors tell it after it was given up.
    last: LastAssignment,
    /// The topics of the whole group as they were when this member divided them.
    divided: PartitionCounts,
}

/// The consumer's side of the `consumer` protocol.
#[derive(Debug)]
pub(super) struct ConsumerProtocol {
    cluster: Cluster,
    assignors: Vec<Arc<dyn PartitionAssignor>>,
    rack: Option<String>,
    view: Mutex<View>,
}

impl ConsumerProtocol {
    pub(super) fn new(
        cluster: Cluster,
        assignors: Vec<Arc<dyn PartitionAssignor>>,
        rack: &str,
    ) -> Self {
        let rack = (!rack.is_empty()).then(|| rack.to_owned());
        let view = Mutex::new(View {
            generation: -1,
            ..View::default()
        });
        ConsumerProtocol {
            cluster,
            assignors,
            rack,
            view,
        }
    }

    /// Whether members keep their partitions while the group rebalances: only if all assignors can.
    pub(super) fn is_cooperative(&self) -> bool {
        self.assignors
            .iter()
            .all(|assignor| assignor.is_cooperative())
    }

    /// Changes the topics. Returns whether they are others than before.
    pub(super) fn subscribe(&self, topics: BTreeSet<Arc<str>>) -> bool {
        let mut view = self.view();
        let changed = view.topics != topics;
        view.topics = topics;
        changed
    }

    /// What the member holds since that generation.
    pub(super) fn own(&self, owned: Vec<TopicPartition>, generation: i32) {
        let mut view = self.view();
        view.owned = owned;
        view.generation = generation;
    }

    /// The group assigned these partitions to the member.
    pub(super) fn assigned(&self, partitions: Vec<TopicPartition>, generation: i32) {
        let mut view = self.view();
        view.last = LastAssignment {
            partitions: partitions.clone(),
            generation,
        };
        view.owned = partitions;
        view.generation = generation;
    }

    /// This member does not lead its generation.
    pub(super) fn follow(&self) {
        self.view().divided.clear();
    }

    /// Topics to keep an eye on: its own, and as a leader those of all members.
    pub(super) fn topics(&self) -> BTreeSet<Arc<str>> {
        let view = self.view();
        view.topics
            .iter()
            .cloned()
            .chain(view.divided.keys().map(|topic| Arc::from(topic.as_str())))
            .collect()
    }

    /// Whether a leader's division no longer fits what there is.
    pub(super) fn is_outdated(&self, metadata: &Metadata) -> bool {
        let view = self.view();
        view.divided.iter().any(|(topic, count)| {
            let now = metadata
                .topic(topic)
                .map_or(0, |topic| topic.partitions.len());
            usize::try_from(*count).is_ok_and(|count| count != now)
        })
    }

    async fn counts(&self, topics: BTreeSet<String>) -> Result<PartitionCounts, AssignError> {
        let names: Vec<Arc<str>> = topics
            .iter()
            .map(|topic| Arc::from(topic.as_str()))
            .collect();
        let metadata = self
            .cluster
            .refresh(&names)
            .await
            .map_err(|error| AssignError {
                retriable: error.is_retriable(),
                reason: error.to_string(),
            })?;
        let count = |topic: String| {
            let partitions = metadata
                .topic(&topic)
                .map_or(0, |topic| topic.partitions.len());
            (topic, i32::try_from(partitions).unwrap_or(i32::MAX))
        };
        Ok(topics.into_iter().map(count).collect())
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl GroupProtocol for ConsumerProtocol {
    fn protocol_type(&self) -> &'static str {
        "consumer"
    }

    fn offers(&self) -> Vec<Offer> {
        let view = self.view();
        let topics: Vec<String> = view.topics.iter().map(|topic| topic.to_string()).collect();
        let offer = |assignor: &Arc<dyn PartitionAssignor>| {
            let data = assignor.user_data(&view.last);
            let (topics, rack) = (topics.clone(), self.rack.clone());
            let encoded = encode_subscription(topics, &view.owned, view.generation, rack, data);
            match encoded {
                Ok(metadata) => Some(Offer {
                    name: assignor.name().to_owned(),
                    metadata,
                }),
                Err(error) => {
                    log::error!("cannot say what this consumer subscribes to: {error}");
                    None
                }
            }
        };
        self.assignors.iter().filter_map(offer).collect()
    }

    async fn assign(
        &self,
        protocol: &str,
        _own: &str,
        members: Vec<Member>,
    ) -> Result<Vec<(String, Bytes)>, AssignError> {
        let fatal = |reason: String| AssignError {
            reason,
            retriable: false,
        };
        let assignor = self
            .assignors
            .iter()
            .find(|assignor| assignor.name() == protocol)
            .ok_or_else(|| fatal(format!("no assignor is named {protocol}")))?;
        let members: Result<Vec<_>, _> = members.into_iter().map(decode_member).collect();
        let mut members = members
            .map_err(|error| fatal(format!("cannot read a member's subscription: {error}")))?;
        assignor::sort(&mut members);
        let topics = members
            .iter()
            .flat_map(|member| member.topics.iter().cloned())
            .collect();
        let mut counts = self.counts(topics).await?;
        self.view().divided.clone_from(&counts);
        counts.retain(|_, count| *count > 0);
        let assignments = assignor.assign(&members, &counts).into_iter();
        let encoded =
            assignments.map(|(member, partitions)| Ok((member, encode_assignment(&partitions)?)));
        encoded
            .collect::<Result<_, millrace_wire::codec::EncodeError>>()
            .map_err(|error| fatal(format!("cannot write an assignment: {error}")))
    }
}
