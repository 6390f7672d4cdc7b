//! `millrace connectors` against running workers: what it shows, changes and refuses, and the exit codes it ends with.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{fs, time::Duration};

use millrace_system::{
    group::{Group, await_running},
    pipeline::Pipeline,
    process::Millrace,
    sandbox::Sandbox,
    tool::{self, Outcome},
    wait,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A worker, and the tool that talks to it.
struct Site {
    sandbox: Sandbox,
    pipeline: Pipeline,
}

impl Site {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let pipeline = Pipeline::start(&sandbox, &[]);
        Self { sandbox, pipeline }
    }

    fn run(&self, words: &str) -> Outcome {
        let worker = self.pipeline.rest.address();
        tool::run(
            &self.sandbox,
            &format!("connectors {words} --worker {worker}"),
        )
    }

    /// Writes the file of a source of a file of its own.
    fn source(&self, name: &str, further: &Value) {
        self.sandbox.write(&format!("{name}.in"), "");
        let mut config = json!({
            "name": name, "connector.class": "FileStreamSource", "file": format!("{name}.in"), "topic": name,
        });
        for (key, value) in further.as_object().unwrap() {
            config[key] = value.clone();
        }
        fs::create_dir_all(self.sandbox.join("wanted")).unwrap();
        self.sandbox
            .write(&format!("wanted/{name}.json"), config.to_string());
    }
}

#[test]
fn files_are_applied_after_their_difference_is_shown() {
    let site = Site::new();
    site.source("a", &json!({"db.password": "first-secret"}));
    site.source("b", &json!({}));
    let differs = site.run("diff wanted");
    assert_eq!(differs.code(), Some(4), "{differs:?}");
    assert!(
        differs.stdout.contains("+ a  (wanted/a.json)"),
        "{differs:?}"
    );
    assert!(!differs.stdout.contains("first-secret"), "{differs:?}");
    let unasked = site.run("apply wanted");
    assert_eq!(unasked.code(), Some(2), "{unasked:?}");
    assert!(unasked.stderr.contains("add --yes"), "{unasked:?}");
    assert_eq!(site.pipeline.rest.get("/connectors").body, json!([]));

    site.run("apply wanted --yes --wait 60").ok();
    assert_eq!(site.run("diff wanted").code(), Some(0));
    site.pipeline.rest.await_state("a", "RUNNING");

    // What is in the files changes, and somebody changes the cluster by hand: both are seen.
    site.source(
        "a",
        &json!({"db.password": "second-secret", "batch.size": "7"}),
    );
    let drifted =
        json!({"connector.class": "FileStreamSource", "file": "b.in", "topic": "elsewhere"});
    let answer = site.pipeline.rest.put("/connectors/b/config", &drifted);
    assert_eq!(answer.status, 200, "{answer:?}");
    let by_hand = json!({"connector.class": "FileStreamSource", "file": "a.in", "topic": "c"});
    site.pipeline.rest.put("/connectors/c/config", &by_hand);
    let differs = site.run("diff wanted");
    assert_eq!(differs.code(), Some(4), "{differs:?}");
    for part in [
        "    + batch.size: 7\n",
        "    ~ db.password: [hidden] -> [hidden] (another one)\n",
        "    ~ topic: elsewhere -> b\n",
        "? c  (in no file; it stays)",
    ] {
        assert!(differs.stdout.contains(part), "{part}: {differs:?}");
    }
    let applied = site.run("apply wanted --yes --prune --json").json();
    let actions: Vec<(&str, &str, bool)> = applied
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let text = |field: &str| step[field].as_str().unwrap();
            (text("connector"), text("action"), step["done"] == true)
        })
        .collect();
    assert_eq!(
        actions,
        [
            ("a", "update", true),
            ("b", "update", true),
            ("c", "delete", true)
        ]
    );
    assert!(!applied.to_string().contains("secret"), "{applied}");
    let config = site.pipeline.rest.get("/connectors/a/config").body;
    assert_eq!(config["db.password"], "second-secret");
    let shown = site.run("config a").ok();
    assert!(
        shown.contains("[hidden]") && !shown.contains("second-secret"),
        "{shown}"
    );
}

