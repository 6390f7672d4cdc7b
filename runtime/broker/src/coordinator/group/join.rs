//! JoinGroup: becoming, or staying, a member.

use super::effects::{JoinAnswer, JoinedMember, Ticket};
use super::member::Member;
use super::request::{JoinRequest, MemberRef};
use super::{Effects, Group, State, Step};
use millrace_wire::error_code::ErrorCode;

impl Group {
    /// Takes a join. The answer is in `effects`, now or in a later step.
    pub(crate) fn join(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        if let Err(error) = self.check_join(&request, step) {
            let echoed = match error {
                ErrorCode::GROUP_MAX_SIZE_REACHED => "",
                _ => &request.member_id,
            };
            effects.refuse_join(ticket, echoed, error);
            if error == ErrorCode::GROUP_MAX_SIZE_REACHED {
                self.remove_member(&request.member_id, effects);
                self.complete_join_if_ready(step, effects);
            }
        } else if request.member_id.is_empty() {
            self.join_new(request, ticket, step, effects);
        } else {
            self.join_again(request, ticket, step, effects);
        }
    }

    fn check_join(&self, request: &JoinRequest, step: Step<'_>) -> Result<(), ErrorCode> {
        if !self.has_room_for(request, step.settings.max_size) {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        if !self.accepts_protocols(request) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(())
    }

    fn has_room_for(&self, request: &JoinRequest, max_size: usize) -> bool {
        let known = self.known_member(request);
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                let waiting = self.members.iter().filter(|member| member.join.is_some());
                known.is_some_and(|member| member.join.is_some()) || waiting.count() < max_size
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < max_size
            }
        }
    }

    /// The member a join is about, also when a static one lost its id.
    fn known_member(&self, request: &JoinRequest) -> Option<&Member> {
        let by_instance = request
            .instance_id
            .as_deref()
            .filter(|_| request.member_id.is_empty())
            .and_then(|instance| self.members.id_of_instance(instance));
        self.members.get(by_instance.unwrap_or(&request.member_id))
    }

    /// A group with members takes only those of its protocol type that share a protocol with all of them.
    fn accepts_protocols(&self, request: &JoinRequest) -> bool {
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return false;
        }
        self.state == State::Empty
            || (self.protocol_type() == request.protocol_type
                && self.members.have_in_common(&request.protocols))
    }

    fn join_new(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        let prefix = request.instance_id.as_ref().unwrap_or(&request.client_id);
        let id = format!("{prefix}-{}", request.fresh);
        let replaced = request
            .instance_id
            .as_deref()
            .and_then(|instance| self.members.id_of_instance(instance))
            .map(str::to_owned);
        if let Some(replaced) = replaced {
            self.replace_static(&replaced, &id, request, ticket, step, effects);
        } else if request.two_phase && request.instance_id.is_none() {
            let lapses = step.now.after_ms(request.session_timeout_ms);
            effects.refuse_join(ticket, &id, ErrorCode::MEMBER_ID_REQUIRED);
            self.handed_out.insert(id, lapses);
        } else {
            self.add_member(id, request, ticket, step, effects);
        }
    }

    fn join_again(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        if request.instance_id.is_none() && self.handed_out.remove(&request.member_id).is_some() {
            let id = request.member_id.clone();
            return self.add_member(id, request, ticket, step, effects);
        }
        let member = MemberRef {
            member_id: request.member_id.clone(),
            instance_id: request.instance_id.clone(),
        };
        if let Err(error) = self.check_member(&member) {
            return effects.refuse_join(ticket, &request.member_id, error);
        }
        let unchanged = self
            .members
            .get(&request.member_id)
            .is_some_and(|known| known.protocols == request.protocols);
        let keeps_generation = match self.state {
            State::CompletingRebalance => unchanged,
            State::Stable => unchanged && !self.is_leader(&request.member_id),
            State::PreparingRebalance | State::Empty => false,
        };
        if keeps_generation {
            if let Some(known) = self.members.get_mut(&request.member_id) {
                known.renew_session(step.now);
            }
            effects.join(ticket, self.joined(&request.member_id));
        } else {
            self.rejoin(request, ticket, step, effects);
        }
    }

    fn add_member(
        &mut self,
        id: String,
        request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        if let Some(phase) = &mut self.join_phase {
            phase.note_new_member();
        }
        self.members
            .insert(Member::new(id, request, ticket, step.now));
        self.rebalance(step, effects);
    }

    /// A known member joins the next generation.
    pub(super) fn rejoin(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        let id = request.member_id.clone();
        if let Some(member) = self.members.get_mut(&id) {
            member.update(request);
            member.renew_session(step.now);
            // Only a client that gave up on its first request sends a second; whoever still listens shall try again.
            if let Some(earlier) = member.join.replace(ticket) {
                effects.refuse_join(earlier, &id, ErrorCode::REBALANCE_IN_PROGRESS);
            }
        }
        self.rebalance(step, effects);
    }

    /// The answer that tells a member the current generation.
    pub(super) fn joined(&self, member_id: &str) -> JoinAnswer {
        JoinAnswer {
            outcome: Ok(()),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: if self.is_leader(member_id) {
                self.roster()
            } else {
                Vec::new()
            },
        }
    }

    /// Every member with its metadata for the chosen protocol: what the leader works with.
    pub(super) fn roster(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        self.members
            .iter()
            .map(|member| JoinedMember {
                member_id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                metadata: member.metadata(protocol),
            })
            .collect()
    }
}
