//! A static member that comes back without its member id, as after a restart of its process.

use super::effects::Ticket;
use super::request::JoinRequest;
use super::{Effects, Group, State, Step};
use millrace_wire::error_code::ErrorCode;

impl Group {
    /// Gives the static member `old` the id `new`. Where the group is stable and would choose the same protocol
    /// again, the member goes on in the current generation; otherwise the group rebalances.
    pub(super) fn replace_static(
        &mut self,
        old: &str,
        new: &str,
        mut request: JoinRequest,
        ticket: Ticket,
        step: Step<'_>,
        effects: &mut Effects,
    ) {
        self.fence(old, effects);
        let led = self.is_leader(old);
        if led {
            self.leader = Some(new.to_owned());
        }
        if let Some(member) = self.members.rename(old, new) {
            member.owes_sync = false;
        }
        let can_skip_assignment = request.can_skip_assignment;
        new.clone_into(&mut request.member_id);

        if self.state != State::Stable {
            return self.rejoin(request, ticket, step, effects);
        }
        if let Some(member) = self.members.get_mut(new) {
            member.update(request.clone());
            member.renew_session(step.now);
        }
        if self.members.elect_protocol() != self.protocol {
            return self.rejoin(request, ticket, step, effects);
        }
        self.store(effects);
        let mut answer = self.joined(new);
        if led && can_skip_assignment {
            answer.skip_assignment = true;
        } else if led {
            // A client that cannot be told to skip must not take itself for the leader and assign anew.
            old.clone_into(&mut answer.leader);
            answer.members.clear();
        }
        effects.join(ticket, answer);
    }

    /// Answers what the former process of a static member still waits for.
    fn fence(&mut self, id: &str, effects: &mut Effects) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        if let Some(ticket) = member.join.take() {
            effects.refuse_join(ticket, id, ErrorCode::FENCED_INSTANCE_ID);
        }
        if let Some(ticket) = member.sync.take() {
            effects.refuse_sync(ticket, ErrorCode::FENCED_INSTANCE_ID);
        }
    }
}
