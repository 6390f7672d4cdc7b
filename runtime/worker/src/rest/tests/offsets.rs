//! Offsets: listed in any state, changed while the connector is stopped.

use serde_json::{Value, json};

use super::{TestWorker, sink};

const NONE_GIVEN: &str = "Partitions / offsets need to be provided for an alter offsets request";

async fn stop(worker: &TestWorker, name: &str) {
    assert_eq!(
        worker
            .send("PUT", &format!("/connectors/{name}/stop"), None)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn offsets_change_only_while_stopped() {
    let worker = TestWorker::start().await;
    worker.create("c").await;
    let path = "/connectors/c/offsets";
    let change = json!({"offsets": [{"partition": {"filename": "f"}, "offset": {"position": 5}}]});
    let not_stopped =
        "Connectors must be in the STOPPED state before their offsets can be modified*";
    worker
        .send("PATCH", path, Some(change.clone()))
        .await
        .assert_error(400, not_stopped);
    worker
        .send("DELETE", path, None)
        .await
        .assert_error(400, not_stopped);
    worker.send("PUT", "/connectors/c/pause", None).await;
    worker
        .send("DELETE", path, None)
        .await
        .assert_error(400, not_stopped);
    stop(&worker, "c").await;
    let altered = worker.send("PATCH", path, Some(change.clone())).await;
    assert_eq!(
        altered.json(),
        json!({"message": "The offsets for this connector have been altered successfully"})
    );
    assert_eq!(worker.get(path).await.json(), change);
    let dropped = json!({"offsets": [{"partition": {"filename": "f"}, "offset": null}]});
    assert_eq!(worker.send("PATCH", path, Some(dropped)).await.status, 200);
    assert_eq!(worker.get(path).await.json(), json!({"offsets": []}));
    for _ in 0..2 {
        let reset = worker.send("DELETE", path, None).await;
        assert_eq!(
            reset.json(),
            json!({"message": "The offsets for this connector have been reset successfully"})
        );
    }
    let refused = json!({"offsets": [{"partition": {"other": "f"}, "offset": {"position": 5}}]});
    worker
        .send("PATCH", path, Some(refused))
        .await
        .assert_error(500, "a partition needs a filename");
}

#[tokio::test]
async fn bodies_of_changes_are_checked() {
    let worker = TestWorker::start().await;
    worker.create("c").await;
    stop(&worker, "c").await;
    for (body, status, message) in [
        (json!({}), 400, NONE_GIVEN),
        (json!({"offsets": []}), 400, NONE_GIVEN),
        (json!([]), 500, "*"),
        (json!({"foo": 1}), 500, "*"),
        (json!({"offsets": [null]}), 500, "*"),
    ] {
        worker
            .send("PATCH", "/connectors/c/offsets", Some(body))
            .await
            .assert_error(status, message);
    }
}

#[tokio::test]
async fn offsets_of_sinks_are_those_of_their_group() {
    let worker = TestWorker::start().await;
    assert_eq!(
        worker
            .put("/connectors/s/config", sink(&[("busy", json!("1"))]))
            .await
            .status,
        201
    );
    stop(&worker, "s").await;
    let path = "/connectors/s/offsets";
    let partition = json!({"kafka_topic": "t", "kafka_partition": 0});
    let change = |partition: Value, offset: Value| json!({"offsets": [{"partition": partition, "offset": offset}]});
    for wrong in [
        change(Value::Null, json!({"kafka_offset": 1})),
        change(json!({"kafka_topic": "t"}), json!({"kafka_offset": 1})),
        change(
            json!({"kafka_topic": "t", "kafka_partition": "x"}),
            json!({"kafka_offset": 1}),
        ),
        change(partition.clone(), json!({"other": 1})),
        change(partition.clone(), json!({"kafka_offset": "x"})),
    ] {
        worker
            .send("PATCH", path, Some(wrong))
            .await
            .assert_error(400, "*");
    }
    let negative = change(partition.clone(), json!({"kafka_offset": -1}));
    worker
        .send("PATCH", path, Some(negative))
        .await
        .assert_error(500, "Failed to modify offsets for sink connector s");
    let texts = change(
        json!({"kafka_topic": "t", "kafka_partition": "0"}),
        json!({"kafka_offset": "3"}),
    );
    let altered = worker.send("PATCH", path, Some(texts)).await.json();
    let framework_only =
        "The Connect framework-managed offsets for this connector have been altered successfully.";
    assert!(
        altered["message"]
            .as_str()
            .unwrap()
            .starts_with(framework_only),
        "{altered}"
    );
    assert_eq!(
        worker.get(path).await.json(),
        change(partition, json!({"kafka_offset": 3}))
    );
    let busy = worker.send("DELETE", path, None).await;
    assert!(
        busy.status == 500 && busy.text.contains("zombie sink task"),
        "{busy:?}"
    );
}
