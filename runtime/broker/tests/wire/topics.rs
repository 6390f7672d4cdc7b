//! Topics on the wire: made, refused, deleted, and there again after a restart.

use crate::support::{Client, TestBroker};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
    DeleteTopicState, DeleteTopicsRequest, FindCoordinatorRequest, MetadataRequest,
};

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor,
        ..Default::default()
    }
}

async fn create(
    client: &mut Client,
    version: i16,
    topics: Vec<CreatableTopic>,
) -> Vec<(ErrorCode, Option<String>)> {
    let response = client
        .call(
            version,
            &CreateTopicsRequest {
                topics,
                ..Default::default()
            },
        )
        .await;
    response
        .topics
        .into_iter()
        .map(|topic| (topic.error_code, topic.error_message))
        .collect()
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_kafkas_codes() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("a_b", 1, &[]).await;
    let config = |name: &str, value: Option<&str>| CreatableTopic {
        configs: vec![CreatableTopicConfig {
            name: name.to_owned(),
            value: value.map(str::to_owned),
        }],
        ..topic("c", 1, 1)
    };
    let assigned = |num_partitions, assignments: &[(i32, &[i32])]| CreatableTopic {
        assignments: assignments
            .iter()
            .map(|(partition_index, ids)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: ids.to_vec(),
            })
            .collect(),
        ..topic("d", num_partitions, -1)
    };
    let table = [
        (topic("rf", 1, 3), ErrorCode::INVALID_REPLICATION_FACTOR),
        (topic("rf", 1, 0), ErrorCode::INVALID_REPLICATION_FACTOR),
        (topic("p", 0, 1), ErrorCode::INVALID_PARTITIONS),
        (topic("p", -2, 1), ErrorCode::INVALID_PARTITIONS),
        (topic("a.b", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (topic("a_b", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS),
        (topic("bad/name", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (
            topic("__cluster_metadata", 1, 1),
            ErrorCode::INVALID_REQUEST,
        ),
        (config("retention.ms", Some("x")), ErrorCode::INVALID_CONFIG),
        (config("retention.ms", None), ErrorCode::INVALID_CONFIG),
        (config("no.such.key", Some("x")), ErrorCode::INVALID_CONFIG),
        (assigned(2, &[(0, &[1])]), ErrorCode::INVALID_REQUEST),
        (
            assigned(-1, &[(0, &[1]), (2, &[1])]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
        ),
        (
            assigned(-1, &[(0, &[7])]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
        ),
    ];
    for (topic, expected) in table {
        let name = topic.name.clone();
        let outcome = create(&mut client, 5, vec![topic]).await;
        assert_eq!(outcome[0].0, expected, "{name}");
        assert!(outcome[0].1.is_some(), "{name}");
    }
    let replicas = create(&mut client, 5, vec![topic("rf", 1, 3)])
        .await
        .remove(0)
        .1
        .unwrap();
    assert!(replicas.contains("single node"), "{replicas}");
    let twice = create(
        &mut client,
        5,
        vec![topic("e", 1, 1), topic("e", 1, 1), topic("f", 1, 1)],
    )
    .await;
    assert_eq!(
        twice.iter().map(|row| row.0).collect::<Vec<_>>(),
        [ErrorCode::INVALID_REQUEST, ErrorCode::NONE]
    );
}

#[tokio::test]
async fn defaults_are_filled_in_and_echoed() {
    let broker = TestBroker::start(&[("num.partitions", "4"), ("log.retention.hours", "1")]).await;
    let mut client = broker.client().await;
    let mut asked = topic("t", -1, -1);
    asked.configs = vec![CreatableTopicConfig {
        name: "cleanup.policy".to_owned(),
        value: Some("compact".to_owned()),
    }];
    for (version, validate_only) in [(7, true), (7, false)] {
        let request = CreateTopicsRequest {
            topics: vec![asked.clone()],
            validate_only,
            ..Default::default()
        };
        let result = client.call(version, &request).await.topics.remove(0);
        assert_eq!((result.num_partitions, result.replication_factor), (4, 1));
        assert_eq!(result.topic_id.is_zero(), validate_only);
        let configs = result.configs.unwrap();
        let source = |name: &str| {
            let config = configs.iter().find(|config| config.name == name).unwrap();
            (config.value.clone().unwrap(), config.config_source)
        };
        assert_eq!(source("cleanup.policy"), ("compact".to_owned(), 1));
        assert_eq!(source("retention.ms"), ("3600000".to_owned(), 4));
        assert_eq!(source("max.message.bytes"), ("1048588".to_owned(), 5));
    }
}

#[tokio::test]
async fn topics_outlive_a_restart_and_deleted_ones_do_not() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client
        .create_topic("kept", 3, &[("retention.ms", "1234567")])
        .await;
    client.create_topic("gone", 2, &[]).await;
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let before = client.call(12, &all).await;
    let id = before
        .topics
        .iter()
        .find(|topic| topic.name.as_deref() == Some("gone"))
        .unwrap()
        .topic_id;
    let by_id = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: None,
            topic_id: id,
        }],
        timeout_ms: 1000,
        ..Default::default()
    };
    assert_eq!(
        client.call(6, &by_id).await.responses[0].error_code,
        ErrorCode::NONE
    );
    assert_eq!(
        client.call(6, &by_id).await.responses[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
    let by_name = DeleteTopicsRequest {
        topic_names: vec!["gone".to_owned()],
        ..Default::default()
    };
    assert_eq!(
        client.call(3, &by_name).await.responses[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    let after = client.call(12, &all).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    let topics: Vec<_> = after
        .topics
        .iter()
        .filter(|topic| !topic.is_internal)
        .collect();
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].partitions.len(), 3);
    let kept = before
        .topics
        .iter()
        .find(|topic| topic.name.as_deref() == Some("kept"))
        .unwrap();
    assert_eq!(topics[0].topic_id, kept.topic_id);
    assert!(after.topics[0].partitions[0].leader_epoch > kept.partitions[0].leader_epoch);
    assert_eq!(
        create(&mut client, 5, vec![topic("kept", 1, 1)]).await[0].0,
        ErrorCode::TOPIC_ALREADY_EXISTS
    );
    let request = CreateTopicsRequest {
        topics: vec![topic("gone", 1, 1)],
        ..Default::default()
    };
    assert_eq!(
        client.call(7, &request).await.topics[0].error_code,
        ErrorCode::NONE
    );
}

#[tokio::test]
async fn deletion_can_be_switched_off() {
    let broker = TestBroker::start(&[("delete.topic.enable", "false")]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let request = DeleteTopicsRequest {
        topic_names: vec!["t".to_owned()],
        ..Default::default()
    };
    for (version, expected) in [
        (2, ErrorCode::INVALID_REQUEST),
        (3, ErrorCode::TOPIC_DELETION_DISABLED),
    ] {
        assert_eq!(
            client.call(version, &request).await.responses[0].error_code,
            expected
        );
    }
}

#[tokio::test]
async fn the_topic_of_offsets_stays() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    let key = FindCoordinatorRequest {
        key: "g".to_owned(),
        ..Default::default()
    };
    assert_eq!(client.call(2, &key).await.error_code, ErrorCode::NONE);
    let request = DeleteTopicsRequest {
        topic_names: vec!["__consumer_offsets".to_owned()],
        ..Default::default()
    };
    let response = client.call(4, &request).await;
    assert_eq!(
        response.responses[0].error_code,
        ErrorCode::INVALID_TOPIC_EXCEPTION
    );
}
