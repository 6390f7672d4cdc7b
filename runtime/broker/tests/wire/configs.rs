//! Configurations on the wire: what is shown, what changes, what is refused, and what a restart keeps.

use crate::support::{Client, TestBroker, batch, bytes_of};
use millrace_wire::batch::BatchHeader;
use millrace_wire::compression::Compression;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::config_resource::{BROKER, BROKER_LOGGER, TOPIC};
use millrace_wire::messages::incremental_alter_configs::config_operation::{APPEND, DELETE, SET};
use millrace_wire::messages::{
    AlterConfigsRequest, AlterConfigsResource, AlterableConfig, DescribeConfigsRequest,
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource, IncrementalAlterableConfig,
    ListConfigResourcesRequest, MetadataRequest, MetadataRequestTopic,
};

async fn describe(
    client: &mut Client,
    version: i16,
    kind: i8,
    name: &str,
) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            configuration_keys: None,
        }],
        include_synonyms: true,
        include_documentation: version >= 3,
    };
    client.call(version, &request).await.results.remove(0)
}

async fn key(
    client: &mut Client,
    kind: i8,
    name: &str,
    key: &str,
) -> DescribeConfigsResourceResult {
    let result = describe(client, 4, kind, name).await;
    assert_eq!(result.error_code, ErrorCode::NONE);
    let mut configs = result.configs.into_iter();
    configs.find(|config| config.name == key).unwrap()
}

/// A value with its source and all it could be: `value@source: name=value@source, ...`.
async fn shown(client: &mut Client, kind: i8, name: &str, asked: &str) -> String {
    let found = key(client, kind, name, asked).await;
    let synonyms: Vec<String> = found
        .synonyms
        .iter()
        .map(|synonym| {
            let value = synonym.value.as_deref().unwrap_or("?");
            format!("{}={value}@{}", synonym.name, synonym.source)
        })
        .collect();
    let value = found.value.as_deref().unwrap_or("?");
    format!("{value}@{}: {}", found.config_source, synonyms.join(", "))
}

async fn change(
    client: &mut Client,
    (kind, name): (i8, &str),
    changes: &[(&str, i8, Option<&str>)],
    validate_only: bool,
) -> (ErrorCode, String) {
    let configs = changes
        .iter()
        .map(|(name, operation, value)| IncrementalAlterableConfig {
            name: (*name).to_owned(),
            config_operation: *operation,
            value: value.map(str::to_owned),
        });
    let request = IncrementalAlterConfigsRequest {
        resources: vec![IncrementalAlterConfigsResource {
            resource_type: kind,
            resource_name: name.to_owned(),
            configs: configs.collect(),
        }],
        validate_only,
    };
    let row = client.call(1, &request).await.responses.remove(0);
    (row.error_code, row.error_message.unwrap_or_default())
}

async fn set(client: &mut Client, kind: i8, name: &str, key: &str, value: &str) {
    let outcome = change(client, (kind, name), &[(key, SET, Some(value))], false).await;
    assert_eq!(outcome.0, ErrorCode::NONE, "{key}: {}", outcome.1);
}

