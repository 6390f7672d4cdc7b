//! Members of groups against the included broker: commits, rebalances, members that die or come back.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::TestBroker;
use common::consuming::*;
use millrace_client::consumer::{
    CommitError, CommittedOffset, Consumer, Offsets, Polled, RebalanceListener, TopicPartition,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_where_it_committed() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(10)).await;
    let mut first = member("g", &broker.tcp());
    first.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut first, 10).await, range(10));
    let offset = CommittedOffset {
        offset: 6,
        leader_epoch: 0,
        metadata: "so far".into(),
    };
    first
        .commit(Offsets::from([(tp("t", 0), offset.clone())]))
        .await
        .unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    for at in [7, 8] {
        let calls = Arc::clone(&calls);
        let done =
            Box::new(move |result: Result<(), _>| calls.lock().unwrap().push((at, result.is_ok())));
        first.commit_async(Offsets::from([(tp("t", 0), CommittedOffset::at(at))]), done);
    }
    first
        .commit(Offsets::from([(tp("t", 0), offset.clone())]))
        .await
        .unwrap();
    assert_eq!(*calls.lock().unwrap(), [(7, true), (8, true)]);
    let committed = first.committed(&[tp("t", 0), tp("t", 1)]).await.unwrap();
    assert_eq!(committed[&tp("t", 0)], Some(offset));
    assert_eq!(committed[&tp("t", 1)], None);
    first.close(LIMIT).await.unwrap();

    let mut second = member("g", &broker.tcp());
    second.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut second, 4).await, [6, 7, 8, 9]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_committed_by_themselves() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(10)).await;
    let auto = config(&[("group.id", "g"), ("enable.auto.commit", "true")]);
    let mut first = Consumer::new(auto, broker.tcp());
    first.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut first, 10).await.len(), 10);
    first.close(LIMIT).await.unwrap();
    let mut second = member("g", &broker.tcp());
    second.subscribe(&["t"]).unwrap();
    produce(&broker, "t", 0, [10]).await;
    assert_eq!(read(&mut second, 1).await, [10]);
}

/// Notes what a member is told, as `+` and `-` with partitions.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: char, partitions: &[TopicPartition]) {
        let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        self.0
            .lock()
            .unwrap()
            .push(format!("{what}{}", names.join(",")));
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl RebalanceListener for Told {
    async fn assigned(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        assert!(
            partitions
                .iter()
                .all(|partition| consumer.assignment().contains(partition))
        );
        self.note('+', partitions);
    }

    async fn revoked(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        consumer.commit(consumer.positions()).await.unwrap();
        self.note('-', partitions);
    }

    async fn lost(&mut self, _: &mut Consumer, partitions: &[TopicPartition]) {
        self.note('!', partitions);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_divide_partitions_and_hand_them_over() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 4).await;
    let told = Told::default();
    let mut first = member("g", &broker.tcp());
    first.set_listener(Box::new(told.clone()));
    first.subscribe(&["t"]).unwrap();
    let mut members = vec![first];
    poll_until(&mut members, |members| members[0].assignment().len() == 4).await;
    for partition in 0..4 {
        produce(&broker, "t", partition, [partition]).await;
    }
    assert_eq!(read(&mut members[0], 4).await.len(), 4);

    let mut second = member("g", &broker.memory());
    second.subscribe(&["t"]).unwrap();
    members.push(second);
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 2)
    })
    .await;
    let (one, other) = (members[0].assignment(), members[1].assignment());
    assert!(one.iter().all(|partition| !other.contains(partition)));

    members.pop().unwrap().close(LIMIT).await.unwrap();
    poll_until(&mut members, |members| members[0].assignment().len() == 4).await;
    // What was read before is committed, so that nothing is read twice.
    produce(&broker, "t", 3, [33]).await;
    assert_eq!(read(&mut members[0], 1).await, [33]);
    let all = "t-0,t-1,t-2,t-3";
    let halves = [format!("+{}", names(&one)), format!("-{}", names(&one))];
    assert_eq!(
        told.all(),
        [
            format!("+{all}"),
            format!("-{all}"),
            halves[0].clone(),
            halves[1].clone(),
            format!("+{all}")
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cooperative_members_keep_what_does_not_move() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 4).await;
    let settings = [
        ("group.id", "g"),
        ("partition.assignment.strategy", "cooperative-sticky"),
    ];
    let told = Told::default();
    let mut first = Consumer::new(config(&settings), broker.tcp());
    first.set_listener(Box::new(told.clone()));
    first.subscribe(&["t"]).unwrap();
    let mut members = vec![first];
    poll_until(&mut members, |members| members[0].assignment().len() == 4).await;
    let mut second = Consumer::new(config(&settings), broker.tcp());
    second.subscribe(&["t"]).unwrap();
    members.push(second);
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 2)
    })
    .await;
    let moved = names(&members[1].assignment());
    assert_eq!(
        told.all(),
        ["+t-0,t-1,t-2,t-3".to_owned(), format!("-{moved}")]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_members_partitions_go_to_the_others() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 2).await;
    let mut members: Vec<Consumer> = (0..2).map(|_| member("g", &broker.tcp())).collect();
    members
        .iter_mut()
        .for_each(|member| member.subscribe(&["t"]).unwrap());
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 1)
    })
    .await;
    drop(members.pop());
    poll_until(&mut members, |members| members[0].assignment().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_does_not_poll_gives_up_its_place_and_comes_back() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 1).await;
    let settings = [("group.id", "g"), ("max.poll.interval.ms", "300")];
    let told = Told::default();
    let mut slow = Consumer::new(config(&settings), broker.tcp());
    slow.set_listener(Box::new(told.clone()));
    slow.subscribe(&["t"]).unwrap();
    let mut slow = vec![slow];
    poll_until(&mut slow, |slow| slow[0].assignment().len() == 1).await;
    let mut other = vec![member("g", &broker.tcp())];
    other[0].subscribe(&["t"]).unwrap();
    poll_until(&mut other, |other| other[0].assignment().len() == 1).await;
    let refused = slow[0]
        .commit(Offsets::from([(tp("t", 0), CommittedOffset::at(0))]))
        .await
        .unwrap_err();
    assert!(!refused.is_retriable(), "{refused}");
    drop(other);
    poll_until(&mut slow, |_| told.all().len() >= 3).await;
    assert_eq!(told.all(), ["+t-0", "!t-0", "+t-0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_member_comes_back_to_its_partitions_and_shuts_out_the_one_before() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 2).await;
    let settings = [("group.id", "g"), ("group.instance.id", "one")];
    let mut old = Consumer::new(config(&settings), broker.tcp());
    old.subscribe(&["t"]).unwrap();
    let mut members = vec![old, member("g", &broker.tcp())];
    members[1].subscribe(&["t"]).unwrap();
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 1)
    })
    .await;
    let generation = members[1].identity().unwrap().generation;
    let mut new = Consumer::new(config(&settings), broker.tcp());
    new.subscribe(&["t"]).unwrap();
    members.push(new);
    let mut old = members.remove(0);
    poll_until(&mut members, |members| {
        members[1].assignment() == old.assignment()
    })
    .await;
    assert_eq!(members[0].identity().unwrap().generation, generation);
    for _ in 0..2 {
        let error = old.poll(LIMIT).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("was replaced by another process"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_take_the_place_of_callbacks() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, [1]).await;
    let mut consumer = member("g", &broker.tcp());
    consumer.subscribe(&["t"]).unwrap();
    let mut seen = BTreeMap::new();
    for order in 0..100 {
        let name = match consumer.poll_event(TICK).await.unwrap() {
            Some(Polled::Assigned(_)) => "assigned",
            Some(Polled::Batch(_)) => "batch",
            Some(other) => panic!("{other:?}"),
            None => continue,
        };
        seen.entry(name).or_insert(order);
        if seen.len() == 2 {
            break;
        }
    }
    assert!(seen["assigned"] < seen["batch"]);
}

