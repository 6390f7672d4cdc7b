//! The page about transforms: every configuration on it runs as it stands.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::fs;
use std::path::Path;

use millrace_system::{pipeline::Pipeline, sandbox::Sandbox};
use serde_json::{Value, json};

/// The properties that the page shows, each block as a connector's configuration.
fn configurations() -> Vec<Value> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transforms.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```properties\n").skip(1);
    let blocks = blocks.map(|block| {
        let mut config =
            json!({"connector.class": "FileStreamSink", "topics": "t", "file": "out.log"});
        for line in block.split("```").next().unwrap().lines() {
            let (key, value) = line.split_once('=').unwrap();
            config[key] = value.into();
        }
        config
    });
    blocks.collect()
}

#[test]
fn every_configuration_runs() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let configurations = configurations();
    assert!(configurations.len() > 7, "{configurations:?}");
    for (number, config) in configurations.iter().enumerate() {
        let name = format!("page-{number}");
        let body = json!({"name": name, "config": config});
        let answer = pipeline.rest.post("/connectors", &body);
        assert_eq!(answer.status, 201, "{config}: {answer:?}");
        pipeline.rest.await_state(&name, "RUNNING");
    }
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn the_page_names_every_class_of_millraces_own() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transforms.md");
    let page = fs::read_to_string(page).unwrap();
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let listed = pipeline
        .rest
        .get("/connector-plugins?connectorsOnly=false")
        .body;
    let classes = listed.as_array().unwrap().iter();
    let classes = classes.map(|plugin| plugin["class"].as_str().unwrap());
    let own: Vec<&str> = classes
        .filter_map(|class| class.strip_prefix("millrace.transforms."))
        .collect();
    assert!(own.len() > 10, "{own:?}");
    for class in own {
        let name = class.split('$').next().unwrap();
        assert!(
            page.contains(&format!("`{name}")),
            "the page says nothing of {class}"
        );
    }
}
