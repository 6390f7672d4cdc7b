//! The four requests of a member, filled in from what it knows about itself.

use std::time::Duration;

use bytes::Bytes;
use millrace_wire::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol, LeaveGroupRequest,
    MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment,
};

use super::machine::Settings;
use super::membership::Identity;
use super::protocol::Offer;

/// JoinGroup without the protocols: what the member offers is asked for when it is sent.
pub(super) fn join(settings: &Settings, identity: &Identity, reason: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: settings.group_id.clone(),
        session_timeout_ms: millis(settings.session_timeout),
        rebalance_timeout_ms: millis(settings.rebalance_timeout),
        member_id: identity.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
        protocol_type: settings.protocol_type.to_owned(),
        protocols: Vec::new(),
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
    }
}

pub(super) fn protocols(offers: Vec<Offer>) -> Vec<JoinGroupRequestProtocol> {
    offers
        .into_iter()
        .map(|offer| JoinGroupRequestProtocol {
            name: offer.name,
            metadata: offer.metadata,
        })
        .collect()
}

pub(super) fn sync(
    settings: &Settings,
    identity: &Identity,
    assignments: &[(String, Bytes)],
) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: settings.group_id.clone(),
        generation_id: identity.generation,
        member_id: identity.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
        protocol_type: Some(settings.protocol_type.to_owned()),
        protocol_name: Some(identity.protocol.clone()),
        assignments: assignments
            .iter()
            .map(|(member_id, assignment)| SyncGroupRequestAssignment {
                member_id: member_id.clone(),
                assignment: assignment.clone(),
            })
            .collect(),
    }
}

pub(super) fn heartbeat(settings: &Settings, identity: &Identity) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: settings.group_id.clone(),
        generation_id: identity.generation,
        member_id: identity.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
    }
}

/// LeaveGroup in both its forms: versions up to 2 carry the one member, later ones the list.
pub(super) fn leave(settings: &Settings, identity: &Identity, reason: &str) -> LeaveGroupRequest {
    LeaveGroupRequest {
        group_id: settings.group_id.clone(),
        member_id: identity.member_id.clone(),
        members: vec![MemberIdentity {
            member_id: identity.member_id.clone(),
            group_instance_id: settings.instance_id.clone(),
            reason: Some(reason.to_owned()),
        }],
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
