//! DescribeConfigs (32): the configuration of topics and nodes. Version 3 adds types and documentation.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    DescribeConfigs(1-4, flexible 4+): DescribeConfigsRequest => DescribeConfigsResponse;

    /// Resources asked about.
    struct DescribeConfigsRequest {
        /// The resources.
        resources: Vec<DescribeConfigsResource>,
        /// Whether to list all values that a key could have, with the one in force first.
        include_synonyms: bool,
        /// Whether to explain the keys.
        include_documentation: bool [3+],
    }

    /// A resource asked about.
    struct DescribeConfigsResource {
        /// What it is: a code of [`config_resource`](super::config_resource).
        resource_type: i8,
        /// Its name.
        resource_name: String,
        /// The keys asked for; null for all.
        configuration_keys: Option<Vec<String>>,
    }

    /// The resources.
    struct DescribeConfigsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// The resources, as asked.
        results: Vec<DescribeConfigsResult>,
    }

    /// A resource.
    struct DescribeConfigsResult {
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
        /// What it is.
        resource_type: i8,
        /// Its name.
        resource_name: String,
        /// Its keys.
        configs: Vec<DescribeConfigsResourceResult>,
    }

    /// A key of a resource.
    struct DescribeConfigsResourceResult {
        /// The key.
        name: String,
        /// Its value; null where it is secret.
        value: Option<String>,
        /// Whether it cannot be changed while the node runs.
        read_only: bool,
        /// Where the value comes from.
        config_source: i8 = -1,
        /// Whether the value is secret.
        is_sensitive: bool,
        /// The values the key could have, in the order in which they count.
        synonyms: Vec<DescribeConfigsSynonym>,
        /// The type of the value.
        config_type: i8 [3+],
        /// What the key means.
        documentation: Option<String> [3+],
    }

    /// A value that a key could have.
    struct DescribeConfigsSynonym {
        /// The key that gives it.
        name: String,
        /// The value; null where it is secret.
        value: Option<String>,
        /// Where the value comes from.
        source: i8,
    }
}
