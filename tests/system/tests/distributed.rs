//! Workers of a group: they share the work, take over what others leave, and answer for each other.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{collections::BTreeSet, fs, io::Write as _, time::Duration};

use millrace_system::{
    group::{Group, Worker, await_running, placement},
    process::Millrace,
    rest::Rest,
    sandbox::Sandbox,
    wait,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn port(worker: &Worker) -> u16 {
    worker.id.rsplit_once(':').unwrap().1.parse().unwrap()
}

const ALONE: &str = "group.id=alone\nconfig.storage.topic=configs\noffset.storage.topic=offsets\n\
    status.storage.topic=statuses\nkey.converter=org.apache.kafka.connect.storage.StringConverter\n\
    value.converter=org.apache.kafka.connect.storage.StringConverter\nlisteners=http://127.0.0.1:0\n\
    broker.listeners=PLAINTEXT://127.0.0.1:0\nbroker.log.dirs=data\n";

#[test]
fn one_worker_is_a_complete_installation() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("worker.properties", ALONE);
    let file = file.display().to_string();
    let input = sandbox.write("in.txt", "one\n");
    let start = || {
        let mut millrace = Millrace::start(&sandbox, ["distributed", file.as_str()]);
        let rest = Rest::new(&millrace.address("rest"));
        (millrace, rest)
    };
    let (mut millrace, rest) = start();
    for (name, config) in [
        (
            "from",
            json!({"connector.class": "FileStreamSource", "file": input, "topic": "lines"}),
        ),
        (
            "to",
            json!({"connector.class": "FileStreamSink", "file": "out.txt", "topics": "lines"}),
        ),
        (
            "still",
            json!({"connector.class": "FileStreamSink", "file": "no.txt", "topics": "lines"}),
        ),
    ] {
        let answer = rest.post("/connectors", &json!({"name": name, "config": config}));
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    await_running(&rest, 6);
    let preview = json!({
        "config": {"name": "look", "connector.class": "FileStreamSource", "file": input, "topic": "lines"},
        "records": 1, "timeout_ms": 5000,
    });
    let shown = rest.post("/preview", &preview);
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.body["records"][0]["outcome"], "sent");
    assert_eq!(
        rest.put("/connectors/still/pause", &Value::Null).status,
        202
    );
    rest.await_state("still", "PAUSED");
    let has_lines = |text: &str| sandbox.read("out.txt") == text.as_bytes();
    wait::until("the first line", PATIENCE, || has_lines("one\n"));
    assert!(millrace.stop().success(), "{}", millrace.stderr());

    fs::OpenOptions::new()
        .append(true)
        .open(&input)
        .unwrap()
        .write_all(b"two\n")
        .unwrap();
    let (mut millrace, rest) = start();
    wait::until("the second line", PATIENCE, || has_lines("one\ntwo\n"));
    rest.await_state("still", "PAUSED");
    let told = millrace.stderr();
    assert!(millrace.stop().success(), "{}", millrace.stderr());
    assert!(told.contains("rest "), "{told}");
}

