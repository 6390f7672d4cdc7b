//! Runs every demo as its user does.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests end on a failed expectation"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().unwrap().parent().unwrap();
    let program: PathBuf = profile.join("examples").join("demo");
    Command::new(program).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn every_demo_does_what_it_says() {
    let list = demo(&[]);
    let list = String::from_utf8(list.stdout).unwrap();
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() >= 12, "{list}");
    for name in names {
        let output = demo(&[name]);
        let said = said(&output);
        assert!(output.status.success(), "{name}: {said}");
        assert!(said.ends_with(&format!("That was {name}.\n")), "{said}");
    }
}

#[test]
fn every_connector_has_a_demo_with_a_configuration() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demos");
    let list = String::from_utf8(demo(&[]).stdout).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().unwrap().replace('_', "-");
        assert!(
            list.lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{name}"
        );
        let files = std::fs::read_dir(entry.path()).unwrap();
        let properties = files.filter(|file| {
            let path = file.as_ref().unwrap().path();
            path.extension()
                .is_some_and(|extension| extension == "properties")
        });
        assert!(properties.count() > 0, "{name}");
    }
}

#[test]
fn a_demo_that_is_not_there_is_an_error() {
    let output = demo(&["nothing"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("no demo nothing"));
}
