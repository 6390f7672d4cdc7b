//! Lines to topics: what they look like there, and what becomes of them while no broker is there.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::time::{Duration, Instant};

use common::{LIMIT, TestBroker, wait_until};
use log::{Level, Log, Record};
use log4rs::append::Append;
use millrace_log4rs::{Flushed, KafkaAppender};
use tempfile::TempDir;

/// Hands a line over as a program would.
fn line(appender: &KafkaAppender, level: Level, text: &str) {
    let message = format_args!("{text}");
    let record = Record::builder()
        .level(level)
        .target("shop::orders")
        .key_values(&("order", 4711))
        .args(message)
        .build();
    appender.append(&record).unwrap();
}

fn numbered(appender: &KafkaAppender, numbers: std::ops::Range<usize>) {
    for number in numbers {
        line(
            appender,
            Level::Info,
            &format!("line {number} {}", "x".repeat(400)),
        );
    }
}

/// The numbers of the lines of [`numbered`], in the order of the topic.
fn numbers(read: &[common::Read]) -> Vec<usize> {
    let number = |read: &common::Read| {
        read.value
            .strip_prefix("line ")?
            .split(' ')
            .next()?
            .parse()
            .ok()
    };
    read.iter().filter_map(number).collect()
}

/// How many dropped lines the topic tells of.
fn told(all: &[common::Read]) -> u64 {
    all.iter()
        .filter_map(|read| read.header("dropped"))
        .map(|count| count.parse::<u64>().unwrap())
        .sum()
}

#[test]
fn a_line_is_a_record_with_key_and_headers() {
    let broker = TestBroker::start();
    let settings = broker.settings(&[
        ("host", "web-7"),
        ("key", "logger"),
        ("topic.error", "alarms"),
    ]);
    let appender = KafkaAppender::new(settings).unwrap();
    line(&appender, Level::Info, "paid");
    line(&appender, Level::Error, "refused");
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    let read = broker.read_count("logs", 1);
    assert_eq!(
        (read[0].value.as_str(), read[0].key.as_deref()),
        ("paid", Some("shop::orders"))
    );
    let pid = std::process::id().to_string();
    let thread = std::thread::current();
    for (key, value) in [
        ("level", "INFO"),
        ("target", "shop::orders"),
        ("host", "web-7"),
        ("pid", &pid),
        ("sequence", "1"),
        ("order", "4711"),
        ("thread", thread.name().unwrap()),
    ] {
        assert_eq!(read[0].header(key), Some(value), "{key}");
    }
    let alarms = broker.read_count("alarms", 1);
    assert_eq!(
        (alarms[0].value.as_str(), alarms[0].header("sequence")),
        ("refused", Some("2"))
    );
}

#[test]
fn lines_from_before_the_broker_arrive_in_order() {
    let mut broker = TestBroker::away();
    let appender = KafkaAppender::new(broker.settings(&[])).unwrap();
    numbered(&appender, 0..1000);
    broker.come();
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    assert_eq!(
        numbers(&broker.read_count("logs", 1000)),
        (0..1000).collect::<Vec<_>>()
    );
}

#[test]
fn while_the_broker_is_away_lines_go_to_the_spill_and_none_is_lost_or_out_of_order() {
    let folder = TempDir::new().unwrap();
    let mut broker = TestBroker::start();
    let spill = folder.path().display().to_string();
    let settings = broker.settings(&[
        ("spill.dir", &spill),
        ("memory.bytes", "1048576"),
        ("block.budget.ms", "60000"),
    ]);
    let appender = KafkaAppender::new(settings).unwrap();
    numbered(&appender, 0..100);
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    broker.go();
    numbered(&appender, 100..40_000);
    assert_eq!(appender.metrics().dropped.get(), 0);
    assert!(appender.metrics().spilled.get() > 0);
    broker.come();
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    assert_eq!(
        numbers(&broker.read_count("logs", 40_000)),
        (0..40_000).collect::<Vec<_>>()
    );
    wait_until("an empty spill", || {
        appender.metrics().spill_bytes.get() == 0
    });
}

