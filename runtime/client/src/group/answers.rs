//! What the coordinator's answers do to a member.

use std::time::Duration;

use bytes::Bytes;
use log::{debug, info, warn};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{HeartbeatResponse, JoinGroupResponse, SyncGroupResponse};

use super::error::GroupError;
use super::machine::{Machine, State};
use super::membership::{Event, Joined};
use super::protocol::{AssignError, Member};
use crate::in_step::in_step;

/// A request to the coordinator, or the search for it, that brought nothing usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came back, or it may pass: the coordinator is looked for again after a while.
    Retriable(String),
    /// It will not work the next time either.
    Refused(ErrorCode),
}

impl Machine {
    /// The search for the coordinator ended.
    pub fn found(&mut self, result: Result<(), Failure>, now: Duration) {
        if self.answer(result, now).is_some() {
            self.coordinator = true;
        }
    }

    /// JoinGroup was answered.
    pub fn joined(&mut self, result: Result<JoinGroupResponse, Failure>, now: Duration) {
        self.join_sent = false;
        let Some(answer) = self.answer(result, now) else {
            return;
        };
        match answer.error_code {
            ErrorCode::NONE => self.accept(answer),
            ErrorCode::MEMBER_ID_REQUIRED => self.identity.member_id = answer.member_id,
            ErrorCode::UNKNOWN_MEMBER_ID => self.identity.forget_member(),
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::REBALANCE_IN_PROGRESS => {
                self.back_off(now)
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                self.lose_coordinator(now)
            }
            other => self.refuse(other),
        }
    }

    fn accept(&mut self, answer: JoinGroupResponse) {
        let expected = self.settings.protocol_type;
        if let Some(found) = answer.protocol_type.filter(|found| found != expected) {
            let group = self.settings.group_id.clone();
            return self.fail(GroupError::OtherProtocol {
                group,
                expected: expected.to_owned(),
                found,
            });
        }
        self.failures = 0;
        self.join_reason.clear();
        self.identity.generation = answer.generation_id;
        self.identity.member_id = answer.member_id;
        self.identity.protocol = answer.protocol_name.unwrap_or_default();
        self.leader = answer.leader;
        let leads = self.leader == self.identity.member_id;
        info!(
            "group {}: joined generation {} as {}{}",
            self.settings.group_id,
            self.identity.generation,
            self.identity.member_id,
            if leads { ", its leader" } else { "" }
        );
        let members = answer.members.into_iter().map(|member| Member {
            id: member.member_id,
            instance_id: member.group_instance_id,
            metadata: member.metadata,
        });
        let work = leads && !answer.skip_assignment;
        self.to_assign = work.then(|| (self.identity.protocol.clone(), members.collect()));
        self.assignments.clear();
        self.state = if work {
            State::Assigning
        } else {
            State::Syncing
        };
    }

    /// The leader's protocol has divided the work, or could not.
    pub fn assigned(&mut self, result: Result<Vec<(String, Bytes)>, AssignError>, now: Duration) {
        match result {
            Ok(assignments) => {
                self.assignments = assignments;
                self.state = State::Syncing;
            }
            Err(error) if error.retriable => {
                info!(
                    "group {}: cannot assign yet: {error}",
                    self.settings.group_id
                );
                self.state = State::Joining;
                self.back_off(now);
            }
            Err(error) => {
                let group = self.settings.group_id.clone();
                self.fail(GroupError::Assignment {
                    group,
                    reason: error.reason,
                });
            }
        }
    }

    /// SyncGroup was answered. Whatever goes wrong here, the member joins once more.
    pub fn synced(&mut self, result: Result<SyncGroupResponse, Failure>, now: Duration) {
        self.assignments.clear();
        self.state = State::Joining;
        let Some(answer) = self.answer(result, now) else {
            return;
        };
        match answer.error_code {
            ErrorCode::NONE => self.settle(answer.assignment, now),
            ErrorCode::UNKNOWN_MEMBER_ID => self.identity.forget_member(),
            ErrorCode::ILLEGAL_GENERATION => self.identity.forget(false),
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => self.back_off(now),
            ErrorCode::REBALANCE_IN_PROGRESS => {}
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                self.lose_coordinator(now)
            }
            other => self.refuse(other),
        }
    }

    fn settle(&mut self, assignment: Bytes, now: Duration) {
        self.failures = 0;
        self.heartbeat_pause = self.settings.first_heartbeat;
        self.schedule_heartbeat(now);
        self.state = State::Stable;
        self.events.push_back(Event::Joined(Joined {
            generation: self.identity.generation,
            member_id: self.identity.member_id.clone(),
            leader: self.leader.clone(),
            protocol: self.identity.protocol.clone(),
            assignment,
        }));
        if let Some(reason) = self.rejoin_after.take() {
            self.prepare(&reason);
        }
    }

    fn schedule_heartbeat(&mut self, now: Duration) {
        let longest = self.settings.heartbeat_interval;
        let pause = self.heartbeat_pause.min(longest);
        self.heartbeat_pause = pause.saturating_mul(2);
        self.next_heartbeat = now + in_step(now, pause);
    }

    /// Heartbeat was answered.
    pub fn beaten(&mut self, result: Result<HeartbeatResponse, Failure>, now: Duration) {
        self.schedule_heartbeat(now);
        let Some(answer) = self.answer(result, now) else {
            return;
        };
        match answer.error_code {
            ErrorCode::NONE => self.failures = 0,
            ErrorCode::REBALANCE_IN_PROGRESS if self.state == State::Stable => {
                self.prepare("the coordinator asks for a rebalance");
            }
            ErrorCode::REBALANCE_IN_PROGRESS => {}
            _ if !self.watches_owner() => {}
            ErrorCode::UNKNOWN_MEMBER_ID => self.lose(true),
            ErrorCode::ILLEGAL_GENERATION => self.lose(false),
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => self.back_off(now),
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                self.lose_coordinator(now)
            }
            other => self.refuse(other),
        }
    }

    fn answer<R>(&mut self, result: Result<R, Failure>, now: Duration) -> Option<R> {
        match result {
            Ok(answer) => Some(answer),
            Err(Failure::Retriable(reason)) => {
                debug!(
                    "group {}: no answer from the coordinator: {reason}",
                    self.settings.group_id
                );
                self.lose_coordinator(now);
                None
            }
            Err(Failure::Refused(code)) => {
                warn!("group {}: refused: {code}", self.settings.group_id);
                self.refuse(code);
                None
            }
        }
    }
}
