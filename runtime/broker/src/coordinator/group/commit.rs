//! Which commits, deletions and expiries of offsets a group allows, and the changes they make.
//!
//! Nothing is changed here: the shell stores the changes and hands them to [`Group::apply_offset`], which is also how
//! they are replayed.

use millrace_wire::error_code::ErrorCode;

use super::offsets::Expiry;
use super::request::CommitRequest;
use super::{Group, State, Step};
use crate::coordinator::record::{Change, OffsetValue};

impl Group {
    /// Checks a commit: `Err` refuses all of it, else each offset has its own outcome and `changes` gets those to store.
    pub(crate) fn commit(
        &mut self,
        request: CommitRequest,
        step: Step<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        self.check_commit(&request)?;
        self.renew_session(&request.member.member_id, step);
        let commit_ms = step.now.wall_ms;
        let expire_ms = request
            .retention_ms
            .filter(|&ms| ms >= 0)
            .map(|ms| commit_ms.saturating_add(ms));
        let outcomes = request.offsets.into_iter().map(|commit| {
            if commit.metadata.len() > step.settings.offset_metadata_max_bytes {
                return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
            }
            changes.push(self.offset_change(
                commit.topic,
                commit.partition,
                Some(OffsetValue {
                    offset: commit.offset,
                    leader_epoch: commit.leader_epoch,
                    metadata: commit.metadata,
                    commit_ms,
                    expire_ms,
                }),
            ));
            Ok(())
        });
        Ok(outcomes.collect())
    }

    fn check_commit(&self, request: &CommitRequest) -> Result<(), ErrorCode> {
        if request.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        let member = &request.member;
        if request.generation < 0 && member.member_id.is_empty() && member.instance_id.is_none() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_member(member)?;
        if request.generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// Checks whether offsets of the group may be deleted at all.
    pub(crate) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        if self.state == State::Empty || self.uses_consumer_protocol() {
            Ok(())
        } else {
            Err(ErrorCode::NON_EMPTY_GROUP)
        }
    }

    /// Deletes one offset; a topic that members still subscribe to keeps its offsets.
    pub(crate) fn delete_offset(
        &self,
        topic: &str,
        partition: i32,
        changes: &mut Vec<Change>,
    ) -> Result<(), ErrorCode> {
        if self.is_subscribed_to(topic) {
            return Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
        }
        if self.offsets.get(topic, partition).is_some() {
            changes.push(self.offset_change(topic.to_owned(), partition, None));
        }
        Ok(())
    }

    /// Whether members use the topic; subscriptions that cannot be read count as everything.
    fn is_subscribed_to(&self, topic: &str) -> bool {
        if self.state == State::Empty {
            return false;
        }
        match &self.topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Deletes the group with all its offsets; only an empty one may go.
    pub(crate) fn delete(&self, changes: &mut Vec<Change>) -> Result<(), ErrorCode> {
        if self.state != State::Empty {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        self.delete_offsets_of(|_| true, changes);
        changes.push(self.removal());
        Ok(())
    }

    /// Deletes the offsets of every topic that `gone` names, whatever the group's state.
    pub(crate) fn delete_offsets_of(&self, gone: impl Fn(&str) -> bool, changes: &mut Vec<Change>) {
        for (topic, partition, _) in self.offsets.iter().filter(|(topic, ..)| gone(topic)) {
            changes.push(self.offset_change(topic.to_owned(), partition, None));
        }
    }

    /// Deletes what has expired, the group itself if nothing of it is left.
    pub(crate) fn expire(&self, step: Step<'_>, changes: &mut Vec<Change>) {
        let expiry = Expiry {
            retention: step.settings.offsets_retention,
            now_ms: step.now.wall_ms,
        };
        let mut left = self.offsets.len();
        for (topic, partition, value) in self.offsets.iter() {
            let unused_since = match self.state {
                State::Empty if self.protocol_type.is_none() || self.state_ms < 0 => {
                    value.commit_ms
                }
                State::Empty => self.state_ms,
                State::Stable if self.topics.is_some() && !self.is_subscribed_to(topic) => {
                    value.commit_ms
                }
                _ => continue,
            };
            if expiry.has_come(value, unused_since) {
                changes.push(self.offset_change(topic.to_owned(), partition, None));
                left -= 1;
            }
        }
        if self.state == State::Empty && self.handed_out.is_empty() && left == 0 {
            changes.push(self.removal());
        }
    }

    fn offset_change(&self, topic: String, partition: i32, value: Option<OffsetValue>) -> Change {
        Change::Offset {
            group: self.id.clone(),
            topic,
            partition,
            value,
        }
    }

    fn removal(&self) -> Change {
        Change::Group {
            group: self.id.clone(),
            value: None,
        }
    }
}