#[test]
fn what_was_spilled_is_delivered_by_the_next_process_first() {
    let folder = TempDir::new().unwrap();
    let mut broker = TestBroker::away();
    let spill = folder.path().display().to_string();
    let settings = broker.settings(&[("spill.dir", &spill), ("flush.timeout.ms", "100")]);
    let first = KafkaAppender::new(settings.clone()).unwrap();
    numbered(&first, 0..500);
    wait_until("saving", || {
        first.flush_within(Duration::from_millis(50)) == Flushed::Spilled
    });
    numbered(&first, 500..1000);
    drop(first);
    broker.come();
    let second = KafkaAppender::new(settings).unwrap();
    numbered(&second, 1000..1500);
    assert_eq!(second.flush_within(LIMIT), Flushed::Delivered);
    assert_eq!(second.metrics().recovered.get(), 1000);
    assert_eq!(
        numbers(&broker.read_count("logs", 1500)),
        (0..1500).collect::<Vec<_>>()
    );
}

#[test]
fn beyond_memory_and_spill_lines_are_dropped_counted_and_told_of() {
    for policy in ["newest", "oldest"] {
        let folder = TempDir::new().unwrap();
        let mut broker = TestBroker::away();
        let spill = folder.path().display().to_string();
        let settings = broker.settings(&[
            ("spill.dir", &spill),
            ("spill.bytes", "1048576"),
            ("memory.bytes", "524288"),
            ("drop.policy", policy),
            ("block.budget.ms", "5"),
            ("drop.report.ms", "100"),
        ]);
        let appender = KafkaAppender::new(settings).unwrap();
        numbered(&appender, 0..30_000);
        for number in 0..50 {
            line(&appender, Level::Error, &format!("error {number}"));
        }
        broker.come();
        assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
        let dropped = appender.metrics().dropped.get();
        assert!(dropped > 0);
        let read = broker.read("logs", |all| told(all) == dropped);
        let kept = numbers(&read);
        assert_eq!(
            kept.len() as u64 + dropped,
            30_000,
            "{policy}: the count is exact"
        );
        assert!(kept.is_sorted(), "{policy}");
        assert_eq!(
            read.iter()
                .filter(|read| read.value.starts_with("error "))
                .count(),
            50,
            "{policy}"
        );
    }
}

