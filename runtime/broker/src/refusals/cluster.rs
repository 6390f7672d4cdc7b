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
