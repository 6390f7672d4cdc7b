//! The exec source in the real binary: only where the worker file enables it; its README runs; an exit code is in the
//! status; and nothing of a command outlives a worker that is killed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{fs, path::PathBuf, time::Duration};

use millrace_system::{
    binary::repository,
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    topic, wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);
const ENABLED: [(&str, &str); 1] = [("unsafe.connectors", "exec")];

fn values(sandbox: &Sandbox, topic: &str) -> Vec<String> {
    topic::values(&sandbox.join("data/broker"), &format!("{topic}-0"))
        .into_iter()
        .map(|value| String::from_utf8(value).unwrap())
        .collect()
}

fn await_values(sandbox: &Sandbox, topic: &str, count: usize) -> Vec<String> {
    wait::until_some(&format!("{count} records of {topic}"), PATIENCE, || {
        let values = values(sandbox, topic);
        (values.len() >= count).then_some(values)
    })
}

fn command_file(sandbox: &Sandbox, command: &str, keys: &[(&str, &str)]) -> PathBuf {
    let base = [
        ("name", "command"),
        ("connector.class", "Exec"),
        ("shell", "/bin/sh -c"),
        ("command", command),
        ("topic", "lines"),
    ];
    properties_file(sandbox, "command.properties", base.iter().chain(keys))
}

fn is_alive(id: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn it_is_there_only_where_the_worker_file_enables_it() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = json!({"connector.class": "Exec", "command": "touch hurt", "topic": "t"});
    let answer = pipeline.rest.put("/connectors/hurt/config", &config);
    assert!(answer.status >= 400, "{answer:?}");
    let plugins = pipeline.rest.get("/connector-plugins?connectorsOnly=false");
    assert!(!plugins.body.to_string().contains("ExecConnector"));
    assert!(!sandbox.join("hurt").exists());
}

#[test]
fn the_readme_runs_as_it_is() {
    let sandbox = Sandbox::new();
    let page = fs::read_to_string(repository().join("connectors/exec/README.md")).unwrap();
    let blocks = page.split("```properties\n").skip(1);
    let blocks: Vec<&str> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let files: Vec<PathBuf> = blocks
        .iter()
        .filter(|block| block.contains("connector.class"))
        .enumerate()
        .map(|(index, block)| sandbox.write(&format!("readme-{index}.properties"), block))
        .collect();
    assert_eq!((blocks.len(), files.len()), (3, 2));
    let (key, value) = blocks[1].trim().split_once('=').unwrap();
    let mut pipeline = Pipeline::start_with(&sandbox, &[(key, value)], &files);
    assert!(await_values(&sandbox, "space", 2)[0].starts_with("Filesystem"));
    let disk = &await_values(&sandbox, "disks", 1)[0];
    assert!(disk.starts_with('/') && disk.ends_with('%'), "{disk}");
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn nothing_of_a_command_outlives_a_worker_that_is_killed_or_stopped() {
    let sandbox = Sandbox::new();
    let command = "trap '' TERM; sleep 300 & echo $!; echo $$; wait";
    let source = command_file(&sandbox, command, &[("stop.timeout.ms", "100")]);
    for (kill, before) in [(true, 0), (false, 2)] {
        let mut pipeline = Pipeline::start_with(&sandbox, &ENABLED, std::slice::from_ref(&source));
        let ids = await_values(&sandbox, "lines", before + 2).split_off(before);
        assert!(ids.iter().all(|id| is_alive(id)), "{ids:?}");
        if kill {
            pipeline.millrace.kill();
        } else {
            assert!(pipeline.millrace.stop().success());
        }
        wait::until("the end of the command", PATIENCE, || {
            !ids.iter().any(|id| is_alive(id))
        });
    }
}

#[test]
fn an_exit_code_is_in_the_status_and_all_lines_before_it_in_the_topic() {
    let sandbox = Sandbox::new();
    let command =
        "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; done; echo 'disk full' >&2; exit 9";
    let source = command_file(&sandbox, command, &[]);
    let mut pipeline = Pipeline::start_with(&sandbox, &ENABLED, &[source]);
    let trace = wait::until_some("the task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/command/status").body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].to_string())
    });
    assert!(
        trace.contains("exit status: 9") && trace.contains("disk full"),
        "{trace}"
    );
    let expected: Vec<String> = (1..=5000).map(|number| number.to_string()).collect();
    assert_eq!(await_values(&sandbox, "lines", 5000), expected);
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_named() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start_with(&sandbox, &ENABLED, &[]);
    let config = json!({
        "name": "c", "connector.class": "Exec", "topic": "a b", "restart": "often", "environment": "A",
        "batchSize": "1", "batch.size": "2", "restart.failures.max": "3", "shell": "/bin/sh",
        "working.directory": "/no/such/folder",
    });
    let answer = pipeline
        .rest
        .put("/connector-plugins/Exec/config/validate", &config);
    assert_eq!(answer.status, 200);
    let configs = answer.body["configs"].as_array().unwrap();
    for (key, remedy) in [
        ("command", "Missing required"),
        ("topic", "letters, digits"),
        ("restart", "often"),
        ("environment", "NAME=value"),
        ("batchSize", "another name of batch.size"),
        ("shell", "write /bin/sh -c"),
        ("working.directory", "make it"),
    ] {
        let found = configs.iter().find(|config| config["value"]["name"] == key);
        let errors = found.unwrap()["value"]["errors"].to_string();
        assert!(errors.contains(key) && errors.contains(remedy), "{errors}");
    }
}
