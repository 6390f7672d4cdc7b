//! The administrative calls, against the included broker and, where one is named, against Apache Kafka:
//! `KAFKA_BOOTSTRAP=host:port cargo test -p millrace-client --test administer -- --ignored`
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::TestBroker;
use millrace_client::admin::{
    Admin, ConfigChange, ConfigKind, ConfigResource, ConfigSource, DescribeConfigs, GroupFilter,
    HIGH_WATERMARK, NewTopic, OffsetSpec, Place,
};
use millrace_client::consumer::{Consumer, ConsumerConfig};
use millrace_client::producer::{Producer, ProducerConfig, RecordRef};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};
use millrace_wire::error_code::ErrorCode;

/// A topic with ten records at the times 1000, 2000 .. 10000, in partition 0.
async fn topic_of_ten(cluster: &Cluster, name: &str) -> (Admin, Arc<str>) {
    let admin = Admin::new(cluster).with_limit(Duration::from_secs(20));
    let topic = NewTopic {
        partitions: Some(2),
        ..NewTopic::new(name)
    };
    admin.create_topic(&topic).await.unwrap();
    let config = ProducerConfig {
        cluster: cluster.config().clone(),
        ..ProducerConfig::at("")
    };
    let producer = Producer::new(config, cluster.clone());
    let name: Arc<str> = name.into();
    for number in 1..=10 {
        let record = RecordRef {
            timestamp: number * 1_000,
            ..RecordRef::of(b"value")
        };
        let sent = producer.send(&name, Some(0), record).await.unwrap();
        assert_eq!(sent.offset, number - 1);
    }
    producer.close(Duration::from_secs(5)).await;
    (admin, name)
}

async fn partitions_and_records(cluster: &Cluster, name: &str) {
    let (admin, topic) = topic_of_ten(cluster, name).await;
    admin.create_partitions(name, 5, &[], true).await.unwrap();
    let described = admin.describe_topic(name).await.unwrap().unwrap();
    assert_eq!(described.partitions.len(), 2, "it was only asked for");
    admin.create_partitions(name, 3, &[], false).await.unwrap();
    let fewer = admin.create_partitions(name, 2, &[], false).await;
    assert_eq!(
        fewer.unwrap_err().code(),
        Some(ErrorCode::INVALID_PARTITIONS)
    );
    let absent = admin.create_partitions("absent", 2, &[], false).await;
    let unknown = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(absent.unwrap_err().code(), unknown);

    let known = admin.describe_topics(&[name, "absent"]).await.unwrap();
    assert_eq!(known["absent"].as_ref().unwrap_err().code(), unknown);
    let partitions = &known[name].as_ref().unwrap().partitions;
    let numbers: Vec<i32> = partitions.iter().map(|partition| partition.index).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert!(
        partitions
            .iter()
            .all(|one| one.leader == Some(one.replicas[0]) && one.isr.len() == 1)
    );
    assert!(admin.describe_topics(&[]).await.unwrap().contains_key(name));

    let place: Place = (Arc::clone(&topic), 0);
    let missing: Place = (Arc::from("absent"), 0);
    let before = BTreeMap::from([(place.clone(), 4), (missing.clone(), HIGH_WATERMARK)]);
    let mut deleted = admin.delete_records(&before).await;
    assert_eq!(deleted.remove(&place).unwrap().unwrap(), 4);
    assert_eq!(deleted[&missing].as_ref().unwrap_err().code(), unknown);
    for (spec, offset, time) in [
        (OffsetSpec::Earliest, Some(4), None),
        (OffsetSpec::Latest, Some(10), None),
        (OffsetSpec::AtTime(7_500), Some(7), Some(8_000)),
        (OffsetSpec::MaxTimestamp, Some(9), Some(10_000)),
        (OffsetSpec::AtTime(11_000), None, None),
        (OffsetSpec::EarliestLocal, Some(4), None),
    ] {
        let asked = BTreeMap::from([(place.clone(), spec)]);
        let found = admin.list_offsets(&asked).await.unwrap()[&place];
        assert_eq!((found.offset, found.timestamp), (offset, time), "{spec:?}");
    }
    let epoch = described.partitions[0].leader_epoch;
    let ends = BTreeMap::from([(place.clone(), epoch)]);
    let mut ends = admin.offsets_for_leader_epochs(&ends).await;
    let end = ends.remove(&place).unwrap().unwrap();
    assert_eq!((end.epoch, end.end_offset), (Some(epoch), Some(10)));

    let mut producers = admin.describe_producers(std::slice::from_ref(&place)).await;
    let producers = producers.remove(&place).unwrap().unwrap();
    assert_eq!(producers.len(), 1);
    assert_eq!(producers[0].last_sequence, 9);
    assert_eq!(producers[0].transaction_start, None);

    let leader = described.partitions[0].leader.unwrap();
    let dirs = admin.describe_log_dirs(&[], None).await.unwrap();
    let dirs = dirs[&leader].as_ref().unwrap();
    assert!(
        dirs.iter()
            .all(|dir| dir.error.is_none() && dir.path.starts_with('/'))
    );
    let replica = dirs
        .iter()
        .find_map(|dir| dir.replicas.get(&place))
        .unwrap();
    assert!(replica.size > 700 && !replica.is_future, "{replica:?}");
    let none = admin.describe_log_dirs(&[leader], Some(&[])).await.unwrap();
    let none = none[&leader].as_ref().unwrap();
    assert!(none.iter().all(|dir| dir.replicas.is_empty()));
    admin.delete_topic(name).await.unwrap();
}

