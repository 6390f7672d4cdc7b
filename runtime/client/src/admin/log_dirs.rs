//! The nodes' log directories, and the partitions in them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribableLogDirTopic, DescribeLogDirsRequest, DescribeLogDirsResult,
};

use super::{Admin, Place, by_topic};
use crate::error::ClientError;

/// A log directory of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    /// Its absolute path on the node.
    pub path: String,
    /// What is wrong with it: `KAFKA_STORAGE_ERROR` once it is offline.
    pub error: Option<ErrorCode>,
    /// Bytes of the volume that it is on, where the node says (Kafka 3.3).
    pub total_bytes: Option<u64>,
    /// Bytes left on that volume.
    pub usable_bytes: Option<u64>,
    /// The partitions in it.
    pub replicas: BTreeMap<Place, LogDirReplica>,
}

/// A partition as it lies in a log directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogDirReplica {
    /// Bytes of its log.
    pub size: u64,
    /// How many offsets it is behind the high watermark.
    pub offset_lag: i64,
    /// Whether it is on its way into this directory from another.
    pub is_future: bool,
}

impl Admin {
    /// The log directories of these nodes, or of all where none is named. `places` restricts the
    /// partitions that are told of; none tells of all.
    ///
    /// # Errors
    ///
    /// Where the nodes cannot be listed; the error of one node is its own.
    pub async fn describe_log_dirs(
        &self,
        nodes: &[i32],
        places: Option<&[Place]>,
    ) -> Result<BTreeMap<i32, Result<Vec<LogDir>, ClientError>>, ClientError> {
        let metadata = self.retried(|| self.cluster().refresh(&[])).await?;
        let nodes: Vec<i32> = if nodes.is_empty() {
            metadata.nodes.keys().copied().collect()
        } else {
            nodes.to_vec()
        };
        let topics = places.map(|places| {
            by_topic(places.iter().map(|place| (place.clone(), ())))
                .into_iter()
                .map(|(topic, partitions)| DescribableLogDirTopic {
                    topic: topic.to_string(),
                    partitions: partitions.into_iter().map(|(index, ())| index).collect(),
                })
                .collect()
        });
        let request = DescribeLogDirsRequest { topics };
        let request = &request;
        let described = nodes.into_iter().map(|node| async move {
            let dirs = self.retried(|| self.log_dirs_once(node, request)).await;
            (node, dirs)
        });
        Ok(join_all(described).await.into_iter().collect())
    }

    async fn log_dirs_once(
        &self,
        node: i32,
        request: &DescribeLogDirsRequest,
    ) -> Result<Vec<LogDir>, ClientError> {
        let answer = self.node(node).await?.call(request).await?;
        answer.error_code.ok().map_err(|code| {
            let doing = format!("cannot describe the log directories of node {node}");
            ClientError::refused(doing, code, None)
        })?;
        Ok(answer.results.into_iter().map(log_dir).collect())
    }
}

fn log_dir(result: DescribeLogDirsResult) -> LogDir {
    let mut replicas = BTreeMap::new();
    for topic in result.topics {
        let name: std::sync::Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let replica = LogDirReplica {
                size: u64::try_from(partition.partition_size).unwrap_or(0),
                offset_lag: partition.offset_lag,
                is_future: partition.is_future_key,
            };
            replicas.insert((name.clone(), partition.partition_index), replica);
        }
    }
    LogDir {
        path: result.log_dir,
        error: result.error_code.ok().err(),
        total_bytes: u64::try_from(result.total_bytes).ok(),
        usable_bytes: u64::try_from(result.usable_bytes).ok(),
        replicas,
    }
}