#[tokio::test]
async fn every_key_is_shown_in_every_version() {
    let broker = TestBroker::start(&[("log.retention.hours", "2")]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    for version in 1..=4 {
        let topic = describe(&mut client, version, TOPIC, "t").await;
        assert_eq!(
            (topic.error_code, topic.configs.len()),
            (ErrorCode::NONE, 33)
        );
        let node = describe(&mut client, version, BROKER, "1").await;
        assert!(node.configs.len() >= 316, "{}", node.configs.len());
        let knows_types = topic.configs.iter().all(|config| config.config_type != 0);
        assert_eq!(knows_types, version >= 3);
        let is_explained = node
            .configs
            .iter()
            .all(|config| config.documentation.is_some());
        assert_eq!(is_explained, version >= 3);
    }
    let password = key(&mut client, BROKER, "1", "ssl.keystore.password").await;
    assert_eq!((password.value, password.is_sensitive), (None, true));
    assert!(key(&mut client, BROKER, "1", "broker.id").await.read_only);
    assert!(
        !key(&mut client, BROKER, "1", "log.retention.ms")
            .await
            .read_only
    );
    assert_eq!(
        shown(&mut client, TOPIC, "t", "retention.ms").await,
        "7200000@5: "
    );
    assert_eq!(
        shown(&mut client, TOPIC, "t", "max.message.bytes").await,
        "1048588@5: message.max.bytes=1048588@5"
    );
    let loggers = describe(&mut client, 4, BROKER_LOGGER, "1").await;
    assert_eq!(loggers.configs[0].name, "root");
    assert!(
        describe(&mut client, 4, BROKER, "")
            .await
            .configs
            .is_empty()
    );
}

#[tokio::test]
async fn what_cannot_be_shown_says_why() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    for (kind, name, expected) in [
        (TOPIC, "missing", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "bad name!", ErrorCode::INVALID_TOPIC_EXCEPTION),
        (BROKER, "99", ErrorCode::INVALID_REQUEST),
        (BROKER, "x", ErrorCode::INVALID_REQUEST),
        (BROKER_LOGGER, "", ErrorCode::INVALID_REQUEST),
        (77, "x", ErrorCode::INVALID_REQUEST),
    ] {
        let result = describe(&mut client, 4, kind, name).await;
        assert_eq!(result.error_code, expected, "{kind} {name}");
    }
}

#[tokio::test]
async fn only_the_keys_asked_for_are_shown() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".to_owned(),
            configuration_keys: Some(vec!["retention.ms".to_owned(), "no.such".to_owned()]),
        }],
        ..Default::default()
    };
    let result = client.call(4, &request).await.results.remove(0);
    assert_eq!(result.configs.len(), 1);
    assert!(result.configs[0].synonyms.is_empty());
    assert_eq!(result.configs[0].documentation, None);
}

