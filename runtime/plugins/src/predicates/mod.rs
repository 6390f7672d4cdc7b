//! One file a predicate.

mod has_header_key;
mod meets_condition;
mod record_is_tombstone;
mod topic_name_matches;

pub(crate) use has_header_key::{HasHeaderKey, HasHeaderKeyConfig};
pub(crate) use meets_condition::{MeetsCondition, MeetsConditionConfig};
pub(crate) use record_is_tombstone::RecordIsTombstone;
pub(crate) use topic_name_matches::{TopicNameMatches, TopicNameMatchesConfig};
