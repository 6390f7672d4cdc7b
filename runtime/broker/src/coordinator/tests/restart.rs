//! A coordinator that starts again from what it stored.

use super::*;

#[test]
fn a_stable_group_goes_on_without_a_rebalance() {
    let (mut bench, ids) = Bench::stable(3);
    bench
        .commit_to(GROUP, commit(member(&ids[1]), 1, 42))
        .unwrap();
    let mut restarted = bench.restarted();
    let (before, after) = (bench.group(), restarted.group());
    assert_eq!(after.state(), State::Stable);
    assert_eq!(after.generation(), before.generation());
    assert_eq!(after.protocol(), before.protocol());
    assert_eq!(after.offsets(), before.offsets());
    for (old, new) in before.members().zip(after.members()) {
        assert_eq!((&old.id, &old.assignment), (&new.id, &new.assignment));
        assert_eq!(old.protocols, new.protocols);
        assert_eq!(old.session_timeout_ms, new.session_timeout_ms);
        assert_eq!(old.rebalance_timeout_ms, new.rebalance_timeout_ms);
    }
    for id in &ids {
        assert_eq!(restarted.heartbeat(id, 1), Ok(()));
    }
    let part = restarted.sync(sync(&ids[2], 1));
    assert_eq!(restarted.synced(part).assignment, ids[2]);
    let follower = restarted.rejoin(&ids[1]);
    assert_eq!(restarted.joined(follower).generation, 1);
}

#[test]
fn members_that_did_not_survive_are_lost_after_their_session() {
    let (bench, ids) = Bench::stable(2);
    let mut restarted = bench.restarted();
    restarted.pass(Duration::from_secs(9));
    restarted.heartbeat(&ids[0], 1).unwrap();
    restarted.pass(Duration::from_secs(2));
    assert_eq!(restarted.group().members().count(), 1);
    assert_eq!(
        restarted.heartbeat(&ids[0], 1),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
}

#[test]
fn a_rebalance_that_was_cut_short_falls_back_to_the_last_generation() {
    let (mut bench, ids) = Bench::stable(2);
    bench.rejoin(&ids[0]);
    bench.rejoin(&ids[1]);
    assert_eq!(bench.group().generation(), 2);
    let mut restarted = bench.restarted();
    assert_eq!(restarted.group().generation(), 1);
    assert_eq!(
        restarted.heartbeat(&ids[0], 2),
        Err(ErrorCode::ILLEGAL_GENERATION)
    );
    let leader = restarted.rejoin(&ids[0]);
    let follower = restarted.rejoin(&ids[1]);
    assert_eq!(restarted.joined(leader).generation, 2);
    assert_eq!(restarted.joined(follower).generation, 2);
}

#[test]
fn an_empty_group_keeps_its_generation_and_the_time_it_became_empty() {
    let (mut bench, ids) = Bench::stable(1);
    bench
        .commit_to(GROUP, commit(member(&ids[0]), 1, 1))
        .unwrap();
    bench.leave(&[member(&ids[0])]);
    let mut restarted = bench.restarted();
    assert_eq!(restarted.group().state(), State::Empty);
    assert_eq!(restarted.group().generation(), 2);
    restarted.now.wall_ms += 7 * 24 * 3_600_000;
    let mut changes = Vec::new();
    restarted.groups.expire(restarted.step(), &mut changes);
    assert_eq!(changes.len(), 2, "its offset and itself");
}

#[test]
fn subscriptions_are_known_again() {
    let (bench, _) = Bench::stable(1);
    let restarted = bench.restarted();
    let mut changes = Vec::new();
    let outcome = restarted
        .groups
        .delete_offsets(GROUP, &[("t".into(), 0), ("u".into(), 0)], &mut changes)
        .unwrap();
    assert_eq!(outcome, [Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC), Ok(())]);
}

#[test]
fn a_group_above_the_limit_of_today_rebalances_and_keeps_within_it() {
    let (bench, ids) = Bench::stable(3);
    let mut restarted = bench.restarted();
    restarted.settings.max_size = 2;
    let mut effects = Effects::default();
    let step = Step {
        settings: &restarted.settings,
        now: restarted.now,
    };
    restarted.groups.begin_to_serve(step, &mut effects);
    assert!(effects.changes.is_empty() && effects.answers.is_empty());
    assert_eq!(
        restarted.heartbeat(&ids[0], 1),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    // Who comes in time may commit what it did, and stays; the last one does not fit.
    assert_eq!(
        restarted.commit_to(GROUP, commit(member(&ids[2]), 1, 42)),
        Ok(vec![Ok(())])
    );
    let tickets: Vec<_> = ids.iter().map(|id| restarted.rejoin(id)).collect();
    assert_eq!(
        restarted.joined(tickets[2]).outcome,
        Err(ErrorCode::GROUP_MAX_SIZE_REACHED)
    );
    assert_eq!(restarted.joined(tickets[0]).generation, 2);
    assert_eq!(restarted.joined(tickets[1]).generation, 2);
    assert_eq!(restarted.group().members().count(), 2);
}
