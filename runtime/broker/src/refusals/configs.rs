//! Requests about configurations.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use super::Refuse;

impl Refuse for DescribeConfigsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<DescribeConfigsResponse> {
        let results = self
            .resources
            .into_iter()
            .map(|resource| DescribeConfigsResult {
                error_code,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name,
                ..Default::default()
            });
        Some(DescribeConfigsResponse {
            results: results.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for AlterConfigsRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<AlterConfigsResponse> {
        let resources = self.resources.into_iter();
        let responses = resources
            .map(|resource| row(resource.resource_type, resource.resource_name, error_code));
        Some(AlterConfigsResponse {
            responses: responses.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for IncrementalAlterConfigsRequest {
    fn refuse(
        self,
        _version: i16,
        error_code: ErrorCode,
    ) -> Option<IncrementalAlterConfigsResponse> {
        let resources = self.resources.into_iter();
        let responses = resources
            .map(|resource| row(resource.resource_type, resource.resource_name, error_code));
        Some(IncrementalAlterConfigsResponse {
            responses: responses.collect(),
            ..Default::default()
        })
    }
}

impl Refuse for ListConfigResourcesRequest {
    fn refuse(self, _version: i16, error_code: ErrorCode) -> Option<ListConfigResourcesResponse> {
        Some(ListConfigResourcesResponse {
            error_code,
            ..Default::default()
        })
    }
}

fn row(
    resource_type: i8,
    resource_name: String,
    error_code: ErrorCode,
) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        error_code,
        error_message: None,
        resource_type,
        resource_name,
    }
}
