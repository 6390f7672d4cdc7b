use std::sync::{Arc, Mutex};
use std::time::Duration;

use log::{LevelFilter, Log, Record};
use millrace_wire::clock::ManualClock;
use millrace_wire::log_scope;

use super::{Level, LevelLog, Loggers, Setting};

fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(12))
}

#[test]
fn levels_come_from_the_nearest_name_above() {
    let loggers = Loggers::new(LevelFilter::Info, noon());
    assert_eq!(
        loggers.set("connector.a", Level::Debug, None),
        ["connector.a"]
    );
    assert_eq!(loggers.set("connector.a", Level::Debug, None), [""; 0]);
    assert_eq!(
        loggers.set("connector.a.task.0", Level::Debug, None),
        [""; 0]
    );
    let debug = Setting {
        level: Level::Debug,
        last_modified: Some(12),
        expires: None,
    };
    assert_eq!(loggers.get("connector.a.task.0"), Some(debug));
    assert_eq!(loggers.get("connector"), None);
    assert_eq!(loggers.get("ROOT").unwrap().level, Level::Info);
    assert_eq!(
        loggers.set("conn", Level::Off, None),
        ["conn", "connector.a", "connector.a.task.0"]
    );
    assert!(!loggers.all().keys().any(|name| name.starts_with("conn")));
    assert!(
        loggers
            .set("root", Level::Warn, None)
            .contains(&"conn".to_owned())
    );
}

#[test]
fn modules_go_by_the_classes_that_do_their_work() {
    let loggers = Loggers::new(LevelFilter::Info, noon());
    let allows = |target: &str| loggers.allows(target, None, log::Level::Debug);
    let class = "org.apache.kafka.connect.file.FileStreamSourceTask";
    assert_eq!(loggers.get(class).unwrap().level, Level::Info);
    assert!(!allows("millrace_file::source::task"));
    let changed = loggers.set("org.apache.kafka.connect.file", Level::Debug, None);
    assert!(changed.contains(&class.to_owned()));
    assert!(allows("millrace_file::source::task"));
    assert!(!allows("millrace_worker::rest::server"));
    loggers.configure("millrace_worker", LevelFilter::Debug);
    assert!(allows("millrace_worker::rest::server"));
    let rest = loggers.get("org.apache.kafka.connect.runtime.rest.RestServer");
    assert_eq!(rest.unwrap().level, Level::Debug);
}

#[test]
fn a_level_that_is_to_end_gives_way_to_the_one_before() {
    let clock = noon();
    let loggers = Loggers::new(LevelFilter::Info, Arc::clone(&clock) as _);
    let level = |logger: &str| loggers.get(logger).unwrap().level;
    let minute = Duration::from_secs(60);
    loggers.configure("connector.b", LevelFilter::Warn);
    assert_eq!(
        loggers.set("connector.a", Level::Debug, Some(minute)),
        ["connector.a"]
    );
    assert_eq!(loggers.get("connector.a").unwrap().expires, Some(60_012));
    loggers.set("connector.b", Level::Trace, Some(minute));
    clock.advance(minute / 2);
    assert_eq!(
        loggers.set("connector.a", Level::Debug, Some(minute)),
        [""; 0]
    );
    clock.advance(minute / 2);
    assert_eq!(level("connector.a"), Level::Debug, "it was told to go on");
    assert_eq!(level("connector.b"), Level::Warn);
    clock.advance(minute / 2);
    assert_eq!(level("connector.a"), Level::Info);
    loggers.set("connector.a", Level::Debug, Some(minute));
    loggers.set("connector.a", Level::Debug, None);
    clock.advance(2 * minute);
    assert_eq!(level("connector.a"), Level::Debug, "the last word counts");
}

/// Keeps the targets and texts of what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<(String, String)>>);

impl Log for &'static Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = (record.target().to_owned(), record.args().to_string());
        self.0.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

#[test]
fn what_runs_on_behalf_of_a_task_logs_on_the_target_of_the_task() {
    let kept: &'static Kept = Box::leak(Box::default());
    let loggers = Loggers::new(LevelFilter::Info, noon());
    let log = LevelLog::new(Box::new(kept), Arc::clone(&loggers));
    let say = |target: &str, path: Option<&'static str>, level: log::Level, text: &str| {
        let args = format_args!("{text}");
        let mut record = Record::builder();
        record.level(level).target(target).module_path_static(path);
        log.log(&record.args(args).build());
    };
    let code = |level: log::Level, text: &str| {
        say(
            "millrace_client::producer",
            Some("millrace_client::producer"),
            level,
            text,
        );
    };
    let task = "connector.c.task.0";
    log_scope::enter(task.into(), || {
        code(log::Level::Info, "one");
        code(log::Level::Debug, "not said");
        say("shop", None, log::Level::Info, "a record");
        loggers.set("connector.c", Level::Debug, None);
        code(log::Level::Debug, "two");
        loggers.set("connector.c", Level::Off, None);
        code(log::Level::Error, "not said either");
    });
    code(log::Level::Info, "outside");
    let line = |target: &str, text: &str| (target.to_owned(), text.to_owned());
    assert_eq!(
        *kept.0.lock().unwrap(),
        [
            line(task, "one"),
            line("shop", "a record"),
            line(task, "two"),
            line("millrace_client::producer", "outside")
        ]
    );
    let lines = loggers.lines("c", Some(0), Level::All, 10).lines;
    let shown: Vec<_> = lines
        .iter()
        .map(|line| (&*line.logger, &*line.message))
        .collect();
    assert_eq!(
        shown,
        [
            ("millrace_client::producer", "one"),
            ("millrace_client::producer", "two")
        ]
    );
}
