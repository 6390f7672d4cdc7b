//! The log4rs appender before the real broker: an application that ships, brokers that go and come back, programs that end
//! in every way. The test starts itself again as such a program.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests read files, talk to their parent and end on a failed expectation"
)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use log::{Level, LevelFilter, Log as _, Record};
use millrace_log4rs::{Flushed, KafkaAppender, KafkaLog, Properties};
use millrace_system::{
    apart::{free_port, start_broker},
    binary::{self, repository},
    pipeline::Pipeline,
    sandbox::Sandbox,
    tool, topic, wait,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Names what the program does, and its settings: KEY=VALUE, separated by blanks.
const WAY: &str = "APPENDER_WAY";
const SETTINGS: &str = "APPENDER_SETTINGS";
/// What the program logs before it ends.
const LINES: usize = 1000;

/// A logger with these settings beside where the broker is.
fn logger(port: u16, more: &[(&str, &str)]) -> KafkaLog {
    let server = format!("127.0.0.1:{port}");
    let base = [("bootstrap.servers", server.as_str()), ("topic", "logs")];
    let settings: Properties = base
        .iter()
        .chain(more)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let appender = KafkaAppender::new(settings).unwrap();
    appender.into_logger(LevelFilter::Info)
}

/// Logs a line that begins with a number.
fn log_number(logger: &KafkaLog, number: usize) {
    let message = format_args!("line {number} {}", "x".repeat(300));
    logger.log(
        &Record::builder()
            .level(Level::Info)
            .target("shop")
            .args(message)
            .build(),
    );
}

/// All that lies in the topic, once the broker has stopped or while it rests.
fn lines(sandbox: &Sandbox) -> Vec<String> {
    let values = topic::values(&sandbox.join("data/broker"), "logs-0");
    let text = |value| String::from_utf8(value).unwrap();
    values.into_iter().map(text).collect()
}

/// The numbers of the lines of [`log_number`], in the order of the topic.
fn numbers(lines: &[String]) -> Vec<usize> {
    let number = |line: &String| line.strip_prefix("line ")?.split(' ').next()?.parse().ok();
    lines.iter().filter_map(number).collect()
}

fn all_up_to(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// The example with a file of log4rs; what it says is looked at.
fn example(sandbox: &Sandbox, lines: &str, config: &Path) -> tool::Outcome {
    let mut command = Command::new(binary::of("example-appender"));
    command.args(["--lines", lines, "--config"]).arg(config);
    tool::run_command(sandbox, command, "")
}

#[test]
fn the_example_ships_its_lines_and_the_stdout_sink_prints_them() {
    let sandbox = Sandbox::new();
    let folder = repository().join("examples/appender");
    let mut pipeline = Pipeline::start(&sandbox, &[folder.join("print.properties")]);
    let config = fs::read_to_string(folder.join("log4rs.yaml")).unwrap();
    let config = config.replace("127.0.0.1:9092", &pipeline.broker);
    let config = sandbox.write("log4rs.yaml", config);
    let outcome = example(&sandbox, "20", &config);
    assert!(outcome.status.success(), "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    wait::until("twenty lines", PATIENCE, || {
        let printed = String::from_utf8(pipeline.millrace.stdout()).unwrap();
        printed.lines().count() == 20
    });
    let printed = String::from_utf8(pipeline.millrace.stdout()).unwrap();
    for (number, line) in (1..).zip(printed.lines()) {
        let expected = match number % 10 {
            0 => format!(" WARN  order {number} is late"),
            _ => format!(" INFO  order {number} paid"),
        };
        assert!(line.ends_with(&expected), "{line}");
    }
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn what_the_example_cannot_deliver_its_next_run_does() {
    let sandbox = Sandbox::new();
    let port = free_port();
    let config = format!(
        "appenders:\n  topic:\n    kind: kafka\n    brokerList: 127.0.0.1:{port}\n    topic: logs\n    \
         spill.dir: spill\n    flush.timeout.ms: 300\nroot:\n  level: info\n  appenders: [topic]\n"
    );
    let config = sandbox.write("log4rs.yaml", config);
    let away = example(&sandbox, "5000", &config);
    assert!(away.status.success(), "they are in the spill: {away:?}");
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let patient = fs::read_to_string(&config).unwrap().replace("300", "60000");
    let config = sandbox.write("log4rs.yaml", patient);
    assert!(example(&sandbox, "10", &config).status.success());
    assert!(broker.stop().success());
    let orders: Vec<String> = lines(&sandbox)
        .into_iter()
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect();
    let expected = (1..=5000).chain(1..=10);
    assert_eq!(
        orders,
        expected.map(|order| order.to_string()).collect::<Vec<_>>()
    );
}

#[test]
fn a_broker_that_is_killed_and_comes_back_has_every_line_once_and_in_order() {
    let sandbox = Sandbox::new();
    let port = free_port();
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let spill = sandbox.join("spill").display().to_string();
    let logger = logger(
        port,
        &[
            ("spill.dir", &spill),
            ("memory.bytes", "1048576"),
            ("block.budget.ms", "60000"),
            ("compression.type", "none"),
        ],
    );
    let metrics = logger.appender().metrics();
    let mut number = 0;
    let mut log_until = |what: &str, done: &dyn Fn() -> bool| {
        wait::until(what, PATIENCE, || {
            (0..500).for_each(|_| {
                log_number(&logger, number);
                number += 1;
            });
            done()
        });
    };
    log_until("deliveries", &|| metrics.delivered.get() > 2000);
    // Killed with lines in flight.
    broker.kill();
    log_until("lines in the spill", &|| metrics.spilled.get() > 20_000);
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let before = metrics.delivered.get();
    log_until("deliveries again", &|| {
        metrics.delivered.get() > before + 5000
    });
    assert_eq!(logger.appender().flush_within(PATIENCE), Flushed::Delivered);
    assert_eq!((metrics.dropped.get(), metrics.refused.get()), (0, 0));
    assert!(broker.stop().success());
    assert_eq!(numbers(&lines(&sandbox)), all_up_to(number));
}

#[test]
fn the_lines_of_an_hour_without_a_broker_arrive_once_and_in_order() {
    // Of two threads that log 25 lines a second each.
    const EACH: usize = 25 * 3600;
    let sandbox = Sandbox::new();
    let port = free_port();
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let spill = sandbox.join("spill").display().to_string();
    // A machine that is busy may keep the appender's thread from its turn for longer than the usual budget.
    let logger = logger(port, &[("spill.dir", &spill), ("block.budget.ms", "60000")]);
    let metrics = logger.appender().metrics();
    (0..1000).for_each(|number| log_number(&logger, number));
    wait::until("deliveries", PATIENCE, || metrics.delivered.get() > 0);
    broker.kill();
    thread::scope(|scope| {
        for first in [1000, 1000 + EACH] {
            let logger = &logger;
            scope.spawn(move || {
                (first..first + EACH).for_each(|number| log_number(logger, number));
            });
        }
    });
    wait::until("lines in the spill", PATIENCE, || {
        metrics.spill_bytes.get() > 0
    });
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let flushed = logger.appender().flush_within(4 * PATIENCE);
    assert_eq!(flushed, Flushed::Delivered);
    assert_eq!((metrics.dropped.get(), metrics.refused.get()), (0, 0));
    wait::until("an empty spill", PATIENCE, || {
        metrics.spill_bytes.get() == 0
    });
    assert!(broker.stop().success());
    let numbers = numbers(&lines(&sandbox));
    let (second, first): (Vec<_>, Vec<_>) = numbers
        .into_iter()
        .partition(|number| *number >= 1000 + EACH);
    assert_eq!(first, all_up_to(1000 + EACH));
    assert_eq!(second, (1000 + EACH..1000 + 2 * EACH).collect::<Vec<_>>());
}

#[test]
fn what_finds_no_room_is_counted_exactly_and_the_topic_tells_of_it() {
    const COUNT: usize = 40_000;
    for policy in ["newest", "oldest"] {
        let sandbox = Sandbox::new();
        let port = free_port();
        let spill = sandbox.join("spill").display().to_string();
        let logger = logger(
            port,
            &[
                ("spill.dir", &spill),
                ("spill.bytes", "2097152"),
                ("memory.bytes", "524288"),
                ("block.budget.ms", "5"),
                ("drop.policy", policy),
            ],
        );
        (0..COUNT).for_each(|number| log_number(&logger, number));
        let mut broker = start_broker(&sandbox, port);
        broker.address("broker ");
        assert_eq!(logger.appender().flush_within(PATIENCE), Flushed::Delivered);
        let dropped = logger.appender().metrics().dropped.get();
        drop(logger);
        assert!(broker.stop().success());
        let lines = lines(&sandbox);
        let kept = numbers(&lines);
        assert_eq!(kept.len() as u64 + dropped, COUNT as u64, "{policy}");
        assert!(kept.is_sorted(), "{policy}");
        let told: u64 = lines
            .iter()
            .filter_map(|line| line.strip_suffix(" lines dropped"))
            .map(|count| count.parse::<u64>().unwrap())
            .sum();
        assert_eq!(told, dropped, "{policy}");
    }
}

/// The program; does nothing unless it was started as one.
#[test]
fn program() {
    let (Ok(way), Ok(settings)) = (env::var(WAY), env::var(SETTINGS)) else {
        return;
    };
    let settings = settings
        .split(' ')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let appender = KafkaAppender::new(settings).unwrap();
    let logger = appender.into_logger(LevelFilter::Info);
    logger.install().unwrap();
    if way != "deliver" {
        (0..LINES).for_each(|number| log::info!("line {number} and more"));
        log::info!("the last line");
    }
    match way.as_str() {
        "return" | "deliver" => {}
        "exit" => std::process::exit(3),
        "panic" => {
            millrace_log4rs::flush_on_panic();
            panic!("out of order");
        }
        "spill" => {
            wait::until("the spill", PATIENCE, || {
                let mut spilled = 0;
                millrace_log4rs::visit_metrics(|_, metrics| spilled = metrics.spilled.get());
                spilled > LINES as u64
            });
            say_ready();
        }
        _ => {
            millrace_log4rs::flush_on_signals().unwrap();
            say_ready();
        }
    }
}

fn say_ready() {
    println!("ready");
    loop {
        thread::park();
    }
}

/// Starts the program.
fn program_that(way: &str, settings: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "program", "--nocapture", "--test-threads=1"])
        .env(WAY, way)
        .env(SETTINGS, settings)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Reads what the program says until it is ready.
fn await_ready(output: &mut BufReader<ChildStdout>) {
    let ready = output.lines().any(|line| line.unwrap().contains("ready"));
    assert!(ready, "the program has ended");
}

/// The exit code of a program that ends in this way, and the lines that have arrived when it is over.
fn ended_by(way: &str) -> (Option<i32>, Vec<String>) {
    let sandbox = Sandbox::new();
    let port = free_port();
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let settings = format!("brokerList=127.0.0.1:{port} topic=logs flush.timeout.ms=60000");
    let (mut child, mut output) = program_that(way, &settings);
    if way == "SIGTERM" {
        await_ready(&mut output);
        let killed = Command::new("kill").arg(child.id().to_string()).status();
        assert!(killed.unwrap().success());
    }
    output.lines().for_each(drop);
    let code = child.wait().unwrap().code();
    assert!(broker.stop().success());
    (code, lines(&sandbox))
}

#[test]
fn the_last_line_arrives_however_the_program_ends() {
    for (way, code, last) in [
        ("return", 0, "the last line"),
        ("exit", 3, "the last line"),
        ("panic", 101, "out of order"),
        ("SIGTERM", 128 + 15, "the last line"),
    ] {
        let (ended_with, lines) = ended_by(way);
        assert_eq!(ended_with, Some(code), "{way}");
        assert_eq!(numbers(&lines), all_up_to(LINES), "{way}");
        assert!(lines.last().unwrap().contains(last), "{way}: {lines:?}");
    }
}

#[test]
fn what_a_killed_program_left_in_its_spill_the_next_one_delivers() {
    let sandbox = Sandbox::new();
    let port = free_port();
    let spill: PathBuf = sandbox.join("spill");
    let settings = format!(
        "brokerList=127.0.0.1:{port} topic=logs flush.timeout.ms=60000 spill.dir={}",
        spill.display()
    );
    let (mut child, mut output) = program_that("spill", &settings);
    await_ready(&mut output);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut broker = start_broker(&sandbox, port);
    broker.address("broker ");
    let (mut child, output) = program_that("deliver", &settings);
    output.lines().for_each(drop);
    assert!(child.wait().unwrap().success());
    assert!(broker.stop().success());
    let lines = lines(&sandbox);
    assert_eq!(numbers(&lines), all_up_to(LINES));
    assert_eq!(lines.last().map(String::as_str), Some("the last line"));
}
