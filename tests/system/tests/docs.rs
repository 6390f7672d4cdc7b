//! Commands that the documentation shows are there, with every option it shows.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{collections::BTreeMap, fs};

use millrace_system::{binary::repository, sandbox::Sandbox, tool};

/// The pages that users read.
const PAGES: [&str; 10] = [
    "README.md",
    "docs/connectors.md",
    "docs/logs.md",
    "docs/metrics.md",
    "docs/preview.md",
    "docs/tools.md",
    "config/connect-standalone.properties",
    "config/consumer.properties",
    "config/producer.properties",
    "config/server.properties",
];

/// The command lines of `millrace` on a page: in backticks, on a line of their own, or behind a comment's colon.
fn commands(text: &str) -> Vec<Vec<String>> {
    let spans = text.split('`').skip(1).step_by(2);
    let lines = text
        .lines()
        .map(|line| match line.split_once(": millrace ") {
            Some((_, command)) => format!("millrace {command}"),
            None => line.to_owned(),
        });
    spans
        .map(str::to_owned)
        .chain(lines)
        .filter(|command| command.starts_with("millrace "))
        .map(|command| {
            let words = command.split(" | ").next().unwrap_or_default();
            words
                .split_whitespace()
                .skip(1)
                .map(str::to_owned)
                .collect()
        })
        .collect()
}

#[test]
fn every_command_and_option_is_there() {
    let sandbox = Sandbox::new();
    let mut seen = 0;
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    for page in PAGES {
        let text = fs::read_to_string(repository().join(page)).unwrap();
        for words in commands(&text) {
            let path: Vec<&str> = match &words[..] {
                [perf, test, ..] if perf == "perf" => vec!["perf", test],
                [tool, group, action, ..]
                    if tool == "connectors" && ["context", "offsets"].contains(&group.as_str()) =>
                {
                    vec![tool, group, action]
                }
                [tool, action, ..] if tool == "connectors" => vec![tool, action],
                [script, ..] if script.ends_with(".sh") => continue,
                [command, ..] => vec![command],
                [] => continue,
            };
            let help = helps.entry(path.join(" ")).or_insert_with(|| {
                let help = tool::run_words(&sandbox, &[&path[..], &["--help"]].concat(), "");
                assert!(help.status.success(), "{page}: {words:?}: {help:?}");
                help.stdout
            });
            let options = words
                .iter()
                .filter_map(|word| word.strip_prefix("--"))
                .map(|option| option.split(['=', ']']).next().unwrap_or(option));
            for option in options {
                assert!(
                    help.contains(&format!("--{option} "))
                        || help.contains(&format!("--{option}\n")),
                    "{page}: {words:?} has no --{option}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}
