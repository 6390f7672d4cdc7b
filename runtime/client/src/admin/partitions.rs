//! More partitions for a topic, and fewer records in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::messages::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};

use super::leaders::Answers;
use super::{Admin, ByPlace, Place, by_topic, said};
use crate::connection::Connection;
use crate::error::ClientError;

/// In place of an offset to delete records before: the end of what can be read.
pub use millrace_wire::messages::delete_records::HIGH_WATERMARK;

impl Admin {
    /// Raises the number of a topic's partitions to `total`. `replicas` names the nodes of each new
    /// partition; empty lets the brokers choose. With `validate_only` nothing changes.
    ///
    /// # Errors
    ///
    /// As the broker says: `INVALID_PARTITIONS` where there are that many already,
    /// `UNKNOWN_TOPIC_OR_PARTITION` where there is no such topic.
    pub async fn create_partitions(
        &self,
        topic: &str,
        total: i32,
        replicas: &[Vec<i32>],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let assignments = replicas.iter().map(|nodes| CreatePartitionsAssignment {
            broker_ids: nodes.clone(),
        });
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: topic.to_owned(),
                count: total,
                assignments: (!replicas.is_empty()).then(|| assignments.collect()),
            }],
            timeout_ms: self.limit_ms(),
            validate_only,
        };
        self.retried_if_known(|| self.create_partitions_once(topic, &request))
            .await
    }

    async fn create_partitions_once(
        &self,
        topic: &str,
        request: &CreatePartitionsRequest,
    ) -> Result<(), ClientError> {
        let connection = self.controller().await?;
        let answer = connection.call_within(self.limit, request).await?;
        answer.results.into_iter().next().map_or(Ok(()), |result| {
            let doing = || format!("cannot add partitions to topic {topic}");
            said(doing, result.error_code, result.error_message)
        })
    }

    /// Deletes the records before an offset, or before [`HIGH_WATERMARK`]. Gives the first offset
    /// that is left of each partition.
    pub async fn delete_records(&self, before: &BTreeMap<Place, i64>) -> ByPlace<i64> {
        let timeout_ms = self.limit_ms();
        self.ask_leaders("cannot delete records of", before, |leader, asked| {
            delete(leader, timeout_ms, asked)
        })
        .await
    }
}

async fn delete(
    leader: Arc<Connection>,
    timeout_ms: i32,
    asked: Vec<(Place, i64)>,
) -> Result<Answers<i64>, ClientError> {
    let partition = |(partition_index, offset)| DeleteRecordsPartition {
        partition_index,
        offset,
    };
    let topics = by_topic(asked).into_iter();
    let request = DeleteRecordsRequest {
        topics: topics
            .map(|(topic, partitions)| DeleteRecordsTopic {
                name: topic.to_string(),
                partitions: partitions.into_iter().map(partition).collect(),
            })
            .collect(),
        timeout_ms,
    };
    let answer = leader.call(&request).await?;
    let mut answers = Answers::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.into();
        for result in topic.partitions {
            let outcome = result.error_code.ok().map_err(Into::into);
            let place = (Arc::clone(&name), result.partition_index);
            answers.push((place, outcome.map(|()| result.low_watermark)));
        }
    }
    Ok(answers)
}
