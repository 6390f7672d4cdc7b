//! Requests about topics and their partitions.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use super::Refuse;

/// From this version on DeleteTopics names topics by id too.
const DELETE_BY_ID_FROM: i16 = 6;

impl Refuse for MetadataRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<MetadataResponse> {
        let topics = self.topics.unwrap_or_default();
        let topics = topics.into_iter().map(|topic| MetadataResponseTopic {
            error_code,
            // Versions below 12 cannot say null.
            name: Some(topic.name.unwrap_or_default()),
            topic_id: topic.topic_id,
            ..Default::default()
        });
        Some(MetadataResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for CreateTopicsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<CreateTopicsResponse> {
        let topics = self.topics.into_iter().map(|topic| CreatableTopicResult {
            name: topic.name,
            error_code,
            configs: Some(Vec::new()),
            ..Default::default()
        });
        Some(CreateTopicsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for DeleteTopicsRequest {
    fn refuse(self, version: i16, error_code: ErrorCode) -> Option<DeleteTopicsResponse> {
        let refused = |topic: DeleteTopicState| DeletableTopicResult {
            name: topic.name,
            topic_id: topic.topic_id,
            error_code,
            error_message: None,
        };
        let by_name = |name| DeleteTopicState {
            name: Some(name),
            ..Default::default()
        };
        let topics = if version >= DELETE_BY_ID_FROM {
            self.topics
        } else {
            self.topic_names.into_iter().map(by_name).collect()
        };
        Some(DeleteTopicsResponse {
            responses: topics.into_iter().map(refused).collect(),
            ..Default::default()
        })
    }
}

impl Refuse for CreatePartitionsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<CreatePartitionsResponse> {
        let results = self
            .topics
            .into_iter()
            .map(|topic| CreatePartitionsTopicResult {
                name: topic.name,
                error_code,
                error_message: None,
            });
        Some(CreatePartitionsResponse {
            results: results.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for DescribeTopicPartitionsRequest {
    fn refuse(
        self,
        _version: i16,
        error_code: ErrorCode,
    ) -> Option<DescribeTopicPartitionsResponse> {
        let topics = self
            .topics
            .into_iter()
            .map(|topic| DescribeTopicPartitionsResponseTopic {
                error_code,
                name: Some(topic.name),
                ..Default::default()
            });
        Some(DescribeTopicPartitionsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }
}
