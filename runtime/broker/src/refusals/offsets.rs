//! Requests about the offsets that groups commit.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use super::Refuse;

/// From this version on OffsetFetch asks for several groups.
const OFFSET_FETCH_GROUPS_FROM: i16 = 8;

impl Refuse for OffsetCommitRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<OffsetCommitResponse> {
        let topics = self
            .topics
            .into_iter()
            .map(|topic| OffsetCommitResponseTopic {
                partitions: topic
                    .partitions
                    .iter()
                    .map(|partition| OffsetCommitResponsePartition {
                        partition_index: partition.partition_index,
                        error_code,
                    })
                    .collect(),
                name: topic.name,
            });
        Some(OffsetCommitResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for OffsetFetchRequest {
    fn refuse(self, version: i16, error_code: ErrorCode) -> Option<OffsetFetchResponse> {
        if version >= OFFSET_FETCH_GROUPS_FROM {
            let groups = self
                .groups
                .into_iter()
                .map(|group| OffsetFetchResponseGroup {
                    group_id: group.group_id,
                    topics: Vec::new(),
                    error_code,
                });
            return Some(OffsetFetchResponse {
                groups: groups.collect(),
                ..Default::default()
            });
        }
        let topics = self.topics.unwrap_or_default();
        let topics = topics.into_iter().map(|topic| OffsetFetchResponseTopic {
            partitions: topic
                .partition_indexes
                .iter()
                .map(|&partition_index| OffsetFetchResponsePartition {
                    partition_index,
                    committed_offset: -1,
                    metadata: Some(String::new()),
                    error_code,
                    ..Default::default()
                })
                .collect(),
            name: topic.name,
        });
        Some(OffsetFetchResponse {
            topics: topics.collect(),
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for OffsetDeleteRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<OffsetDeleteResponse> {
        Some(OffsetDeleteResponse {
            error_code,
            ..Default::default()
        })
    }
}
