//! Consumer groups over the wire, on a real broker: whole lives of members in every version.

use std::time::Duration;

use crate::support::{Client, TestBroker};
use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribeGroupsRequest, DescribedGroup, FindCoordinatorRequest, HeartbeatRequest,
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, LeaveGroupRequest,
    ListGroupsRequest, MemberIdentity, Request, SyncGroupRequest, SyncGroupRequestAssignment,
    SyncGroupResponse,
};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const GROUP: &str = "readers";

/// Sessions of half a second, so that a killed member is soon lost.
const SHORT_SESSIONS: &[(&str, &str)] = &[("group.min.session.timeout.ms", "100")];

fn join(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"\x00\x00\x00\x00\x00\x01\x00\x01t\xff\xff\xff\xff"),
        }],
        ..Default::default()
    }
}

fn sync(joined: &JoinGroupResponse) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: GROUP.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        // The leader gives everyone their own id as assignment.
        assignments: joined
            .members
            .iter()
            .map(|member| SyncGroupRequestAssignment {
                member_id: member.member_id.clone(),
                assignment: Bytes::from(member.member_id.clone()),
            })
            .collect(),
        ..Default::default()
    }
}

fn heartbeat(member_id: &str, generation_id: i32) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        ..Default::default()
    }
}

/// A member with a connection of its own.
struct Member {
    client: Client,
    joined: JoinGroupResponse,
    template: JoinGroupRequest,
    pending: Option<i32>,
}

impl Member {
    async fn new(broker: &TestBroker, template: JoinGroupRequest) -> Member {
        Member {
            client: broker.client().await,
            joined: JoinGroupResponse::default(),
            template,
            pending: None,
        }
    }

    /// Gets an id, and sends the join that uses it.
    async fn enter(&mut self) {
        let answer = self.client.call(JOIN, &self.template).await;
        assert_eq!(answer.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        self.template.member_id = answer.member_id;
        self.send_join().await;
    }

    async fn send_join(&mut self) {
        self.pending = Some(self.client.send(JOIN, &self.template).await);
    }

    async fn joined(&mut self) -> &JoinGroupResponse {
        let correlation_id = self.pending.take().unwrap();
        self.joined = self
            .client
            .receive::<JoinGroupRequest>(JOIN, correlation_id)
            .await;
        assert_eq!(self.joined.error_code, ErrorCode::NONE);
        &self.joined
    }

    async fn sync(&mut self) -> SyncGroupResponse {
        self.client.call(SYNC, &sync(&self.joined)).await
    }

    async fn heartbeat(&mut self) -> ErrorCode {
        let request = heartbeat(&self.joined.member_id, self.joined.generation_id);
        self.client.call(HEARTBEAT, &request).await.error_code
    }

    /// Heartbeats until the answer is this one.
    async fn hear(&mut self, expected: ErrorCode) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let heard = self.heartbeat().await;
            if heard == expected {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{heard:?} instead of {expected:?}"
            );
        }
    }
}

/// A stable group of these members, which share one generation.
async fn settle(members: &mut [Member]) {
    for index in 0..members.len() {
        members[index].enter().await;
        let (newcomer, known) = members[..=index].split_last_mut().unwrap();
        for member in known.iter_mut() {
            member.hear(ErrorCode::REBALANCE_IN_PROGRESS).await;
            member.send_join().await;
        }
        newcomer.joined().await;
        for member in known {
            member.joined().await;
        }
    }
    for member in members.iter_mut() {
        if member.joined.leader == member.joined.member_id {
            assert_eq!(member.sync().await.error_code, ErrorCode::NONE);
        }
    }
    for member in members {
        assert_eq!(member.sync().await.assignment, member.joined.member_id);
    }
}

