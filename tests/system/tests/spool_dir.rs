//! SpoolDir on the real binary: killed again and again, each line of each file is in the topic, in order, and the files
//! are where they belong; and its README runs as it is.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests write files and end on a failed expectation"
)]

use std::{collections::HashMap, fs, path::Path, time::Duration};

use millrace_system::{
    binary::repository,
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    topic, wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(120);
const FILES: usize = 150;
const LINES: usize = 400;
/// After how many parts of the files the worker is killed.
const KILLS: usize = 3;

fn values(sandbox: &Sandbox, topic: &str) -> Vec<String> {
    topic::values(&sandbox.join("data/broker"), &format!("{topic}-0"))
        .into_iter()
        .map(|value| String::from_utf8(value).unwrap())
        .collect()
}

/// The files of a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn killed_again_and_again_each_line_is_there_in_order_and_each_file_where_it_belongs() {
    let sandbox = Sandbox::new();
    let spool = sandbox.join("spool");
    fs::create_dir(&spool).unwrap();
    fs::write(spool.join("0050.tmp"), "not yet\n").unwrap();
    let keys = [
        ("name", "spool"),
        ("connector.class", "SpoolDir"),
        ("folder", "spool"),
        ("topic", "lines"),
        ("stable.ms", "0"),
        ("scan.interval.ms", "20"),
        ("batch.size", "150"),
    ];
    let source = properties_file(&sandbox, "spool.properties", &keys);
    let done = spool.join("done");
    for kill in 0..KILLS {
        // Each life has files to finish, which are there before it is.
        (kill * FILES / KILLS..(kill + 1) * FILES / KILLS).for_each(|file| put_file(&spool, file));
        let goal = names(&done).len() + 10;
        let mut pipeline = Pipeline::start(&sandbox, std::slice::from_ref(&source));
        wait::until("more files to be done", PATIENCE, || {
            names(&done).len() >= goal
        });
        pipeline.millrace.kill();
    }
    let mut pipeline = Pipeline::start(&sandbox, std::slice::from_ref(&source));
    wait::until("all files to be done", PATIENCE, || {
        names(&done).len() == FILES
    });
    assert!(pipeline.millrace.stop().success());
    assert_eq!(names(&spool), ["0050.tmp"]);
    check_lines(&values(&sandbox, "lines"), KILLS);
}

fn put_file(spool: &Path, file: usize) {
    let lines: String = (0..LINES)
        .map(|line| format!("{file:04} {line:04}\n"))
        .collect();
    fs::write(spool.join(format!("{file:04}.log")), lines).unwrap();
}

/// Each line is there; those that come twice are after a kill, and then in order again.
fn check_lines(values: &[String], kills: usize) {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut steps_back = 0;
    let mut last = "";
    for value in values {
        if value.as_str() <= last {
            steps_back += 1;
        }
        last = value;
        *places.entry(value).or_default() += 1;
    }
    assert_eq!(places.len(), FILES * LINES, "lines are missing");
    assert!(
        steps_back <= kills,
        "{steps_back} steps back after {kills} kills"
    );
    assert!(
        values.is_sorted() || steps_back > 0,
        "the lines are out of order"
    );
}

#[test]
fn the_readme_runs_as_it_is() {
    let sandbox = Sandbox::new();
    let page = fs::read_to_string(repository().join("connectors/spool/README.md")).unwrap();
    let config = page.split("```properties\n").nth(1).unwrap();
    let config = config.split("```").next().unwrap();
    let source = sandbox.write("orders.properties", config);
    let folder = sandbox.join("spool/orders");
    fs::create_dir_all(&folder).unwrap();
    let mut pipeline = Pipeline::start(&sandbox, &[source]);
    pipeline.rest.await_state("orders", "RUNNING");
    for (name, text) in [
        ("monday.csv", "id,item\n1,tea\n2,\"cup, blue\"\n"),
        ("broken.csv", "id,item\n1\n"),
    ] {
        // As a sender does that is too slow to be taken for done.
        fs::rename(sandbox.write("sent", text), folder.join(name)).unwrap();
    }
    wait::until("the files to be where they belong", PATIENCE, || {
        names(&folder.join("done")) == ["monday.csv"]
            && names(&folder.join("failed")) == ["broken.csv"]
    });
    let values = values(&sandbox, "orders");
    assert_eq!(
        values,
        [
            r#"{"id":"1","item":"tea"}"#,
            r#"{"id":"2","item":"cup, blue"}"#
        ]
    );
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_named() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = json!({
        "name": "spool", "connector.class": "SpoolDir", "topic": "t", "include": "[", "format": "xml",
        "headers": "size", "when.done": "delete", "done.folder": "d", "done.suffix": "/x", "folder": "none",
    });
    let answer = pipeline
        .rest
        .put("/connector-plugins/SpoolDir/config/validate", &config);
    assert_eq!(answer.status, 200);
    let configs = answer.body["configs"].as_array().unwrap();
    for (key, remedy) in [
        ("folder", "make it, or name another"),
        ("include", "write names such as"),
        ("format", "xml"),
        ("headers", "choose of file"),
        ("done.folder", "leave it out"),
        ("done.suffix", "slash"),
    ] {
        let found = configs.iter().find(|config| config["value"]["name"] == key);
        let errors = found.unwrap()["value"]["errors"].to_string();
        assert!(errors.contains(key) && errors.contains(remedy), "{errors}");
    }
}
