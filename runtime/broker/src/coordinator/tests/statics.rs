//! Static members: an instance id instead of a fresh member id at each start.

use super::*;

fn instance(name: &str) -> JoinRequest {
    JoinRequest {
        instance_id: Some(name.to_owned()),
        session_timeout_ms: 2 * REBALANCE_MS,
        ..dynamic()
    }
}

fn member_of(name: &str, id: &str) -> MemberRef {
    MemberRef {
        member_id: id.to_owned(),
        instance_id: Some(name.to_owned()),
    }
}

/// A stable group of the static members `a`, the leader, and `b`.
fn stable() -> (Bench, Vec<String>) {
    let mut bench = Bench::new();
    bench.settings.initial_rebalance_delay = Duration::from_secs(1);
    let tickets = [bench.join(instance("a")), bench.join(instance("b"))];
    bench.pass(Duration::from_secs(2));
    bench.settings.initial_rebalance_delay = Duration::ZERO;
    let ids: Vec<String> = tickets
        .map(|ticket| bench.joined(ticket).member_id)
        .to_vec();
    for (id, name) in ids.iter().zip(["a", "b"]) {
        let assignments = ids
            .iter()
            .map(|id| (id.clone(), Bytes::from(id.clone())))
            .collect();
        bench.sync(SyncRequest {
            member: member_of(name, id),
            assignments,
            ..sync(id, 1)
        });
    }
    assert_eq!(bench.group().state(), State::Stable);
    (bench, ids)
}

#[test]
fn a_static_member_joins_without_a_second_trip() {
    let mut bench = Bench::new();
    let ticket = bench.join(instance("a"));
    let answer = bench.joined(ticket);
    assert_eq!(answer.outcome, Ok(()));
    assert!(answer.member_id.starts_with("a-"), "{}", answer.member_id);
    assert_eq!(answer.members[0].instance_id.as_deref(), Some("a"));
}

#[test]
fn a_restarted_follower_goes_on_without_a_rebalance() {
    let (mut bench, ids) = stable();
    let stored = bench.log.len();
    let ticket = bench.join(instance("b"));
    let answer = bench.joined(ticket);
    assert_eq!((answer.outcome, answer.generation), (Ok(()), 1));
    assert_ne!(answer.member_id, ids[1]);
    assert_eq!(
        (answer.leader, answer.skip_assignment),
        (ids[0].clone(), false)
    );
    assert_eq!(bench.group().state(), State::Stable);
    assert_eq!(bench.log.len(), stored + 1, "the new id is stored");

    let part = bench.sync(SyncRequest {
        member: member_of("b", &answer.member_id),
        ..sync(&answer.member_id, 1)
    });
    assert_eq!(
        bench.synced(part).assignment,
        ids[1],
        "as the former process had it"
    );
    assert_eq!(
        bench.heartbeat_as(&member_of("b", &ids[1]), 1),
        Err(ErrorCode::FENCED_INSTANCE_ID)
    );
}

#[test]
fn a_restarted_leader_keeps_the_assignment_as_its_client_can() {
    for (can_skip_assignment, members) in [(true, 2), (false, 0)] {
        let (mut bench, ids) = stable();
        let ticket = bench.join(JoinRequest {
            can_skip_assignment,
            ..instance("a")
        });
        let answer = bench.joined(ticket);
        assert_eq!(answer.generation, 1);
        assert_eq!(answer.skip_assignment, can_skip_assignment);
        assert_eq!(answer.members.len(), members);
        let expected = if can_skip_assignment {
            &answer.member_id
        } else {
            &ids[0]
        };
        assert_eq!(&answer.leader, expected);
        assert_eq!(bench.group().state(), State::Stable);
    }
}