async fn describe(client: &mut Client, version: i16) -> DescribedGroup {
    let request = DescribeGroupsRequest {
        groups: vec![GROUP.to_owned()],
        ..Default::default()
    };
    client.call(version, &request).await.groups.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_lives_in_every_version() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    for version in JoinGroupRequest::VERSIONS {
        let mut joined = client.call(version, &join("")).await;
        if version >= 4 {
            assert_eq!(
                joined.error_code,
                ErrorCode::MEMBER_ID_REQUIRED,
                "{version}"
            );
            assert!(
                joined.member_id.starts_with("test-"),
                "{}",
                joined.member_id
            );
            joined = client.call(version, &join(&joined.member_id)).await;
        }
        assert_eq!(joined.error_code, ErrorCode::NONE, "{version}");
        assert_eq!(
            (&joined.leader, joined.members.len()),
            (&joined.member_id, 1)
        );
        assert_eq!(joined.protocol_name.as_deref(), Some("range"));

        let sync_version = version.min(*SyncGroupRequest::VERSIONS.end());
        let synced = client.call(sync_version, &sync(&joined)).await;
        assert_eq!(synced.assignment, joined.member_id, "{version}");
        let request = heartbeat(&joined.member_id, joined.generation_id);
        let beat = client
            .call(version.min(*HeartbeatRequest::VERSIONS.end()), &request)
            .await;
        assert_eq!(beat.error_code, ErrorCode::NONE, "{version}");

        let leave = LeaveGroupRequest {
            group_id: GROUP.to_owned(),
            member_id: joined.member_id.clone(),
            members: vec![MemberIdentity {
                member_id: joined.member_id.clone(),
                ..Default::default()
            }],
        };
        let leave_version = version.min(*LeaveGroupRequest::VERSIONS.end());
        let left = client.call(leave_version, &leave).await;
        assert_eq!(left.error_code, ErrorCode::NONE, "{version}");
        assert!(
            left.members.iter().all(|member| member.error_code.is_ok()),
            "{version}"
        );
        let again = client.call(leave_version, &leave).await;
        let error = match leave_version {
            ..3 => again.error_code,
            _ => again.members[0].error_code,
        };
        assert_eq!(error, ErrorCode::UNKNOWN_MEMBER_ID, "{version}");
    }
    broker.broker.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_leave_and_are_killed_give_their_part_to_the_others() {
    let broker = TestBroker::start(SHORT_SESSIONS).await;
    let short = JoinGroupRequest {
        session_timeout_ms: 500,
        ..join("")
    };
    let mut members = vec![
        Member::new(&broker, join("")).await,
        Member::new(&broker, join("")).await,
        Member::new(&broker, short).await,
    ];
    settle(&mut members).await;

    let killed = members.pop().unwrap();
    drop(killed.client);
    for member in &mut members {
        member.hear(ErrorCode::REBALANCE_IN_PROGRESS).await;
        member.send_join().await;
    }
    let mut rosters = 0;
    for member in &mut members {
        rosters += member.joined().await.members.len();
    }
    assert_eq!(rosters, 2, "the leader learns of the two that are left");
    assert_eq!(
        describe(&mut members[0].client, 5).await.group_state,
        "CompletingRebalance"
    );

    let mut leaver = members.pop().unwrap();
    let leave = LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        members: vec![MemberIdentity {
            member_id: leaver.joined.member_id.clone(),
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(
        leaver.client.call(5, &leave).await.error_code,
        ErrorCode::NONE
    );
    let last = &mut members[0];
    last.hear(ErrorCode::REBALANCE_IN_PROGRESS).await;
    last.send_join().await;
    assert_eq!(last.joined().await.members.len(), 1);
    assert_eq!(last.sync().await.assignment, last.joined.member_id);
    assert_eq!(last.heartbeat().await, ErrorCode::NONE);
    broker.broker.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stable_group_goes_on_after_a_restart() {
    let broker = TestBroker::start(&[]).await;
    let mut members = vec![
        Member::new(&broker, join("")).await,
        Member::new(&broker, join("")).await,
    ];
    settle(&mut members).await;
    let before = describe(&mut members[0].client, 5).await;
    assert_eq!(
        (before.group_state.as_str(), before.members.len()),
        ("Stable", 2)
    );

    let broker = broker.restart().await;
    for member in &mut members {
        member.client = broker.client().await;
        assert_eq!(member.heartbeat().await, ErrorCode::NONE);
        assert_eq!(member.sync().await.assignment, member.joined.member_id);
    }
    assert_eq!(describe(&mut members[0].client, 5).await, before);
    broker.broker.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_comes_back_without_a_rebalance() {
    let broker = TestBroker::start(&[]).await;
    let named = JoinGroupRequest {
        group_instance_id: Some("one".to_owned()),
        ..join("")
    };
    let mut client = broker.client().await;
    let first = client.call(JOIN, &named).await;
    assert_eq!(first.error_code, ErrorCode::NONE);
    let mut request = sync(&first);
    request.group_instance_id = Some("one".to_owned());
    let synced = client.call(SYNC, &request).await;

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    let second = client.call(JOIN, &named).await;
    assert_eq!(
        (second.error_code, second.generation_id),
        (ErrorCode::NONE, first.generation_id)
    );
    assert!(second.skip_assignment && second.member_id != first.member_id);
    let mut request = sync(&second);
    request.group_instance_id = Some("one".to_owned());
    assert_eq!(
        client.call(SYNC, &request).await.assignment,
        synced.assignment
    );
    let fenced = HeartbeatRequest {
        group_instance_id: Some("one".to_owned()),
        ..heartbeat(&first.member_id, first.generation_id)
    };
    assert_eq!(
        client.call(HEARTBEAT, &fenced).await.error_code,
        ErrorCode::FENCED_INSTANCE_ID
    );
    broker.broker.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_broker_lets_go_of_those_who_wait() {
    let broker = TestBroker::start(&[]).await;
    let mut members = vec![Member::new(&broker, join("")).await];
    settle(&mut members).await;
    let mut waiting = Member::new(&broker, join("")).await;
    waiting.enter().await;
    members[0].hear(ErrorCode::REBALANCE_IN_PROGRESS).await;
    assert!(
        broker.broker.shutdown(Duration::from_secs(10)).await,
        "in time"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_found_listed_and_described_in_every_version() {
    let broker = TestBroker::start(&[]).await;
    let mut members = vec![Member::new(&broker, join("")).await];
    let port = i32::from(broker.address().port());
    let client = &mut broker.client().await;
    for version in FindCoordinatorRequest::VERSIONS {
        for (key_type, error) in [
            (0, ErrorCode::NONE),
            (1, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
            (9, ErrorCode::INVALID_REQUEST),
        ] {
            if version == 0 && key_type != 0 {
                continue;
            }
            let request = FindCoordinatorRequest {
                key: GROUP.to_owned(),
                key_type,
                coordinator_keys: vec![GROUP.to_owned()],
            };
            let response = client.call(version, &request).await;
            let found = match version {
                ..4 => (response.error_code, response.port),
                _ => (
                    response.coordinators[0].error_code,
                    response.coordinators[0].port,
                ),
            };
            let port = if error.is_ok() { port } else { -1 };
            assert_eq!(found, (error, port), "{version} {key_type}");
        }
    }
    for version in DescribeGroupsRequest::VERSIONS {
        let dead = describe(client, version).await;
        let error = if version >= 6 {
            ErrorCode::GROUP_ID_NOT_FOUND
        } else {
            ErrorCode::NONE
        };
        assert_eq!(
            (dead.error_code, dead.group_state.as_str()),
            (error, "Dead"),
            "{version}"
        );
    }
    settle(&mut members).await;
    for version in DescribeGroupsRequest::VERSIONS {
        let group = describe(client, version).await;
        assert_eq!(group.group_state, "Stable");
        assert_eq!(group.protocol_data, "range");
        assert_eq!(group.members[0].client_host, "/127.0.0.1");
        assert_eq!(group.members[0].client_id, "test");
        assert_eq!(
            group.members[0].member_assignment,
            members[0].joined.member_id
        );
    }
    for version in ListGroupsRequest::VERSIONS {
        for (states, count) in [
            (vec![], 1),
            (vec!["stable".to_owned()], 1),
            (vec!["Empty".to_owned()], 0),
        ] {
            if version < 4 && !states.is_empty() {
                continue;
            }
            let request = ListGroupsRequest {
                states_filter: states,
                ..Default::default()
            };
            let listed = client.call(version, &request).await;
            assert_eq!(listed.groups.len(), count, "{version}");
        }
    }
    broker.broker.shutdown(Duration::from_secs(10)).await;
}
