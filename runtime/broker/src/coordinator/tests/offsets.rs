//! Commits, deletions, expiry.

use super::*;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn nobody() -> MemberRef {
    MemberRef::default()
}

impl Bench {
    fn committed(&self, group: &str, topic: &str) -> Option<i64> {
        let group = self.groups.get(group)?;
        group.offsets().get(topic, 0).map(|value| value.offset)
    }

    fn expire(&mut self, after: Duration) {
        self.now.wall_ms += after.as_millis() as i64;
        let mut changes = Vec::new();
        let step = self.step();
        self.groups.expire(step, &mut changes);
        self.apply(changes);
    }

    fn delete_offset(&mut self, topic: &str) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let mut changes = Vec::new();
        let outcome = self
            .groups
            .delete_offsets(GROUP, &[(topic.to_owned(), 0)], &mut changes);
        self.apply(changes);
        outcome
    }

    fn delete_group(&mut self, group: &str) -> Result<(), ErrorCode> {
        let mut changes = Vec::new();
        let outcome = self.groups.delete(group, &mut changes);
        self.apply(changes);
        outcome
    }
}

#[test]
fn a_client_without_a_group_keeps_offsets_under_any_id() {
    let mut bench = Bench::new();
    for group in ["simple", ""] {
        assert_eq!(
            bench.commit_to(group, commit(nobody(), -1, 5)),
            Ok(vec![Ok(())])
        );
        assert_eq!(bench.committed(group, "t"), Some(5));
    }
    let group = bench.groups.get("simple").unwrap();
    assert_eq!((group.state(), group.protocol_type()), (State::Empty, ""));
}

#[test]
fn commits_are_checked_against_the_generation() {
    let (mut bench, ids) = Bench::stable(1);
    let id = ids[0].as_str();
    for (name, request, outcome) in [
        ("a member", commit(member(id), 1, 1), Ok(vec![Ok(())])),
        (
            "an old generation",
            commit(member(id), 0, 1),
            Err(ErrorCode::ILLEGAL_GENERATION),
        ),
        (
            "a stranger",
            commit(member("m"), 1, 1),
            Err(ErrorCode::UNKNOWN_MEMBER_ID),
        ),
        (
            "a simple client on a live group",
            commit(nobody(), -1, 1),
            Err(ErrorCode::UNKNOWN_MEMBER_ID),
        ),
    ] {
        assert_eq!(bench.commit_to(GROUP, request), outcome, "{name}");
    }
    let newcomer = bench.admit();
    bench.rejoin(&newcomer);
    assert_eq!(bench.group().state(), State::PreparingRebalance);
    assert_eq!(
        bench.commit_to(GROUP, commit(member(id), 1, 2)),
        Ok(vec![Ok(())]),
        "a last commit before rejoining"
    );
    bench.rejoin(id);
    assert_eq!(
        bench.commit_to(GROUP, commit(member(id), 2, 3)),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    assert_eq!(bench.committed(GROUP, "t"), Some(2));
}

#[test]
fn a_commit_to_a_group_that_is_gone_says_so_as_the_version_can() {
    let mut bench = Bench::new();
    let settings = GroupSettings::default();
    let step = Step {
        settings: &settings,
        now: bench.now,
    };
    for (group_errors, error) in [
        (true, ErrorCode::GROUP_ID_NOT_FOUND),
        (false, ErrorCode::ILLEGAL_GENERATION),
    ] {
        let request = commit(member("m"), 3, 1);
        let mut changes = Vec::new();
        let outcome = bench
            .groups
            .commit("gone", request, group_errors, step, &mut changes);
        assert_eq!(outcome, Err(error));
        assert!(changes.is_empty() && bench.groups.get("gone").is_none());
    }
}

#[test]
fn metadata_that_is_too_large_is_refused_alone() {
    let mut bench = Bench::new();
    let mut request = commit(nobody(), -1, 5);
    request.offsets.push(CommitOffset {
        partition: 1,
        metadata: "x".repeat(4097),
        ..request.offsets[0].clone()
    });
    assert_eq!(
        bench.commit_to("s", request),
        Ok(vec![Ok(()), Err(ErrorCode::OFFSET_METADATA_TOO_LARGE)])
    );
    assert_eq!(bench.groups.get("s").unwrap().offsets().len(), 1);
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let (mut bench, ids) = Bench::stable(1);
    for _ in 0..4 {
        bench.pass(Duration::from_secs(6));
        bench
            .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
            .unwrap();
    }
    assert_eq!(bench.group().state(), State::Stable);
}

#[test]
fn offsets_of_topics_in_use_are_not_deleted() {
    let (mut bench, ids) = Bench::stable(1);
    bench
        .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
        .unwrap();
    assert_eq!(
        bench.delete_offset("t"),
        Ok(vec![Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC)])
    );
    assert_eq!(bench.delete_offset("unused"), Ok(vec![Ok(())]));
    bench.leave(&[member(&ids[0])]);
    assert_eq!(bench.delete_offset("t"), Ok(vec![Ok(())]));
    assert_eq!(bench.committed(GROUP, "t"), None);
}