#[test]
fn a_thread_that_logs_is_never_held_up_for_longer_than_the_budget_all_in_all() {
    let broker = TestBroker::away();
    let settings = broker.settings(&[
        ("memory.bytes", "262144"),
        ("block.budget.ms", "50"),
        ("flush.timeout.ms", "0"),
    ]);
    let appender = KafkaAppender::new(settings).unwrap();
    let started = Instant::now();
    numbered(&appender, 0..40_000);
    assert!(appender.metrics().dropped.get() > 0);
    assert!(
        started.elapsed() < Duration::from_secs(120),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn sync_send_waits_for_the_acknowledgement_but_no_longer_than_the_budget() {
    let mut broker = TestBroker::away();
    let settings = broker.settings(&[
        ("syncSend", "true"),
        ("maxBlockMs", "100"),
        ("ignoreExceptions", "false"),
    ]);
    let appender = KafkaAppender::new(settings).unwrap();
    let message = format_args!("first");
    let record = Record::builder().level(Level::Info).args(message).build();
    let refused = appender.append(&record).unwrap_err().to_string();
    assert!(
        refused.contains("not acknowledged within 100 ms"),
        "{refused}"
    );
    broker.come();
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    let delivered = appender.metrics().delivered.get();
    assert_eq!(
        delivered, 1,
        "the line that was not acknowledged in time is sent all the same"
    );
    wait_until("an acknowledged line", || {
        let before = appender.metrics().delivered.get();
        appender
            .append(&record)
            .is_ok_and(|()| appender.metrics().delivered.get() > before)
    });
}

#[test]
fn lines_go_to_the_spill_when_brokers_take_nothing_for_a_while() {
    let folder = TempDir::new().unwrap();
    let spill = folder.path().join("spill");
    let mut broker = TestBroker::away();
    let settings = broker.settings(&[("spill.dir", &spill.display().to_string())]);
    let appender = KafkaAppender::new(settings).unwrap();
    numbered(&appender, 0..10);
    wait_until("saving", || appender.metrics().spilled.get() == 10);
    numbered(&appender, 10..20);
    wait_until("saving again", || appender.metrics().spilled.get() == 20);
    let mode = std::os::unix::fs::PermissionsExt::mode(&spill.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700, "others may not read lines");
    broker.come();
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    assert_eq!(
        numbers(&broker.read_count("logs", 20)),
        (0..20).collect::<Vec<_>>()
    );
    assert_eq!(appender.metrics().spill_bytes.get(), 0);
}

#[test]
fn lines_that_are_sent_while_another_process_has_the_spill_are_kept_apart_from_its_lines() {
    let folder = TempDir::new().unwrap();
    let mut broker = TestBroker::away();
    let spill = folder.path().display().to_string();
    let settings = broker.settings(&[("spill.dir", &spill), ("flush.timeout.ms", "0")]);
    let first = KafkaAppender::new(settings.clone()).unwrap();
    numbered(&first, 0..100);
    wait_until("saving", || first.metrics().spilled.get() == 100);
    let second = KafkaAppender::new(settings.clone()).unwrap();
    numbered(&second, 100..200);
    wait_until("lines in flight", || {
        second.metrics().in_flight.get() == 100
    });
    drop(first);
    wait_until("the spill", || second.metrics().recovered.get() == 100);
    numbered(&second, 200..300);
    assert_eq!(second.flush_within(Duration::ZERO), Flushed::Pending);
    drop(second);
    broker.come();
    let third = KafkaAppender::new(settings).unwrap();
    assert_eq!(third.flush_within(LIMIT), Flushed::Delivered);
    let mut read = numbers(&broker.read_count("logs", 300));
    read.sort_unstable();
    assert_eq!(read, (0..300).collect::<Vec<_>>());
}

#[test]
fn drops_are_told_of_before_a_flush_is_over() {
    let mut broker = TestBroker::away();
    let settings = broker.settings(&[
        ("memory.bytes", "262144"),
        ("block.budget.ms", "0"),
        ("drop.report.ms", "3600000"),
    ]);
    let appender = KafkaAppender::new(settings).unwrap();
    numbered(&appender, 0..30_000);
    broker.come();
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    let (delivered, dropped) = (
        appender.metrics().delivered.get(),
        appender.metrics().dropped.get(),
    );
    assert!(dropped > 0);
    let read = broker.read("logs", |all| all.len() as u64 >= delivered);
    assert_eq!(numbers(&read).len() as u64 + dropped, 30_000);
    assert_eq!(told(&read), dropped);
}

#[test]
fn all_appenders_of_a_program_show_what_they_count() {
    let broker = TestBroker::start();
    let settings = broker.settings(&[("topic", "shown")]);
    let appender = KafkaAppender::new(settings).unwrap();
    line(&appender, Level::Info, "one");
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    let mut delivered = None;
    millrace_log4rs::visit_metrics(|topic, metrics| {
        if topic == "shown" {
            delivered = Some(metrics.delivered.get());
        }
    });
    assert_eq!(delivered, Some(1));
}

#[test]
fn a_line_that_is_too_large_is_refused_and_counted_and_the_others_arrive() {
    let broker = TestBroker::start();
    let appender = KafkaAppender::new(broker.settings(&[("max.request.size", "100000")])).unwrap();
    line(&appender, Level::Info, "before");
    line(&appender, Level::Info, &"x".repeat(200_000));
    line(&appender, Level::Info, "behind");
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    assert_eq!(
        (
            appender.metrics().delivered.get(),
            appender.metrics().refused.get()
        ),
        (2, 1)
    );
    let values: Vec<_> = broker
        .read_count("logs", 2)
        .into_iter()
        .map(|read| read.value)
        .collect();
    assert_eq!(values, ["before", "behind"]);
}

#[test]
fn the_clients_own_lines_never_come_back() {
    let broker = TestBroker::start();
    let logger = KafkaAppender::new(broker.settings(&[]))
        .unwrap()
        .into_logger(log::LevelFilter::Trace);
    for target in ["millrace_client::producer", "millrace_log4rs", "shop"] {
        let message = format_args!("{target}");
        let record = Record::builder()
            .level(Level::Debug)
            .target(target)
            .args(message)
            .build();
        logger.log(&record);
    }
    assert_eq!(logger.appender().flush_within(LIMIT), Flushed::Delivered);
    assert_eq!(logger.appender().metrics().taken.get(), 1);
    assert_eq!(broker.read_count("logs", 1)[0].value, "shop");
}

#[tokio::test]
async fn inside_a_runtime_of_one_thread_lines_arrive_too() {
    let broker = tokio::task::spawn_blocking(TestBroker::start)
        .await
        .unwrap();
    let appender = KafkaAppender::new(broker.settings(&[])).unwrap();
    numbered(&appender, 0..10);
    assert_eq!(appender.flush_within(LIMIT), Flushed::Delivered);
    drop(appender);
    tokio::task::spawn_blocking(move || drop(broker))
        .await
        .unwrap();
}
