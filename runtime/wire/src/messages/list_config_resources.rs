//! ListConfigResources (74): what has a configuration. Version 0 lists subscriptions to metrics of clients only.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    ListConfigResources(0-1, flexible 0+): ListConfigResourcesRequest => ListConfigResourcesResponse;

    /// What is asked.
    struct ListConfigResourcesRequest {
        /// Of which kinds, by the codes of [`config_resource`](super::config_resource); none for all.
        resource_types: Vec<i8> [1+],
    }

    /// The resources.
    struct ListConfigResourcesResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// The resources.
        config_resources: Vec<ListedConfigResource>,
    }

    /// A resource.
    struct ListedConfigResource {
        /// Its name.
        resource_name: String,
        /// What it is.
        resource_type: i8 [1+] = 16,
    }
}