#[test]
fn nothing_is_changed_where_anything_would_be_refused() {
    let site = Site::new();
    site.source("good", &json!({}));
    site.source("bad", &json!({"tasks.max": "x"}));
    site.source("unknown", &json!({"connector.class": "NoSuch"}));
    let refused = site.run("apply wanted --yes");
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    for part in [
        "wanted/bad.json: tasks.max: ",
        "wanted/unknown.json: ",
        "NoSuch",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    assert_eq!(site.pipeline.rest.get("/connectors").body, json!([]));
    let judged = site.run("validate wanted --json");
    assert_eq!(judged.code(), Some(1), "{judged:?}");
    let verdicts: Value = serde_json::from_str(&judged.stdout).unwrap();
    let valid: Vec<bool> = verdicts
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| verdict["valid"] == true)
        .collect();
    assert_eq!(valid, [false, true, false]);
    assert_eq!(site.run("validate wanted/good.json").code(), Some(0));
    assert_eq!(site.run("apply nowhere --yes").code(), Some(2));
}

#[test]
fn connectors_are_sent_where_they_should_be() {
    let site = Site::new();
    site.source("a", &json!({}));
    site.run("create wanted/a.json --wait 60").ok();
    let again = site.run("create wanted/a.json");
    assert_eq!(again.code(), Some(1), "{again:?}");
    assert!(again.stderr.contains("connectors apply"), "{again:?}");
    let state = |words: &str| {
        site.run(words).ok();
        site.run("status a --json").json()[0]["connector"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(state("pause a --wait 60"), "PAUSED");
    assert_eq!(state("resume a --wait 60"), "RUNNING");
    assert_eq!(state("restart a --tasks --wait 60"), "RUNNING");
    assert_eq!(state("restart a --task 0 --wait 60"), "RUNNING");
    assert_eq!(state("restart a --wait 60"), "RUNNING");
    assert_eq!(state("stop a --wait 60"), "STOPPED");
    assert!(site.run("list").ok().contains("a    source STOPPED none"));
    let mixed = site.run("pause none a");
    assert_eq!(mixed.code(), Some(1), "{mixed:?}");
    assert_eq!(mixed.stdout, "a paused\n");
    for part in ["/connectors/none/pause", "404", "connectors list"] {
        assert!(mixed.stderr.contains(part), "{part}: {mixed:?}");
    }
    site.run("delete a --wait 60").ok();
    assert_eq!(site.run("status a").code(), Some(1));
    assert!(
        site.run("plugins")
            .ok()
            .contains("FileStreamSourceConnector")
    );
    assert!(site.run("plugins FileStreamSource").ok().contains("topic"));
    site.run("loggers set millrace.check DEBUG").ok();
    assert!(site.run("loggers list").ok().contains("millrace.check"));
}

#[test]
fn a_failed_task_is_explained() {
    let site = Site::new();
    site.source(
        "f",
        &json!({"connector.class": "org.apache.kafka.connect.tools.MockSourceConnector",
                "mock_mode": "task-failure", "delay_ms": "0", "topic": "t"}),
    );
    site.run("create wanted/f.json").ok();
    wait::until("the task to fail", PATIENCE, || {
        let status = site.pipeline.rest.get("/connectors/f/status").body;
        status["tasks"][0]["state"] == "FAILED"
    });
    let status = site.run("status f");
    assert_eq!(status.code(), Some(1), "{status:?}");
    assert!(status.stdout.contains("f-0 failed:"), "{status:?}");
    let late = site.run("resume f --wait 1");
    assert_eq!(late.code(), Some(1), "{late:?}");
    assert!(late.stderr.contains("task 0 FAILED"), "{late:?}");
}

#[test]
fn offsets_are_changed_after_what_that_means_is_shown() {
    let site = Site::new();
    let rest = &site.pipeline.rest;
    site.source("lines", &json!({}));
    site.sandbox.write("lines.in", "one\ntwo\nthree\n");
    site.run("create wanted/lines.json --wait 60").ok();
    let sink = json!({"name": "out", "connector.class": "FileStreamSink", "file": "out.txt", "topics": "lines"});
    site.sandbox.write("wanted/out.json", sink.to_string());
    site.run("create wanted/out.json --wait 60").ok();
    let at = |offset: i64| {
        wait::until(&format!("offset {offset}"), PATIENCE, || {
            let shown = rest.get("/connectors/out/offsets").body;
            shown["offsets"][0]["offset"]["kafka_offset"] == offset
        });
    };
    at(3);
    let broker = &site.pipeline.broker;
    let running = site.run(&format!(
        "offsets set out --to-offset 1 --yes --bootstrap-server {broker}"
    ));
    assert_eq!(running.code(), Some(1), "{running:?}");
    assert!(running.stderr.contains("--stop"), "{running:?}");

    let preview = site
        .run(&format!(
            "offsets set out --to-time 2001-01-01T00:00:00 --dry-run --bootstrap-server {broker}"
        ))
        .ok();
    assert!(
        preview.contains("lines-0   3   0   3          0"),
        "{preview}"
    );
    assert!(
        preview.contains("3 records would be read again"),
        "{preview}"
    );
    let unasked = site.run(&format!(
        "offsets set out --shift-by -1 --bootstrap-server {broker}"
    ));
    assert_eq!(unasked.code(), Some(2), "{unasked:?}");
    let set = site
        .run(&format!(
            "offsets set out --shift-by -2 --stop --yes --bootstrap-server {broker}"
        ))
        .ok();
    assert!(set.contains("2 records would be read again"), "{set}");
    wait::until("the lines to be written again", PATIENCE, || {
        site.sandbox.read("out.txt") == b"one\ntwo\nthree\ntwo\nthree\n"
    });
    rest.await_state("out", "RUNNING");

    let by_time = site.run(&format!(
        "offsets set lines --to-earliest --yes --bootstrap-server {broker}"
    ));
    assert_eq!(by_time.code(), Some(2), "{by_time:?}");
    assert!(by_time.stderr.contains("--from-file"), "{by_time:?}");
    let shown = site.run("offsets show lines --json").ok();
    assert!(shown.contains("position"), "{shown}");
    site.run("stop lines --wait 60").ok();
    site.sandbox
        .write("lines.offsets", shown.replace("14", "4"));
    site.run("offsets set lines --from-file lines.offsets --yes")
        .ok();
    let shown = rest.get("/connectors/lines/offsets").body;
    assert_eq!(shown["offsets"][0]["offset"]["position"], 4);
    let reset = site.run("offsets reset lines --yes").ok();
    assert!(reset.contains("forgotten"), "{reset}");
    assert_eq!(
        rest.get("/connectors/lines/offsets").body,
        json!({"offsets": []})
    );
}

#[test]
fn contexts_name_clusters_and_a_dead_worker_is_passed_over() {
    let site = Site::new();
    let worker = site.pipeline.rest.address();
    let run = |words: &str| {
        let mut command = std::process::Command::new(millrace_system::binary::millrace());
        command
            .env("MILLRACE_CONTEXTS", site.sandbox.join("contexts.json"))
            .env_remove("MILLRACE_CONTEXT")
            .args(["connectors"])
            .args(words.split(' '));
        tool::run_command(&site.sandbox, command, "")
    };
    run(&format!("context set here --url 127.0.0.1:1,{worker}")).ok();
    run("context set nobody --url 127.0.0.1:1").ok();
    assert!(run("context list").ok().contains("*       here"));
    run("list").ok();
    let dead = run("list --context nobody");
    assert_eq!(dead.code(), Some(3), "{dead:?}");
    assert!(dead.stderr.contains("http://127.0.0.1:1"), "{dead:?}");
    run("context use nobody").ok();
    assert_eq!(run("list").code(), Some(3));
    let unknown = run("list --context none");
    assert_eq!(unknown.code(), Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("here, nobody"), "{unknown:?}");
    let bare = run("context set here --user u --password secret");
    assert_eq!(bare.code(), Some(2), "{bare:?}");
}

#[test]
fn a_group_is_changed_at_any_of_its_workers_and_watched() {
    let group = Group::new(0);
    let first = group.worker(0);
    let second = group.worker(0);
    let sandbox = &group.cluster.sandbox;
    let words = format!("connectors watch --interval-ms 50 --worker {}", second.id);
    let mut watch = Millrace::start(sandbox, words.split(' '));
    sandbox.write("a.in", "");
    let config = json!({"name": "a", "config": {
        "connector.class": "FileStreamSource", "file": "a.in", "topic": "t"}, "initial_state": "PAUSED"});
    sandbox.write("a.json", config.to_string());
    let run =
        |words: &str, id: &str| tool::run(sandbox, &format!("connectors {words} --worker {id}"));
    run("apply a.json --yes --wait 60", &second.id).ok();
    run("resume a --wait 60", &first.id).ok();
    await_running(&second.rest, 2);
    run("restart a --tasks --wait 60", &second.id).ok();
    run("delete a --wait 60", &second.id).ok();
    wait::until("the whole story to be told", PATIENCE, || {
        let told = String::from_utf8_lossy(&watch.stdout()).into_owned();
        // Which states it saw between the first and the last depends on when it asked.
        let of_task = |change: &str| {
            told.lines()
                .any(|line| line.contains(" a-0 ") && line.contains(change))
        };
        of_task(" - -> ") && of_task(" -> gone")
    });
    watch.signal(rustix::process::Signal::INT);
    assert_eq!(watch.wait().code(), Some(130));
}

/// The lines that `connectors logs` prints of a connector with `--json`.
fn log_lines(outcome: Outcome) -> Vec<Value> {
    let text = outcome.ok();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn log_lines_are_shown_and_followed() {
    let site = Site::new();
    let sink = json!({"name": "out", "connector.class": "FileStreamSink", "file": "out.txt", "topics": "lines"});
    site.sandbox.write("out.json", sink.to_string());
    site.run("create out.json --wait 60").ok();
    // Its consumer says when it has joined its group.
    wait::until("a line of the task", PATIENCE, || {
        !log_lines(site.run("logs out --json")).is_empty()
    });
    let all = log_lines(site.run("logs out --task 0 --json"));
    assert!(
        all.iter()
            .all(|line| line["task"] == 0 && line["connector"] == "out"),
        "{all:?}"
    );
    let shown = site.run("logs out --tail 1 --level info").ok();
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.contains(" out-0 "), "{shown}");
    assert_eq!(site.run("logs out --level error").ok(), "");
    assert_eq!(site.run("logs out --since 2100-01-01T00:00:00").ok(), "");
    assert!(!site.run("logs out --since PT1H").ok().is_empty());
    for (words, code, said) in [
        ("logs none", 1, "connectors list"),
        ("logs out --task 7", 1, "task out-7"),
        ("logs out --since soon", 2, "soon is no time"),
    ] {
        let refused = site.run(words);
        assert_eq!(refused.code(), Some(code), "{refused:?}");
        assert!(refused.stderr.contains(said), "{refused:?}");
    }

    let worker = site.pipeline.rest.address();
    let words = format!("connectors logs out --json --follow --interval-ms 20 --worker {worker}");
    let mut follow = Millrace::start(&site.sandbox, words.split(' '));
    let joined = |follow: &Millrace| {
        let told = String::from_utf8_lossy(&follow.stdout()).into_owned();
        told.matches("joined generation").count()
    };
    let before = wait::until_some("what was there", PATIENCE, || {
        Some(joined(&follow)).filter(|count| *count > 0)
    });
    site.run("restart out --tasks --wait 60").ok();
    wait::until("the line of the task's new consumer", PATIENCE, || {
        joined(&follow) > before
    });
    let all = log_lines(site.run("logs out --json")).len();
    wait::until("all lines", PATIENCE, || {
        String::from_utf8_lossy(&follow.stdout()).lines().count() >= all
    });
    site.run("delete out --wait 60").ok();
    assert_eq!(follow.wait().code(), Some(0), "{}", follow.stderr());
    assert!(follow.stderr().contains("not found"), "{}", follow.stderr());
    let told = String::from_utf8(follow.stdout()).unwrap();
    let mut lines: Vec<&str> = told.lines().collect();
    let count = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), count, "each is told once: {told}");
}

