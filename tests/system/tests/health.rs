//! What a worker says of how its connectors are doing, and what it does about those that fail, on the real binary.
#![allow(clippy::unwrap_used, reason = "tests end on a failed expectation")]

use std::time::Duration;

use millrace_system::{
    exposition::{self, value},
    pipeline::worker_file,
    process::Millrace,
    rest::{Answer, Rest, client},
    sandbox::Sandbox,
    wait,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const STRINGS: &str = "org.apache.kafka.connect.storage.StringConverter";

struct Worker {
    millrace: Millrace,
    rest: Rest,
}

impl Worker {
    /// Starts a worker of a kind, `standalone` or `distributed`, whose tasks count as stalled soon.
    fn start(sandbox: &Sandbox, kind: &str, further: &[(&str, &str)]) -> Self {
        let mut keys = vec![
            ("unsafe.connectors", "faults"),
            ("health.stalled.after.ms", "1000"),
            ("group.id", "alone"),
            ("config.storage.topic", "configs"),
            ("offset.storage.topic", "offsets"),
            ("status.storage.topic", "statuses"),
        ];
        keys.extend(further);
        let file = worker_file(sandbox, &keys);
        let mut millrace = Millrace::start(sandbox, [kind.into(), file]);
        let rest = Rest::new(&millrace.address("rest "));
        Self { millrace, rest }
    }

    fn create(&self, name: &str, own: &Value) -> Answer {
        let mut config = json!({"key.converter": STRINGS, "value.converter": STRINGS});
        let members = own.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(members);
        self.rest
            .post("/connectors", &json!({"name": name, "config": config}))
    }

    fn task(&self, name: &str) -> Value {
        self.rest
            .get(&format!("/connectors/{name}/tasks/0/status"))
            .body
    }

    /// Waits until the task of a connector is as wanted; gives its status.
    #[track_caller]
    fn await_task(&self, name: &str, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait::until_some(what, PATIENCE, || {
            Some(self.task(name)).filter(|task| is_it(task))
        })
    }

    fn fault(&self, name: &str, faults: &Value) {
        let answer = self.rest.put(
            &format!("/connectors/{name}/faults"),
            &json!({"faults": faults}),
        );
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[test]
fn running_while_nothing_flows_is_seen_at_a_glance() {
    let sandbox = Sandbox::new();
    let keys = [("health.ready.connectors", "numbers,written")];
    let worker = Worker::start(&sandbox, "standalone", &keys);
    let missing = worker.rest.get("/ready");
    assert_eq!(missing.status, 503);
    assert_eq!(
        missing.body["connectors"]["written"],
        json!(["there is no such connector"])
    );
    let source =
        json!({"connector.class": "FaultSource", "topic": "n", "health.silence.max.ms": "2000"});
    assert_eq!(worker.create("numbers", &source).status, 201);
    let sink = json!({"connector.class": "FaultSink", "topics": "n", "file": "n.txt"});
    assert_eq!(worker.create("written", &sink).status, 201);
    for name in ["numbers", "written"] {
        worker.await_task(name, "records to flow and to be committed", |task| {
            task["flow"]["condition"] == "flowing"
                && task["flow"]["records"].as_u64() > Some(0)
                && task["flow"]["last_commit"].is_i64()
        });
    }
    // On a busy machine a task may count as stalled for a moment.
    let await_ready = |path: &str, status: u16, body: &Value| {
        wait::until(&format!("{path} to be {status}"), PATIENCE, || {
            let answer = worker.rest.get(path);
            answer.status == status && answer.body == *body
        });
    };
    let all_ready = json!({"ready": true, "connectors": {}});
    await_ready("/ready", 200, &all_ready);

    worker.fault("written", &json!([{"call": "put", "fault": "hang"}]));
    let stuck = worker.await_task("written", "the sink to be stalled", |task| {
        let flow = &task["flow"];
        flow["condition"] == "stalled"
            && flow["stage"] == "put"
            && flow["records_behind"].as_u64() > Some(0)
    });
    assert_eq!(stuck["state"], "RUNNING");
    assert_eq!(stuck["flow"]["stalled_since"], stuck["flow"]["stage_since"]);
    let listed = worker.rest.get("/connectors?expand=status").body;
    let listed = &listed["written"]["status"]["tasks"][0];
    assert_eq!(listed["flow"]["condition"], "stalled");
    let stalled = json!({"written": ["task 0 is stalled"]});
    let not_ready = json!({"ready": false, "connectors": stalled});
    await_ready("/ready", 503, &not_ready);
    for lenient in ["/ready?connectors=num*", "/ready?when=running"] {
        await_ready(lenient, 200, &all_ready);
    }
    let health = worker.rest.get("/health");
    assert_eq!(
        (health.status, &health.body["status"]),
        (200, &json!("healthy"))
    );

    worker.fault("numbers", &json!([{"call": "poll", "fault": "hang"}]));
    let silent = worker.await_task("numbers", "the source to be stalled", |task| {
        task["flow"]["condition"] == "stalled" && task["flow"]["stage"] == "poll"
    });
    assert_eq!(silent["state"], "RUNNING");
    for name in ["written", "numbers"] {
        worker.rest.delete(&format!("/connectors/{name}/faults"));
        worker.await_task(name, "records to flow again", |task| {
            task["flow"]["condition"] == "flowing"
        });
    }
}

#[test]
fn threads_that_were_left_behind_are_counted() {
    let sandbox = Sandbox::new();
    let keys = [("task.shutdown.graceful.timeout.ms", "500")];
    let worker = Worker::start(&sandbox, "standalone", &keys);
    let source = json!({"connector.class": "FaultSource", "topic": "n"});
    assert_eq!(worker.create("numbers", &source).status, 201);
    worker.await_task("numbers", "it to run", |task| task["state"] == "RUNNING");
    worker.fault("numbers", &json!([{"call": "poll", "fault": "block"}]));
    wait::until("the poll to hang", PATIENCE, || {
        worker.rest.get("/connectors/numbers/faults").body["faults"][0]["happened"] == 1
    });
    assert_eq!(
        worker
            .rest
            .put("/connectors/numbers/stop", &Value::Null)
            .status,
        204
    );
    wait::until("the thread to be counted", PATIENCE, || {
        let page = client()
            .build()
            .unwrap()
            .get(format!("http://{}/metrics", worker.rest.address()))
            .send()
            .unwrap();
        let figures = exposition::parse(&page.text().unwrap()).unwrap();
        value(&figures, "millrace_connect_abandoned_threads", &[]) == Some(1.0)
    });
}

fn failed_tasks_are_restarted(kind: &str) {
    let sandbox = Sandbox::new();
    let mut worker = Worker::start(&sandbox, kind, &[]);
    let with = |times: i64, further: Value| {
        let faults = json!([{"call": "poll", "fault": "error", "after": 1, "times": times}]);
        let mut config =
            json!({"connector.class": "FaultSource", "topic": "n", "faults": faults.to_string()});
        let further = further.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(further);
        config
    };
    let refused = worker.create("odd", &with(1, json!({"restart.max.attempts": "often"})));
    assert_eq!(refused.status, 400);
    let text = refused.body["message"].as_str().unwrap().to_owned();
    assert!(
        text.contains("Invalid value often for configuration restart.max.attempts"),
        "{text}"
    );

    let restarts = json!({"restart.max.attempts": "5", "restart.backoff.ms": "50"});
    assert_eq!(worker.create("twice", &with(2, restarts)).status, 201);
    let task = worker.await_task("twice", "its restarts", |task| {
        task["state"] == "RUNNING" && task["restart"]["attempt"] == 2
    });
    assert_eq!(task["restart"]["max_attempts"], 5);
    assert_eq!(task["restart"]["next_attempt"], Value::Null);
    assert!(!task["restart"]["reason"].as_str().unwrap().is_empty());

    let restarts = json!({"restart.max.attempts": "2", "restart.backoff.ms": "50"});
    assert_eq!(worker.create("always", &with(-1, restarts)).status, 201);
    let task = worker.await_task("always", "its restarts to be used up", |task| {
        task["state"] == "FAILED"
            && task["restart"]["attempt"] == 2
            && task["restart"]["next_attempt"].is_null()
    });
    assert!(task["trace"].as_str().is_some(), "{task}");

    let restarts = json!({"restart.max.attempts": "9", "restart.backoff.ms": "3600000", "restart.backoff.max.ms": "3600000"});
    assert_eq!(worker.create("later", &with(-1, restarts)).status, 201);
    let task = worker.await_task("later", "its restart to be planned", |task| {
        task["restart"]["next_attempt"].is_i64()
    });
    assert_eq!(
        (&task["state"], &task["restart"]["attempt"]),
        (&json!("FAILED"), &json!(1))
    );

    assert_eq!(worker.create("never", &with(-1, json!({}))).status, 201);
    let task = worker.await_task("never", "it to fail", |task| task["state"] == "FAILED");
    assert_eq!(task["restart"], Value::Null);
    assert!(
        worker.millrace.stop().success(),
        "{}",
        worker.millrace.stderr()
    );
}

#[test]
fn failed_tasks_are_restarted_by_a_worker_alone() {
    failed_tasks_are_restarted("standalone");
}

#[test]
fn failed_tasks_are_restarted_in_a_group() {
    failed_tasks_are_restarted("distributed");
}
