//! Requests about the node itself.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use super::Refuse;

impl Refuse for ApiVersionsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<ApiVersionsResponse> {
        Some(ApiVersionsResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for DescribeClusterRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DescribeClusterResponse> {
        Some(DescribeClusterResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for DescribeLogDirsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DescribeLogDirsResponse> {
        Some(DescribeLogDirsResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for ElectLeadersRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<ElectLeadersResponse> {
        let topics = self.topic_partitions.unwrap_or_default();
        let results = topics.into_iter().map(|topic| ReplicaElectionResult {
            partition_result: topic
                .partitions
                .iter()
                .map(|&partition_id| PartitionResult {
                    partition_id,
                    error_code,
                    error_message: None,
                })
                .collect(),
            topic: topic.topic,
        });
        Some(ElectLeadersResponse {
            error_code,
            replica_election_results: results.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for AlterPartitionReassignmentsRequest {
    fn refuse(
        self,
        _version: i16,
        error_code: ErrorCode,
    ) -> Option<AlterPartitionReassignmentsResponse> {
        Some(AlterPartitionReassignmentsResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for ListPartitionReassignmentsRequest {
    fn refuse(
        self,
        _version: i16,
        error_code: ErrorCode,
    ) -> Option<ListPartitionReassignmentsResponse> {
        Some(ListPartitionReassignmentsResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for SaslHandshakeRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<SaslHandshakeResponse> {
        Some(SaslHandshakeResponse {
            error_code,
            ..Default::default()
        })
    }
}

impl Refuse for SaslAuthenticateRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<SaslAuthenticateResponse> {
        Some(SaslAuthenticateResponse {
            error_code,
            ..Default::default()
        })
    }
}