/// A process that stands still keeps no session, and when it goes on it must not take others' places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_frozen_cannot_commit_and_is_told_what_it_lost() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 2).await;
    produce(&broker, "t", 0, range(3)).await;
    let server = broker.tcp().config().clone();
    let (has_all, frozen) = std::sync::mpsc::channel::<()>();
    let (has_read, reading) = tokio::sync::oneshot::channel::<()>();
    let told = Told::default();
    let zombie = std::thread::spawn({
        let told = told.clone();
        move || {
            // Whatever it does in the background stands still while this thread waits.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let mut zombie = runtime.block_on(async {
                let mut zombie = member("g", &millrace_client::Cluster::tcp(server));
                zombie.set_listener(Box::new(told.clone()));
                zombie.subscribe(&["t"]).unwrap();
                assert_eq!(read(&mut zombie, 3).await, range(3));
                zombie
            });
            has_read.send(()).unwrap();
            frozen.recv_timeout(LIMIT).unwrap();
            runtime.block_on(async {
                let late = zombie.commit(zombie.positions()).await;
                assert!(matches!(late, Err(CommitError::Fenced { .. })), "{late:?}");
                let both = |told: &Told| told.all().len() == 3;
                let mut zombies = [zombie];
                poll_until(&mut zombies, |_| both(&told)).await;
            });
        }
    });
    reading.await.unwrap();
    let mut second = [member("g", &broker.tcp())];
    second[0].subscribe(&["t"]).unwrap();
    poll_until(&mut second, |second| second[0].assignment().len() == 2).await;
    has_all.send(()).unwrap();
    poll_until(&mut second, |second| second[0].assignment().len() == 1).await;
    let committed = second[0].committed(&[tp("t", 0)]).await.unwrap();
    assert_eq!(committed[&tp("t", 0)], None);
    let joined = tokio::task::spawn_blocking(move || zombie.join());
    joined.await.unwrap().unwrap();
    let told = told.all();
    assert_eq!(told[..2], ["+t-0,t-1", "!t-0,t-1"]);
    assert_eq!(told[2].len(), "+t-0".len(), "{told:?}");
}
