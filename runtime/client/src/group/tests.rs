//! The member step by step: what it does next after each answer, with a clock of its own.

use std::time::Duration;

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    HeartbeatResponse, JoinGroupResponse, JoinGroupResponseMember, SyncGroupResponse,
};

use super::machine::{Machine, Settings, Step};
use super::{AssignError, Event, Failure, GroupError, Joined, Member};

const SECOND: Duration = Duration::from_secs(1);

/// A machine and the time it is told.
struct Scene {
    machine: Machine,
    now: Duration,
}

impl Scene {
    fn new(instance: Option<&str>) -> Self {
        let settings = Settings {
            group_id: "g".into(),
            instance_id: instance.map(str::to_owned),
            protocol_type: "consumer",
            session_timeout: SECOND * 45,
            rebalance_timeout: SECOND * 60,
            heartbeat_interval: SECOND * 3,
            first_heartbeat: SECOND * 3,
            retry_backoff: (Duration::from_millis(100), SECOND),
        };
        Scene {
            machine: Machine::new(settings),
            now: SECOND,
        }
    }

    /// A member of generation 5 that is not its leader.
    fn follower() -> Self {
        let mut scene = Scene::new(None);
        scene.machine.join();
        scene.find();
        scene.join(ErrorCode::MEMBER_ID_REQUIRED, "m", "");
        scene.join(ErrorCode::NONE, "m", "other");
        scene.sync(ErrorCode::NONE);
        scene.told();
        scene
    }

    fn next(&mut self) -> Step {
        self.machine.next(self.now)
    }

    fn told(&mut self) -> Event {
        match self.next() {
            Step::Tell(event) => event,
            other => panic!("nothing is told but {other:?}"),
        }
    }

    fn find(&mut self) {
        assert_eq!(self.next(), Step::Find);
        self.machine.found(Ok(()), self.now);
    }

    /// Answers the JoinGroup that is due, and returns the member id it was sent with.
    fn join(&mut self, error_code: ErrorCode, member: &str, leader: &str) -> String {
        let Step::Join(request) = self.next() else {
            panic!("no join is due")
        };
        let members = (leader == member && !member.is_empty()).then(|| JoinGroupResponseMember {
            member_id: member.into(),
            metadata: Bytes::from_static(b"wants"),
            ..JoinGroupResponseMember::default()
        });
        let answer = JoinGroupResponse {
            error_code,
            generation_id: if error_code.is_ok() { 5 } else { -1 },
            protocol_type: error_code.is_ok().then(|| "consumer".into()),
            protocol_name: error_code.is_ok().then(|| "range".into()),
            leader: leader.into(),
            member_id: member.into(),
            members: members.into_iter().collect(),
            ..JoinGroupResponse::default()
        };
        self.machine.joined(Ok(answer), self.now);
        request.member_id
    }

    fn sync(&mut self, error_code: ErrorCode) {
        let Step::Sync(request) = self.next() else {
            panic!("no sync is due")
        };
        assert_eq!(request.generation_id, 5);
        let assignment = Bytes::from_static(b"work");
        let answer = SyncGroupResponse {
            error_code,
            assignment,
            ..SyncGroupResponse::default()
        };
        self.machine.synced(Ok(answer), self.now);
    }

    /// The next heartbeat comes after `pause`, or a little earlier, together with those of others.
    fn waits_for(&mut self, pause: Duration) {
        let Step::Wait(Some(until)) = self.next() else {
            panic!("no heartbeat is waited for")
        };
        let wait = until - self.now;
        assert!(wait <= pause && wait > pause * 7 / 8, "{wait:?}");
    }

    /// Goes to the next heartbeat and answers it.
    fn beat(&mut self, error_code: ErrorCode) {
        if let Step::Wait(Some(until)) = self.next() {
            self.now = self.now.max(until);
        }
        let Step::Heartbeat(request) = self.next() else {
            panic!("no heartbeat is due")
        };
        assert_eq!(
            (request.generation_id, request.member_id.as_str()),
            (5, "m")
        );
        let answer = HeartbeatResponse {
            error_code,
            ..HeartbeatResponse::default()
        };
        self.machine.beaten(Ok(answer), self.now);
    }
}

