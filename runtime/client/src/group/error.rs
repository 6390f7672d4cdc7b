//! Why a member is not, or no longer, part of its group.

use millrace_wire::error_code::ErrorCode;
use thiserror::Error;

/// A failure that joining again does not cure by itself; the owner decides whether to try once more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The coordinator refused the member for good.
    #[error("cannot join group {group}: {code}")]
    Refused {
        /// The group.
        group: String,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// Another process uses the same `group.instance.id` and has taken this member's place.
    #[error(
        "member {instance} of group {group} was replaced by another process with the same group.instance.id"
    )]
    Fenced {
        /// The group.
        group: String,
        /// The `group.instance.id` of both.
        instance: String,
    },
    /// The group speaks something else than this member.
    #[error("group {group} carries protocol {found}, this member speaks {expected}")]
    OtherProtocol {
        /// The group.
        group: String,
        /// The protocol type of this member.
        expected: String,
        /// That of the group.
        found: String,
    },
    /// This member was elected leader and could not divide the work.
    #[error("cannot assign the work of group {group}: {reason}")]
    Assignment {
        /// The group.
        group: String,
        /// What stood in the way.
        reason: String,
    },
}