async fn configurations(cluster: &Cluster, name: &str) {
    let admin = Admin::new(cluster).with_limit(Duration::from_secs(20));
    let topic = NewTopic {
        configs: BTreeMap::from([("retention.ms".to_owned(), "9000000".to_owned())]),
        ..NewTopic::new(name)
    };
    admin.validate_topic(&topic).await.unwrap();
    assert!(admin.describe_topic(name).await.unwrap().is_none());
    admin.create_topic(&topic).await.unwrap();
    let resource = ConfigResource::Topic(name.to_owned());
    let what = DescribeConfigs {
        synonyms: true,
        documentation: true,
        ..DescribeConfigs::default()
    };
    let before = admin.describe_configs(&resource, &what).await.unwrap();
    let retention = &before["retention.ms"];
    assert_eq!(retention.value.as_deref(), Some("9000000"));
    assert_eq!(retention.source, ConfigSource::Topic);
    assert_eq!(retention.kind, ConfigKind::Long);
    assert_eq!(retention.synonyms[0].source, ConfigSource::Topic);
    assert!(retention.documentation.is_some());
    assert_eq!(before["segment.bytes"].source, ConfigSource::Default);

    let set = |value: &str| ConfigChange::Set(value.to_owned());
    let changes = BTreeMap::from([
        ("retention.ms".to_owned(), ConfigChange::Delete),
        (
            "cleanup.policy".to_owned(),
            ConfigChange::Append("compact".to_owned()),
        ),
        ("segment.bytes".to_owned(), set("2000000")),
    ]);
    admin
        .alter_configs(&resource, &changes, true)
        .await
        .unwrap();
    let keys = DescribeConfigs {
        keys: Some(changes.keys().cloned().collect()),
        ..DescribeConfigs::default()
    };
    let asked = admin.describe_configs(&resource, &keys).await.unwrap();
    assert_eq!(asked["retention.ms"].value.as_deref(), Some("9000000"));
    admin
        .alter_configs(&resource, &changes, false)
        .await
        .unwrap();
    let changed = || async {
        let after = admin.describe_configs(&resource, &keys).await.unwrap();
        assert_eq!(after.len(), 3);
        let text = |key: &str| after[key].value.clone().unwrap();
        [
            text("retention.ms"),
            text("cleanup.policy"),
            text("segment.bytes"),
        ]
    };
    let expected = ["604800000", "delete,compact", "2000000"];
    // Another node of a cluster may answer before it has heard of the change.
    let arriving = async {
        while changed().await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arriving)
        .await
        .unwrap();

    let bad = BTreeMap::from([("retention.ms".to_owned(), set("soon"))]);
    let refused = admin
        .alter_configs(&resource, &bad, false)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::INVALID_CONFIG));
    assert!(refused.to_string().contains("retention.ms"), "{refused}");
    let absent = ConfigResource::Topic("absent".to_owned());
    let absent = admin.describe_configs(&absent, &what).await.unwrap_err();
    let unknown = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(absent.code(), unknown);

    let node = admin.describe_cluster().await.unwrap().nodes[0].id;
    let of_node = ConfigResource::Broker(node);
    let of_node = admin.describe_configs(&of_node, &what).await.unwrap();
    assert_eq!(of_node["log.dirs"].source, ConfigSource::File);
    assert!(of_node["log.dirs"].is_read_only);
    admin.delete_topic(name).await.unwrap();
}

