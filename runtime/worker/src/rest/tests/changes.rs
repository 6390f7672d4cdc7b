//! Creating, changing, steering and deleting connectors.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{TestWorker, invalid, source};

fn state(reply: &super::Reply) -> Value {
    reply.json()["connector"]["state"].clone()
}

/// Whether a connector and its one task run.
fn all_running(reply: &super::Reply) -> bool {
    let body = reply.json();
    state(reply) == "RUNNING" && body["tasks"][0]["state"] == "RUNNING"
}

#[tokio::test]
async fn names_are_judged() {
    let worker = TestWorker::start().await;
    let mismatch = |given: &str, name: &str| {
        format!(
            "Connector name configuration ({given}) doesn't match connector name in the URL ({name})"
        )
    };
    let empty = invalid(&["Invalid value  for configuration name: String may not be empty"]);
    let control = invalid(&[
        "Invalid value a\nb for configuration name: String may not contain control sequences but had the following ASCII chars: 10",
    ]);
    for (body, message) in [
        (json!({"config": source(&[])}), empty),
        (json!({"config": source(&[("name", json!("x"))])}), mismatch("x", "")),
        (json!({"name": " m ", "config": source(&[("name", json!(" m "))])}), mismatch(" m ", "m")),
        (json!({"name": "a\nb", "config": source(&[])}), control),
        (json!({"name": "a", "config": {}}), "Connector config {name=a} contains no connector type".to_owned()),
        (
            json!({"name": "a", "config": {"connector.class": "Nope"}}),
            "Failed to find any class that implements Connector and which name matches Nope, available connectors are: *".to_owned(),
        ),
    ] {
        worker.post("/connectors", body).await.assert_error(400, &message);
    }
    worker
        .put("/connectors/n1/config", source(&[("name", json!("n2"))]))
        .await
        .assert_error(400, &mismatch("n2", "n1"));
    for (name, stored, location) in [
        (" m ", "m", "/connectors/m"),
        ("\ttab", "tab", "/connectors/tab"),
        ("a/b", "a/b", "/connectors/a/b"),
        ("ü x", "ü x", "/connectors/%C3%BC%20x"),
    ] {
        let reply = worker
            .post("/connectors", json!({"name": name, "config": source(&[])}))
            .await;
        assert_eq!((reply.status, &reply.json()["name"]), (201, &json!(stored)));
        let found = reply.header("location").unwrap();
        assert_eq!(found, format!("http://{}{location}", worker.address));
    }
    let spaced = worker.put("/connectors/%20n%20/config", source(&[])).await;
    assert_eq!(
        (spaced.status, &spaced.json()["name"]),
        (201, &json!(" n "))
    );
    worker
        .get("/connectors/a/b")
        .await
        .assert_error(404, "HTTP 404 Not Found");
}

#[tokio::test]
async fn creating_twice_is_a_conflict_unless_it_is_invalid() {
    let worker = TestWorker::start().await;
    worker.create("src").await;
    let again = worker
        .post(
            "/connectors",
            json!({"name": " src ", "config": source(&[])}),
        )
        .await;
    again.assert_error(409, "Connector src already exists");
    let wrong = source(&[("tasks.max", json!("0"))]);
    let message =
        invalid(&["Invalid value 0 for configuration tasks.max: Value must be at least 1"]);
    worker
        .post("/connectors", json!({"name": "src", "config": wrong}))
        .await
        .assert_error(400, &message);
}

#[tokio::test]
async fn put_creates_then_replaces() {
    let worker = TestWorker::start().await;
    let config = source(&[("x", json!(1)), ("y", json!(true)), ("tasks.max", json!(2))]);
    let created = worker.put("/connectors/c/config", config).await;
    assert_eq!(created.status, 201);
    assert!(
        created
            .header("location")
            .unwrap()
            .ends_with("/connectors/c")
    );
    let body = created.json();
    assert_eq!(
        (&body["config"]["x"], &body["config"]["y"]),
        (&json!("1"), &json!("true"))
    );
    assert_eq!(body["tasks"].as_array().unwrap().len(), 2);
    let replaced = worker.put("/connectors/c/config", source(&[])).await;
    assert_eq!((replaced.status, replaced.header("location")), (200, None));
    assert_eq!(replaced.json()["tasks"].as_array().unwrap().len(), 1);
    let null = worker
        .put("/connectors/c/config", source(&[("z", Value::Null)]))
        .await;
    null.assert_error(
        400,
        &invalid(&["Null value can not be supplied as the configuration value."]),
    );
}