#[test]
fn a_member_joins_in_two_steps_and_beats() {
    let mut scene = Scene::new(None);
    assert_eq!(scene.next(), Step::Wait(None));
    scene.machine.join();
    scene.find();
    assert_eq!(scene.join(ErrorCode::MEMBER_ID_REQUIRED, "m", ""), "");
    assert_eq!(scene.join(ErrorCode::NONE, "m", "other"), "m");
    scene.sync(ErrorCode::NONE);
    let expected = Joined {
        generation: 5,
        member_id: "m".into(),
        leader: "other".into(),
        protocol: "range".into(),
        assignment: Bytes::from_static(b"work"),
    };
    assert!(!expected.is_leader());
    assert_eq!(scene.told(), Event::Joined(expected));
    scene.waits_for(SECOND * 3);
    scene.beat(ErrorCode::NONE);
    scene.waits_for(SECOND * 3);
}

#[test]
fn the_first_heartbeats_of_a_generation_may_come_sooner() {
    let mut scene = Scene::new(None);
    scene.machine.settings.first_heartbeat = SECOND;
    scene.machine.join();
    scene.find();
    scene.join(ErrorCode::NONE, "m", "other");
    scene.sync(ErrorCode::NONE);
    scene.told();
    for pause in [1, 2, 3, 3] {
        scene.waits_for(SECOND * pause);
        scene.beat(ErrorCode::NONE);
    }
}

#[test]
fn the_leader_divides_the_work_before_it_syncs() {
    let mut scene = Scene::new(None);
    scene.machine.join();
    scene.find();
    scene.join(ErrorCode::NONE, "m", "m");
    let member = Member {
        id: "m".into(),
        instance_id: None,
        metadata: Bytes::from_static(b"wants"),
    };
    assert_eq!(
        scene.next(),
        Step::Assign {
            protocol: "range".into(),
            members: vec![member]
        }
    );
    scene.machine.assigned(
        Ok(vec![("m".into(), Bytes::from_static(b"all"))]),
        scene.now,
    );
    let Step::Sync(request) = scene.next() else {
        panic!("no sync is due")
    };
    assert_eq!(request.assignments[0].assignment, "all");
}

#[test]
fn a_leader_that_cannot_assign_yet_joins_again_and_one_that_never_can_fails() {
    for retriable in [true, false] {
        let mut scene = Scene::new(None);
        scene.machine.join();
        scene.find();
        scene.join(ErrorCode::NONE, "m", "m");
        assert!(matches!(scene.next(), Step::Assign { .. }));
        let error = AssignError {
            reason: "no metadata".into(),
            retriable,
        };
        scene.machine.assigned(Err(error), scene.now);
        if retriable {
            assert!(matches!(scene.next(), Step::Wait(Some(_))));
            scene.now += SECOND;
            assert!(matches!(scene.next(), Step::Join(_)));
        } else {
            assert!(matches!(
                scene.told(),
                Event::Failed(GroupError::Assignment { .. })
            ));
        }
    }
}

#[test]
fn heartbeats_go_on_until_the_owner_is_ready_for_the_rebalance() {
    let mut scene = Scene::follower();
    scene.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let Event::Rebalance { round } = scene.told() else {
        panic!("no rebalance is told")
    };
    scene.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    scene.machine.prepared(round + 1);
    assert!(
        matches!(scene.next(), Step::Wait(Some(_))),
        "an answer to another round counts for nothing"
    );
    scene.machine.prepared(round);
    assert_eq!(scene.join(ErrorCode::NONE, "m", "other"), "m");
}

#[test]
fn a_member_that_was_dropped_tells_and_starts_anew() {
    for (code, id_after) in [
        (ErrorCode::UNKNOWN_MEMBER_ID, ""),
        (ErrorCode::ILLEGAL_GENERATION, "m"),
    ] {
        let mut scene = Scene::follower();
        scene.beat(code);
        let Event::Lost { round } = scene.told() else {
            panic!("the loss is not told")
        };
        assert_eq!(scene.machine.identity().generation, -1);
        assert_eq!(scene.next(), Step::Wait(None));
        scene.machine.prepared(round);
        assert_eq!(scene.join(ErrorCode::NONE, "n", "other"), id_after);
    }
}

#[test]
fn a_coordinator_that_moves_or_dies_is_found_again_and_the_generation_stays() {
    let mut scene = Scene::follower();
    scene.beat(ErrorCode::NOT_COORDINATOR);
    for failure in 0..3 {
        let Step::Wait(Some(until)) = scene.next() else {
            panic!("no wait before try {failure}")
        };
        scene.now = until;
        assert_eq!(scene.next(), Step::Find);
        if failure < 2 {
            scene
                .machine
                .found(Err(Failure::Retriable("away".into())), scene.now);
        }
    }
    scene.machine.found(Ok(()), scene.now);
    scene.beat(ErrorCode::NONE);
    assert_eq!(scene.machine.identity().generation, 5);
}

