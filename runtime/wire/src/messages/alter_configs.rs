//! AlterConfigs (33): replaces the whole configuration of topics and nodes.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    AlterConfigs(0-2, flexible 2+): AlterConfigsRequest => AlterConfigsResponse;

    /// Resources with all that they are to have.
    struct AlterConfigsRequest {
        /// The resources.
        resources: Vec<AlterConfigsResource>,
        /// Whether to only check the request.
        validate_only: bool,
    }

    /// A resource to configure.
    struct AlterConfigsResource {
        /// What it is: a code of [`config_resource`](super::config_resource).
        resource_type: i8,
        /// Its name.
        resource_name: String,
        /// All its keys; those not listed go back to their defaults.
        configs: Vec<AlterableConfig>,
    }

    /// A key to set.
    struct AlterableConfig {
        /// The key.
        name: String,
        /// Its value.
        value: Option<String>,
    }

    /// What became of each resource.
    struct AlterConfigsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The resources, as asked.
        responses: Vec<AlterConfigsResourceResponse>,
    }

    /// What became of a resource.
    struct AlterConfigsResourceResponse {
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
        /// What it is.
        resource_type: i8,
        /// Its name.
        resource_name: String,
    }
}