#[test]
fn a_restart_that_would_change_the_protocol_rebalances() {
    let (mut bench, _) = stable();
    let ticket = bench.join(JoinRequest {
        protocols: protocols(&["range", "sticky"]),
        ..instance("b")
    });
    assert_eq!(
        bench.joined(ticket).generation,
        1,
        "range is still the choice"
    );

    let mut bench = Bench::new();
    let ticket = bench.join(JoinRequest {
        protocols: protocols(&["range", "sticky"]),
        ..instance("a")
    });
    let id = bench.joined(ticket).member_id;
    bench.sync(SyncRequest {
        member: member_of("a", &id),
        ..sync(&id, 1)
    });
    let ticket = bench.join(JoinRequest {
        protocols: protocols(&["sticky", "range"]),
        ..instance("a")
    });
    let answer = bench.joined(ticket);
    assert_eq!(
        (answer.generation, answer.protocol.as_deref()),
        (2, Some("sticky"))
    );
}

#[test]
fn the_former_process_is_fenced_wherever_it_waits() {
    let (mut bench, ids) = stable();
    let waiting = bench.join(JoinRequest {
        member_id: ids[0].clone(),
        ..instance("a")
    });
    assert!(bench.waits(waiting), "a rejoining leader waits for b");
    let successor = bench.join(instance("a"));
    assert_eq!(
        bench.joined(waiting).outcome,
        Err(ErrorCode::FENCED_INSTANCE_ID)
    );
    let b = bench.join(JoinRequest {
        member_id: ids[1].clone(),
        ..instance("b")
    });
    assert_eq!(bench.joined(successor).generation, 2);
    assert_eq!(bench.joined(b).outcome, Ok(()));

    let waiting = bench.sync(SyncRequest {
        member: member_of("b", &ids[1]),
        ..sync(&ids[1], 2)
    });
    bench.join(instance("b"));
    assert_eq!(
        bench.synced(waiting).outcome,
        Err(ErrorCode::FENCED_INSTANCE_ID)
    );
}

#[test]
fn ids_and_instances_that_do_not_belong_together_are_refused() {
    let (mut bench, ids) = stable();
    for (name, id, error) in [
        ("b", "other", ErrorCode::FENCED_INSTANCE_ID),
        ("nobody", &ids[0], ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        let ticket = bench.join(JoinRequest {
            member_id: id.to_owned(),
            ..instance(name)
        });
        assert_eq!(bench.joined(ticket).outcome, Err(error), "{name}");
        assert_eq!(bench.leave(&[member_of(name, id)]), [Err(error)], "{name}");
    }
}

#[test]
fn an_admin_removes_a_static_member_by_its_instance() {
    let (mut bench, ids) = stable();
    assert_eq!(
        bench.leave(&[member_of("a", ""), member_of("nobody", "")]),
        [Ok(()), Err(ErrorCode::UNKNOWN_MEMBER_ID)]
    );
    assert_eq!(bench.group().state(), State::PreparingRebalance);
    let ticket = bench.join(JoinRequest {
        member_id: ids[1].clone(),
        ..instance("b")
    });
    assert_eq!(bench.joined(ticket).leader, ids[1]);
}

#[test]
fn an_absent_static_member_is_kept_through_a_rebalance() {
    let (mut bench, ids) = stable();
    let ticket = bench.join(JoinRequest {
        member_id: ids[0].clone(),
        ..instance("a")
    });
    assert!(bench.waits(ticket));
    bench.pass(Duration::from_secs(30));
    let answer = bench.joined(ticket);
    assert_eq!(
        answer.members.len(),
        2,
        "b did not come and is still a member"
    );
}

#[test]
fn when_only_absent_static_members_are_left_the_group_waits_for_their_sessions() {
    let (mut bench, ids) = stable();
    let dynamic_id = bench.admit();
    let waiting = bench.rejoin(&dynamic_id);
    assert!(bench.waits(waiting));
    bench.leave(&[member(&dynamic_id)]);
    bench.pass(Duration::from_secs(61));
    assert_eq!(bench.group().state(), State::Empty);
    assert_eq!(bench.group().generation(), 2);
    assert_eq!(
        bench.heartbeat(&ids[0], 2),
        Err(ErrorCode::UNKNOWN_MEMBER_ID)
    );
}
