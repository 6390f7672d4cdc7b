//! IncrementalAlterConfigs (44): changes single keys of topics and nodes.

use super::alter_configs::AlterConfigsResourceResponse;
use super::macros::api;

/// Codes of what is done to a key.
pub mod config_operation {
    /// Sets the value.
    pub const SET: i8 = 0;
    /// Takes the value away: the default counts again.
    pub const DELETE: i8 = 1;
    /// Adds elements to a list.
    pub const APPEND: i8 = 2;
    /// Takes elements out of a list.
    pub const SUBTRACT: i8 = 3;
}

api! {
    IncrementalAlterConfigs(0-1, flexible 1+): IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse;

    /// Resources with what is to change.
    struct IncrementalAlterConfigsRequest {
        /// The resources.
        resources: Vec<IncrementalAlterConfigsResource>,
        /// Whether to only check the request.
        validate_only: bool,
    }

    /// A resource to configure.
    struct IncrementalAlterConfigsResource {
        /// What it is: a code of [`config_resource`](super::config_resource).
        resource_type: i8,
        /// Its name.
        resource_name: String,
        /// What is to change.
        configs: Vec<IncrementalAlterableConfig>,
    }

    /// A key to change.
    struct IncrementalAlterableConfig {
        /// The key.
        name: String,
        /// What to do: a code of [`config_operation`].
        config_operation: i8,
        /// The value to do it with.
        value: Option<String>,
    }

    /// What became of each resource.
    struct IncrementalAlterConfigsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The resources, as asked.
        responses: Vec<AlterConfigsResourceResponse>,
    }
}
