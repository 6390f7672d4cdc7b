//! From one generation to the next, and what time does.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_leaders_sync_gives_everyone_their_part() {
    let mut bench = Bench::new();
    bench.settings.initial_rebalance_delay = SECOND;
    let first = bench.join_directly();
    let second = bench.join_directly();
    assert!(bench.waits(first) && bench.waits(second));
    bench.pass(2 * SECOND);

    let (leader, follower) = (bench.joined(first), bench.joined(second));
    assert_eq!((leader.generation, follower.generation), (1, 1));
    assert_eq!(leader.leader, leader.member_id);
    let waiting = bench.sync(sync(&follower.member_id, 1));
    assert!(bench.waits(waiting));
    let assignments = [(follower.member_id.clone(), Bytes::from_static(b"work"))];
    let leaders = bench.sync(SyncRequest {
        assignments: assignments.into(),
        ..sync(&leader.member_id, 1)
    });
    assert_eq!(bench.synced(waiting).assignment, "work");
    assert_eq!(
        bench.synced(leaders).assignment,
        "",
        "not named in the list"
    );
    assert_eq!(bench.group().state(), State::Stable);
    assert!(
        matches!(bench.log.last(), Some(Change::Group { value: Some(value), .. })
        if value.generation == 1 && value.members.len() == 2)
    );
    let late = bench.sync(sync(&follower.member_id, 1));
    assert_eq!(bench.synced(late).assignment, "work");
}

#[test]
fn the_initial_delay_is_renewed_by_members_that_come_and_bounded() {
    let mut bench = Bench::new();
    bench.settings.initial_rebalance_delay = 3 * SECOND;
    let first = bench.join_directly();
    bench.pass(2 * SECOND);
    bench.join_directly();
    bench.pass(2 * SECOND);
    assert!(bench.waits(first), "the second member renewed the delay");
    bench.pass(2 * SECOND);
    assert_eq!(bench.joined(first).members.len(), 2);

    let mut bench = Bench::new();
    bench.settings.initial_rebalance_delay = 3 * SECOND;
    let first = bench.join_directly();
    for _ in 0..16 {
        bench.pass(2 * SECOND);
        bench.join_directly();
    }
    assert!(
        !bench.waits(first),
        "longer than the largest rebalance timeout"
    );
}