#[test]
fn any_worker_of_a_group_shows_the_lines_of_a_connector_that_another_has() {
    let group = Group::new(0);
    let workers = [group.worker(0), group.worker(0)];
    let sandbox = &group.cluster.sandbox;
    let sink = json!({"name": "out", "connector.class": "FileStreamSink", "file": "out.txt", "topics": "lines"});
    sandbox.write("out.json", sink.to_string());
    let run = |words: &str, worker: usize| {
        let id = &workers[worker].id;
        tool::run(sandbox, &format!("connectors {words} --worker {id}"))
    };
    run("create out.json --wait 60", 0).ok();
    let same_at_both = |words: &str, part: &str| {
        wait::until(&format!("{words} at both"), PATIENCE, || {
            let [first, second] = [run(words, 0), run(words, 1)];
            first.stdout.contains(part) && first.stdout == second.stdout
        });
    };
    same_at_both("logs out --task 0", " out-0 ");
    let failing = json!({"name": "f", "connector.class": "org.apache.kafka.connect.tools.MockSourceConnector",
        "mock_mode": "connector-failure", "delay_ms": "0", "topic": "t"});
    sandbox.write("f.json", failing.to_string());
    // Whether the answer tells of the failure depends on when it came.
    drop(run("create f.json", 0));
    same_at_both("logs f --level error", "connector f failed");
}
