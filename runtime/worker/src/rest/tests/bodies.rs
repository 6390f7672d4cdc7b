//! Bodies that are not what they should be.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{TestWorker, http, source};

const JSON: &[&str] = &["Content-Type: application/json"];

#[tokio::test]
async fn bodies_that_cannot_be_read_are_errors_of_the_server() {
    let worker = TestWorker::start().await;
    for body in [
        "{bad",
        "[]",
        "",
        "null",
        "{}",
        r#"{"name":"a"}"#,
        r#"{"name":"a","config":{"x":{}}}"#,
        "{} x",
    ] {
        worker
            .raw("POST", "/connectors", JSON, body)
            .await
            .assert_error(500, "*");
    }
    let bogus = json!({"name": "a", "config": {}, "bogus": 1});
    worker
        .post("/connectors", bogus)
        .await
        .assert_error(500, "Unrecognized field \"bogus\"*");
    for state in ["bogus", ""] {
        let body = json!({"name": "a", "config": source(&[]), "initial_state": state});
        worker
            .post("/connectors", body)
            .await
            .assert_error(500, "*");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_nothing_else_is_disturbed() {
    let worker = TestWorker::with(&[("rest.request.max.bytes", "100000")]).await;
    let refused = "the request body is larger than 100000 bytes; rest.request.max.bytes*";
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(3_000_000));
    worker
        .raw("POST", "/connectors", JSON, &large)
        .await
        .assert_error(413, refused);
    let waiting = [
        "Content-Type: application/json",
        "Expect: 100-continue",
        "Content-Length: 100000000",
    ];
    worker
        .raw("POST", "/connectors", &waiting, "")
        .await
        .assert_error(413, refused);
    let mut stream = TcpStream::connect(worker.address).await.unwrap();
    let head = "POST /connectors HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..20 {
        let chunk = format!("{:x}\r\n{}\r\n", 10_000, "x".repeat(10_000));
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    http::read(&mut stream).await.assert_error(413, refused);
    worker.create("a").await;
}