#[test]
fn work_is_shared_and_that_of_a_dead_worker_moves_after_the_delay() {
    let group = Group::new(4_000);
    let first = group.worker(0);
    let second = group.worker(0);
    let mut third = group.worker(0);
    for number in 0..6 {
        let worker = [&first, &second, &third][number % 3];
        group.create_source(&worker.rest, &format!("s{number}"));
    }
    let before = await_running(&second.rest, 12);
    for worker in [&first, &second, &third] {
        let held = before.values().filter(|(id, _)| *id == worker.id).count();
        assert_eq!(held, 4, "{before:?}");
    }

    third.millrace.kill();
    let is_lost = |item: &str| before[item].0 == third.id;
    wait::until("what the dead worker ran to be shown so", PATIENCE, || {
        let now = placement(&first.rest);
        now.iter()
            .filter(|(item, _)| is_lost(item))
            .all(|(_, (_, state))| state == "UNASSIGNED")
    });
    let living = BTreeSet::from([first.id.clone(), second.id.clone()]);
    wait::until(
        "the work of the dead worker to run elsewhere",
        PATIENCE,
        || {
            let now = placement(&first.rest);
            now.len() == 12
                && now
                    .values()
                    .all(|(id, state)| living.contains(id) && state == "RUNNING")
        },
    );
    for (item, place) in placement(&second.rest) {
        assert!(is_lost(&item) || before[&item] == place, "{item} has moved");
    }
    let log = first.millrace.stderr() + &second.millrace.stderr();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn nothing_moves_when_a_worker_is_back_within_the_delay() {
    let group = Group::new(30_000);
    let first = group.worker(0);
    let mut second = group.worker(0);
    for number in 0..4 {
        group.create_source(&first.rest, &format!("s{number}"));
    }
    let before = await_running(&first.rest, 8);
    let again = port(&second);
    second.millrace.kill();
    // Looked for while the worker starts: that is shown from the end of its session to that of the delay only.
    let starting = group.launch(again);
    wait::until("what it ran to be shown so", PATIENCE, || {
        let now = placement(&first.rest);
        now.values().any(|(_, state)| state == "UNASSIGNED")
    });
    let second = Group::joined(starting);
    let after = await_running(&second.rest, 8);
    assert_eq!(after, before);
}

#[test]
fn any_worker_answers_for_the_others() {
    let group = Group::new(4_000);
    let first = group.worker(0);
    let second = group.worker(0);
    group.create_source(&second.rest, "a");
    group.create_source(&first.rest, "b");
    await_running(&first.rest, 4);
    for worker in [&first, &second] {
        let rest = &worker.rest;
        let conflict = json!({"name": "a", "config": rest.get("/connectors/a/config").body});
        assert_eq!(rest.post("/connectors", &conflict).status, 409);
        for path in [
            "/connectors/a/restart",
            "/connectors/b/restart",
            "/connectors/a/tasks/0/restart",
            "/connectors/b/tasks/0/restart",
        ] {
            let answer = rest.post(path, &Value::Null);
            assert_eq!(answer.status, 204, "{path}: {}", answer.body);
        }
        let answer = rest.post("/connectors/a/restart?includeTasks=true", &Value::Null);
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(answer.body["tasks"][0]["state"], "RESTARTING");
        assert_eq!(
            rest.post("/connectors/a/tasks/9/restart", &Value::Null)
                .status,
            404
        );
        assert_eq!(rest.put("/connectors/none/stop", &Value::Null).status, 404);
        await_running(rest, 4);

        assert_eq!(rest.put("/connectors/a/pause", &Value::Null).status, 202);
        rest.await_state("a", "PAUSED");
        assert_eq!(rest.put("/connectors/a/resume", &Value::Null).status, 202);
        rest.await_state("a", "RUNNING");

        assert_eq!(rest.delete("/connectors/b/offsets").status, 400);
        assert_eq!(rest.put("/connectors/b/stop", &Value::Null).status, 204);
        wait::until("b to stop", PATIENCE, || {
            rest.get("/connectors/b/status").body["connector"]["state"] == "STOPPED"
                && rest.get("/connectors/b/tasks").body == json!([])
        });
        let answer = rest.delete("/connectors/b/offsets");
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            rest.get("/connectors/b/offsets").body,
            json!({"offsets": []})
        );
        assert_eq!(rest.put("/connectors/b/resume", &Value::Null).status, 202);
        await_running(rest, 4);
    }
    let unsigned = second.rest.post("/connectors/a/tasks", &json!([]));
    assert_eq!(unsigned.status, 400);
    assert_eq!(
        unsigned.body["message"],
        "Internal request missing required signature"
    );
    assert_eq!(second.rest.delete("/connectors/a").status, 204);
    assert_eq!(second.rest.delete("/connectors/b").status, 204);
    wait::until("both workers to forget them", PATIENCE, || {
        [&first, &second]
            .iter()
            .all(|worker| worker.rest.get("/connectors").body == json!([]))
    });
    let log = first.millrace.stderr() + &second.millrace.stderr();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn what_is_set_at_one_worker_holds_for_all() {
    let group = Group::new(0).with("access.control.allow.origin=http://ui.example\n");
    let first = group.worker(0);
    let second = group.worker(0);
    let put = |target: &str, level: &str| {
        let level = json!({"level": level});
        second.rest.put(&format!("/admin/loggers/{target}"), &level)
    };
    assert_eq!(put("shop.a", "DEBUG").body, json!(["shop.a"]));
    assert_eq!(put("shop.b?scope=cluster", "TRACE").status, 204);
    for worker in [&first, &second] {
        wait::until("the level to be set", PATIENCE, || {
            worker.rest.get("/admin/loggers/shop.b").body["level"] == "TRACE"
        });
    }
    assert_eq!(first.rest.get("/admin/loggers/shop.a").status, 404);

    group.create_source(&first.rest, "s");
    await_running(&second.rest, 2);
    for (number, worker) in [&first, &second].into_iter().enumerate() {
        let expected = Value::from(number.to_string());
        let change = json!({"tasks.max": null, "x": number});
        let changed = worker.rest.patch("/connectors/s/config", &change);
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(changed.body["config"]["x"], expected);
        for asked in [&first, &second] {
            wait::until("the change to be heard", PATIENCE, || {
                asked.rest.get("/connectors/s/config").body["x"] == expected
            });
        }
    }
    assert_eq!(
        first.rest.put("/connectors/s/stop", &Value::Null).status,
        204
    );
    wait::until("it to stop", PATIENCE, || {
        first.rest.get("/connectors/s/tasks").body == json!([])
    });
    let file = group.cluster.sandbox.path().join("s.in");
    for (position, worker) in [&first, &second].into_iter().enumerate() {
        let offsets = json!({"offsets": [{
            "partition": {"filename": file.display().to_string()},
            "offset": {"position": position},
        }]});
        let changed = worker.rest.patch("/connectors/s/offsets", &offsets);
        assert_eq!(changed.status, 200, "{}", changed.body);
        for asked in [&first, &second] {
            wait::until("the offsets to be heard", PATIENCE, || {
                asked.rest.get("/connectors/s/offsets").body == offsets
            });
        }
    }
}

/// The worker that makes the configurations of the tasks may just have sent them to the leader, which writes the stop.
#[test]
fn a_connector_that_is_stopped_while_its_tasks_change_has_none() {
    let group = Group::new(0);
    let first = group.worker(0);
    let second = group.worker(0);
    group.create_source(&first.rest, "a");
    group.create_source(&first.rest, "b");
    for round in 0..5 {
        await_running(&first.rest, 4);
        for name in ["a", "b"] {
            let change = json!({"x": round});
            let path = format!("/connectors/{name}");
            let changed = first.rest.patch(&format!("{path}/config"), &change);
            assert_eq!(changed.status, 200, "{}", changed.body);
            let stopped = first.rest.put(&format!("{path}/stop"), &Value::Null);
            assert_eq!(stopped.status, 204, "{}", stopped.body);
        }
        for name in ["a", "b"] {
            let path = format!("/connectors/{name}");
            wait::until("it to stop", PATIENCE, || {
                let status = first.rest.get(&format!("{path}/status")).body;
                status["connector"]["state"] == "STOPPED"
            });
            let tasks = first.rest.get(&format!("{path}/tasks")).body;
            assert_eq!(tasks, json!([]), "round {round}");
            let reset = first.rest.delete(&format!("{path}/offsets"));
            assert_eq!(reset.status, 200, "round {round}: {}", reset.body);
            let resumed = second.rest.put(&format!("{path}/resume"), &Value::Null);
            assert_eq!(resumed.status, 202, "{}", resumed.body);
        }
    }
}

#[test]
fn a_worker_of_a_group_keeps_administration_to_its_own_listener() {
    let sandbox = Sandbox::new();
    let keys = format!("{ALONE}admin.listeners=http://127.0.0.1:0\n");
    let file = sandbox
        .write("worker.properties", keys)
        .display()
        .to_string();
    let mut millrace = Millrace::start(&sandbox, ["distributed", file.as_str()]);
    let first = millrace.address("rest");
    let told = millrace.stderr();
    let (_, second) = told.split_once(&first).unwrap();
    let admin = second.split_whitespace().next().unwrap();
    let admin = Rest::new(admin.trim_start_matches("http://"));
    let public = Rest::new(first.trim_end_matches(','));
    for path in ["/admin/loggers", "/metrics"] {
        assert_eq!(public.get(path).status, 404, "{path}");
    }
    assert_eq!(admin.get("/admin/loggers").status, 200);
    assert_eq!(admin.get("/connectors").status, 404);
}

/// Starts a worker that does not come up; gives what it says.
fn refused(group: &Group, further: &str) -> String {
    let sandbox = &group.cluster.sandbox;
    let text = format!("{}{further}", group.properties());
    let file = sandbox.write("refused.properties", text);
    let file = file.display().to_string();
    let mut millrace = Millrace::start(sandbox, ["distributed", file.as_str()]);
    let ended = millrace.wait();
    assert!(!ended.success(), "{}", millrace.stderr());
    millrace.stderr()
}

#[test]
fn topics_that_would_lose_what_they_hold_are_refused_with_the_remedy() {
    let group = Group::new(0);
    let run = |words: &str| group.cluster.run(words).ok();
    run("topics --create --topic statuses --config cleanup.policy=compact,delete");
    let said = refused(&group, "listeners=http://127.0.0.1:0\n");
    let remedy = "configs --alter --topic statuses --add-config cleanup.policy=compact";
    assert!(said.contains(&format!("millrace {remedy}")), "{said}");
    run(remedy);
    run("topics --create --topic configs --partitions 2 --config cleanup.policy=compact");
    let said = refused(&group, "listeners=http://127.0.0.1:0\n");
    assert!(
        said.contains("required to have a single partition"),
        "{said}"
    );
    run("topics --delete --topic configs");
    group.worker(0);
    let made = run("configs --describe --topic offsets");
    assert!(made.contains("cleanup.policy=compact"), "{made}");
}

#[test]
fn a_worker_that_nobody_could_reach_is_refused() {
    let group = Group::new(0);
    let server = &group.cluster.server;
    let far =
        format!("bootstrap.servers={server},kafka.example:9092\nlisteners=http://127.0.0.1:0\n");
    let said = refused(&group, &far);
    for key in ["listeners", "rest.advertised.host.name"] {
        assert!(said.contains(key), "{said}");
    }
}

#[test]
fn the_eager_protocol_divides_everything_anew() {
    let group = Group::new(0).with("connect.protocol=eager\n");
    let first = group.worker(0);
    for number in 0..4 {
        group.create_source(&first.rest, &format!("s{number}"));
    }
    await_running(&first.rest, 8);
    let second = group.worker(0);
    let shared = wait::until_some("the work to be shared", PATIENCE, || {
        let now = placement(&second.rest);
        let on = |id: &str| {
            now.values()
                .filter(|(worker, state)| worker == id && state == "RUNNING")
                .count()
        };
        (on(&first.id) == 4 && on(&second.id) == 4).then_some(now)
    });
    assert_eq!(shared.len(), 8, "{shared:?}");
    // Nothing is signed.
    let answer = second.rest.post("/connectors/none/tasks", &json!([]));
    assert_eq!(answer.status, 404, "{}", answer.body);
}
