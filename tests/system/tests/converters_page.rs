//! The page about converters: every configuration on it runs as it stands, and every converter is on it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::fs;

use millrace_system::{binary::repository, pipeline::Pipeline, sandbox::Sandbox};
use serde_json::json;

#[test]
fn the_page_names_every_converter_and_what_it_shows_runs() {
    let page = fs::read_to_string(repository().join("docs/converters.md")).unwrap();
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let blocks: Vec<&str> = page.split("```properties\n").skip(1).collect();
    assert!(blocks.len() > 4, "{blocks:?}");
    for (number, block) in blocks.into_iter().enumerate() {
        let mut config =
            json!({"connector.class": "FileStreamSink", "topics": "t", "file": "out.log"});
        for line in block.split("```").next().unwrap().lines() {
            let (key, value) = line.split_once('=').unwrap();
            config[key] = value.into();
        }
        let name = format!("page-{number}");
        let body = json!({"name": name, "config": config});
        let answer = pipeline.rest.post("/connectors", &body);
        assert_eq!(answer.status, 201, "{config}: {answer:?}");
        pipeline.rest.await_state(&name, "RUNNING");
    }
    let listed = pipeline
        .rest
        .get("/connector-plugins?connectorsOnly=false")
        .body;
    for plugin in listed.as_array().unwrap() {
        let class = plugin["class"].as_str().unwrap();
        let simple = class.rsplit('.').next().unwrap();
        if plugin["type"].as_str().unwrap().ends_with("converter") {
            assert!(page.contains(&format!("`{simple}`")), "{class}");
        }
    }
    assert!(pipeline.millrace.stop().success());
}
