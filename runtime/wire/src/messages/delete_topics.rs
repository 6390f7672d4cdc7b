//! DeleteTopics (20): deletes topics, by name, and from version 6 by id too.

use super::macros::api;
use crate::error_code::ErrorCode;
use crate::uuid::Uuid;

api! {
    DeleteTopics(1-6, flexible 4+): DeleteTopicsRequest => DeleteTopicsResponse;

    /// Topics to delete.
    struct DeleteTopicsRequest {
        /// The topics, by name or id.
        topics: Vec<DeleteTopicState> [6+],
        /// The topics' names.
        topic_names: Vec<String> [0-5],
        /// How long it may take, in milliseconds.
        timeout_ms: i32,
    }

    /// A topic to delete.
    struct DeleteTopicState {
        /// Its name, null where it is named by its id.
        name: Option<String>,
        /// Its id, zero where it is named by its name.
        topic_id: Uuid,
    }

    /// What became of each topic.
    struct DeleteTopicsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32 [1+],
        /// The topics, as asked.
        responses: Vec<DeletableTopicResult>,
    }

    /// What became of one topic.
    struct DeletableTopicResult {
        /// Its name.
        name: Option<String> [0+, nullable 6+],
        /// Its id.
        topic_id: Uuid [6+],
        /// What went wrong.
        error_code: ErrorCode,
        /// What went wrong, in words.
        error_message: Option<String> [5+],
    }
}
