//! Plugins, their keys, the validate call, and loggers.

use serde_json::{Value, json};

use super::{TestWorker, fake, sink, source};

/// The errors of a validate call by key, keys without errors left out.
fn errors(body: &Value) -> Vec<(String, Vec<String>)> {
    let configs = body["configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|config| &config["value"]);
    let texts = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let all = configs.map(|value| {
        (
            value["name"].as_str().unwrap().to_owned(),
            texts(&value["errors"]),
        )
    });
    all.filter(|(_, errors): &(_, Vec<String>)| !errors.is_empty())
        .collect()
}

#[tokio::test]
async fn plugins_are_listed() {
    let worker = TestWorker::start().await;
    let connectors = json!([
        {"class": fake::SINK, "type": "sink", "version": "1.2.3"},
        {"class": fake::SOURCE, "type": "source", "version": "1.2.3"},
    ]);
    for path in [
        "/connector-plugins",
        "/connector-plugins?connectorsOnly=",
        "/connector-plugins?connectorsOnly=true",
    ] {
        assert_eq!(worker.get(path).await.json(), connectors, "{path}");
    }
    let all = worker
        .get("/connector-plugins?connectorsOnly=False")
        .await
        .json();
    let kinds: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["type"].as_str().unwrap())
        .collect();
    assert!(kinds.is_sorted_by_key(|kind| {
        [
            "sink",
            "source",
            "transformation",
            "predicate",
            "converter",
            "header_converter",
        ]
        .iter()
        .position(|k| k == kind)
    }));
    let strings = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|plugin| plugin["class"] == "org.apache.kafka.connect.storage.StringConverter");
    assert_eq!(strings.count(), 2);
}

#[tokio::test]
async fn keys_of_plugins() {
    let worker = TestWorker::start().await;
    let keys = worker
        .get("/connector-plugins/FileStreamSource/config")
        .await
        .json();
    let names: Vec<&str> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "file",
            "topic",
            "secret",
            "name",
            "connector.class",
            "connector.plugin.version",
            "tasks.max",
            "tasks.max.enforce",
            "key.converter",
            "key.converter.plugin.version",
            "value.converter",
            "value.converter.plugin.version",
            "header.converter",
            "header.converter.plugin.version",
            "transforms",
            "predicates",
            "config.action.reload",
            "errors.retry.timeout",
            "errors.retry.delay.max.ms",
            "errors.tolerance",
            "errors.log.enable",
            "errors.log.include.messages",
            "topic.creation.groups",
            "exactly.once.support",
            "transaction.boundary",
            "transaction.boundary.interval.ms",
            "offsets.storage.topic",
        ]
    );
    assert_eq!(keys[8]["default_value"], Value::Null);
    assert_eq!(
        worker.get("/connector-plugins/Json/config").await.status,
        200
    );
    worker
        .get("/connector-plugins/NoSuch/config")
        .await
        .assert_error(404, "Unknown plugin NoSuch.");
    worker
        .get("/connector-plugins/All/config")
        .await
        .assert_error(400, "Invalid plugin class All. *");
    let version = worker
        .get("/connector-plugins/FileStreamSource/config?version=9")
        .await;
    version.assert_error(
        400,
        &format!(
            "Plugin {} not found that matches the version range [9,9], available versions: [1.2.3]",
            fake::SOURCE
        ),
    );
}

