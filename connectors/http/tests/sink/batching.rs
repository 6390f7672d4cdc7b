//! How records share requests, and what of a refused batch is sent again.

use std::io::Read;

use crate::driver::{Driven, Given, datum, keyed, value};
use crate::server::{Reply, Server};
use millrace_api::Value;

async fn bodies(pairs: &[(&str, &str)], values: &[&str]) -> Vec<String> {
    let server = Server::start();
    let mut sink = Driven::start(&server, pairs).await;
    let records: Vec<_> = values.iter().map(|text| value(text)).collect();
    sink.put(&records).await.unwrap();
    sink.settle().await;
    assert!(sink.dead.is_empty(), "{:?}", sink.dead);
    server.bodies()
}

#[tokio::test]
async fn framings() {
    let cases: [(&[(&str, &str)], &[&str], &[&str]); 7] = [
        (&[], &["a", "b"], &["a", "b"]),
        (&[("batch.max.size", "2")], &["a", "b", "c"], &["a,b", "c"]),
        (
            &[
                ("batch.max.size", "5"),
                ("batch.separator", "\n"),
                ("batch.suffix", "\\n"),
            ],
            &["a", "b"],
            &["a\nb\n"],
        ),
        (
            &[
                ("batch.max.size", "5"),
                ("batch.prefix", "<"),
                ("batch.suffix", ">"),
            ],
            &["a", "b"],
            &["<a,b>"],
        ),
        (
            &[
                ("batch.max.size", "5"),
                ("batch.json.as.array", "true"),
                ("request.body.format", "json"),
            ],
            &["{\"a\":1}", "b\"", "3", "[1]"],
            &[r#"[{"a":1},"b\"","3",[1]]"#],
        ),
        (
            &[("batch.max.size", "9"), ("batch.max.bytes", "5")],
            &["aaa", "bb", "c", "dddddddd", "e"],
            &["aaa,bb", "c", "dddddddd", "e"],
        ),
        (
            &[
                ("regex.patterns", "(\\d+)~b"),
                ("regex.replacements", "<$1x>~B"),
            ],
            &["a12b"],
            &["a<12x>B"],
        ),
    ];
    for (pairs, values, expected) in cases {
        assert_eq!(bodies(pairs, values).await, expected, "{pairs:?}");
    }
}

#[tokio::test]
async fn structured_values_are_json_in_either_format() {
    for format in ["string", "json"] {
        let server = Server::start();
        let mut sink = Driven::start(&server, &[("request.body.format", format)]).await;
        let map = Value::Map(vec![
            (Value::String("id".to_owned()), Value::Int64(7)),
            (Value::String("none".to_owned()), Value::Null),
        ]);
        sink.put(&[datum(map)]).await.unwrap();
        sink.settle().await;
        assert_eq!(server.bodies(), [r#"{"id":7,"none":null}"#]);
    }
}

#[tokio::test]
async fn what_has_no_value_among_plain_values() {
    for (behavior, bodies, dead) in [
        ("ignore", &["a,b,c"][..], 0),
        ("fail", &["a,b,c"], 1),
        ("delete", &["a", "", "b,c"], 0),
    ] {
        let server = Server::start();
        let pairs = [
            ("behavior.on.null.values", behavior),
            ("batch.max.size", "9"),
        ];
        let mut sink = Driven::start(&server, &pairs).await;
        let records = [value("a"), Given::default(), value("b"), value("c")];
        sink.put(&records).await.unwrap();
        sink.settle().await;
        assert_eq!(server.bodies(), bodies, "{behavior}");
        assert_eq!(sink.dead.len(), dead, "{behavior}");
    }
}

#[tokio::test]
async fn a_batch_ends_where_the_target_or_the_key_pattern_changes() {
    for (pairs, expected) in [
        (
            [("http.api.url", "SERVER/${key}"), ("batch.max.size", "9")],
            3,
        ),
        (
            [("batch.key.pattern", "${key}"), ("batch.max.size", "9")],
            3,
        ),
        ([("headers", "X:${key}"), ("batch.max.size", "9")], 3),
        ([("headers", "X:y"), ("batch.max.size", "9")], 1),
    ] {
        let server = Server::start();
        let mut sink = Driven::start(&server, &pairs).await;
        let records = [
            keyed("a", "1"),
            keyed("a", "2"),
            keyed("b", "3"),
            keyed("a", "4"),
        ];
        sink.put(&records).await.unwrap();
        sink.settle().await;
        assert_eq!(server.bodies().len(), expected, "{pairs:?}");
        assert_eq!(server.bodies().join(","), "1,2,3,4", "{pairs:?}");
    }
}

#[tokio::test]
async fn a_refused_batch_is_split_down_to_the_records_at_fault() {
    for status in [400, 413, 422] {
        let server = Server::start();
        server.script(move |request, _| match request.text().contains("bad") {
            true => Reply::status(status, "it has bad"),
            false => Reply::ok(),
        });
        let mut sink = Driven::start(&server, &[("batch.max.size", "16")]).await;
        let values: Vec<String> = (0..16)
            .map(|number| match number {
                5 | 11 => format!("bad{number}"),
                _ => number.to_string(),
            })
            .collect();
        sink.put_values(&values).await;
        sink.settle().await;
        let expected: Vec<_> = values
            .iter()
            .filter(|value| !value.starts_with("bad"))
            .cloned()
            .collect();
        assert_eq!(
            server.bodies().join(",").split(',').collect::<Vec<_>>(),
            expected,
            "{status}"
        );
        let dead: Vec<_> = sink.dead.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(dead, [5, 11]);
        assert!(
            sink.dead[0].1.contains(&status.to_string()) && sink.dead[0].1.contains("it has bad")
        );
    }
}

#[tokio::test]
async fn too_large_a_batch_is_sent_in_parts_that_fit() {
    let server = Server::start();
    server.script(|request, _| match request.body.len() > 30 {
        true => Reply::status(413, "too large"),
        false => Reply::ok(),
    });
    let mut sink = Driven::start(&server, &[("batch.max.size", "100")]).await;
    sink.put_values(100..200).await;
    sink.settle().await;
    let expected: Vec<String> = (100..200).map(|number| number.to_string()).collect();
    assert_eq!(server.bodies().join(","), expected.join(","));
    assert!(sink.dead.is_empty());
}

#[tokio::test]
async fn other_refusals_of_a_batch_are_dead_at_once() {
    let server = Server::start();
    server.script(|_, _| Reply::status(403, "forbidden"));
    let mut sink = Driven::start(&server, &[("batch.max.size", "3")]).await;
    sink.put_values(0..3).await;
    sink.settle().await;
    assert_eq!(server.requests().len(), 1);
    assert_eq!(sink.dead.len(), 3);
}

#[tokio::test]
async fn bodies_are_compressed() {
    for coding in ["gzip", "deflate", "zstd"] {
        let server = Server::start();
        let mut sink = Driven::start(&server, &[("compression.type", coding)]).await;
        let text = "record ".repeat(100);
        sink.put(&[value(&text)]).await.unwrap();
        sink.settle().await;
        let request = &server.accepted()[0];
        assert_eq!(request.headers["content-encoding"], coding);
        let mut back = String::new();
        let body = request.body.as_slice();
        match coding {
            "gzip" => drop(
                flate2::read::GzDecoder::new(body)
                    .read_to_string(&mut back)
                    .unwrap(),
            ),
            "deflate" => drop(
                flate2::read::ZlibDecoder::new(body)
                    .read_to_string(&mut back)
                    .unwrap(),
            ),
            _ => back = String::from_utf8(zstd::decode_all(body).unwrap()).unwrap(),
        }
        assert_eq!(back, text);
    }
}

#[tokio::test]
async fn an_idempotency_key_names_what_is_sent_and_stays_over_retries() {
    let server = Server::start();
    server.script(|_, before| match before {
        0 => Reply::status(503, ""),
        _ => Reply::ok(),
    });
    let pairs = [
        ("idempotency.key.header", "X-Once"),
        ("batch.max.size", "2"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    sink.put_values(0..3).await;
    sink.settle().await;
    let keys: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.headers["x-once"].clone())
        .collect();
    assert_eq!(keys, ["orders-0-0+2", "orders-0-0+2", "orders-0-2"]);
}
