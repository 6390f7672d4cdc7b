//! Requests about the records of partitions.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use super::Refuse;

impl Refuse for ProduceRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<ProduceResponse> {
        if self.acks == 0 {
            return None;
        }
        let topics = self
            .topic_data
            .into_iter()
            .map(|topic| TopicProduceResponse {
                partition_responses: topic
                    .partition_data
                    .iter()
                    .map(|partition| PartitionProduceResponse {
                        index: partition.index,
                        error_code,
                        base_offset: -1,
                        ..Default::default()
                    })
                    .collect(),
                name: topic.name,
                topic_id: topic.topic_id,
            });
        Some(ProduceResponse {
            responses: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for FetchRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<FetchResponse> {
        let topics = self.topics.into_iter().map(|topic| FetchableTopicResponse {
            partitions: topic
                .partitions
                .iter()
                .map(|partition| PartitionData {
                    partition_index: partition.partition,
                    error_code,
                    high_watermark: -1,
                    ..Default::default()
                })
                .collect(),
            topic: topic.topic,
            topic_id: topic.topic_id,
        });
        Some(FetchResponse {
            error_code,
            responses: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for ListOffsetsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<ListOffsetsResponse> {
        let topics = self
            .topics
            .into_iter()
            .map(|topic| ListOffsetsTopicResponse {
                partitions: topic
                    .partitions
                    .iter()
                    .map(|partition| ListOffsetsPartitionResponse {
                        partition_index: partition.partition_index,
                        error_code,
                        ..Default::default()
                    })
                    .collect(),
                name: topic.name,
            });
        Some(ListOffsetsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for DeleteRecordsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DeleteRecordsResponse> {
        let topics = self
            .topics
            .into_iter()
            .map(|topic| DeleteRecordsTopicResult {
                partitions: topic
                    .partitions
                    .iter()
                    .map(|partition| DeleteRecordsPartitionResult {
                        partition_index: partition.partition_index,
                        low_watermark: -1,
                        error_code,
                    })
                    .collect(),
                name: topic.name,
            });
        Some(DeleteRecordsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for OffsetForLeaderEpochRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<OffsetForLeaderEpochResponse> {
        let topics = self
            .topics
            .into_iter()
            .map(|topic| OffsetForLeaderTopicResult {
                partitions: topic
                    .partitions
                    .iter()
                    .map(|partition| OffsetForLeaderPartitionResult {
                        partition: partition.partition,
                        error_code,
                        ..Default::default()
                    })
                    .collect(),
                topic: topic.topic,
            });
        Some(OffsetForLeaderEpochResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for DescribeProducersRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DescribeProducersResponse> {
        let topics = self
            .topics
            .into_iter()
            .map(|topic| DescribeProducersTopicResult {
                partitions: topic
                    .partition_indexes
                    .iter()
                    .map(|&partition_index| DescribeProducersPartition {
                        partition_index,
                        error_code,
                        ..Default::default()
                    })
                    .collect(),
                name: topic.name,
            });
        Some(DescribeProducersResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for InitProducerIdRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<InitProducerIdResponse> {
        Some(InitProducerIdResponse {
            error_code,
            producer_epoch: -1,
            ..Default::default()
        })
    }
}