#[test]
fn syncs_are_refused_with_kafkas_errors() {
    let (mut bench, ids) = Bench::stable(1);
    for (name, request, error) in [
        ("stranger", sync("m", 1), ErrorCode::UNKNOWN_MEMBER_ID),
        (
            "old generation",
            sync(&ids[0], 0),
            ErrorCode::ILLEGAL_GENERATION,
        ),
        (
            "another type",
            SyncRequest {
                protocol_type: Some("connect".into()),
                ..sync(&ids[0], 1)
            },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            "another protocol",
            SyncRequest {
                protocol: Some("sticky".into()),
                ..sync(&ids[0], 1)
            },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
    ] {
        let ticket = bench.sync(request);
        assert_eq!(bench.synced(ticket).outcome, Err(error), "{name}");
    }
    bench.admit_and_join();
    let ticket = bench.sync(sync(&ids[0], 1));
    assert_eq!(
        bench.synced(ticket).outcome,
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
}

#[test]
fn heartbeats_tell_the_state() {
    let (mut bench, ids) = Bench::stable(1);
    assert_eq!(bench.heartbeat(&ids[0], 1), Ok(()));
    assert_eq!(
        bench.heartbeat(&ids[0], 2),
        Err(ErrorCode::ILLEGAL_GENERATION)
    );
    assert_eq!(bench.heartbeat("m", 1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    bench.admit_and_join();
    assert_eq!(
        bench.heartbeat(&ids[0], 1),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    bench.rejoin(&ids[0]);
    assert_eq!(bench.group().state(), State::CompletingRebalance);
    assert_eq!(bench.heartbeat(&ids[0], 2), Ok(()));
}

#[test]
fn a_silent_member_is_lost_after_its_session() {
    let (mut bench, ids) = Bench::stable(2);
    for _ in 0..3 {
        bench.pass(3 * SECOND);
        bench.heartbeat(&ids[0], 1).unwrap();
    }
    bench.pass(SECOND);
    assert_eq!(bench.group().state(), State::PreparingRebalance);
    assert_eq!(bench.group().members().count(), 1);
    let ticket = bench.rejoin(&ids[0]);
    assert_eq!(bench.joined(ticket).members.len(), 1);
}

#[test]
fn a_lost_leader_is_followed_by_another() {
    let (mut bench, ids) = Bench::stable(2);
    let generation = bench.group().generation();
    for _ in 0..3 {
        bench.pass(3 * SECOND);
        bench.heartbeat(&ids[1], generation).unwrap();
    }
    bench.pass(2 * SECOND);
    let ticket = bench.rejoin(&ids[1]);
    let answer = bench.joined(ticket);
    assert_eq!(
        (answer.leader, answer.generation),
        (ids[1].clone(), generation + 1)
    );
}

#[test]
fn members_that_do_not_rejoin_in_time_are_removed() {
    let (mut bench, ids) = Bench::stable(2);
    let waiting = bench.rejoin(&ids[0]);
    for _ in 0..9 {
        bench.pass(3 * SECOND);
        bench.heartbeat(&ids[1], 1).unwrap_err();
    }
    assert!(bench.waits(waiting));
    bench.heartbeat(&ids[1], 1).unwrap_err();
    bench.pass(4 * SECOND);
    assert_eq!(bench.joined(waiting).members.len(), 1);
    assert_eq!(
        bench.heartbeat(&ids[1], bench.group().generation()),
        Err(ErrorCode::UNKNOWN_MEMBER_ID)
    );
}

#[test]
fn members_that_do_not_sync_in_time_are_removed() {
    let (mut bench, ids) = Bench::stable(2);
    let tickets = [bench.rejoin(&ids[0]), bench.rejoin(&ids[1])];
    let generation = bench.joined(tickets[0]).generation;
    let waiting = bench.sync(sync(&ids[1], generation));
    for _ in 0..9 {
        bench.pass(3 * SECOND);
        bench.heartbeat(&ids[0], generation).unwrap();
    }
    assert!(bench.waits(waiting));
    bench.heartbeat(&ids[0], generation).unwrap();
    bench.pass(4 * SECOND);
    assert_eq!(
        bench.synced(waiting).outcome,
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    assert_eq!(bench.group().members().count(), 1);
}

#[test]
fn a_rejoin_that_changes_nothing_starts_no_rebalance() {
    let (mut bench, ids) = Bench::stable(2);
    let generation = bench.group().generation();
    let follower = bench.rejoin(&ids[1]);
    assert_eq!(bench.joined(follower).generation, generation);
    assert_eq!(bench.group().state(), State::Stable);

    let changed = JoinRequest {
        member_id: ids[1].clone(),
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: subscription("other"),
        }],
        ..dynamic()
    };
    let waiting = bench.join(changed);
    assert!(bench.waits(waiting));
    assert_eq!(bench.group().state(), State::PreparingRebalance);
    bench.rejoin(&ids[0]);
    assert_eq!(bench.joined(waiting).generation, generation + 1);

    let again = bench.rejoin(&ids[0]);
    assert_eq!(
        bench.joined(again).members.len(),
        2,
        "the leader while completing"
    );
    assert_eq!(bench.group().state(), State::CompletingRebalance);
}

#[test]
fn a_leader_that_rejoins_starts_a_rebalance() {
    let (mut bench, ids) = Bench::stable(2);
    bench.rejoin(&ids[0]);
    assert_eq!(bench.group().state(), State::PreparingRebalance);
}

#[test]
fn the_last_members_leaving_raises_the_generation_and_is_stored() {
    let (mut bench, ids) = Bench::stable(1);
    assert_eq!(
        bench.leave(&[member(&ids[0]), member("m")]),
        [Ok(()), Err(ErrorCode::UNKNOWN_MEMBER_ID)]
    );
    assert_eq!(
        (bench.group().state(), bench.group().generation()),
        (State::Empty, 2)
    );
    assert_eq!(bench.group().protocol_type(), "consumer");
    assert!(
        matches!(bench.log.last(), Some(Change::Group { value: Some(value), .. })
        if value.generation == 2 && value.members.is_empty())
    );
    assert_eq!(
        bench.leave(&[member(&ids[0])]),
        [Err(ErrorCode::UNKNOWN_MEMBER_ID)]
    );
}

#[test]
fn leaving_completes_a_join_that_waited_for_the_leaver() {
    let (mut bench, ids) = Bench::stable(3);
    let tickets = [bench.rejoin(&ids[0]), bench.rejoin(&ids[1])];
    assert!(bench.waits(tickets[0]));
    bench.leave(&[member(&ids[2])]);
    assert_eq!(bench.joined(tickets[0]).members.len(), 2);
    assert_eq!(bench.joined(tickets[1]).outcome, Ok(()));
}

#[test]
fn a_member_that_leaves_while_it_waits_is_answered() {
    let (mut bench, ids) = Bench::stable(2);
    let waiting = bench.rejoin(&ids[0]);
    bench.leave(&[member(&ids[0])]);
    assert_eq!(
        bench.joined(waiting).outcome,
        Err(ErrorCode::UNKNOWN_MEMBER_ID)
    );
}

#[test]
fn an_id_handed_out_is_waited_for_until_it_lapses() {
    let (mut bench, ids) = Bench::stable(1);
    let newcomer = bench.admit();
    let absent = bench.admit();
    let waiting = [bench.rejoin(&newcomer), bench.rejoin(&ids[0])];
    assert!(bench.waits(waiting[0]));
    assert_eq!(bench.leave(&[member(&absent)]), [Ok(())]);
    assert_eq!(bench.joined(waiting[0]).outcome, Ok(()));

    let (mut bench, ids) = Bench::stable(1);
    bench.admit();
    let waiting = bench.rejoin(&ids[0]);
    assert!(bench.waits(waiting));
    bench.pass(10 * SECOND);
    assert_eq!(bench.joined(waiting).outcome, Ok(()));
}

#[test]
fn an_id_that_lapses_does_not_disturb_a_stable_group() {
    let (mut bench, ids) = Bench::stable(1);
    bench.admit();
    for _ in 0..5 {
        bench.pass(3 * SECOND);
        bench.heartbeat(&ids[0], 1).unwrap();
    }
    assert_eq!(bench.group().state(), State::Stable);
}

#[test]
fn a_new_member_that_went_away_while_joining_is_dropped_in_the_end() {
    let (mut bench, ids) = Bench::stable(1);
    let ghost = bench.join(JoinRequest {
        two_phase: false,
        rebalance_timeout_ms: 1_000_000,
        ..dynamic()
    });
    for _ in 0..99 {
        bench.pass(3 * SECOND);
        bench.heartbeat(&ids[0], 1).unwrap_err();
    }
    assert!(bench.waits(ghost));
    bench.pass(4 * SECOND);
    assert_eq!(
        bench.joined(ghost).outcome,
        Err(ErrorCode::UNKNOWN_MEMBER_ID)
    );
    bench.rejoin(&ids[0]);
    assert_eq!(bench.group().state(), State::CompletingRebalance);
}

#[test]
fn a_generation_that_cannot_be_stored_does_not_count() {
    let (mut bench, ids) = Bench::stable(2);
    let mut effects = Effects::default();
    let step = Step {
        settings: &GroupSettings::default(),
        now: bench.now,
    };
    bench.groups.not_stored(GROUP, step, &mut effects);
    bench.take(effects);
    assert_eq!(bench.group().state(), State::PreparingRebalance);
    assert!(
        bench
            .group()
            .members()
            .all(|member| member.assignment.is_empty())
    );
    assert_eq!(
        bench.heartbeat(&ids[0], 1),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
}

impl Bench {
    fn join_directly(&mut self) -> Ticket {
        self.join(JoinRequest {
            two_phase: false,
            ..dynamic()
        })
    }

    fn admit_and_join(&mut self) -> Ticket {
        let id = self.admit();
        self.rejoin(&id)
    }
}
