//! Who may join, and what a join is answered.

use super::*;

#[test]
fn a_new_member_is_given_an_id_and_joins_with_it() {
    let mut bench = Bench::new();
    let id = bench.admit();
    assert!(id.starts_with("c-u"), "{id}");
    assert!(
        bench.groups.get(GROUP).is_none(),
        "an id alone is no group to see"
    );

    let ticket = bench.rejoin(&id);
    let answer = bench.joined(ticket);
    assert_eq!(answer.outcome, Ok(()));
    assert_eq!((answer.generation, answer.leader), (1, id.clone()));
    assert_eq!(answer.protocol.as_deref(), Some("range"));
    assert_eq!(answer.members.len(), 1);
    assert_eq!(bench.group().state(), State::CompletingRebalance);
}

#[test]
fn an_old_client_joins_at_once() {
    let mut bench = Bench::new();
    let ticket = bench.join(JoinRequest {
        two_phase: false,
        ..dynamic()
    });
    assert_eq!(bench.joined(ticket).outcome, Ok(()));
}

#[test]
fn joins_are_refused_with_kafkas_errors() {
    for (name, group, request, error) in [
        ("no group", "", dynamic(), ErrorCode::INVALID_GROUP_ID),
        (
            "session too short",
            GROUP,
            JoinRequest {
                session_timeout_ms: 5_999,
                ..dynamic()
            },
            ErrorCode::INVALID_SESSION_TIMEOUT,
        ),
        (
            "session too long",
            GROUP,
            JoinRequest {
                session_timeout_ms: 1_800_001,
                ..dynamic()
            },
            ErrorCode::INVALID_SESSION_TIMEOUT,
        ),
        (
            "no protocol type",
            GROUP,
            JoinRequest {
                protocol_type: String::new(),
                ..dynamic()
            },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            "no protocol",
            GROUP,
            JoinRequest {
                protocols: vec![],
                ..dynamic()
            },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            "an id in a group that does not exist",
            GROUP,
            JoinRequest {
                member_id: "m".into(),
                ..dynamic()
            },
            ErrorCode::UNKNOWN_MEMBER_ID,
        ),
    ] {
        let mut bench = Bench::new();
        let ticket = bench.join_group(group, request);
        assert_eq!(bench.joined(ticket).outcome, Err(error), "{name}");
        assert_eq!(bench.joined(ticket).generation, -1, "{name}");
        assert!(bench.groups.get(GROUP).is_none(), "{name}");
    }
}

#[test]
fn a_group_with_members_takes_only_what_fits_them() {
    for (name, request) in [
        (
            "another protocol type",
            JoinRequest {
                protocol_type: "connect".into(),
                ..dynamic()
            },
        ),
        (
            "no protocol in common",
            JoinRequest {
                protocols: protocols(&["roundrobin"]),
                ..dynamic()
            },
        ),
    ] {
        let (mut bench, _) = Bench::stable(1);
        let ticket = bench.join(request);
        let outcome = bench.joined(ticket).outcome;
        assert_eq!(
            outcome,
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL),
            "{name}"
        );
        assert_eq!(bench.group().state(), State::Stable, "{name}");
    }
}

#[test]
fn an_empty_group_takes_any_protocol_type() {
    let (mut bench, ids) = Bench::stable(1);
    bench.leave(&[member(&ids[0])]);
    let ticket = bench.join(JoinRequest {
        protocol_type: "connect".into(),
        protocols: protocols(&["sessioned"]),
        two_phase: false,
        ..dynamic()
    });
    assert_eq!(
        bench.joined(ticket).protocol_type.as_deref(),
        Some("connect")
    );
    assert_eq!(bench.joined(ticket).generation, 3);
}

#[test]
fn an_unknown_member_of_a_group_is_refused() {
    let (mut bench, _) = Bench::stable(1);
    let ticket = bench.rejoin("stranger");
    assert_eq!(
        bench.joined(ticket),
        JoinAnswer::refused("stranger", ErrorCode::UNKNOWN_MEMBER_ID)
    );
}

#[test]
fn a_full_group_refuses_new_members_and_keeps_its_own() {
    let (mut bench, ids) = Bench::stable(2);
    bench.settings.max_size = 2;
    let late = bench.admit_or_refused();
    assert_eq!(late.outcome, Err(ErrorCode::GROUP_MAX_SIZE_REACHED));
    assert_eq!(late.member_id, "");
    let ticket = bench.rejoin(&ids[1]);
    assert_eq!(bench.joined(ticket).outcome, Ok(()));
}

#[test]
fn the_protocol_with_most_first_votes_wins() {
    let mut bench = Bench::new();
    bench.settings.initial_rebalance_delay = Duration::from_secs(3);
    let offers = [
        &["only-mine", "range", "roundrobin"][..],
        &["roundrobin", "range"],
        &["roundrobin", "range"],
    ];
    let tickets: Vec<Ticket> = offers
        .iter()
        .map(|names| {
            bench.join(JoinRequest {
                two_phase: false,
                protocols: protocols(names),
                ..dynamic()
            })
        })
        .collect();
    bench.pass(Duration::from_secs(9));
    for ticket in tickets {
        assert_eq!(bench.joined(ticket).protocol.as_deref(), Some("roundrobin"));
    }
}

#[test]
fn only_the_leader_learns_the_members() {
    let (mut bench, ids) = Bench::stable(2);
    let leader = bench.rejoin(&ids[0]);
    let follower = bench.rejoin(&ids[1]);
    let (leader, follower) = (bench.joined(leader), bench.joined(follower));
    assert_eq!(leader.members.len(), 2);
    assert_eq!(follower.members, vec![]);
    assert_eq!(leader.leader, follower.leader);
}

#[test]
fn an_id_that_nobody_uses_lapses() {
    let mut bench = Bench::new();
    let id = bench.admit();
    bench.pass(Duration::from_millis(SESSION_MS as u64));
    let ticket = bench.rejoin(&id);
    assert_eq!(
        bench.joined(ticket).outcome,
        Err(ErrorCode::UNKNOWN_MEMBER_ID)
    );
}

#[test]
fn a_second_join_of_a_waiting_member_takes_over() {
    let (mut bench, ids) = Bench::stable(2);
    let first = bench.rejoin(&ids[0]);
    let second = bench.rejoin(&ids[0]);
    assert_eq!(
        bench.joined(first).outcome,
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    assert!(bench.waits(second));
    bench.rejoin(&ids[1]);
    assert_eq!(bench.joined(second).outcome, Ok(()));
}

impl Bench {
    fn admit_or_refused(&mut self) -> JoinAnswer {
        let ticket = self.join(dynamic());
        self.joined(ticket)
    }
}
