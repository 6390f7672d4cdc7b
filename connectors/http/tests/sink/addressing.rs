//! Templates for URL, method and headers, and records that do not fit them.

use crate::driver::{Driven, Given, keyed, value};
use crate::server::Server;

#[tokio::test]
async fn places_are_filled_from_the_record() {
    let server = Server::start();
    let pairs = [
        (
            "http.api.url",
            "SERVER/${topic}/${key}/${partition}/${offset}/${order.id}?t=${timestamp}&h=${header.H}&d=${none|no ne}",
        ),
        ("request.method", "${header.method|PUT}"),
        ("headers", "X-Id: ${value.order.id} | X-Fixed:a:b"),
        ("sensitive.headers", "X-Secret:s"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    let mut record = keyed("a/b ü", r#"{"order":{"id":"7?&"}}"#);
    record.headers = vec![("H", "1"), ("H", "2"), ("method", "patch")];
    sink.put(&[record]).await.unwrap();
    sink.settle().await;
    let request = &server.accepted()[0];
    assert_eq!(request.method, "PATCH");
    assert_eq!(
        request.path,
        "/orders/a%2Fb%20%C3%BC/0/0/7%3F%26?t=1700000000123&h=2&d=no%20ne"
    );
    assert_eq!(request.headers["x-id"], "7?&");
    assert_eq!(request.headers["x-fixed"], "a:b");
    assert_eq!(request.headers["x-secret"], "s");
    assert_eq!(request.headers["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_dead_and_the_others_go_on() {
    let server = Server::start();
    let pairs = [
        ("http.api.url", "SERVER/x/${key}"),
        ("headers", "X:${header.x|}"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    let breaking = Given {
        headers: vec![("x", "a\r\nInjected: 1")],
        ..keyed("k", "header")
    };
    sink.put(&[
        value("keyless"),
        keyed("..", "up"),
        breaking,
        keyed("k", "good"),
    ])
    .await
    .unwrap();
    sink.settle().await;
    assert_eq!(server.bodies(), ["good"]);
    let reasons = ["no key", "another path", "line ends"];
    for (index, reason) in reasons.iter().enumerate() {
        let (offset, why) = &sink.dead[index];
        assert!(*offset == index as i64 && why.contains(reason), "{why}");
    }
}

#[tokio::test]
async fn null_values() {
    for (behavior, sent, dead) in [
        ("ignore", 1, 0),
        ("log", 1, 0),
        ("fail", 1, 1),
        ("delete", 2, 0),
    ] {
        let server = Server::start();
        let pairs = [
            ("behavior.on.null.values", behavior),
            ("http.api.url", "SERVER/${key}"),
        ];
        let mut sink = Driven::start(&server, &pairs).await;
        let tombstone = Given {
            key: Some("gone".to_owned()),
            ..Given::default()
        };
        sink.put(&[keyed("k", "v"), tombstone]).await.unwrap();
        sink.settle().await;
        let requests = server.requests();
        assert_eq!(
            (requests.len(), sink.dead.len()),
            (sent, dead),
            "{behavior}"
        );
        if behavior == "delete" {
            let last = &requests[1];
            assert_eq!(
                (last.method.as_str(), last.path.as_str()),
                ("DELETE", "/gone")
            );
            assert!(last.body.is_empty());
        }
    }
}

#[tokio::test]
async fn redirections_that_keep_the_method_are_followed_on_the_same_host_only() {
    use crate::server::Reply;
    let server = Server::start();
    let elsewhere = Server::start();
    let away = elsewhere.url().replace("127.0.0.1", "localhost");
    server.script(move |request, _| match request.path.as_str() {
        "/near" => Reply::status(307, "").with("location", "/there"),
        "/away" => Reply::status(308, "").with("location", &away),
        "/loop" => Reply::status(307, "").with("location", "/loop"),
        "/changing" => Reply::status(303, "").with("location", "/there"),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(
        &server,
        &[
            ("http.api.url", "SERVER/${key}"),
            ("auth.type", "BEARER"),
            ("bearer.token", "t"),
        ],
    )
    .await;
    let records = ["near", "away", "loop", "changing"].map(|key| keyed(key, key));
    sink.put(&records).await.unwrap();
    sink.settle().await;
    assert_eq!(server.bodies(), ["near"]);
    assert!(elsewhere.requests().is_empty());
    let dead: Vec<_> = sink.dead.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(dead, [1, 2, 3]);
}
