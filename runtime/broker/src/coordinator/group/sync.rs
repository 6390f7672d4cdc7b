//! SyncGroup: the leader hands out the assignments, everyone fetches their own.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;

use super::effects::{SyncAnswer, Ticket};
use super::request::SyncRequest;
use super::{Effects, Group, State, Step};

impl Group {
    /// Takes a sync. The answer is in `effects`, now or, for a follower, when the leader's sync came.
    pub(crate) fn sync(
        &mut self,
        request: SyncRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        if let Err(error) = self.check_sync(&request) {
            return effects.refuse_sync(ticket, error);
        }
        let id = request.member.member_id;
        if let Some(member) = self.members.get_mut(&id) {
            member.owes_sync = false;
            member.renew_session(step.now);
        }
        if self.state == State::Stable {
            self.end_sync_phase_if_done();
            return effects.sync(ticket, self.synced(&id));
        }
        if let Some(member) = self.members.get_mut(&id)
            && let Some(earlier) = member.sync.replace(ticket)
        {
            effects.refuse_sync(earlier, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        if self.is_leader(&id) {
            self.become_stable(request.assignments, step, effects);
        }
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), ErrorCode> {
        self.check_member(&request.member)?;
        if request.generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let differs =
            |said: &Option<String>, known: &Option<String>| said.is_some() && said != known;
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol, &self.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// The leader has decided. A member it did not name gets an empty assignment.
    fn become_stable(
        &mut self,
        mut assignments: BTreeMap<String, Bytes>,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        let mut waiting = Vec::new();
        for member in self.members.iter_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
            if let Some(ticket) = member.sync.take() {
                member.renew_session(step.now);
                waiting.push((ticket, member.id.clone()));
            }
        }
        self.enter(State::Stable, step.now);
        self.store(effects);
        for (ticket, id) in waiting {
            effects.sync(ticket, self.synced(&id));
        }
        self.end_sync_phase_if_done();
    }

    fn synced(&self, id: &str) -> SyncAnswer {
        SyncAnswer {
            outcome: Ok(()),
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self
                .members
                .get(id)
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
        }
    }

    fn end_sync_phase_if_done(&mut self) {
        if self.members.iter().all(|member| !member.owes_sync) {
            self.sync_ends = None;
        }
    }

    /// The time for fetching assignments is over: those who did not come are given up.
    pub(super) fn end_sync_phase(&mut self, step: Step<'_>, effects: &mut Effects) {
        self.sync_ends = None;
        let absent: Vec<String> = self
            .members
            .iter()
            .filter(|member| member.owes_sync)
            .map(|member| member.id.clone())
            .collect();
        for id in &absent {
            self.remove_member(id, effects);
        }
        if !absent.is_empty() {
            self.rebalance(step, effects);
        }
    }
}
