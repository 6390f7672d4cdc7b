//! Peers that stand still: what waits for them waits with bounded memory, and goes on when they do.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use millrace_system::{
    input,
    pipeline::{self, Pipeline, TOPIC},
    process::Millrace,
    sandbox::Sandbox,
    topic, wait,
};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(240);

/// Lines that together are more than a process may hold.
const LINES: usize = 2_000_000;
const WIDTH: usize = 100;

/// What a worker with the included broker may hold while it ships (the buffers of one pipeline and the program itself).
const MEMORY: u64 = 150 << 20;

/// Waits until `counter` has stood still for a second.
fn stands_still(what: &str, mut counter: impl FnMut() -> u64) {
    let mut last = (counter(), Instant::now());
    wait::until(what, PATIENCE, || {
        let now = counter();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(1)
    });
}

/// Bytes that a process has read so far, of files and sockets.
fn bytes_read(process: &Millrace) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", process.id())).unwrap();
    let line = io.lines().find(|line| line.starts_with("rchar:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success(), "mkfifo {}: {made}", path.display());
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn a_sink_that_stands_still_grows_no_memory() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", input::numbered(LINES, WIDTH));
    let pipe = sandbox.join("out.log");
    make_fifo(&pipe);
    let connectors = [
        pipeline::source_file(&sandbox),
        pipeline::sink_file(&sandbox),
    ];
    let mut pipeline = Pipeline::start(&sandbox, &connectors);
    let mut reader = File::open(&pipe).unwrap();
    let mut start = vec![0; WIDTH * 10];
    reader.read_exact(&mut start).unwrap();
    let folder = sandbox.join(&format!("data/broker/{TOPIC}-0"));
    let mut follower = topic::Follower::new(&sandbox.join("data/broker"), &format!("{TOPIC}-0"));
    let mut in_log = 0;
    wait::until("all lines in the log", PATIENCE, || {
        if folder.exists() {
            follower.read(|_, _| in_log += 1);
        }
        in_log >= LINES
    });
    assert_eq!(in_log, LINES);
    stands_still("everything to wait for the reader", || {
        bytes_read(&pipeline.millrace)
    });
    assert!(pipeline.millrace.peak_memory().unwrap() < MEMORY);
    // Nothing else is held up.
    assert_eq!(pipeline.rest.get("/connectors/sink/status").status, 200);

    let mut lines = count_lines(&start);
    let mut block = vec![0; 1 << 16];
    while lines < LINES {
        let len = reader.read(&mut block).unwrap();
        assert_ne!(len, 0, "the sink closed its file after {lines} lines");
        lines += count_lines(&block[..len]);
    }
    assert!(pipeline.millrace.peak_memory().unwrap() < MEMORY);
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn a_broker_that_stands_still_grows_no_memory_of_its_worker() {
    let sandbox = Sandbox::new();
    let mut broker = Millrace::start(
        &sandbox,
        [
            "broker",
            "--override",
            "listeners=PLAINTEXT://127.0.0.1:0",
            "--override",
            "log.dirs=data/broker",
        ],
    );
    let address = broker.address("broker ");
    let worker = pipeline::worker_file(&sandbox, &[("bootstrap.servers", &address)]);
    let mut worker = Millrace::start(
        &sandbox,
        ["standalone".into(), worker, pipeline::source_file(&sandbox)],
    );
    worker.address("rest ");
    // The lines come while nobody answers, once the connection stands.
    let shipped = || topic::values(&sandbox.join("data/broker"), &format!("{TOPIC}-0"));
    sandbox.write("in.log", input::numbered(10, WIDTH));
    wait::until("the first lines", PATIENCE, || {
        sandbox.join(&format!("data/broker/{TOPIC}-0")).exists() && shipped().len() == 10
    });
    broker.signal(Signal::STOP);
    sandbox.write("more.log", input::numbered(LINES, WIDTH));
    append(&sandbox.join("more.log"), &sandbox.join("in.log"));
    stands_still("the worker to wait for the broker", || bytes_read(&worker));
    assert!(worker.peak_memory().unwrap() < MEMORY);
    broker.signal(Signal::CONT);
    let size = sandbox.join("in.log").metadata().unwrap().len();
    wait::until("all lines in the log", PATIENCE, || {
        let log = sandbox.join(&format!("data/broker/{TOPIC}-0/00000000000000000000.log"));
        log.metadata().unwrap().len() >= size && shipped().len() >= LINES + 10
    });
    assert!(worker.peak_memory().unwrap() < MEMORY);
    assert!(worker.stop().success(), "{}", worker.stderr());
    assert!(broker.stop().success(), "{}", broker.stderr());
    assert_eq!(shipped().len(), LINES + 10);
}

fn append(from: &Path, to: &Path) {
    let mut to = fs::OpenOptions::new().append(true).open(to).unwrap();
    std::io::copy(&mut File::open(from).unwrap(), &mut to).unwrap();
}

#[test]
fn a_disk_that_is_full_holds_lines_back_until_there_is_room() {
    let sandbox = Sandbox::new();
    const LINES: usize = 300_000;
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    pipeline.millrace.limit_file_size(Some(12 << 20));
    sandbox.write("in.log", input::numbered(LINES, WIDTH));
    let source = serde_json::json!({"name": "source", "config": {
        "connector.class": "FileStreamSource", "file": sandbox.join("in.log"), "topic": TOPIC,
    }});
    assert_eq!(pipeline.rest.post("/connectors", &source).status, 201);
    let told = format!("{TOPIC}-0 takes no records");
    wait::until("the broker to say that it takes no more", PATIENCE, || {
        pipeline.millrace.stderr().contains(&told)
    });
    // What it took before can be read, and a small topic elsewhere takes records.
    let source = serde_json::json!({"name": "small", "config": {
        "connector.class": "FileStreamSource", "file": sandbox.write("small.log", "one\ntwo\n"), "topic": "small",
    }});
    assert_eq!(pipeline.rest.post("/connectors", &source).status, 201);
    let sink = serde_json::json!({"name": "sink", "config": {
        "connector.class": "FileStreamSink", "file": sandbox.join("small.out"), "topics": "small",
    }});
    assert_eq!(pipeline.rest.post("/connectors", &sink).status, 201);
    wait::until("the small topic's lines", PATIENCE, || {
        fs::read(sandbox.join("small.out")).unwrap_or_default() == b"one\ntwo\n"
    });
    assert_eq!(pipeline.millrace.stderr().matches(&told).count(), 1);

    pipeline.millrace.limit_file_size(None);
    let data = sandbox.join("data/broker");
    wait::until("all lines", PATIENCE, || {
        topic::values(&data, &format!("{TOPIC}-0")).len() >= LINES
    });
    assert!(pipeline.millrace.stop().success());
    let lines = topic::values(&data, &format!("{TOPIC}-0"));
    let expected = sandbox.read("in.log");
    assert!(lines.iter().map(Vec::as_slice).eq(input::lines(&expected)));
}