#[tokio::test]
async fn a_valid_configuration_has_a_verdict_on_every_key() {
    let worker = TestWorker::start().await;
    let config = source(&[
        ("name", json!("a")),
        ("secret", json!("s")),
        ("unknown", json!("u")),
    ]);
    let body = worker
        .put(
            "/connector-plugins/FileStreamSourceConnector/config/validate",
            config,
        )
        .await
        .json();
    assert_eq!(
        (&body["name"], &body["error_count"]),
        (&json!("FileStreamSource"), &json!(0))
    );
    assert_eq!(
        body["groups"],
        json!([
            "Common",
            "Transforms",
            "Predicates",
            "Error Handling",
            "Topic Creation",
            "Exactly Once Support",
            "offsets.topic"
        ])
    );
    let find = |name: &str| {
        body["configs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|config| config["value"]["name"] == name)
            .cloned()
    };
    assert_eq!(find("unknown"), None);
    assert_eq!(find("secret").unwrap()["value"]["value"], "[hidden]");
    let converter = find("key.converter").unwrap();
    assert_eq!(
        converter["definition"]["default_value"],
        "org.apache.kafka.connect.storage.StringConverter"
    );
    assert_eq!(
        converter["value"]["value"],
        "org.apache.kafka.connect.storage.StringConverter"
    );
    let tasks_max = find("tasks.max").unwrap();
    assert_eq!(
        tasks_max["definition"],
        json!({
            "name": "tasks.max", "type": "INT", "required": false, "default_value": "1", "importance": "HIGH",
            "documentation": tasks_max["definition"]["documentation"], "group": "Common", "width": "SHORT",
            "display_name": "Tasks max", "dependents": [], "order": 4,
        })
    );
}

#[tokio::test]
async fn errors_are_worded_as_connect_words_them() {
    let worker = TestWorker::start().await;
    let cases = [
        (
            source(&[("name", json!("a")), ("tasks.max", json!("x"))]),
            json!([[
                "tasks.max",
                [
                    "Invalid value x for configuration tasks.max: Not a number of type INT",
                    "Invalid value null for configuration tasks.max: Value must be non-null",
                ]
            ]]),
        ),
        (
            source(&[("name", json!("a")), ("transforms", json!("a, a"))]),
            json!([
                [
                    "transforms",
                    [
                        "Invalid value [a, a] for configuration transforms: Duplicate alias provided."
                    ]
                ],
                [
                    "transforms.a.type",
                    [
                        "Missing required configuration \"transforms.a.type\" which has no default value."
                    ]
                ],
            ]),
        ),
        (
            source(&[
                ("name", json!("a")),
                ("key.converter", json!("Nope")),
                ("errors.tolerance", json!("some")),
            ]),
            json!([
                [
                    "key.converter",
                    [
                        "Invalid value Nope for configuration key.converter: Class Nope could not be found. Built in are: io.confluent.connect.avro.AvroConverter, io.confluent.connect.json.JsonSchemaConverter, io.confluent.connect.protobuf.ProtobufConverter, org.apache.kafka.connect.converters.BooleanConverter, org.apache.kafka.connect.converters.ByteArrayConverter, org.apache.kafka.connect.converters.DoubleConverter, org.apache.kafka.connect.converters.FloatConverter, org.apache.kafka.connect.converters.IntegerConverter, org.apache.kafka.connect.converters.LongConverter, org.apache.kafka.connect.converters.ShortConverter, org.apache.kafka.connect.json.JsonConverter, org.apache.kafka.connect.storage.StringConverter"
                    ]
                ],
                [
                    "errors.tolerance",
                    [
                        "Invalid value some for configuration errors.tolerance: String must be one of: none, all"
                    ]
                ],
            ]),
        ),
        (
            source(&[
                ("topic", json!("")),
                ("z", Value::Null),
                ("file", Value::Null),
            ]),
            json!([
                [
                    "z",
                    ["Null value can not be supplied as the configuration value."]
                ],
                [
                    "name",
                    ["Missing required configuration \"name\" which has no default value."]
                ],
                [
                    "topic",
                    ["Invalid value  for configuration topic: String must be non-empty"]
                ],
            ]),
        ),
    ];
    for (config, expected) in cases {
        let body = worker
            .put("/connector-plugins/Source/config/validate", config)
            .await
            .json();
        assert_eq!(json!(errors(&body)), expected);
    }
}

#[tokio::test]
async fn sinks_read_topics_or_a_pattern() {
    let worker = TestWorker::start().await;
    let neither = "Must configure one of topics or topics.regex";
    let both = "topics and topics.regex are mutually exclusive options, but both are set.";
    for (config, why, count) in [
        (
            sink(&[("name", json!("a")), ("topics", json!(""))]),
            neither,
            2,
        ),
        (
            sink(&[("name", json!("a")), ("topics.regex", json!("t.*"))]),
            both,
            2,
        ),
        (
            sink(&[
                ("name", json!("a")),
                ("errors.deadletterqueue.topic.name", json!("t")),
            ]),
            "The DLQ topic 't'",
            1,
        ),
        (sink(&[("name", json!("a"))]), "", 0),
    ] {
        let body = worker
            .put("/connector-plugins/FileStreamSink/config/validate", config)
            .await
            .json();
        assert_eq!(body["error_count"], count, "{body}");
        assert!(
            errors(&body)
                .iter()
                .all(|(_, texts)| texts[0].contains(why))
        );
    }
}

#[tokio::test]
async fn what_cannot_be_validated() {
    let worker = TestWorker::start().await;
    let path = "/connector-plugins/FileStreamSource/config/validate";
    let none = worker.put(path, json!({})).await;
    none.assert_error(
        500,
        "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector config {} contains no connector type",
    );
    worker.put("/connector-plugins/Nope/config/validate", json!({"connector.class": "Nope"})).await.assert_error(
        500,
        "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Failed to find any class that implements Connector*",
    );
    let other = format!(
        "Included connector type {} does not match request type FileStreamSource",
        fake::SINK
    );
    worker.put(path, sink(&[])).await.assert_error(400, &other);
    let alias = worker
        .put(
            &format!("/connector-plugins/{}/config/validate", fake::SOURCE),
            source(&[]),
        )
        .await;
    alias.assert_error(
        400,
        "Included connector type FileStreamSource does not match request type *",
    );
}

#[tokio::test]
async fn client_overrides_are_subject_to_the_policy() {
    let worker = TestWorker::with(&[("connector.client.config.override.policy", "None")]).await;
    let config = source(&[
        ("name", json!("a")),
        ("producer.override.acks", json!("1")),
        ("consumer.override.x", json!("1")),
    ]);
    let body = worker
        .put(
            "/connector-plugins/FileStreamSource/config/validate",
            config,
        )
        .await
        .json();
    let refused =
        "The 'None' policy does not allow 'acks' to be overridden in the connector configuration.";
    assert_eq!(
        json!(errors(&body)),
        json!([["producer.override.acks", [refused]]])
    );
    let last = body["configs"].as_array().unwrap().last().unwrap();
    assert_eq!(last["definition"]["name"], "producer.override.acks");
    let unknown = source(&[("name", json!("a")), ("producer.override.x", json!("1"))]);
    let body = worker
        .put(
            "/connector-plugins/FileStreamSource/config/validate",
            unknown,
        )
        .await
        .json();
    assert_eq!(
        body["configs"].as_array().unwrap().last().unwrap()["definition"],
        Value::Null
    );
    let wrong = source(&[
        ("name", json!("a")),
        ("producer.override.linger.ms", json!("abc")),
    ]);
    let refused = worker.put("/connectors/a/config", wrong).await;
    refused.assert_error(
        500,
        "Invalid value abc for configuration linger.ms: Not a number of type *",
    );
}

#[tokio::test]
async fn a_converter_of_ones_own_brings_its_keys() {
    let worker = TestWorker::start().await;
    let config = source(&[
        ("name", json!("a")),
        ("value.converter", json!("Json")),
        ("value.converter.schemas.enable", json!("maybe")),
    ]);
    let body = worker
        .put(
            "/connector-plugins/FileStreamSource/config/validate",
            config,
        )
        .await
        .json();
    let why = "String must be one of (case insensitive): true, false, auto";
    let found = errors(&body);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "value.converter.schemas.enable");
    assert!(found[0].1[0].ends_with(why), "{found:?}");
}