async fn groups(cluster: &Cluster, name: &str) {
    let (admin, topic) = topic_of_ten(cluster, name).await;
    let settings: Properties = [
        ("group.id", name),
        ("group.instance.id", "one"),
        ("auto.offset.reset", "earliest"),
        ("partition.assignment.strategy", "range"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut consumer = Consumer::new(ConsumerConfig::parse(&settings).unwrap(), cluster.clone());
    consumer.subscribe(&[name]).unwrap();
    let mut read = 0;
    while read < 10 {
        let batch = consumer.poll(Duration::from_secs(10)).await.unwrap();
        read += batch.unwrap().rows.len();
    }
    consumer.commit(consumer.positions()).await.unwrap();

    let described = admin.describe_group(name).await.unwrap();
    assert_eq!(described.state, "Stable");
    assert_eq!(
        (&*described.protocol_type, &*described.protocol),
        ("consumer", "range")
    );
    let [member] = described.members.as_slice() else {
        panic!("{described:?}");
    };
    assert_eq!(member.instance_id.as_deref(), Some("one"));
    assert_eq!(member.subscribed_topics().unwrap(), [name]);
    let assigned = member.assigned_partitions().unwrap();
    assert_eq!(assigned, [(topic.clone(), 0), (topic.clone(), 1)]);
    let filter = GroupFilter {
        states: vec!["stable".to_owned()],
        types: vec!["classic".to_owned()],
    };
    let listed = admin.list_groups_of(&filter).await.unwrap();
    let listed = listed.iter().find(|group| group.group_id == name).unwrap();
    assert_eq!(listed.state.as_deref(), Some("Stable"));
    assert_eq!(listed.group_type.as_deref(), Some("classic"));

    let place: Place = (Arc::clone(&topic), 0);
    let committed = admin.group_offsets(name).await.unwrap();
    assert_eq!(committed[&place].offset, 10);
    let back = BTreeMap::from([(place.clone(), 3)]);
    let in_use = admin.alter_group_offsets(name, &back).await.unwrap_err();
    assert_eq!(in_use.code(), Some(ErrorCode::UNKNOWN_MEMBER_ID));
    let in_use = admin.delete_group(name).await.unwrap_err();
    assert_eq!(in_use.code(), Some(ErrorCode::NON_EMPTY_GROUP));
    consumer.unsubscribe();
    consumer.close(Duration::from_secs(5)).await.unwrap();

    admin
        .remove_members(name, &["one"], "the test is over")
        .await
        .unwrap();
    admin.alter_group_offsets(name, &back).await.unwrap();
    assert_eq!(admin.group_offsets(name).await.unwrap()[&place].offset, 3);
    let gone = std::slice::from_ref(&place);
    admin.delete_group_offsets(name, gone).await.unwrap();
    assert!(
        !admin
            .group_offsets(name)
            .await
            .unwrap()
            .contains_key(&place)
    );
    admin.delete_group(name).await.unwrap();
    let absent = admin.describe_group(name).await.unwrap_err();
    assert_eq!(absent.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    admin.delete_topic(name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_grow_and_records_go() {
    let broker = TestBroker::start().await;
    partitions_and_records(&broker.tcp(), "growing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configurations_are_told_and_changed() {
    let broker = TestBroker::start_with(&[]).await;
    configurations(&broker.tcp(), "configured").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_described_moved_and_deleted() {
    let broker = TestBroker::start().await;
    groups(&broker.tcp(), "readers").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Apache Kafka cluster that KAFKA_BOOTSTRAP names"]
async fn apache_kafka_is_administered_too() {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").unwrap();
    let cluster = Cluster::tcp(ClusterConfig::at(&bootstrap));
    let name = |what: &str| format!("{what}-{}", std::process::id());
    partitions_and_records(&cluster, &name("growing")).await;
    configurations(&cluster, &name("configured")).await;
    groups(&cluster, &name("readers")).await;
}
