//! Everything that is wrong with a configuration of FileTail, SpoolDir, FileSink, Exec, Syslog and Log is told by one call
//! of validate: each key with its value and what to do, also what is only wrong of several keys together, and what this
//! machine cannot do.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use millrace_system::{pipeline::Pipeline, sandbox::Sandbox};
use serde_json::{Map, Value};

/// A key, its wrong value, and what the error says to do.
type Wrong = (&'static str, &'static str, &'static str);

/// A class, keys that are right, and all that is wrong.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [Wrong],
);

const CASES: &[Case] = &[
    (
        "FileTail",
        &[],
        &[
            ("include", "/var/log/[a", "[a"),
            ("exclude", "{a", "{a"),
            ("topic", "a b", "letters, digits"),
            ("key", "${size}", "path"),
            ("path.regex", "(", "unclosed"),
            ("start.position", "middle", "beginning"),
            ("start.from.flume", "/none/positions.json", "Flume"),
            ("headers", "path,size", "choose of path"),
            ("max.line.bytes", "1", "at least 16"),
            ("line.too.long", "shout", "split"),
            ("last.line.timeout.ms", "-2", "at least -1"),
            ("multiline", "two", "stacktrace"),
            ("multiline.pattern", "[", "unclosed"),
            ("multiline.timeout.ms", "0", "at least 1"),
            ("multiline.max.lines", "1", "at least 2"),
            ("encoding", "ebcdic", "latin-1"),
            ("invalid.bytes", "eat", "replace"),
            ("open.files.max", "0", "at least 1"),
            ("close.inactive.ms", "soon", "Not a number of type LONG"),
            ("ignore.older.ms", "-1", "at least 0"),
            ("rotated.wait.ms", "-1", "at least 0"),
            ("deleted.wait.ms", "-1", "at least 0"),
            ("watch", "perhaps", "true or false"),
            ("scan.interval.ms", "1", "at least 10"),
            ("batch.size", "0", "at least 1"),
        ],
    ),
    (
        "FileTail",
        &[
            ("include", "/var/log/*.log"),
            ("multiline", "indent"),
            ("path.regex", "^/var/(log)/"),
        ],
        &[
            ("topic", "a-${2}", "path.regex has 1 groups"),
            ("key", "${3}", "path.regex has 1 groups"),
            ("multiline.pattern", "^x", "leave it out"),
            ("invalid.bytes", "keep", "set encoding=utf-8"),
            ("batch.size", "0", "at least 1"),
        ],
    ),
    (
        "FileTail",
        &[("topic", "t"), ("exclude", "/var/log/*.log")],
        &[
            ("include", "/var/log/*.log", "have it match fewer"),
            ("key", "", "leave the key out"),
            ("headers", "path,path", "name it once"),
        ],
    ),
    (
        "SpoolDir",
        &[],
        &[
            ("folder", "", "write a path"),
            ("topic", "..", "letters, digits"),
            ("include", "a[", "*.csv"),
            ("exclude", "{b", "*.csv"),
            ("format", "xml", "csv"),
            ("order", "size", "oldest"),
            ("when.done", "keep", "delete"),
            ("done.suffix", "", "write a mark"),
            ("on.invalid", "cry", "skip"),
            ("stable.ms", "-1", "at least 0"),
            ("scan.interval.ms", "1", "at least 10"),
            ("max.record.bytes", "1", "at least 16"),
            ("csv.separator", "::", "one ASCII character"),
            ("headers", "size", "choose of file"),
            ("key.file.name", "perhaps", "true or false"),
            ("batch.size", "0", "at least 1"),
        ],
    ),
    (
        "SpoolDir",
        &[
            ("folder", "/tmp"),
            ("when.done", "delete"),
            ("on.invalid", "fail"),
        ],
        &[
            ("topic", "a b", "letters, digits"),
            ("done.folder", "/done", "leave it out"),
            ("failed.folder", "/tmp", "another folder"),
            ("csv.separator", ";", "leave it out"),
        ],
    ),
    (
        "SpoolDir",
        &[("folder", "/tmp"), ("topic", "t"), ("when.done", "mark")],
        &[
            ("include", "sub/*.csv", "names such as"),
            ("exclude", "a/b", "names such as"),
            ("done.suffix", "/x", "write a mark"),
            ("failed.folder", "/proc/failed", "name one beside it"),
            ("headers", "file,file", "name it once"),
        ],
    ),
    (
        "SpoolDir",
        &[("topic", "t")],
        &[
            ("folder", "/no/such/folder", "make it, or name another"),
            ("done.folder", "", "write a path"),
            ("done.suffix", ".done", "leave it out"),
        ],
    ),
    (
        "FileSink",
        &[],
        &[
            ("directory", "", "write a path"),
            ("path", "../${topic}", "dot"),
            ("time.zone", "Mars", "Europe/Berlin"),
            ("format", "xml", "csv"),
            ("columns", "value,size", "choose of topic"),
            ("json.text", "tree", "document"),
            ("csv.header", "perhaps", "true or false"),
            ("csv.separator", "ab", "one character"),
            ("compression", "rar", "zstd"),
            ("compression.level", "20", "no more than 19"),
            ("roll.bytes", "-1", "at least 0"),
            ("roll.records", "-1", "at least 0"),
            ("roll.age.ms", "-1", "at least 0"),
            ("open.files.max", "0", "at least 1"),
        ],
    ),
    (
        "FileSink",
        &[("directory", "/out"), ("format", "csv")],
        &[
            ("columns", "headers", "header.NAME"),
            ("compression.level", "3", "gzip or zstd"),
            ("roll.bytes", "many", "Not a number of type LONG"),
        ],
    ),
    (
        "FileSink",
        &[("directory", "/out")],
        &[
            ("path", "a/ /b", "write another"),
            ("time.zone", "-1", "+02:00"),
            ("json.text", "document", "leave it out"),
            ("csv.header", "false", "leave it out"),
            ("csv.separator", ";", "leave it out"),
        ],
    ),
    (
        "FileSink",
        &[("directory", "/out"), ("format", "json")],
        &[("columns", "key,key", "name key once")],
    ),
    (
        "Exec",
        &[],
        &[
            ("command", "ls | wc", "set shell=/bin/sh -c"),
            ("topic", "a b", "letters, digits"),
            ("restart", "often", "on-failure"),
            ("working.directory", "/no/such/folder", "make it"),
            ("environment", "A", "NAME=value"),
            ("max.line.bytes", "1", "at least 16"),
        ],
    ),
    (
        "Exec",
        &[("topic", "t")],
        &[("command", "/no/such/program -x", "install it")],
    ),
    (
        "Exec",
        &[("topic", "t")],
        &[("command", "grep 'a b", "set shell=/bin/sh -c")],
    ),
    (
        "Exec",
        &[("topic", "t"), ("shell", "/bin/sh -c")],
        &[("command", "echo 'a", "mend it")],
    ),
    (
        "Exec",
        &[("topic", "t"), ("command", "true")],
        &[("shell", "/bin/sh", "write /bin/sh -c")],
    ),
    (
        "Syslog",
        &[("tls.port", "0")],
        &[
            ("host", "192.0.2.1", "name one that it has"),
            ("tls.certificate", "/no/such.pem", "name a PEM file"),
            ("tls.key", "/dev/null", "name a PEM file"),
            ("tls.client.ca", "", "write a path"),
            ("topic", "${size}", "choose of ${host}"),
            ("key", "", "leave the key out"),
            ("headers", "host,host", "name it once"),
        ],
    ),
    (
        "Syslog",
        &[
            ("udp.port", "0"),
            ("topic", "t"),
            ("max.message.bytes", "65537"),
        ],
        &[
            ("topics.allowed", "a*", "leave it out"),
            ("topic.otherwise", "rest", "leave it out"),
            ("waiting.bytes.max", "65536", "max.message.bytes at least"),
            ("time.zone", "-1", "+02:00"),
        ],
    ),
    (
        "Log",
        &[],
        &[
            ("target", "millrace_worker::task", "another name"),
            ("level", "LOUD", "choose of ERROR"),
            ("line.ends", "cut", "escape"),
            ("max.bytes", "0", "at least 1"),
        ],
    ),
];

