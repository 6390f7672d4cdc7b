//! What each preset sends, and what it makes of answers.

use crate::driver::{Driven, Given, datum, keyed, value};
use crate::server::{Reply, Request, Server};
use millrace_api::Value;
use serde_json::json;

async fn sent(pairs: &[(&str, &str)], records: &[Given]) -> Vec<Request> {
    let server = Server::start();
    server.script(|_, _| Reply::status(200, r#"{"errors":false}"#));
    let mut sink = Driven::start(&server, pairs).await;
    sink.put(records).await.unwrap();
    sink.settle().await;
    assert!(sink.dead.is_empty(), "{:?}", sink.dead);
    server.accepted()
}

fn fields(fields: &[(&str, Value)]) -> Given {
    let entries = fields.iter();
    let entries = entries.map(|(name, value)| (Value::String((*name).to_owned()), value.clone()));
    datum(Value::Map(entries.collect()))
}

#[tokio::test]
async fn a_webhook_gets_one_json_document_with_an_idempotency_key() {
    let requests = sent(
        &[("preset", "webhook")],
        &[value(r#"{"a":1}"#), value("text")],
    )
    .await;
    let bodies: Vec<_> = requests.iter().map(Request::text).collect();
    assert_eq!(bodies, [r#"{"a":1}"#, "\"text\""]);
    assert_eq!(requests[0].headers["content-type"], "application/json");
    assert_eq!(requests[1].headers["idempotency-key"], "orders-0-1");
    assert_eq!(requests[0].method, "POST");
}

#[tokio::test]
async fn elasticsearch_gets_actions_and_documents() {
    let tombstone = Given {
        key: Some("a".to_owned()),
        ..Given::default()
    };
    let records = [keyed("a", "{\"x\":\n1}"), value("plain"), tombstone];
    for preset in ["elasticsearch", "opensearch"] {
        let pairs = [
            ("preset", preset),
            ("elasticsearch.index", "shop-${topic}"),
            ("behavior.on.null.values", "delete"),
        ];
        let requests = sent(&pairs, &records).await;
        assert_eq!(requests.len(), 1);
        assert!(
            requests[0].path.starts_with("/_bulk?"),
            "{}",
            requests[0].path
        );
        assert_eq!(requests[0].headers["content-type"], "application/x-ndjson");
        let lines = [
            r#"{"index":{"_index":"shop-orders","_id":"a","version":0,"version_type":"external"}}"#,
            r#"{"x": 1}"#,
            r#"{"index":{"_index":"shop-orders","_id":"orders+0+1"}}"#,
            r#"{"message":"plain"}"#,
            r#"{"delete":{"_index":"shop-orders","_id":"a","version":2,"version_type":"external"}}"#,
        ];
        assert_eq!(requests[0].text(), lines.join("\n") + "\n");
    }
}

#[tokio::test]
async fn elasticsearch_says_what_became_of_each_document() {
    let server = Server::start();
    server.script(|request, before| {
        let text = request.text();
        let documents = text
            .lines()
            .filter(|line| line.starts_with("{\"doc\""))
            .map(str::to_owned);
        let items: Vec<_> = documents
            .map(|document| {
                let status = match (
                    document.contains("bad"),
                    document.contains("later") && before == 0,
                ) {
                    (true, _) => 400,
                    (_, true) => 429,
                    _ => 201,
                };
                json!({"index": {"status": status, "error": {"reason": format!("is {status}")}}})
            })
            .collect();
        Reply::status(200, &json!({"errors": true, "items": items}).to_string())
    });
    let mut sink = Driven::start(&server, &[("preset", "elasticsearch")]).await;
    sink.put_values([
        r#"{"doc":"good"}"#,
        r#"{"doc":"bad"}"#,
        r#"{"doc":"later"}"#,
    ])
    .await;
    sink.settle().await;
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].text().contains("later") && !requests[1].text().contains("good"));
    assert_eq!(sink.dead.len(), 1);
    assert!(
        sink.dead[0].0 == 1 && sink.dead[0].1.contains("is 400"),
        "{:?}",
        sink.dead
    );
}

#[tokio::test]
async fn elasticsearch_that_lies_about_its_answer_gets_the_batch_again() {
    let server = Server::start();
    server.script(|_, before| match before {
        0 => Reply::status(200, "<html>"),
        1 => {
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"errors\":false}".to_vec())
        }
        2 => Reply::status(200, r#"{"errors":true,"items":[]}"#),
        _ => Reply::status(200, r#"{"errors":false}"#),
    });
    let mut sink = Driven::start(&server, &[("preset", "elasticsearch")]).await;
    sink.put_values(["{}"]).await;
    sink.settle().await;
    assert_eq!(server.requests().len(), 4);
    assert!(sink.dead.is_empty());
}

#[tokio::test]
async fn loki_gets_streams_of_equal_labels() {
    let pairs = [
        ("preset", "loki"),
        ("loki.labels", "topic=${topic},level=${level|info}"),
    ];
    let records = [
        value(r#"{"level":"warn"}"#),
        value("a \"line\""),
        value("another"),
    ];
    let requests = sent(&pairs, &records).await;
    assert_eq!(requests[0].path, "/loki/api/v1/push");
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(
        body,
        json!({"streams": [
            {"stream": {"topic": "orders", "level": "warn"}, "values": [["1700000000123000000", "{\"level\":\"warn\"}"]]},
            {"stream": {"topic": "orders", "level": "info"}, "values": [
                ["1700000000124000000", "a \"line\""], ["1700000000125000000", "another"]]},
        ]})
    );
}

#[tokio::test]
async fn splunk_gets_events_and_the_token() {
    let pairs = [
        ("preset", "splunk"),
        ("splunk.token", "t0k"),
        ("splunk.index", "main"),
        ("splunk.sourcetype", "_json"),
    ];
    let requests = sent(&pairs, &[value(r#"{"a":1}"#), value("text")]).await;
    assert_eq!(requests[0].path, "/services/collector/event");
    assert_eq!(requests[0].headers["authorization"], "Splunk t0k");
    let text = requests[0].text();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        events[0],
        json!({"time": 1_700_000_000.123, "source": "kafka:orders", "sourcetype": "_json", "index": "main", "event": {"a": 1}})
    );
    assert_eq!(events[1]["event"], "text");
}

#[tokio::test]
async fn splunk_names_the_event_at_fault_and_the_rest_goes_on() {
    let server = Server::start();
    server.script(|request, _| {
        let at_fault = request.text().lines().position(|line| line.contains("bad"));
        match at_fault {
            Some(event) => {
                let body = json!({"text": "Invalid data format", "code": 6, "invalid-event-number": event});
                Reply::status(400, &body.to_string())
            }
            None => Reply::ok(),
        }
    });
    let mut sink = Driven::start(&server, &[("preset", "splunk"), ("splunk.token", "t")]).await;
    sink.put_values(["a", "bad", "b", "bad", "c"]).await;
    sink.settle().await;
    let dead: Vec<_> = sink.dead.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(dead, [1, 3]);
    assert_eq!(server.requests().len(), 3);
    let last = server.bodies().concat();
    assert!(
        last.contains("\"c\"") && !last.contains("\"a\""),
        "nothing is sent twice: {last}"
    );
}

#[tokio::test]
async fn influxdb_gets_points() {
    let record = fields(&[
        ("site", Value::String("a b".to_owned())),
        ("temp", Value::Float64(21.5)),
        ("count", Value::Int32(3)),
        ("up", Value::Boolean(true)),
        ("note", Value::String("say \"hi\"".to_owned())),
        ("none", Value::Null),
    ]);
    let pairs = [
        ("preset", "influxdb"),
        ("influxdb.org", "o"),
        ("influxdb.bucket", "b c"),
        ("influxdb.token", "t"),
        ("influxdb.tags", "site"),
    ];
    let requests = sent(&pairs, &[record]).await;
    assert_eq!(
        requests[0].path,
        "/api/v2/write?org=o&bucket=b%20c&precision=ms"
    );
    assert_eq!(requests[0].headers["authorization"], "Token t");
    assert_eq!(
        requests[0].text(),
        r#"orders,site=a\ b temp=21.5,count=3i,up=true,note="say \"hi\"" 1700000000123"#
    );
    let pairs = [("preset", "influxdb"), ("influxdb.database", "d")];
    let requests = sent(&pairs, &[value(r#"{"in":{"x":1}}"#), value("text")]).await;
    assert_eq!(requests[0].path, "/write?db=d&precision=ms");
    assert_eq!(
        requests[0].text(),
        "orders in.x=1 1700000000123\norders value=\"text\" 1700000000124"
    );
}

#[tokio::test]
async fn a_record_without_a_field_is_no_point() {
    let server = Server::start();
    let mut sink = Driven::start(
        &server,
        &[("preset", "influxdb"), ("influxdb.database", "d")],
    )
    .await;
    sink.put_values(["{}", "{\"a\":1}"]).await;
    sink.settle().await;
    assert_eq!(server.bodies(), ["orders a=1 1700000000124"]);
    assert!(sink.dead[0].1.contains("no field"), "{:?}", sink.dead);
}
