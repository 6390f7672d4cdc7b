//! The plan of the house: which crate may know which, and that ARCHITECTURE.md tells the truth about paths.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    collections::BTreeSet,
    env, fs,
    process::{Command, Stdio},
};

use millrace_system::binary::repository;
use serde_json::Value;

/// Each crate of the runtime and what it may depend on. `millrace-config` is known by all, and not repeated.
const ARROWS: &[(&str, &[&str])] = &[
    ("millrace-derive", &[]),
    ("millrace-config", &["millrace-derive"]),
    ("millrace-wire", &[]),
    ("millrace-storage", &["millrace-wire"]),
    ("millrace-broker", &["millrace-storage", "millrace-wire"]),
    ("millrace-client", &["millrace-wire"]),
    ("millrace-api", &[]),
    ("millrace-plugins", &["millrace-api"]),
    (
        "millrace-worker",
        &[
            "millrace-api",
            "millrace-client",
            "millrace-plugins",
            "millrace-wire",
        ],
    ),
    ("millrace-testkit", &["millrace-api"]),
    // Sources that listen share how: the port, TLS and the topics that senders may name. It is no part of the API, for
    // most connectors need neither sockets nor rustls.
    ("millrace-listen", &["millrace-api"]),
    ("millrace-exec", &["millrace-api"]),
    ("millrace-file", &["millrace-api"]),
    ("millrace-filesink", &["millrace-api"]),
    ("millrace-http", &["millrace-api", "millrace-listen"]),
    ("millrace-log4rs", &["millrace-client", "millrace-wire"]),
    ("millrace-logsink", &["millrace-api"]),
    ("millrace-spool", &["millrace-api"]),
    ("millrace-stdout", &["millrace-api"]),
    ("millrace-syslog", &["millrace-api", "millrace-listen"]),
    ("millrace-tail", &["millrace-api"]),
    ("millrace-testing", &["millrace-api"]),
];

/// The binary puts the parts together, `examples/` and `tests/` look at them from outside: these may know any of them.
const MAY_KNOW_ALL: &[&str] = &[
    "example-appender",
    "millrace",
    "millrace-bench",
    "millrace-examples",
    "millrace-interop",
    "millrace-system",
];

#[test]
fn arrows_between_crates_point_one_way() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = text(&package["name"]);
        if MAY_KNOW_ALL.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            wrong.push(format!(
                "{name} has no row in ARROWS: a new crate belongs into the design first"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = text(&dependency["name"]);
            // Tests may look sideways; nothing that is shipped depends on them.
            let ships = dependency["kind"] != "dev";
            let known = to == "millrace-config" || allowed.contains(&to);
            if ships && names.contains(to) && !known {
                wrong.push(format!("{name} depends on {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an application takes on with the appender: this many crates at most, and none of these.
const APPENDER_CRATES: usize = 105;
const NOT_IN_APPLICATIONS: &[&str] = &[
    "axum",
    "hyper",
    "millrace-api",
    "millrace-broker",
    "millrace-storage",
    "millrace-worker",
    "reqwest",
];

#[test]
fn the_appender_brings_few_crates_along() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(repository())
        .args(["tree", "--offline", "--package", "millrace-log4rs"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?))
        })
        .collect();
    let names: BTreeSet<&str> = crates.iter().map(|(name, _)| *name).collect();
    assert!(names.contains("millrace-client"), "{text}");
    for unwanted in NOT_IN_APPLICATIONS {
        assert!(!names.contains(unwanted), "{unwanted} is among them");
    }
    assert!(
        crates.len() <= APPENDER_CRATES,
        "{} crates: {names:?}",
        crates.len()
    );
}

#[test]
fn every_path_of_the_architecture_page_exists() {
    let page = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let paths: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| is_path(code))
        .collect();
    assert!(paths.len() > 20, "found only {paths:?}");
    let missing: Vec<_> = paths
        .into_iter()
        .filter(|path| !repository().join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what is not there: {missing:?}"
    );
}

/// Whether a piece of code on the page names a file or folder of the repository.
fn is_path(code: &str) -> bool {
    const ROOTS: [&str; 6] = [
        "runtime/",
        "connectors/",
        "config/",
        "tests/",
        "examples/",
        ".ci/",
    ];
    let file = [".md", ".toml", ".rs", ".properties", ".yaml"]
        .iter()
        .any(|ending| code.ends_with(ending));
    let root = ROOTS.iter().any(|root| code.starts_with(root));
    (root || file) && !code.contains([' ', '*', '<'])
}

fn metadata() -> Value {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(repository())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
