//! Heartbeats, leaving, and what the passing of time does.

use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use super::request::MemberRef;
use super::{Effects, Group, State, Step};

impl Group {
    /// Takes a heartbeat. During a rebalance it counts as a sign of life and is answered with
    /// [`ErrorCode::REBALANCE_IN_PROGRESS`], so that the member joins again.
    pub(crate) fn heartbeat(
        &mut self,
        member: &MemberRef,
        generation: i32,
        step: Step<'_>,
    ) -> Result<(), ErrorCode> {
        self.check_member(member)?;
        if generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        self.renew_session(&member.member_id, step);
        match self.state {
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// Lets members go, each with its own outcome. An instance id alone names a static member that an admin removes.
    pub(crate) fn leave(
        &mut self,
        leaving: &[MemberRef],
        step: Step<'_>,
        effects: &mut Effects,
    ) -> Vec<Result<(), ErrorCode>> {
        let members = self.members.len();
        let outcomes = leaving
            .iter()
            .map(|member| self.leave_one(member, effects))
            .collect();
        self.members_went(self.members.len() < members, step, effects);
        outcomes
    }

    fn leave_one(&mut self, member: &MemberRef, effects: &mut Effects) -> Result<(), ErrorCode> {
        let id = match &member.instance_id {
            Some(instance) if member.member_id.is_empty() => self
                .members
                .id_of_instance(instance)
                .ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
                .to_owned(),
            None if self.handed_out.remove(&member.member_id).is_some() => return Ok(()),
            _ => {
                self.check_member(member)?;
                member.member_id.clone()
            }
        };
        self.remove_member(&id, effects);
        Ok(())
    }

    /// Goes on after members (`lost`) or only handed-out ids are gone. The latter may complete a join phase but are no
    /// reason for a rebalance.
    fn members_went(&mut self, lost: bool, step: Step<'_>, effects: &mut Effects) {
        match self.state {
            State::Empty => {}
            State::PreparingRebalance => self.complete_join_if_ready(step, effects),
            State::CompletingRebalance | State::Stable if lost => self.rebalance(step, effects),
            State::CompletingRebalance | State::Stable => {}
        }
    }

    /// A sign of life of a member.
    pub(super) fn renew_session(&mut self, id: &str, step: Step<'_>) {
        if let Some(member) = self.members.get_mut(id)
            && !member.is_new
        {
            member.renew_session(step.now);
        }
    }

    /// The moment at which [`Group::tick`] has something to do; requests may move it.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let sessions = self.members.iter().filter_map(|member| member.lost_at());
        let handed_out = self.handed_out.values().copied();
        let join = self.join_phase.as_ref().map(|phase| phase.ends);
        sessions
            .chain(handed_out)
            .chain(join)
            .chain(self.sync_ends)
            .min()
    }

    /// Does what is due: loses members, takes back ids, ends the phases of a rebalance.
    pub(crate) fn tick(&mut self, step: Step<'_>, effects: &mut Effects) {
        let now = step.now.monotonic;
        self.handed_out.retain(|_, lapses| *lapses > now);
        let lost: Vec<String> = self
            .members
            .iter()
            .filter(|member| member.lost_at().is_some_and(|at| at <= now))
            .map(|member| member.id.clone())
            .collect();
        for id in &lost {
            log::info!(
                "group {}: member {id} is lost, its session timed out",
                self.id
            );
            self.remove_member(id, effects);
        }
        self.members_went(!lost.is_empty(), step, effects);
        if self.sync_ends.is_some_and(|ends| ends <= now) {
            self.end_sync_phase(step, effects);
        }
        if self
            .join_phase
            .as_ref()
            .is_some_and(|phase| phase.ends <= now)
        {
            self.end_join_phase(step, effects);
        }
    }
}
