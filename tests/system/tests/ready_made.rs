//! The ready-made configurations of `config/`: each runs as it is, but for the ports, which the system picks so that
//! tests may run side by side.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use millrace_system::{
    binary::repository,
    process::Millrace,
    rest::Rest,
    sandbox::Sandbox,
    tool::{self, run, run_with},
    wait,
};
use serde_json::json;

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox with a copy of `config/`, and the broker of `server.properties` that the other files name.
struct Place {
    sandbox: Sandbox,
    broker: Millrace,
    server: String,
}

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.join("config")).unwrap();
        let text = read("server.properties").replace(":9092", ":0");
        sandbox.write("config/server.properties", text);
        let mut broker = Millrace::start(&sandbox, ["broker", "config/server.properties"]);
        let server = broker.address("broker");
        for entry in fs::read_dir(repository().join("config")).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name == "server.properties" || !name.ends_with(".properties") {
                continue;
            }
            let text = read(&name)
                .replace("localhost:9092", &server)
                .replace(":8083", ":0");
            sandbox.write(&format!("config/{name}"), text);
        }
        Self {
            sandbox,
            broker,
            server,
        }
    }

    /// Starts Kafka's `connect-standalone.sh` with these files of `config/`.
    fn standalone(&self, connectors: &[&str], stdin: Stdio) -> Millrace {
        let mut arguments = vec![
            "standalone".to_owned(),
            "config/connect-standalone.properties".to_owned(),
        ];
        arguments.extend(
            connectors
                .iter()
                .map(|name| format!("config/{name}.properties")),
        );
        let mut worker = Millrace::start_with(&self.sandbox, arguments, stdin);
        worker.address("rest");
        worker
    }

    /// Kafka's console consumer, told to end after so many records.
    fn consume(&self, count: usize) -> String {
        let server = &self.server;
        let words = format!(
            "consume --bootstrap-server {server} --topic connect-test --from-beginning --max-messages {count} --timeout-ms 60000"
        );
        run(&self.sandbox, &words).ok()
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("config").join(name)).unwrap()
}

fn envelope(line: &str) -> String {
    format!("{{\"schema\":{{\"type\":\"string\",\"optional\":false}},\"payload\":\"{line}\"}}\n")
}

#[test]
fn kafkas_quickstart_for_connect() {
    let mut place = Place::new();
    // As the quickstart has it: this key is noted.
    let standalone = place.sandbox.join("config/connect-standalone.properties");
    let mut worker = OpenOptions::new().append(true).open(standalone).unwrap();
    worker
        .write_all(b"plugin.path=libs/connect-file-4.1.0.jar\n")
        .unwrap();
    place.sandbox.write("test.txt", "foo\nbar\n");
    let mut worker = place.standalone(&["connect-file-source", "connect-file-sink"], Stdio::null());
    let sunk = |expected: &str| {
        wait::until("the lines in test.sink.txt", PATIENCE, || {
            place.sandbox.read("test.sink.txt") == expected.as_bytes()
        });
    };
    sunk("foo\nbar\n");
    assert_eq!(place.consume(2), envelope("foo") + &envelope("bar"));
    let mut file = OpenOptions::new()
        .append(true)
        .open(place.sandbox.join("test.txt"))
        .unwrap();
    file.write_all(b"Another line\n").unwrap();
    sunk("foo\nbar\nAnother line\n");
    assert!(place.consume(3).ends_with(&envelope("Another line")));
    assert!(worker.stop().success(), "{}", worker.stderr());
    assert!(place.broker.stop().success(), "{}", place.broker.stderr());
}

#[test]
fn the_console_connectors_read_standard_input_and_print() {
    let place = Place::new();
    let typed = place.sandbox.write("typed", "one\ntwo\n");
    let stdin = Stdio::from(File::open(typed).unwrap());
    let mut worker = place.standalone(&["connect-console-source", "connect-console-sink"], stdin);
    wait::until("the lines on standard output", PATIENCE, || {
        worker.stdout() == b"one\ntwo\n"
    });
    assert!(worker.stop().success(), "{}", worker.stderr());
}

#[test]
fn connectors_made_by_rest_outlive_a_restart_of_the_ready_made_worker() {
    let place = Place::new();
    let mut worker = place.standalone(&[], Stdio::null());
    let rest = millrace_system::rest::Rest::new(&worker.address("rest"));
    let body = serde_json::json!({"name": "made", "config": {
        "connector.class": "FileStreamSink", "topics": "connect-test", "file": "made.txt"
    }});
    assert_eq!(rest.post("/connectors", &body).status, 201);
    assert!(worker.stop().success(), "{}", worker.stderr());
    let mut worker = place.standalone(&[], Stdio::null());
    let rest = millrace_system::rest::Rest::new(&worker.address("rest"));
    wait::until("the connector to be there again", PATIENCE, || {
        rest.get("/connectors").body == json!(["made"])
    });
    assert!(worker.stop().success(), "{}", worker.stderr());
}

#[test]
fn the_clients_files_name_broker_and_group() {
    let place = Place::new();
    let produce = "produce --command-config config/producer.properties --topic orders";
    run_with(&place.sandbox, produce, "4711\n4712\n").ok();
    let consume = "consume --consumer.config config/consumer.properties --topic orders --from-beginning --max-messages 2";
    assert_eq!(run(&place.sandbox, consume).ok(), "4711\n4712\n");
    let server = &place.server;
    let groups = run(
        &place.sandbox,
        &format!("groups --bootstrap-server {server} --list"),
    )
    .ok();
    assert!(
        groups.lines().any(|group| group == "test-consumer-group"),
        "{groups}"
    );
}

