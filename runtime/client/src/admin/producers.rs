//! The producers that a partition remembers: whose repeats it would recognise, and whose
//! transactions are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::messages::{DescribeProducersRequest, DescribeProducersTopic, ProducerState};

use super::leaders::{Answers, Refusal};
use super::{Admin, ByPlace, Place, by_topic};
use crate::connection::Connection;
use crate::error::ClientError;

/// A producer that has written to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub epoch: i32,
    /// The sequence number of its last record, -1 where there is none.
    pub last_sequence: i32,
    /// The time of its last record in milliseconds, -1 where there is none.
    pub last_timestamp: i64,
    /// The epoch of the transaction coordinator that wrote its last marker, -1 where none did.
    pub coordinator_epoch: i32,
    /// The first offset of its open transaction.
    pub transaction_start: Option<i64>,
}

impl Admin {
    /// The producers that each partition remembers.
    pub async fn describe_producers(&self, places: &[Place]) -> ByPlace<Vec<ActiveProducer>> {
        let places: BTreeMap<Place, ()> = places.iter().map(|place| (place.clone(), ())).collect();
        self.ask_leaders("cannot describe the producers of", &places, ask)
            .await
    }
}

async fn ask(
    leader: Arc<Connection>,
    asked: Vec<(Place, ())>,
) -> Result<Answers<Vec<ActiveProducer>>, ClientError> {
    let topics = by_topic(asked).into_iter();
    let request = DescribeProducersRequest {
        topics: topics
            .map(|(topic, partitions)| DescribeProducersTopic {
                name: topic.to_string(),
                partition_indexes: partitions.into_iter().map(|(index, ())| index).collect(),
            })
            .collect(),
    };
    let answer = leader.call(&request).await?;
    let mut answers = Answers::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let producers = partition.active_producers.iter().map(producer).collect();
            let outcome = Refusal::unless_ok(partition.error_code, partition.error_message);
            let place = (Arc::clone(&name), partition.partition_index);
            answers.push((place, outcome.map(|()| producers)));
        }
    }
    Ok(answers)
}

fn producer(state: &ProducerState) -> ActiveProducer {
    let start = state.current_txn_start_offset;
    ActiveProducer {
        producer_id: state.producer_id,
        epoch: state.producer_epoch,
        last_sequence: state.last_sequence,
        last_timestamp: state.last_timestamp,
        coordinator_epoch: state.coordinator_epoch,
        transaction_start: (start >= 0).then_some(start),
    }
}