#[test]
fn a_group_outlives_its_last_offset_until_it_is_deleted_or_expires() {
    let mut bench = Bench::new();
    bench.commit_to(GROUP, commit(nobody(), -1, 1)).unwrap();
    assert_eq!(bench.delete_offset("t"), Ok(vec![Ok(())]));
    assert_eq!(bench.group().state(), State::Empty);
    assert!(bench.restarted().groups.get(GROUP).is_some());
    bench.expire(Duration::ZERO);
    assert!(bench.groups.get(GROUP).is_none());
    assert!(bench.restarted().groups.get(GROUP).is_none());

    bench.commit_to("", commit(nobody(), -1, 1)).unwrap();
    assert_eq!(bench.delete_group(""), Ok(()));
    assert_eq!(bench.committed("", "t"), None);
}

#[test]
fn offsets_of_a_live_group_of_another_kind_are_not_deleted() {
    let mut bench = Bench::new();
    assert_eq!(bench.delete_offset("t"), Err(ErrorCode::GROUP_ID_NOT_FOUND));
    bench.join(JoinRequest {
        two_phase: false,
        protocol_type: "connect".into(),
        ..dynamic()
    });
    assert_eq!(bench.delete_offset("t"), Err(ErrorCode::NON_EMPTY_GROUP));
}

#[test]
fn a_group_is_deleted_with_its_offsets_once_it_is_empty() {
    let (mut bench, ids) = Bench::stable(1);
    bench
        .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
        .unwrap();
    assert_eq!(bench.delete_group(GROUP), Err(ErrorCode::NON_EMPTY_GROUP));
    assert_eq!(bench.delete_group("g2"), Err(ErrorCode::GROUP_ID_NOT_FOUND));
    assert_eq!(bench.delete_group(""), Err(ErrorCode::GROUP_ID_NOT_FOUND));
    bench.leave(&[member(&ids[0])]);
    assert_eq!(bench.delete_group(GROUP), Ok(()));
    assert!(bench.groups.get(GROUP).is_none());
    assert!(bench.restarted().groups.get(GROUP).is_none());
}

#[test]
fn the_offsets_of_a_deleted_topic_go() {
    let (mut bench, ids) = Bench::stable(1);
    bench
        .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
        .unwrap();
    let mut changes = Vec::new();
    let gone = ["t".to_owned()].into();
    bench.groups.forget_topics(&gone, &mut changes);
    bench.apply(changes);
    assert_eq!(bench.committed(GROUP, "t"), None);
}

#[test]
fn offsets_of_a_simple_client_expire_after_the_commit() {
    let mut bench = Bench::new();
    bench.commit_to(GROUP, commit(nobody(), -1, 1)).unwrap();
    bench.expire(WEEK - Duration::from_millis(1));
    assert_eq!(bench.committed(GROUP, "t"), Some(1));
    bench.expire(Duration::from_millis(1));
    assert!(bench.groups.get(GROUP).is_none());
    assert!(bench.restarted().groups.get(GROUP).is_none());
}

#[test]
fn offsets_of_a_group_expire_after_its_last_member_left() {
    let (mut bench, ids) = Bench::stable(1);
    bench
        .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
        .unwrap();
    bench.now.wall_ms += WEEK.as_millis() as i64;
    bench.expire(Duration::ZERO);
    assert_eq!(bench.committed(GROUP, "t"), Some(1), "the topic is in use");
    bench.leave(&[member(&ids[0])]);
    bench.expire(WEEK - Duration::from_millis(1));
    assert_eq!(bench.committed(GROUP, "t"), Some(1));
    bench.expire(Duration::from_millis(1));
    assert!(bench.groups.get(GROUP).is_none());
}

#[test]
fn offsets_that_a_live_group_no_longer_uses_expire() {
    let (mut bench, ids) = Bench::stable(1);
    let mut request = commit(member(&ids[0]), 1, 7);
    request.offsets[0].topic = "former".into();
    bench.commit_to(GROUP, request).unwrap();
    bench
        .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
        .unwrap();
    bench.expire(WEEK);
    assert_eq!(bench.committed(GROUP, "former"), None);
    assert_eq!(bench.committed(GROUP, "t"), Some(1));
}

#[test]
fn a_retention_that_the_client_asked_for_counts() {
    let mut bench = Bench::new();
    let request = CommitRequest {
        retention_ms: Some(1_000),
        ..commit(nobody(), -1, 1)
    };
    bench.commit_to(GROUP, request).unwrap();
    bench.expire(Duration::from_millis(999));
    assert_eq!(bench.committed(GROUP, "t"), Some(1));
    bench.expire(Duration::from_millis(1));
    assert_eq!(bench.committed(GROUP, "t"), None);
}