#[test]
fn a_worker_among_others_runs_by_its_file() {
    let place = Place::new();
    let file = "config/connect-distributed.properties";
    let mut worker = Millrace::start(&place.sandbox, ["connect-distributed.sh", file]);
    let rest = Rest::new(&worker.address("rest"));
    let config = json!({"connector.class": "FileStreamSource", "file": "in.txt", "topic": "t"});
    let body = json!({"name": "made", "config": config});
    assert_eq!(rest.post("/connectors", &body).status, 201);
    rest.await_state("made", "RUNNING");
    assert!(worker.stop().success(), "{}", worker.stderr());
}

#[test]
fn every_file_is_commented_and_known_to_a_test() {
    const RUN: [&str; 9] = [
        "connect-console-sink.properties",
        "connect-console-source.properties",
        "connect-distributed.properties",
        "connect-file-sink.properties",
        "connect-file-source.properties",
        "connect-standalone.properties",
        "consumer.properties",
        "producer.properties",
        "server.properties",
    ];
    let mut names: Vec<String> = fs::read_dir(repository().join("config"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".properties"))
        .collect();
    names.sort();
    assert_eq!(names, RUN);
    assert!(names.iter().all(|name| read(name).starts_with('#')));
}

#[test]
fn systemd_is_told_when_a_start_is_done() {
    let sandbox = Sandbox::new();
    let path = sandbox.join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut child = Command::new(millrace_system::binary::millrace())
        .args(["broker", "--override", "listeners=PLAINTEXT://127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &path)
        .current_dir(sandbox.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = || {
        let mut bytes = [0; 64];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert_eq!(said(), "READY=1");
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert_eq!(said(), "STOPPING=1");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_logging_configuration_writes_to_console_and_file() {
    let sandbox = Sandbox::new();
    sandbox.write("log4rs.yaml", read("log4rs.yaml"));
    let listeners = "listeners=PLAINTEXT://127.0.0.1:0";
    let mut broker = Millrace::start(
        &sandbox,
        [
            "broker",
            "--log-config",
            "log4rs.yaml",
            "--override",
            listeners,
        ],
    );
    let server = broker.address("broker");
    run(
        &sandbox,
        &format!("topics --bootstrap-server {server} --create --topic logged"),
    )
    .ok();
    let line = "created topic logged";
    wait::until("the line in the log file", PATIENCE, || {
        let log = sandbox.read("millrace-data/log/millrace.log");
        String::from_utf8_lossy(&log).contains(line)
    });
    wait::until("the line on the console", PATIENCE, || {
        broker.stderr().contains(line)
    });
    assert!(broker.stop().success(), "{}", broker.stderr());
}

#[test]
fn the_units_name_commands_and_files_that_are_there() {
    for (unit, command, file) in [
        ("broker", "broker", "server.properties"),
        ("worker", "standalone", "connect-standalone.properties"),
    ] {
        let text = read(&format!("systemd/millrace-{unit}.service"));
        let start = format!("ExecStart=/usr/local/bin/millrace {command} /etc/millrace/{file}");
        for line in [
            start.as_str(),
            "Type=notify",
            "User=millrace",
            "LimitNOFILE=1048576",
        ] {
            assert!(text.lines().any(|found| found == line), "{unit}: {line}");
        }
        assert!(repository().join("config").join(file).exists());
    }
}

/// Where systemd is installed, it judges the units itself.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        return;
    }
    let sandbox = Sandbox::new();
    let binary = millrace_system::binary::millrace().display().to_string();
    for unit in ["millrace-broker.service", "millrace-worker.service"] {
        // The binary is where it was built, and its page of the manual is not installed.
        let text = read(&format!("systemd/{unit}"))
            .replace("/usr/local/bin/millrace", &binary)
            .replace("Documentation=man:millrace(1)\n", "");
        sandbox.write(unit, text);
    }
    let mut verify = Command::new("systemd-analyze");
    verify.args([
        "verify",
        "./millrace-broker.service",
        "./millrace-worker.service",
    ]);
    let outcome = tool::run_command(&sandbox, verify, "");
    assert_eq!((outcome.code(), outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_script_goes_over_a_list_of_hosts() {
    let sandbox = Sandbox::new();
    sandbox.write("hosts", "# the cluster\none.example\n\ntwo.example\n");
    let ssh = sandbox.write(
        "ssh",
        "#!/bin/sh\necho \"$2\"\n[ \"$1\" != two.example ] || exit 3\n",
    );
    let script = |words: &str| {
        let mut command = Command::new("sh");
        command
            .arg(repository().join("config/millrace-hosts.sh"))
            .args(words.split(' '));
        command.env("MILLRACE_SSH", format!("sh {}", ssh.display()));
        tool::run_command(&sandbox, command, "")
    };
    let started = script("start broker hosts");
    assert_eq!(started.code(), Some(1));
    assert_eq!(
        started.stdout,
        "one.example: sudo systemctl start millrace-broker\n"
    );
    assert!(
        started.stderr.starts_with("two.example: start failed"),
        "{started:?}"
    );
    assert_eq!(script("start everything hosts").code(), Some(2));
}
