//! Administrative calls against the included broker.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::TestBroker;
use millrace_client::admin::{Admin, NewTopic, OffsetSpec};
use millrace_client::producer::{Producer, RecordRef};
use millrace_wire::error_code::ErrorCode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_created_listed_described_and_deleted() {
    let broker = TestBroker::start().await;
    let admin = Admin::new(&broker.tcp()).with_limit(Duration::from_secs(5));
    let topic = NewTopic {
        partitions: Some(3),
        ..NewTopic::new("orders")
    };
    admin.create_topic(&topic).await.unwrap();
    let again = admin.create_topic(&topic).await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    assert!(
        again
            .to_string()
            .starts_with("cannot create topic orders: "),
        "{again}"
    );

    let described = admin.describe_topic("orders").await.unwrap().unwrap();
    assert_eq!(described.partitions.len(), 3);
    assert!(admin.describe_topic("absent").await.unwrap().is_none());
    let names: Vec<_> = admin
        .list_topics()
        .await
        .unwrap()
        .iter()
        .map(|topic| topic.name.to_string())
        .filter(|name| !name.starts_with("__"))
        .collect();
    assert_eq!(names, ["orders"]);

    let cluster = admin.describe_cluster().await.unwrap();
    assert_eq!(cluster.nodes.len(), 1);
    assert!(cluster.cluster_id.is_some());

    admin.delete_topic("orders").await.unwrap();
    assert!(admin.describe_topic("orders").await.unwrap().is_none());
    let gone = admin.delete_topic("orders").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_are_found_by_place_and_time() {
    let broker = TestBroker::start().await;
    let cluster = broker.memory();
    let producer = Producer::new(broker.config(), cluster.clone());
    let topic: Arc<str> = "times".into();
    for time in [1_000, 2_000, 3_000] {
        let record = RecordRef {
            timestamp: time,
            key: None,
            value: Some(b"v"),
            headers: &[],
        };
        producer.send(&topic, None, record).await.unwrap();
    }
    let admin = Admin::new(&cluster).with_limit(Duration::from_secs(5));
    for (spec, expected) in [
        (OffsetSpec::Earliest, Some(0)),
        (OffsetSpec::Latest, Some(3)),
        (OffsetSpec::AtTime(1_500), Some(1)),
        (OffsetSpec::AtTime(9_000), None),
    ] {
        let place = (Arc::clone(&topic), 0);
        let found = admin
            .list_offsets(&BTreeMap::from([(place.clone(), spec)]))
            .await
            .unwrap();
        assert_eq!(found[&place].offset, expected, "{spec:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn group_offsets_are_set_read_and_deleted() {
    let broker = TestBroker::start().await;
    let admin = Admin::new(&broker.tcp()).with_limit(Duration::from_secs(5));
    admin
        .create_topic(&NewTopic {
            partitions: Some(2),
            ..NewTopic::new("read")
        })
        .await
        .unwrap();
    let topic: Arc<str> = "read".into();
    let offsets = BTreeMap::from([((Arc::clone(&topic), 0), 5), ((Arc::clone(&topic), 1), 9)]);
    admin
        .alter_group_offsets("readers", &offsets)
        .await
        .unwrap();
    let found = admin.group_offsets("readers").await.unwrap();
    let plain: BTreeMap<_, _> = found
        .into_iter()
        .map(|(place, committed)| (place, committed.offset))
        .collect();
    assert_eq!(plain, offsets);
    let groups = admin.list_groups().await.unwrap();
    assert_eq!(
        groups
            .iter()
            .map(|group| group.group_id.as_str())
            .collect::<Vec<_>>(),
        ["readers"]
    );
    admin.delete_group("readers").await.unwrap();
    assert!(admin.group_offsets("readers").await.unwrap().is_empty());
    assert_eq!(
        admin.delete_group("readers").await.unwrap_err().code(),
        Some(ErrorCode::GROUP_ID_NOT_FOUND)
    );
}
