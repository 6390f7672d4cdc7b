//! ApiVersions (18): which requests a broker answers, and in which versions.
//!
//! Its response header is never flexible, for the client does not know yet what the broker speaks.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    ApiVersions(0-4, flexible 3+): ApiVersionsRequest => ApiVersionsResponse;

    /// Who asks.
    struct ApiVersionsRequest {
        /// Name of the client's library.
        client_software_name: String [3+],
        /// Its version.
        client_software_version: String [3+],
    }

    /// What the broker answers.
    struct ApiVersionsResponse {
        /// What went wrong.
        error_code: ErrorCode,
        /// The APIs.
        api_keys: Vec<ApiVersion>,
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// Features that can be switched on.
        supported_features: Vec<SupportedFeatureKey> [3+, tag 0],
        /// Epoch of the finalized features, -1 where unknown.
        finalized_features_epoch: i64 [3+, tag 1] = -1,
        /// Features that are switched on.
        finalized_features: Vec<FinalizedFeatureKey> [3+, tag 2],
        /// Set by controllers that can migrate from ZooKeeper.
        zk_migration_ready: bool [3+, tag 3],
    }

    /// The versions of one API.
    struct ApiVersion {
        /// The API's key.
        api_key: i16,
        /// The lowest version.
        min_version: i16,
        /// The highest version.
        max_version: i16,
    }

    /// A feature that can be switched on.
    struct SupportedFeatureKey {
        /// Its name.
        name: String,
        /// The lowest level.
        min_version: i16,
        /// The highest level.
        max_version: i16,
    }

    /// A feature that is switched on.
    struct FinalizedFeatureKey {
        /// Its name.
        name: String,
        /// The highest level that is finalized.
        max_version_level: i16,
        /// The lowest level that is finalized.
        min_version_level: i16,
    }
}