#[tokio::test]
async fn patch_changes_keys() {
    let worker = TestWorker::start().await;
    worker.create("c").await;
    let patch = |body: Value| worker.send("PATCH", "/connectors/c/config", Some(body));
    let changed = patch(json!({"k": 1, "file": null})).await;
    assert_eq!(changed.status, 200);
    assert_eq!(
        changed.json()["config"],
        json!({"connector.class": "FileStreamSource", "topic": "t", "k": "1", "name": "c"})
    );
    assert_eq!(
        patch(json!({"name": "other"})).await.json()["config"]["name"],
        "other"
    );
    let missing = invalid(&["Missing required configuration \"name\" which has no default value."]);
    patch(json!({"name": null}))
        .await
        .assert_error(400, &missing);
    let empty = worker
        .raw(
            "PATCH",
            "/connectors/c/config",
            &["Content-Type: application/json"],
            "",
        )
        .await;
    empty.assert_error(500, "*");
    let unknown = worker
        .raw(
            "PATCH",
            "/connectors/u/config",
            &["Content-Type: application/json"],
            "",
        )
        .await;
    unknown.assert_error(404, "Connector u not found");
}

#[tokio::test]
async fn pause_resume_stop_restart_delete() {
    let worker = TestWorker::start().await;
    worker.create("c").await;
    let status = "/connectors/c/status";
    let is = |wanted: &'static str| move |reply: &super::Reply| state(reply) == wanted;
    assert_eq!(
        worker.send("PUT", "/connectors/c/pause", None).await.status,
        202
    );
    let paused = worker.until(status, is("PAUSED")).await;
    assert_eq!(paused.json()["tasks"][0]["state"], "PAUSED");
    assert_eq!(
        worker
            .send("POST", "/connectors/c/restart", None)
            .await
            .status,
        204
    );
    assert_eq!(state(&worker.get(status).await), "PAUSED");
    assert_eq!(
        worker
            .send("PUT", "/connectors/c/resume", None)
            .await
            .status,
        202
    );
    worker.until(status, all_running).await;
    for _ in 0..2 {
        assert_eq!(
            worker.send("PUT", "/connectors/c/stop", None).await.status,
            204
        );
    }
    let stopped = worker.get(status).await;
    assert_eq!(
        (state(&stopped), stopped.json()["tasks"].clone()),
        (json!("STOPPED"), json!([]))
    );
    assert_eq!(worker.get("/connectors/c/tasks").await.json(), json!([]));
    worker
        .get("/connectors/c/tasks/0/status")
        .await
        .assert_error(404, "No status found for task c-0");
    assert_eq!(
        worker
            .send("POST", "/connectors/c/restart", None)
            .await
            .status,
        204
    );
    assert_eq!(state(&worker.get(status).await), "STOPPED");
    worker
        .send("POST", "/connectors/c/tasks/0/restart", None)
        .await
        .assert_error(404, "Task c-0 not found");
    worker.send("PUT", "/connectors/c/resume", None).await;
    worker.until(status, all_running).await;
    let deleted = worker.send("DELETE", "/connectors/c", None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    worker
        .get("/connectors/c")
        .await
        .assert_error(404, "Connector c not found");
    worker
        .get(status)
        .await
        .assert_error(404, "No status found for connector c");
}

#[tokio::test]
async fn restarts_include_what_they_are_told_to() {
    let worker = TestWorker::start().await;
    worker.create("c").await;
    assert_eq!(
        worker
            .send("POST", "/connectors/c/restart?includeTasks=yes", None)
            .await
            .status,
        204
    );
    let nothing = worker
        .send("POST", "/connectors/c/restart?onlyFailed=true", None)
        .await;
    assert_eq!((nothing.status, state(&nothing)), (202, json!("RUNNING")));
    let all = worker
        .send("POST", "/connectors/c/restart?includeTasks=True", None)
        .await;
    assert_eq!((all.status, state(&all)), (202, json!("RESTARTING")));
    assert_eq!(all.json()["tasks"][0]["state"], "RESTARTING");
    worker.until("/connectors/c/status", all_running).await;
    assert_eq!(
        worker
            .send("POST", "/connectors/c/tasks/0/restart", None)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_connector_begins_in_the_state_it_is_told_to() {
    let worker = TestWorker::start().await;
    for (wanted, shown) in [("stopped", "STOPPED"), ("PAUSED", "PAUSED")] {
        let body = json!({"name": wanted, "config": source(&[]), "initial_state": wanted});
        assert_eq!(
            worker.post("/connectors", body).await.json()["tasks"],
            json!([])
        );
        assert_eq!(
            state(&worker.get(&format!("/connectors/{wanted}/status")).await),
            shown
        );
    }
}

#[tokio::test]
async fn a_connector_that_fails_stays_and_shows_why() {
    let worker = TestWorker::start().await;
    for (how, trace) in [("start", "told to fail"), ("panic", "told to panic")] {
        let path = format!("/connectors/{how}/config");
        let reply = worker.put(&path, source(&[("fail", json!(how))])).await;
        reply.assert_error(
            500,
            &format!("Failed to transition connector {how} to state STARTED*"),
        );
        let status = worker
            .get(&format!("/connectors/{how}/status"))
            .await
            .json();
        assert_eq!(status["connector"]["state"], "FAILED");
        assert!(
            status["connector"]["trace"]
                .as_str()
                .unwrap()
                .contains(trace),
            "{status}"
        );
        worker
            .send("PUT", &format!("/connectors/{how}/pause"), None)
            .await;
        assert_eq!(
            worker
                .send("PUT", &format!("/connectors/{how}/stop"), None)
                .await
                .status,
            204
        );
        let stopped = worker.get(&format!("/connectors/{how}/status")).await;
        assert_eq!(state(&stopped), "STOPPED");
        assert_eq!(worker.put(&path, source(&[])).await.status, 200);
    }
    let too_many = worker
        .put("/connectors/many/config", source(&[("count", json!("3"))]))
        .await;
    too_many.assert_error(500, "*");
    assert_eq!(
        state(&worker.get("/connectors/many/status").await),
        "FAILED"
    );
}

#[tokio::test]
async fn a_failed_task_shows_its_trace_and_can_be_restarted() {
    let worker = TestWorker::start().await;
    assert_eq!(
        worker
            .put("/connectors/c/config", source(&[("task.fail", json!("1"))]))
            .await
            .status,
        201
    );
    let status = worker.get("/connectors/c/status").await.json();
    assert_eq!(
        (&status["connector"]["state"], &status["tasks"][0]["state"]),
        (&json!("RUNNING"), &json!("FAILED"))
    );
    assert_eq!(
        status["tasks"][0]["trace"],
        "java.lang.Exception: told to fail\n"
    );
    let plan = worker
        .send(
            "POST",
            "/connectors/c/restart?includeTasks=true&onlyFailed=true",
            None,
        )
        .await
        .json();
    assert_eq!(
        (&plan["connector"]["state"], &plan["tasks"][0]["state"]),
        (&json!("RUNNING"), &json!("RESTARTING"))
    );
    assert_eq!(
        plan["tasks"][0]["trace"],
        "java.lang.Exception: told to fail\n"
    );
}

#[tokio::test]
async fn a_connector_that_hangs_costs_itself_only() {
    let worker = TestWorker::start().await;
    worker.create("fine").await;
    let hanging = async {
        worker
            .put(
                "/connectors/stuck/config",
                source(&[("fail", json!("hang"))]),
            )
            .await
    };
    let others = async {
        worker
            .until("/connectors", |reply| {
                reply.json().as_array().unwrap().len() == 2
            })
            .await;
        assert_eq!(
            worker
                .send("POST", "/connectors/fine/restart", None)
                .await
                .status,
            204
        );
        assert_eq!(worker.get("/connectors/stuck").await.status, 200);
        assert!(worker.get("/connectors/stuck/status").await.status == 404);
    };
    let (reply, ()) = tokio::join!(hanging, others);
    assert_eq!(reply.status, 201);
}

#[tokio::test]
async fn connectors_made_by_rest_are_kept_where_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("connectors.json").display().to_string();
    let settings = [("config.storage.file.filename", file.as_str())];
    let worker = TestWorker::with(&settings).await;
    worker.create("kept").await;
    worker.create("gone").await;
    worker.create("still").await;
    worker.send("PUT", "/connectors/still/pause", None).await;
    worker.send("DELETE", "/connectors/gone", None).await;
    drop(worker);
    let worker = TestWorker::with(&settings).await;
    worker.herder.restore().await.unwrap();
    assert_eq!(
        worker.get("/connectors").await.json(),
        json!(["kept", "still"])
    );
    assert_eq!(
        state(&worker.get("/connectors/kept/status").await),
        "RUNNING"
    );
    assert_eq!(
        state(&worker.get("/connectors/still/status").await),
        "PAUSED"
    );
    std::fs::write(&file, "{").unwrap();
    let error = TestWorker::with(&settings)
        .await
        .herder
        .restore()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("config.storage.file.filename"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connector_that_asks_for_it_gets_new_tasks() {
    let worker = TestWorker::start().await;
    let config = source(&[("tasks.max", json!("3")), ("grow", json!("1"))]);
    let created = worker.put("/connectors/c/config", config).await;
    assert_eq!(created.json()["tasks"].as_array().unwrap().len(), 1);
    worker
        .until("/connectors/c/tasks", |reply| {
            reply.json().as_array().unwrap().len() == 3
        })
        .await;
}

#[tokio::test]
async fn put_wins_against_what_deletes_or_makes_the_connector_meanwhile() {
    let worker = Arc::new(TestWorker::start().await);
    let mut requests = JoinSet::new();
    for round in 0..200 {
        let worker = Arc::clone(&worker);
        requests.spawn(async move {
            if round % 2 == 0 {
                let reply = worker.put("/connectors/a/config", source(&[])).await;
                assert!(matches!(reply.status, 200 | 201), "{reply:?}");
            } else {
                let reply = worker.send("DELETE", "/connectors/a", None).await;
                assert!(matches!(reply.status, 204 | 404), "{reply:?}");
            }
        });
    }
    requests.join_all().await;
}
