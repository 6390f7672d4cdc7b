//! Configurations that ask for what the worker does not have.

use serde_json::json;

use super::{TestWorker, source};
use crate::herder::CreateRequest;
use crate::task::TargetState;

#[tokio::test]
async fn promises_that_cannot_be_kept_fail_the_task_not_the_configuration() {
    let worker = TestWorker::start().await;
    let required = source(&[("exactly.once.support", json!("Required"))]);
    let made = worker.put("/connectors/eos/config", required).await;
    assert_eq!(made.status, 201, "{made:?}");
    let status = worker.get("/connectors/eos/status").await.json();
    assert_eq!(status["connector"]["state"], "RUNNING", "{status}");
    assert_eq!(status["tasks"][0]["state"], "FAILED", "{status}");
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(trace.contains("exactly.once.support"), "{trace}");
    worker.create("requested").await;
    let status = worker.get("/connectors/requested/status").await.json();
    assert_eq!(status["tasks"][0]["state"], "RUNNING");
}

#[tokio::test]
async fn clients_cannot_be_given_transactions_that_are_not_there() {
    let worker = TestWorker::start().await;
    let key = "producer.override.transactional.id";
    let reply = worker
        .put("/connectors/a/config", source(&[(key, json!("t"))]))
        .await;
    reply.assert_error(
        400,
        &format!(
            "Connector configuration is invalid and contains the following 1 error(s):\nInvalid value t for configuration {key}: *"
        ),
    );
    let plain = source(&[("producer.override.security.protocol", json!("PLAINTEXT"))]);
    assert_eq!(worker.put("/connectors/a/config", plain).await.status, 201);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_the_configuration() {
    let headers = "set X-Frame-Options:DENY, \"add Cache-Control: no-cache, no-store\"";
    let worker = TestWorker::with(&[("response.http.headers.config", headers)]).await;
    for (path, status) in [("/connectors", 200), ("/nope", 404), ("//", 400)] {
        let reply = worker.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(
            reply.header("cache-control"),
            Some("no-cache, no-store"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_connector_of_the_command_line_that_rest_has_made_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connectors").display().to_string();
    let worker = TestWorker::with(&[("config.storage.file.filename", &file)]).await;
    worker.create("a").await;
    let request = CreateRequest {
        name: "a".to_owned(),
        config: serde_json::from_value(source(&[])).unwrap(),
        target: TargetState::Started,
    };
    let error = worker.herder.create_unkept(request).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&file) && text.contains("DELETE /connectors/a"),
        "{text}"
    );
}