#[tokio::test]
async fn loggers_are_read_and_set() {
    let worker = TestWorker::start().await;
    let all = worker.get("/admin/loggers").await.json();
    for logger in ["root", "org.apache.kafka.connect.runtime.WorkerSinkTask"] {
        let info = json!({"level": "INFO", "last_modified": null});
        assert_eq!(all[logger], info, "{logger}");
    }
    assert_eq!(
        worker.get("/admin/loggers/ROOT").await.json()["level"],
        "INFO"
    );
    worker
        .get("/admin/loggers/x.Y")
        .await
        .assert_error(404, "Logger x.Y not found.");
    let path = "/admin/loggers/x.Y";
    worker
        .put(path, json!({"level": "bogus"}))
        .await
        .assert_error(404, "invalid log level 'bogus'.");
    worker
        .put(path, json!({"level": ""}))
        .await
        .assert_error(500, "*");
    worker.put(path, json!({})).await.assert_error(
        400,
        "Desired 'level' parameter was not specified in request.",
    );
    assert_eq!(
        worker.put(path, json!({"level": "debug"})).await.json(),
        json!(["x.Y"])
    );
    assert_eq!(
        worker
            .put(&format!("{path}?scope=bogus"), json!({"level": "DEBUG"}))
            .await
            .json(),
        json!([])
    );
    assert_eq!(
        worker
            .put(&format!("{path}?scope=Cluster"), json!({"level": "WARN"}))
            .await
            .status,
        204
    );
    let shown = worker.get(path).await.json();
    assert_eq!(shown["level"], "WARN");
    assert!(shown["last_modified"].is_i64());
}
