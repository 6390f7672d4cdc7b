//! The coordinator on a real log: what it stores, it knows again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_storage::{DataDir, DataDirConfig, Log, LogConfig};
use millrace_wire::clock::{Clock, ManualClock};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::uuid::Uuid;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{CommittedOffset, GroupCoordinator};
use crate::coordinator::GroupSettings;
use crate::coordinator::group::{
    CommitOffset, CommitRequest, JoinRequest, MemberRef, Protocol, SyncRequest,
};

const PARTITIONS: i32 = 3;

/// A coordinator over a data directory that outlives it.
struct Node {
    groups: Arc<GroupCoordinator>,
    data_dir: DataDir,
    clock: Arc<ManualClock>,
}

impl Node {
    fn start(dir: &TempDir) -> Node {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let (data_dir, _) =
            DataDir::open(dir.path(), DataDirConfig::default(), Arc::clone(&shared)).unwrap();
        let logs: Vec<Arc<Log>> = (0..PARTITIONS)
            .map(|partition| {
                data_dir
                    .find("__consumer_offsets", partition)
                    .unwrap_or_else(|| {
                        data_dir
                            .create_log(
                                "__consumer_offsets",
                                partition,
                                Uuid([1; 16]),
                                LogConfig::default(),
                            )
                            .unwrap()
                    })
            })
            .collect();
        let groups = Arc::new(GroupCoordinator::new(GroupSettings::default(), shared));
        groups.load(&logs).unwrap();
        Node {
            groups,
            data_dir,
            clock,
        }
    }

    fn stop(self) {
        self.data_dir.close().unwrap();
    }

    /// A member that is alone in its group and stable.
    async fn settle(&self, group: &str) -> MemberRef {
        let joined = self.groups.join(group, join()).await;
        assert_eq!(joined.outcome, Ok(()));
        let member = MemberRef {
            member_id: joined.member_id.clone(),
            instance_id: None,
        };
        let synced = self
            .groups
            .sync(
                group,
                SyncRequest {
                    member: member.clone(),
                    generation: joined.generation,
                    protocol_type: None,
                    protocol: None,
                    assignments: [(joined.member_id, Bytes::from_static(b"all"))].into(),
                },
            )
            .await;
        assert_eq!(
            (synced.outcome, &synced.assignment[..]),
            (Ok(()), &b"all"[..])
        );
        member
    }

    fn committed(&self, group: &str) -> i64 {
        self.groups.committed(group, "t", &[0]).unwrap()[0].offset
    }
}

fn join() -> JoinRequest {
    JoinRequest {
        member_id: String::new(),
        instance_id: None,
        fresh: "u".into(),
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        protocol_type: "consumer".into(),
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: Bytes::from_static(b"\x00\x00\x00\x00\x00\x01\x00\x01t"),
        }],
        two_phase: false,
        can_skip_assignment: false,
    }
}

fn commit(member: MemberRef, generation: i32, offset: i64) -> CommitRequest {
    CommitRequest {
        member,
        generation,
        retention_ms: None,
        offsets: vec![CommitOffset {
            topic: "t".into(),
            partition: 0,
            offset,
            leader_epoch: 3,
            metadata: "abc".into(),
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_offsets_survive_a_restart() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(&dir);
    let member = node.settle("alive").await;
    let outcome = node
        .groups
        .commit("alive", commit(member.clone(), 1, 42), true)
        .await;
    assert_eq!(outcome, Ok(vec![Ok(())]));
    let nobody = MemberRef::default();
    let outcome = node
        .groups
        .commit("simple", commit(nobody, -1, 7), true)
        .await;
    assert_eq!(outcome, Ok(vec![Ok(())]));
    let before = node.groups.describe("alive").unwrap();
    node.stop();

    let node = Node::start(&dir);
    assert_eq!(node.groups.describe("alive").unwrap(), before);
    assert_eq!(node.groups.heartbeat("alive", &member, 1), Ok(()));
    assert_eq!(
        node.groups.committed("alive", "t", &[0, 1]).unwrap(),
        [
            CommittedOffset {
                offset: 42,
                leader_epoch: 3,
                metadata: "abc".into()
            },
            CommittedOffset::none()
        ]
    );
    assert_eq!(node.committed("simple"), 7);
    let names: Vec<String> = node
        .groups
        .list()
        .unwrap()
        .into_iter()
        .map(|group| group.group_id)
        .collect();
    assert!(names.contains(&"alive".to_owned()) && names.contains(&"simple".to_owned()));

    assert_eq!(node.groups.delete_group("simple").await, Ok(()));
    assert_eq!(
        node.groups.leave("alive", &[member]).await,
        Ok(vec![Ok(())])
    );
    node.stop();
    let node = Node::start(&dir);
    assert_eq!(node.groups.describe("simple").unwrap(), None);
    assert_eq!(
        node.groups.describe("alive").unwrap().unwrap().state,
        "Empty"
    );
    assert_eq!(
        node.groups.delete_group("gone").await,
        Err(ErrorCode::GROUP_ID_NOT_FOUND)
    );
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_member_is_lost_by_the_running_coordinator() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(&dir);
    node.settle("g").await;
    // The loop sleeps in real time, so the clock moves before it first looks.
    node.clock.advance(Duration::from_secs(11));
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (groups, stop) = (Arc::clone(&node.groups), stop.clone());
        async move { groups.run(&stop).await }
    });
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while node.groups.describe("g").unwrap().unwrap().state != "Empty" {
        assert!(
            std::time::Instant::now() < deadline,
            "the member is still there"
        );
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_not_acknowledged() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(&dir);
    let joined = node.groups.join("g", join()).await;
    node.data_dir.close().unwrap();
    let member = MemberRef {
        member_id: joined.member_id,
        instance_id: None,
    };
    let outcome = node
        .groups
        .commit("s", commit(MemberRef::default(), -1, 1), true)
        .await;
    assert_eq!(outcome, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    assert_eq!(node.committed("s"), -1);
    let synced = node
        .groups
        .sync(
            "g",
            SyncRequest {
                member,
                generation: 1,
                protocol_type: None,
                protocol: None,
                assignments: [].into(),
            },
        )
        .await;
    assert_eq!(synced.outcome, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    assert_eq!(
        node.groups.describe("g").unwrap().unwrap().state,
        "PreparingRebalance"
    );
}
