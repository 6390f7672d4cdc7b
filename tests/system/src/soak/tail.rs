//! Files that grow, are rotated, cut and deleted by many writers, under a FileTail that is paused, stopped and killed. At
//! the end every line is in the topic. Lines may come twice after a kill only; few may come before those of the file that
//! was rotated.

mod files;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::files::Writer;
use super::Plan;
use crate::{
    pipeline::{self, Pipeline, TOPIC},
    random::Random,
    sandbox::Sandbox,
    topic, wait,
};

/// Length of a run that is not told otherwise.
const DURATION: Duration = Duration::from_secs(60);
const WRITERS: u64 = 20;
const FILES_OF_A_WRITER: u64 = 10;
/// How long a worker lives, at most.
const LIFE_MS_MAX: u64 = 6000;
/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a life of the worker ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    Stop,
    /// It is paused, goes on, and everything is read before files are deleted.
    Drain,
}

pub(super) fn run(plan: Plan) -> String {
    let mut random = Random::new(plan.seed);
    let sandbox = Sandbox::new();
    // Building it is no part of the soak.
    crate::binary::millrace();
    std::fs::create_dir(sandbox.join("in")).expect("a folder");
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|number| {
            Writer::new(
                &sandbox.join("in"),
                number * FILES_OF_A_WRITER,
                FILES_OF_A_WRITER,
                random.bits(),
            )
        })
        .collect();
    let end = Instant::now() + plan.duration.unwrap_or(DURATION);
    let (mut kills, mut stops, mut drains) = (0, 0, 0);
    while Instant::now() < end {
        let how = match random.below(5) {
            0 | 1 => End::Kill,
            2 => End::Stop,
            _ => End::Drain,
        };
        live(
            &sandbox,
            &mut writers,
            Duration::from_millis(random.below(LIFE_MS_MAX)),
            how,
        );
        match how {
            End::Kill => kills += 1,
            End::Stop => stops += 1,
            End::Drain => drains += 1,
        }
    }
    live(&sandbox, &mut writers, Duration::ZERO, End::Drain);
    let written: u64 = writers.iter().map(Writer::lines).sum();
    let counted = count(&sandbox);
    assert!(
        counted.early <= written / 100,
        "{} of {written} lines came before earlier ones of their file",
        counted.early
    );
    assert!(
        kills > 0 || counted.repeated == 0,
        "{} lines came twice though nothing was killed",
        counted.repeated
    );
    let actions = files::Actions::sum(writers.iter().map(|writer| writer.actions));
    format!(
        "{written} lines in {} files, each there ({} repeated, {} before earlier ones of a rotated file); {actions}; {kills} kills, {stops} stops, \
         {drains} times read to the end",
        WRITERS * FILES_OF_A_WRITER,
        counted.repeated,
        counted.early
    )
}

/// One life of the worker, with writers at work before, during and after it.
fn live(sandbox: &Sandbox, writers: &mut [Writer], life: Duration, how: End) {
    let stop = AtomicBool::new(false);
    let mut pipeline = thread::scope(|scope| {
        for writer in &mut *writers {
            scope.spawn(|| writer.work(&stop));
        }
        // Also where something here fails: the scope waits for the writers.
        let stopping = StopWhenDropped(&stop);
        let pipeline = Pipeline::start(sandbox, &[source_file(sandbox)]);
        pipeline.rest.await_state("tail", "RUNNING");
        thread::park_timeout(life / 2);
        if matches!(how, End::Drain) {
            pipeline.rest.put("/connectors/tail/pause", &Value::Null);
            pipeline.rest.await_state("tail", "PAUSED");
            thread::park_timeout(life / 8);
            pipeline.rest.put("/connectors/tail/resume", &Value::Null);
        }
        thread::park_timeout(life / 2);
        if matches!(how, End::Kill) {
            let mut pipeline = pipeline;
            pipeline.millrace.kill();
            thread::park_timeout(life / 8);
            return None;
        }
        drop(stopping);
        Some(pipeline)
    });
    let Some(pipeline) = &mut pipeline else {
        return;
    };
    if matches!(how, End::Drain) {
        drain(sandbox, writers);
    }
    let status = pipeline.millrace.stop();
    assert!(
        status.success(),
        "the stop was not clean: {}",
        pipeline.millrace.stderr()
    );
}

/// Tells the writers to stop.
struct StopWhenDropped<'a>(&'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until everything is in the topic. What was read may be deleted then.
fn drain(sandbox: &Sandbox, writers: &mut [Writer]) {
    let written: u64 = writers.iter().map(Writer::lines).sum();
    let end = Instant::now() + PATIENCE;
    let mut counted = Counted::default();
    let done = wait::until_or(end, || {
        thread::park_timeout(Duration::from_millis(100));
        counted = count(sandbox);
        (counted.distinct == written).then_some(())
    });
    if done.is_none() {
        panic!(
            "{} of {written} lines are missing: {}",
            written - counted.distinct,
            missing(&counted, writers)
        );
    }
    for writer in writers {
        writer.all_is_read();
    }
}

#[derive(Debug, Default)]
struct Counted {
    distinct: u64,
    repeated: u64,
    /// Lines that came before an earlier one of their file: of a new file, while the rotated one was not read yet.
    early: u64,
    files: HashMap<u64, Came>,
}

/// The lines of one file that have come.
#[derive(Debug, Default)]
struct Came {
    /// All below this.
    next: u64,
    early: HashSet<u64>,
}

/// Counts the lines of the topic.
fn count(sandbox: &Sandbox) -> Counted {
    let mut counted = Counted::default();
    for (file, number) in lines(sandbox) {
        let came: &mut Came = counted.files.entry(file).or_default();
        if number < came.next || came.early.contains(&number) {
            counted.repeated += 1;
            continue;
        }
        counted.distinct += 1;
        if number > came.next {
            counted.early += 1;
            came.early.insert(number);
            continue;
        }
        came.next += 1;
        while came.early.remove(&came.next) {
            came.next += 1;
        }
    }
    counted
}

/// File and number of each line of the topic.
fn lines(sandbox: &Sandbox) -> Vec<(u64, u64)> {
    let parse = |value: &Vec<u8>| {
        files::parse(value)
            .unwrap_or_else(|| panic!("a line is damaged: {}", String::from_utf8_lossy(value)))
    };
    values(sandbox).iter().map(parse).collect()
}

fn values(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    topic::values(
        Path::new(&sandbox.join("data/broker")),
        &format!("{TOPIC}-0"),
    )
}

/// The first line that is missing, and what became of its file.
fn missing(counted: &Counted, writers: &[Writer]) -> String {
    for writer in writers {
        for (file, written) in writer.written() {
            let next = counted.files.get(&file).map_or(0, |came| came.next);
            if next < written {
                let history = writer.history(file);
                return format!("file {file} from line {next} of {written}: {history}");
            }
        }
    }
    "none by number".to_owned()
}

fn source_file(sandbox: &Sandbox) -> std::path::PathBuf {
    let keys = [
        ("name", "tail"),
        ("connector.class", "FileTail"),
        ("include", "in/*.log*"),
        ("exclude", "*.copy.*"),
        ("topic", TOPIC),
        ("open.files.max", "150"),
        ("rotated.wait.ms", "1000"),
        ("deleted.wait.ms", "500"),
    ];
    pipeline::properties_file(sandbox, "tail.properties", &keys)
}