#[tokio::test]
async fn a_topics_changes_count_at_once_and_after_a_restart() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    set(&mut client, TOPIC, "t", "max.message.bytes", "60").await;
    let too_large = client.produce(9, -1, "t", batch(&["v"])).await;
    assert_eq!(too_large.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    let append = [("cleanup.policy", APPEND, Some("compact"))];
    change(&mut client, (TOPIC, "t"), &append, false).await;
    let only_checked = [("retention.ms", SET, Some("5"))];
    change(&mut client, (TOPIC, "t"), &only_checked, true).await;

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    assert_eq!(
        shown(&mut client, TOPIC, "t", "cleanup.policy").await,
        "delete,compact@1: cleanup.policy=delete,compact@1, log.cleanup.policy=delete@5"
    );
    assert_eq!(
        shown(&mut client, TOPIC, "t", "retention.ms").await,
        "604800000@5: "
    );
    let keyless = client.produce(9, -1, "t", batch(&["v"])).await;
    assert_eq!(keyless.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    change(
        &mut client,
        (TOPIC, "t"),
        &[("max.message.bytes", DELETE, None)],
        false,
    )
    .await;
    let keyless = client.produce(9, -1, "t", batch(&["v"])).await;
    assert_eq!(keyless.error_code, ErrorCode::INVALID_RECORD);
}

#[tokio::test]
async fn the_brokers_changes_reach_topics_that_say_nothing_themselves() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client
        .create_topic("own", 1, &[("max.message.bytes", "5000")])
        .await;
    client.create_topic("inherits", 1, &[]).await;
    set(&mut client, BROKER, "", "message.max.bytes", "70").await;
    set(&mut client, BROKER, "1", "message.max.bytes", "60").await;
    set(&mut client, BROKER, "1", "my.reporter.key", "x").await;

    assert_inherited(&mut client).await;
    let refused = client.produce(9, -1, "inherits", batch(&["v"])).await;
    assert_eq!(refused.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    let taken = client.produce(9, -1, "own", batch(&["v"])).await;
    assert_eq!(taken.error_code, ErrorCode::NONE);

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    assert_inherited(&mut client).await;
    let node = [("message.max.bytes", DELETE, None)];
    change(&mut client, (BROKER, "1"), &node, false).await;
    assert_eq!(
        shown(&mut client, TOPIC, "inherits", "max.message.bytes").await,
        "70@3: message.max.bytes=70@3, message.max.bytes=1048588@5"
    );
    client.create_topic("later", 1, &[]).await;
    let inherited = key(&mut client, TOPIC, "later", "max.message.bytes").await;
    assert_eq!(inherited.value.as_deref(), Some("70"));
}

async fn assert_inherited(client: &mut Client) {
    assert_eq!(
        shown(client, TOPIC, "inherits", "max.message.bytes").await,
        "60@2: message.max.bytes=60@2, message.max.bytes=70@3, message.max.bytes=1048588@5"
    );
    assert_eq!(
        shown(client, BROKER, "", "message.max.bytes").await,
        "70@3: message.max.bytes=70@3"
    );
    let unknown = key(client, BROKER, "1", "my.reporter.key").await;
    assert_eq!((unknown.value, unknown.is_sensitive), (None, true));
}

#[tokio::test]
async fn what_cannot_change_is_refused_in_kafkas_words() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let table = [
        (
            (TOPIC, "t"),
            "retention.ms",
            "x",
            ErrorCode::INVALID_CONFIG,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            (TOPIC, "t"),
            "no.such",
            "x",
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: no.such",
        ),
        (
            (TOPIC, "t"),
            "cleanup.policy",
            "tidy",
            ErrorCode::INVALID_CONFIG,
            "Invalid value tidy for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            (TOPIC, "t"),
            "min.cleanable.dirty.ratio",
            "2",
            ErrorCode::INVALID_CONFIG,
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            (TOPIC, "t"),
            "remote.storage.enable",
            "true",
            ErrorCode::INVALID_CONFIG,
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
        (
            (TOPIC, "missing"),
            "retention.ms",
            "1",
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "The topic 'missing' does not exist.",
        ),
        (
            (TOPIC, ""),
            "retention.ms",
            "1",
            ErrorCode::INVALID_REQUEST,
            "Default topic resources are not allowed.",
        ),
        (
            (BROKER, "1"),
            "broker.id",
            "5",
            ErrorCode::INVALID_REQUEST,
            "Cannot update these configs dynamically: Set(broker.id)",
        ),
        (
            (BROKER, ""),
            "log.retention.ms",
            "x",
            ErrorCode::INVALID_REQUEST,
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
        ),
        (
            (BROKER, "99"),
            "num.io.threads",
            "5",
            ErrorCode::INVALID_REQUEST,
            "Unexpected broker id, expected 1, but received 99",
        ),
        (
            (BROKER, "x"),
            "num.io.threads",
            "5",
            ErrorCode::INVALID_REQUEST,
            "Node id must be an integer, but it is: x",
        ),
        (
            (0, "x"),
            "a",
            "b",
            ErrorCode::INVALID_REQUEST,
            "Unknown resource type 0",
        ),
    ];
    for (resource, key, value, code, text) in table {
        for validate_only in [true, false] {
            let outcome = change(
                &mut client,
                resource,
                &[(key, SET, Some(value))],
                validate_only,
            )
            .await;
            assert_eq!(outcome, (code, text.to_owned()), "{key}={value}");
        }
    }
    let together = [
        ("min.compaction.lag.ms", SET, Some("10")),
        ("max.compaction.lag.ms", SET, Some("5")),
    ];
    let outcome = change(&mut client, (TOPIC, "t"), &together, false).await;
    assert_eq!(outcome.0, ErrorCode::INVALID_CONFIG, "{}", outcome.1);
}

#[tokio::test]
async fn the_whole_configuration_is_replaced() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client
        .create_topic("t", 1, &[("retention.ms", "5"), ("segment.ms", "6")])
        .await;
    let resource = |name: &str, value: Option<&str>| AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: name.to_owned(),
        configs: vec![AlterableConfig {
            name: "retention.ms".to_owned(),
            value: value.map(str::to_owned),
        }],
    };
    for version in 0..=2 {
        let request = AlterConfigsRequest {
            resources: vec![resource("t", Some("7"))],
            ..Default::default()
        };
        let row = client.call(version, &request).await.responses.remove(0);
        assert_eq!(row.error_code, ErrorCode::NONE);
    }
    assert_eq!(
        key(&mut client, TOPIC, "t", "retention.ms")
            .await
            .value
            .as_deref(),
        Some("7")
    );
    assert_eq!(
        key(&mut client, TOPIC, "t", "segment.ms")
            .await
            .config_source,
        5
    );
    let request = AlterConfigsRequest {
        resources: vec![
            resource("t", None),
            resource("u", Some("1")),
            resource("u", Some("2")),
        ],
        ..Default::default()
    };
    let rows = client.call(2, &request).await.responses;
    for row in rows {
        assert_eq!(row.error_code, ErrorCode::INVALID_REQUEST, "{row:?}");
    }
}

