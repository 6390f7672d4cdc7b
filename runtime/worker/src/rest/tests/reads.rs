//! What every path, method and header gives, and the reads.

use serde_json::json;

use super::{TestWorker, source};

const NOT_FOUND: &str = "HTTP 404 Not Found";
const NOT_ALLOWED: &str = "HTTP 405 Method Not Allowed";

#[tokio::test]
async fn paths_and_methods() {
    let worker = TestWorker::start().await;
    for (method, path, status, message) in [
        ("GET", "/nope", 404, NOT_FOUND),
        ("GET", "/connectors/x/bogus", 404, NOT_FOUND),
        ("GET", "/Connectors", 404, NOT_FOUND),
        ("GET", "/connectors/x/tasks-config", 404, NOT_FOUND),
        ("DELETE", "/connectors", 405, NOT_ALLOWED),
        ("PUT", "/connectors", 405, NOT_ALLOWED),
        ("POST", "/connectors/x/pause", 405, NOT_ALLOWED),
        ("GET", "/connectors/x/restart", 405, NOT_ALLOWED),
        ("POST", "/", 405, NOT_ALLOWED),
        ("BREW", "/connectors", 405, NOT_ALLOWED),
    ] {
        let reply = worker.send(method, path, None).await;
        reply.assert_error(status, message);
        assert_eq!(
            (reply.header("content-type"), reply.header("allow")),
            (None, None),
            "{method} {path}"
        );
    }
    for path in [
        "//connectors",
        "/connectors//config",
        "/connectors/%zz",
        "/connectors/%00",
    ] {
        let reply = worker.get(path).await;
        assert_eq!(reply.status, 400, "{path}");
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/html"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn headers_are_checked() {
    let worker = TestWorker::start().await;
    for (method, path, headers, body, status) in [
        ("GET", "/connectors", &["Accept: text/plain"][..], "", 406),
        ("GET", "/", &["Accept: text/plain"], "", 406),
        ("GET", "/connectors/x", &["Accept: text/plain"], "", 406),
        ("GET", "/connectors", &["Content-Type: text/plain"], "", 415),
        ("GET", "/", &["Content-Type: text/plain"], "", 200),
        (
            "GET",
            "/connectors",
            &["Content-Type: application/json;charset=utf-8"],
            "",
            200,
        ),
        ("POST", "/connectors", &[], "{}", 415),
        (
            "POST",
            "/connectors",
            &["Content-Type: application/x-www-form-urlencoded"],
            "{}",
            415,
        ),
        (
            "POST",
            "/connectors",
            &["Content-Type: text/plain"],
            "{}",
            415,
        ),
        ("GET", "/connectors", &["Content-Type: json"], "", 400),
        ("PUT", "/connectors/x/pause", &["Accept: */*"], "junk", 404),
        ("GET", "/connectors", &["Host: a", "Host: b"], "", 400),
    ] {
        let reply = worker.raw(method, path, headers, body).await;
        assert_eq!(
            reply.status, status,
            "{method} {path} {headers:?}: {reply:?}"
        );
    }
    let echoed = worker
        .raw("GET", "/", &["Accept: application/json;charset=utf-8"], "")
        .await;
    assert_eq!(
        echoed.header("content-type"),
        Some("application/json;charset=utf-8")
    );
    let long = format!("/connectors/{}", "x".repeat(9000));
    assert_eq!(worker.get(&long).await.status, 414);
    let header = format!("X: {}", "x".repeat(9000));
    assert_eq!(worker.raw("GET", "/", &[&header], "").await.status, 431);
}

#[tokio::test]
async fn head_options_and_trailing_slashes() {
    let worker = TestWorker::start().await;
    worker.create("a").await;
    let head = worker.send("HEAD", "/connectors", None).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let options = worker.send("OPTIONS", "/connectors", None).await;
    assert_eq!(
        (options.status, options.text.as_str()),
        (200, "HEAD, POST, GET, OPTIONS")
    );
    assert_eq!(options.header("allow"), Some("HEAD,POST,GET,OPTIONS"));
    assert_eq!(worker.send("OPTIONS", "/nope", None).await.status, 404);
    assert_eq!(worker.get("/connectors/").await.json(), json!(["a"]));
    assert_eq!(worker.get("/connectors/a/config/?x=1").await.status, 200);
}

#[tokio::test]
async fn the_root_and_health() {
    let worker = TestWorker::start().await;
    let root = worker.get("/").await;
    assert_eq!(root.header("content-type"), Some("application/json"));
    let body = root.json();
    assert_eq!(
        (&body["version"], &body["kafka_cluster_id"]),
        (&json!("4.1.0"), &json!("cluster"))
    );
    assert!(body["commit"].is_string());
    worker.herder.set_ready();
    let health = worker.get("/health").await;
    assert_eq!(health.json()["status"], "healthy");
    assert_eq!(
        worker
            .herder
            .shut_down(std::time::Duration::from_secs(5))
            .await,
        [""; 0]
    );
    worker
        .get("/health")
        .await
        .assert_error(500, "Worker is shutting down.");
}

#[tokio::test]
async fn a_connector_is_shown() {
    let worker = TestWorker::start().await;
    worker.create("a").await;
    let config = source(&[("name", json!("a"))]);
    let info = json!({
        "name": "a", "config": config, "tasks": [{"connector": "a", "task": 0}], "type": "source",
    });
    let running = |mut first: serde_json::Value| {
        first["state"] = "RUNNING".into();
        first["worker_id"] = "127.0.0.1:8083".into();
        first["version"] = "1.2.3".into();
        first
    };
    let status = json!({
        "name": "a", "connector": running(json!({})), "tasks": [running(json!({"id": 0}))], "type": "source",
    });
    let task = json!([{
        "id": {"connector": "a", "task": 0},
        "config": {"file": "f", "task.class": "org.apache.kafka.connect.file.FileStreamSourceTask"},
    }]);
    for (path, expected) in [
        ("/connectors", json!(["a"])),
        ("/connectors/a", info.clone()),
        ("/connectors/a/config", config),
        ("/connectors/a/status", status.clone()),
        ("/connectors/a/tasks", task),
        ("/connectors/a/tasks/0/status", running(json!({"id": 0}))),
        ("/connectors/a/tasks/00/status", running(json!({"id": 0}))),
        ("/connectors/a/topics", json!({"a": {"topics": ["t1"]}})),
        (
            "/connectors?expand=status&expand=info",
            json!({"a": {"status": status, "info": info}}),
        ),
        ("/connectors?expand=info,status", json!({"a": {}})),
        ("/connectors?expand", json!({"a": {}})),
    ] {
        assert_eq!(worker.get(path).await.json(), expected, "{path}");
    }
    let text = worker.get("/connectors/a/status").await.text;
    let order = r#"{"name":"a","connector":{"state":"RUNNING","worker_id":"127.0.0.1:8083","version":"1.2.3"},"tasks":[{"id":0,"#;
    assert!(text.starts_with(order), "{text}");
}

#[tokio::test]
async fn what_is_not_there() {
    let worker = TestWorker::start().await;
    worker.create("a").await;
    for (method, path, message) in [
        ("GET", "/connectors/x", "Connector x not found"),
        ("GET", "/connectors/x/config", "Connector x not found"),
        (
            "GET",
            "/connectors/x/status",
            "No status found for connector x",
        ),
        ("GET", "/connectors/x/tasks", "Connector x not found"),
        (
            "GET",
            "/connectors/x/tasks/9/status",
            "No status found for task x-9",
        ),
        (
            "GET",
            "/connectors/a/tasks/9/status",
            "No status found for task a-9",
        ),
        ("GET", "/connectors/x/offsets", "Connector x not found"),
        ("DELETE", "/connectors/x", "Connector x not found"),
        ("PUT", "/connectors/x/pause", "Unknown connector x"),
        ("PUT", "/connectors/x/resume", "Unknown connector x"),
        ("PUT", "/connectors/x/stop", "Unknown connector x"),
        ("POST", "/connectors/x/restart", "Unknown connector: x"),
        (
            "POST",
            "/connectors/x/restart?includeTasks=true",
            "Unknown connector: x",
        ),
        (
            "POST",
            "/connectors/x/tasks/0/restart",
            "Unknown connector: x",
        ),
        (
            "POST",
            "/connectors/a/tasks/7/restart",
            "Task a-7 not found",
        ),
    ] {
        worker
            .send(method, path, None)
            .await
            .assert_error(404, message);
    }
    let not_a_number = worker.get("/connectors/a/tasks/abc/status").await;
    not_a_number.assert_error(404, NOT_FOUND);
    assert_eq!(
        not_a_number.header("content-type"),
        Some("application/json")
    );
    assert_eq!(
        worker.get("/connectors/x/topics").await.json(),
        json!({"x": {"topics": []}})
    );
    assert_eq!(
        worker
            .send("PUT", "/connectors/x/topics/reset", None)
            .await
            .status,
        202
    );
    worker
        .send("POST", "/connectors/x/tasks", None)
        .await
        .assert_error(500, "*");
}

#[tokio::test]
async fn topic_tracking_can_be_off() {
    let worker = TestWorker::with(&[("topic.tracking.enable", "false")]).await;
    worker
        .get("/connectors/x/topics")
        .await
        .assert_error(403, "Topic tracking is disabled.");
    let worker = TestWorker::with(&[("topic.tracking.allow.reset", "false")]).await;
    let reset = worker.send("PUT", "/connectors/x/topics/reset", None).await;
    reset.assert_error(403, "Topic tracking reset is disabled.");
}

#[tokio::test]
async fn admin_can_have_a_port_of_its_own_or_none() {
    let worker = TestWorker::with(&[("admin.listeners", "")]).await;
    worker
        .get("/admin/loggers")
        .await
        .assert_error(404, NOT_FOUND);
    assert_eq!(worker.get("/connectors").await.status, 200);
}

#[tokio::test]
async fn a_page_of_a_foreign_name_is_refused() {
    let worker = TestWorker::start().await;
    let reply = worker
        .raw(
            "GET",
            "/connectors",
            &["Host: evil.example", "Origin: http://evil.example"],
            "",
        )
        .await;
    reply.assert_error(
        403,
        "requests of a browser with the host 'evil.example' are refused*",
    );
    assert_eq!(
        worker
            .raw("GET", "/connectors", &["Host: evil.example"], "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_allowed_origin_may_see_answers() {
    let worker = TestWorker::with(&[("access.control.allow.origin", "http://ui.example")]).await;
    let reply = worker
        .raw(
            "GET",
            "/connectors",
            &["Host: localhost", "Origin: http://ui.example"],
            "",
        )
        .await;
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("http://ui.example")
    );
    assert_eq!(reply.header("vary"), Some("Origin"));
    let preflight = &[
        "Host: localhost",
        "Origin: http://ui.example",
        "Access-Control-Request-Method: POST",
    ];
    let reply = worker.raw("OPTIONS", "/connectors", preflight, "").await;
    assert_eq!(
        reply.header("access-control-allow-methods"),
        Some("GET,POST,HEAD")
    );
}
