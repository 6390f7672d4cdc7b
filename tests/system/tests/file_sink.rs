//! FileSink on the real binary: killed in the middle, each record is in its complete files exactly once; and its README
//! runs as it is.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use millrace_system::{
    binary::repository,
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    tool, wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(120);
const RECORDS: usize = 60_000;
/// After how many parts of the records the worker is killed.
const KILLS: usize = 4;

/// All complete files.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(directory) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() == ".millrace" {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn produce(sandbox: &Sandbox, pipeline: &Pipeline, topic: &str, records: &str) {
    let words = format!(
        "produce --topic {topic} --bootstrap-server {} --property parse.key=true",
        pipeline.broker
    );
    tool::run_with(sandbox, &words, records).ok();
}

#[test]
fn killed_again_and_again_each_record_is_in_the_complete_files_exactly_once() {
    let sandbox = Sandbox::new();
    let keys = [
        ("name", "archive"),
        ("connector.class", "FileSink"),
        ("tasks.max", "2"),
        ("topics", "in"),
        ("directory", "archive"),
        ("path", "${topic}/key=${key}"),
        ("roll.records", "150"),
        ("columns", "partition,offset,value"),
    ];
    let sink = properties_file(&sandbox, "sink.properties", &keys);
    let directory = sandbox.join("archive");
    for kill in 0..KILLS {
        // What is new since the last kill is there before the sink is, so that each life has files to complete.
        let mut filling = Pipeline::start(&sandbox, &[]);
        if kill == 0 {
            let create = format!(
                "topics --create --topic in --partitions 3 --bootstrap-server {}",
                filling.broker
            );
            tool::run(&sandbox, &create).ok();
        }
        let records: String = (kill * RECORDS / KILLS..(kill + 1) * RECORDS / KILLS)
            .map(|number| format!("{}\t{number}\n", number % 7))
            .collect();
        produce(&sandbox, &filling, "in", &records);
        assert!(filling.millrace.stop().success());
        let before = files(&directory).len();
        let mut running = Pipeline::start(&sandbox, std::slice::from_ref(&sink));
        wait::until("more complete files", PATIENCE, || {
            files(&directory).len() >= before + 20
        });
        running.millrace.kill();
    }
    // A stop completes what is left; until all has been read, there is something left to read.
    let end = Instant::now() + PATIENCE;
    let seen = loop {
        let before = files(&directory).len();
        let mut running = Pipeline::start(&sandbox, std::slice::from_ref(&sink));
        running.rest.await_state("archive", "RUNNING");
        wait::until_or(Instant::now() + Duration::from_secs(3), || {
            (files(&directory).len() > before).then_some(())
        });
        assert!(
            running.millrace.stop().success(),
            "{}",
            running.millrace.stderr()
        );
        let seen = check_files(&directory);
        if seen.len() == RECORDS || Instant::now() >= end {
            break seen;
        }
    };
    let missing: Vec<usize> = (0..RECORDS)
        .filter(|number| !seen.contains_key(number))
        .take(10)
        .collect();
    assert_eq!(missing, [0; 0], "records are missing");
    let own = fs::read_dir(directory.join(".millrace/archive")).unwrap();
    let torn = own.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".part")
    });
    assert_eq!(torn.count(), 0, "torn files are left");
}

/// Reads all complete files: no record may come twice, each is where it belongs, and the names say what is inside.
fn check_files(directory: &Path) -> BTreeMap<usize, PathBuf> {
    let mut seen = BTreeMap::new();
    for path in files(directory) {
        let text = fs::read_to_string(&path).unwrap();
        let records: Vec<[i64; 3]> = text
            .lines()
            .map(|line| {
                let numbers: Vec<i64> =
                    line.split('\t').map(|word| word.parse().unwrap()).collect();
                numbers.try_into().unwrap()
            })
            .collect();
        let (first, last) = (records[0], records[records.len() - 1]);
        let name = format!("in+{}+{:020}+{:020}.txt", first[0], first[1], last[1]);
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        assert!(
            records
                .windows(2)
                .all(|pair| pair[0][1] < pair[1][1] && pair[0][0] == pair[1][0]),
            "{} is out of order",
            path.display()
        );
        for [_, _, number] in records {
            let folder = format!("in/key={}", number % 7);
            assert_eq!(path.parent(), Some(directory.join(folder).as_path()));
            let twice = seen.insert(usize::try_from(number).unwrap(), path.clone());
            assert_eq!(twice, None, "{number} is also in {}", path.display());
        }
    }
    seen
}

#[test]
fn the_readme_runs_as_it_is() {
    let sandbox = Sandbox::new();
    let readme = repository().join("connectors/filesink/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let config = readme.split("```properties\n").nth(1).unwrap();
    let config = config.split("```").next().unwrap();
    let sink = sandbox.write("archive.properties", config);
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    produce(&sandbox, &pipeline, "orders", "k\tone\nk\ttwo\n");
    assert!(pipeline.millrace.stop().success());
    let mut pipeline = Pipeline::start(&sandbox, &[sink]);
    let directory = sandbox.join("archive");
    wait::until("a complete file", PATIENCE, || {
        !files(&directory).is_empty()
    });
    assert!(pipeline.millrace.stop().success());
    let name = files(&directory)[0].display().to_string();
    assert!(
        name.ends_with("orders+0+00000000000000000000+00000000000000000001.jsonl.gz"),
        "{name}"
    );
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_named() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = json!({
        "name": "archive", "connector.class": "FileSink", "topics": "in",
        "path": "../${topic}", "time.zone": "Mars", "columns": "size", "roll.records": "-1", "json.text": "document",
    });
    let answer = pipeline
        .rest
        .put("/connector-plugins/FileSink/config/validate", &config);
    assert_eq!(answer.status, 200);
    let configs = answer.body["configs"].as_array().unwrap();
    for (key, remedy) in [
        ("directory", "Missing required"),
        ("path", "dot"),
        ("time.zone", "Europe/Berlin"),
        ("columns", "choose of topic"),
        ("roll.records", "at least 0"),
        ("json.text", "format=json"),
    ] {
        let found = configs.iter().find(|config| config["value"]["name"] == key);
        let errors = found.unwrap()["value"]["errors"].to_string();
        assert!(errors.contains(key) && errors.contains(remedy), "{errors}");
    }
}
