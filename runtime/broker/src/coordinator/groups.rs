//! The groups of one partition of `__consumer_offsets`.
//!
//! Finds or makes the group a request is about, says what a group that does not exist answers, and forgets groups of
//! which nothing is left. Still no I/O: changes go out in [`Effects`] or as a list, and come back through
//! [`Groups::apply`], at run time as at replay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use super::group::{
    CommitRequest, Effects, Group, JoinRequest, MemberRef, Step, SyncRequest, Ticket,
};
use super::record::Change;

/// Groups by id.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: BTreeMap<String, Group>,
}

impl Groups {
    /// A group that a client can see.
    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.groups.get(id).filter(|group| group.is_visible())
    }

    /// Every group that a client can see.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().filter(|group| group.is_visible())
    }

    /// Takes a join; one without a member id may found the group.
    pub(crate) fn join(
        &mut self,
        id: &str,
        request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        if let Err(error) = self.check_join(id, &request, step) {
            return effects.refuse_join(ticket, &request.member_id, error);
        }
        self.group_or_new(id, step)
            .join(request, ticket, step, effects);
        self.drop_if_void(id);
    }

    fn check_join(&self, id: &str, request: &JoinRequest, step: Step<'_>) -> Result<(), ErrorCode> {
        check_id(id)?;
        let settings = step.settings;
        let allowed = settings.min_session_timeout_ms..=settings.max_session_timeout_ms;
        if !allowed.contains(&request.session_timeout_ms) {
            return Err(ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        if !request.member_id.is_empty() && !self.groups.contains_key(id) {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        Ok(())
    }

    pub(crate) fn sync(
        &mut self,
        id: &str,
        request: SyncRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        match self.members_group(id) {
            Ok(group) => group.sync(request, ticket, step, effects),
            Err(error) => effects.refuse_sync(ticket, error),
        }
    }

    pub(crate) fn heartbeat(
        &mut self,
        id: &str,
        member: &MemberRef,
        generation: i32,
        step: Step<'_>,
    ) -> Result<(), ErrorCode> {
        self.members_group(id)?.heartbeat(member, generation, step)
    }

    /// `Err` refuses the whole request, else each member has its own outcome.
    pub(crate) fn leave(
        &mut self,
        id: &str,
        leaving: &[MemberRef],
        step: Step<'_>,
        effects: &mut Effects,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let outcomes = match self.members_group(id) {
            Ok(group) => group.leave(leaving, step, effects),
            Err(ErrorCode::UNKNOWN_MEMBER_ID) => {
                return Ok(vec![Err(ErrorCode::UNKNOWN_MEMBER_ID); leaving.len()]);
            }
            Err(error) => return Err(error),
        };
        self.drop_if_void(id);
        Ok(outcomes)
    }

    /// Checks a commit. `group_errors` tells whether the client knows [`ErrorCode::GROUP_ID_NOT_FOUND`] here
    /// (OffsetCommit 9 and above).
    pub(crate) fn commit(
        &mut self,
        id: &str,
        request: CommitRequest,
        group_errors: bool,
        step: Step<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        if request.generation >= 0 && !self.groups.contains_key(id) {
            return Err(if group_errors {
                ErrorCode::GROUP_ID_NOT_FOUND
            } else {
                ErrorCode::ILLEGAL_GENERATION
            });
        }
        let outcome = self.group_or_new(id, step).commit(request, step, changes);
        self.drop_if_void(id);
        outcome
    }

    /// `Err` refuses the whole request, else each partition has its own outcome.
    pub(crate) fn delete_offsets(
        &self,
        id: &str,
        partitions: &[(String, i32)],
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        check_id(id)?;
        let group = self.visible(id)?;
        group.check_offset_delete()?;
        Ok(partitions
            .iter()
            .map(|(topic, partition)| group.delete_offset(topic, *partition, changes))
            .collect())
    }

    /// Deletes an empty group.
    pub(crate) fn delete(&self, id: &str, changes: &mut Vec<Change>) -> Result<(), ErrorCode> {
        self.visible(id)?.delete(changes)
    }

    /// Deletes the offsets of topics that are no more.
    pub(crate) fn forget_topics(&self, topics: &BTreeSet<String>, changes: &mut Vec<Change>) {
        for group in self.groups.values() {
            group.delete_offsets_of(|topic| topics.contains(topic), changes);
        }
    }

    /// Deletes expired offsets and groups of which nothing is left.
    pub(crate) fn expire(&self, step: Step<'_>, changes: &mut Vec<Change>) {
        for group in self.groups.values() {
            group.expire(step, changes);
        }
    }

    /// All changes that were stored are applied: the groups are served from here on.
    pub(crate) fn begin_to_serve(&mut self, step: Step<'_>, effects: &mut Effects) {
        for group in self.groups.values_mut() {
            group.begin_to_serve(step, effects);
        }
    }

    /// Does what is due in one group.
    pub(crate) fn tick(&mut self, id: &str, step: Step<'_>, effects: &mut Effects) {
        if let Some(group) = self.groups.get_mut(id) {
            group.tick(step, effects);
        }
        self.drop_if_void(id);
    }

    /// When [`Groups::tick`] is next due for the group.
    pub(crate) fn deadline(&self, id: &str) -> Option<Duration> {
        self.groups.get(id)?.deadline()
    }

    /// The changes of a group's last step could not be stored.
    pub(crate) fn not_stored(&mut self, id: &str, step: Step<'_>, effects: &mut Effects) {
        if let Some(group) = self.groups.get_mut(id) {
            group.not_stored(step, effects);
        }
    }

    /// Takes over a change that is stored: an offset, a deletion or, at replay, a generation.
    pub(crate) fn apply(&mut self, change: Change, step: Step<'_>) {
        match change {
            Change::Offset {
                group,
                topic,
                partition,
                value,
            } => {
                if value.is_some() || self.groups.contains_key(&group) {
                    self.group_or_new(&group, step)
                        .apply_offset(topic, partition, value);
                }
                self.drop_if_void(&group);
            }
            Change::Group {
                group,
                value: Some(value),
            } => self.group_or_new(&group, step).restore(value, step.now),
            Change::Group { group, value: None } => {
                if let Some(known) = self.groups.get_mut(&group) {
                    known.forget_generation(step.now);
                }
                self.drop_if_void(&group);
            }
        }
    }

    fn group_or_new(&mut self, id: &str, step: Step<'_>) -> &mut Group {
        self.groups
            .entry(id.to_owned())
            .or_insert_with(|| Group::new(id, step.now))
    }

    /// The group that a member speaks of; one that does not exist has no members.
    fn members_group(&mut self, id: &str) -> Result<&mut Group, ErrorCode> {
        check_id(id)?;
        self.groups.get_mut(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }

    fn visible(&self, id: &str) -> Result<&Group, ErrorCode> {
        self.get(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)
    }

    fn drop_if_void(&mut self, id: &str) {
        if self.groups.get(id).is_some_and(Group::is_void) {
            self.groups.remove(id);
        }
    }
}

/// Members must name their group; a client that only keeps offsets may do so under the empty id.
fn check_id(id: &str) -> Result<(), ErrorCode> {
    if id.is_empty() {
        Err(ErrorCode::INVALID_GROUP_ID)
    } else {
        Ok(())
    }
}