#[test]
fn waits_grow_up_to_the_longest() {
    let mut scene = Scene::new(None);
    scene.machine.join();
    let mut waits = Vec::new();
    for _ in 0..6 {
        assert_eq!(scene.next(), Step::Find);
        scene
            .machine
            .found(Err(Failure::Retriable("away".into())), scene.now);
        let Step::Wait(Some(until)) = scene.next() else {
            panic!("no wait")
        };
        waits.push((until - scene.now).as_millis());
        scene.now = until;
    }
    assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
}

#[test]
fn what_goes_wrong_in_a_sync_leads_to_another_join() {
    use ErrorCode as Code;
    for (code, member) in [
        (Code::REBALANCE_IN_PROGRESS, "m"),
        (Code::ILLEGAL_GENERATION, "m"),
        (Code::UNKNOWN_MEMBER_ID, ""),
    ] {
        let mut scene = Scene::new(None);
        scene.machine.join();
        scene.find();
        scene.join(Code::NONE, "m", "other");
        scene.sync(code);
        assert_eq!(scene.join(Code::NONE, "m", "other"), member, "{code}");
    }
}

#[test]
fn refusals_are_told_once_and_wait_for_the_owner() {
    let mut scene = Scene::new(None);
    scene.machine.join();
    scene.find();
    scene.join(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, "", "");
    let expected = GroupError::Refused {
        group: "g".into(),
        code: ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
    };
    assert_eq!(scene.told(), Event::Failed(expected));
    assert_eq!(scene.next(), Step::Wait(None));
    scene.machine.join();
    assert!(matches!(scene.next(), Step::Join(_)));
}

#[test]
fn a_static_member_is_fenced_by_its_successor_and_does_not_leave_late() {
    let mut scene = Scene::new(Some("i"));
    scene.machine.join();
    scene.find();
    scene.join(ErrorCode::NONE, "m", "other");
    scene.sync(ErrorCode::NONE);
    scene.told();
    scene.beat(ErrorCode::FENCED_INSTANCE_ID);
    assert!(matches!(
        scene.told(),
        Event::Failed(GroupError::Fenced { .. })
    ));
}

#[test]
fn static_members_keep_their_place_when_they_stop() {
    let mut scene = Scene::new(Some("i"));
    scene.machine.join();
    scene.find();
    scene.join(ErrorCode::NONE, "m", "other");
    scene.machine.leave("the consumer is being closed");
    assert_eq!(scene.next(), Step::Wait(None));
    assert!(scene.machine.is_outside());
}

#[test]
fn dynamic_members_say_that_they_leave() {
    let mut scene = Scene::follower();
    scene.machine.leave("done");
    let Step::Leave(request) = scene.next() else {
        panic!("no leave is due")
    };
    assert_eq!(
        (
            request.members[0].member_id.as_str(),
            request.members[0].reason.as_deref()
        ),
        ("m", Some("done"))
    );
    assert!(!scene.machine.is_outside());
    scene.machine.left();
    assert!(scene.machine.is_outside());
    assert_eq!(scene.next(), Step::Wait(None));
}

#[test]
fn an_owner_that_is_silent_for_too_long_loses_its_place() {
    let mut scene = Scene::follower();
    assert!(scene.machine.watches_owner());
    scene.machine.overdue();
    let Event::Lost { round } = scene.told() else {
        panic!("the loss is not told")
    };
    assert!(matches!(scene.next(), Step::Leave(_)));
    scene.machine.left();
    assert_eq!(scene.next(), Step::Wait(None));
    scene.machine.prepared(round);
    assert_eq!(scene.join(ErrorCode::MEMBER_ID_REQUIRED, "n", ""), "");
}

#[test]
fn a_change_of_mind_during_a_join_leads_to_one_more_rebalance() {
    let mut scene = Scene::new(None);
    scene.machine.join();
    scene.find();
    scene.machine.rejoin("other topics");
    let Step::Join(_) = scene.next() else {
        panic!("no join is due")
    };
    scene.machine.rejoin("other topics again");
    scene.join(ErrorCode::NONE, "m", "other");
    scene.sync(ErrorCode::NONE);
    assert!(matches!(scene.told(), Event::Joined(_)));
    assert!(matches!(scene.told(), Event::Rebalance { .. }));
}