#[tokio::test]
async fn what_has_a_configuration_is_listed() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let ask = |resource_types: &[i8]| ListConfigResourcesRequest {
        resource_types: resource_types.to_vec(),
    };
    let none = client.call(0, &ask(&[])).await;
    assert!(none.error_code.is_ok() && none.config_resources.is_empty());
    let topics = client.call(1, &ask(&[TOPIC])).await.config_resources;
    assert!(topics.iter().any(|resource| resource.resource_name == "t"));
    let node = client.call(1, &ask(&[BROKER])).await.config_resources;
    assert_eq!((node.len(), node[0].resource_name.as_str()), (1, "1"));
    let unknown = client.call(1, &ask(&[99])).await;
    assert_eq!(unknown.error_code, ErrorCode::UNSUPPORTED_VERSION);
}

/// The codec of the batch that a produced record ends up in.
async fn stored_codec(client: &mut Client) -> i8 {
    let produced = client.produce(9, -1, "t", batch(&["a", "b"])).await;
    assert_eq!(produced.error_code, ErrorCode::NONE);
    let fetched = client.fetch(11, "t", produced.base_offset, 0).await;
    let header = BatchHeader::parse(&bytes_of(&fetched)).unwrap();
    header.attributes.codec_id()
}

#[tokio::test]
async fn the_codec_on_disk_is_the_topics_or_else_the_brokers() {
    let broker = TestBroker::start(&[("compression.type", "gzip")]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    assert_eq!(stored_codec(&mut client).await, Compression::Gzip.id());
    for (value, codec) in [
        ("zstd", Compression::Zstd),
        ("producer", Compression::None),
        ("snappy", Compression::Snappy),
    ] {
        set(&mut client, TOPIC, "t", "compression.type", value).await;
        assert_eq!(stored_codec(&mut client).await, codec.id(), "{value}");
    }
}

#[tokio::test]
async fn committed_offsets_are_compacted_however_small_their_segments_are_to_be() {
    let broker = TestBroker::start(&[("offsets.topic.segment.bytes", "20000")]).await;
    let mut client = broker.client().await;
    let offsets = "__consumer_offsets";
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(offsets.to_owned()),
            ..Default::default()
        }]),
        allow_auto_topic_creation: true,
        ..Default::default()
    };
    let topic = client.call(9, &request).await.topics.remove(0);
    assert_eq!(topic.error_code, ErrorCode::NONE);
    for (name, expected) in [("cleanup.policy", "compact"), ("segment.bytes", "1048576")] {
        let found = key(&mut client, TOPIC, offsets, name).await;
        assert_eq!(found.value.as_deref(), Some(expected));
    }
}