#[test]
fn everything_wrong_is_told_together_with_key_value_and_remedy() {
    let sandbox = Sandbox::new();
    let keys = [("unsafe.connectors", "exec")];
    let mut pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
    let mut failures = Vec::new();
    for (class, right, wrong) in CASES {
        let mut config = Map::new();
        config.insert("name".to_owned(), "c".into());
        config.insert("connector.class".to_owned(), (*class).into());
        if matches!(*class, "FileSink" | "Log") {
            config.insert("topics".to_owned(), "in".into());
        }
        for (key, value) in *right {
            config.insert((*key).to_owned(), (*value).into());
        }
        for (key, value, _) in *wrong {
            config.insert((*key).to_owned(), (*value).into());
        }
        let path = format!("/connector-plugins/{class}/config/validate");
        let answer = pipeline.rest.put(&path, &Value::Object(config));
        assert_eq!(answer.status, 200, "{class}: {}", answer.body);
        check(class, wrong, &answer.body, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(pipeline.millrace.stop().success());
}

/// Each wrong key has an error with its name, its value and the remedy, and no other key has one.
fn check(class: &str, wrong: &[Wrong], verdict: &Value, failures: &mut Vec<String>) {
    let mut expected = wrong.len();
    for config in verdict["configs"].as_array().unwrap() {
        let key = config["value"]["name"].as_str().unwrap();
        let errors = &config["value"]["errors"];
        let text = errors.to_string();
        match wrong.iter().find(|(name, ..)| *name == key) {
            Some((_, value, remedy)) => {
                expected -= 1;
                // Lists are told with a blank behind each comma, as Kafka tells them.
                let mentions = value.split(',').chain([key, *remedy]);
                if !mentions.into_iter().all(|part| text.contains(part)) {
                    failures.push(format!("{class} {key}={value}: {text} without '{remedy}'"));
                }
            }
            None if errors.as_array().is_some_and(|errors| !errors.is_empty()) => {
                failures.push(format!("{class}: {key} was right: {text}"));
            }
            None => {}
        }
    }
    if expected > 0 {
        failures.push(format!(
            "{class}: {expected} keys are not among those that are told"
        ));
    }
}
