//! FindCoordinator (10): which node looks after a group or a transactional id. Version 4 asks for several at once.

use super::macros::api;
use crate::error_code::ErrorCode;

/// Key type of a group id.
pub const GROUP_KEY_TYPE: i8 = 0;
/// Key type of a transactional id.
pub const TRANSACTION_KEY_TYPE: i8 = 1;
/// Key type of a share group's partition.
pub const SHARE_KEY_TYPE: i8 = 2;

api! {
    FindCoordinator(0-6, flexible 3+): FindCoordinatorRequest => FindCoordinatorResponse;

    /// Keys asked about.
    struct FindCoordinatorRequest {
        /// The key.
        key: String [0-3],
        /// What the keys are: 0 groups, 1 transactional ids, 2 share groups.
        key_type: i8 [1+],
        /// The keys.
        coordinator_keys: Vec<String> [4+],
    }

    /// The nodes found.
    struct FindCoordinatorResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// What went wrong.
        error_code: ErrorCode [0-3],
        /// What went wrong, in words.
        error_message: Option<String> [1-3],
        /// The node's id.
        node_id: i32 [0-3],
        /// Its host name or address.
        host: String [0-3],
        /// Its port.
        port: i32 [0-3],
        /// The node of each key.
        coordinators: Vec<Coordinator> [4+],
    }

    /// The node of one key.
    struct Coordinator {
        /// The key.
        key: String,
        /// The node's id.
        node_id: i32,
        /// Its host name or address.
        host: String,
        /// Its port.
        port: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String>,
    }
}
