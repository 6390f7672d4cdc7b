//! `kill -9` at random moments of a running pipeline, and a restart each time. At the end: every line of the source
//! is in the topic, in order; nothing that was acknowledged is gone; the sink's file misses nothing.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    thread,
    time::{Duration, Instant},
};

use super::{
    Plan,
    acknowledged::{self, Book},
    sequence,
};
use crate::{
    input,
    pipeline::{self, Pipeline, TOPIC},
    random::Random,
    sandbox::Sandbox,
    topic, wait,
};

/// Kills of a run in full.
const KILLS: u32 = 100;

/// A life lasts up to this long; the shortest end amid the start.
const LIFE_MS_MAX: u64 = 1500;

/// Lines that are added at once, and how often.
const BURST_LINES: u64 = 2000;
const BURST_INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn run(plan: Plan) -> String {
    let mut random = Random::new(plan.seed);
    let sandbox = Sandbox::new();
    // Building it is no part of the soak.
    crate::binary::millrace();
    let started = Instant::now();
    let mut source = Source::new(&sandbox);
    let mut book = Book::default();
    let mut kills = 0;
    while kills < KILLS && plan.duration.is_none_or(|limit| started.elapsed() < limit) {
        live(
            &sandbox,
            &mut source,
            &mut book,
            Duration::from_millis(random.below(LIFE_MS_MAX)),
            random.below(50) + 1,
        );
        kills += 1;
    }
    finish(&sandbox, &source, &book, kills)
}

/// One life: started, busy, killed.
fn live(sandbox: &Sandbox, source: &mut Source, book: &mut Book, life: Duration, records: u64) {
    let end = Instant::now() + life;
    let worker = pipeline::worker_file(sandbox, &[]);
    let arguments = [
        "standalone".into(),
        worker,
        pipeline::source_file(sandbox),
        pipeline::sink_file(sandbox),
    ];
    let mut millrace = crate::process::Millrace::start(sandbox, arguments);
    thread::scope(|scope| {
        let address = wait::until_or(end, || millrace.address_so_far("broker "));
        scope.spawn(|| {
            if let Some(address) = address {
                book.keep(&address, records);
            }
        });
        while Instant::now() < end {
            source.add(BURST_LINES);
            thread::park_timeout(BURST_INTERVAL.min(end.saturating_duration_since(Instant::now())));
        }
        millrace.kill();
    });
}

/// A last life, which may end in peace, and the counting.
fn finish(sandbox: &Sandbox, source: &Source, book: &Book, kills: u32) -> String {
    let mut pipeline = Pipeline::file_to_file(sandbox);
    let last = format!("{:012} ", source.lines - 1);
    wait::until(
        "the last line to reach the sink's file",
        Duration::from_secs(120),
        || {
            input::lines(&sandbox.read("out.log"))
                .last()
                .is_some_and(|line| line.starts_with(last.as_bytes()))
        },
    );
    let status = pipeline.millrace.stop();
    assert!(
        status.success(),
        "the last stop was not clean: {}",
        pipeline.millrace.stderr()
    );

    let data = sandbox.join("data/broker");
    let values = topic::values(&data, &format!("{TOPIC}-0"));
    let in_topic = sequence::check("topic", values.iter().map(Vec::as_slice));
    assert_eq!(
        in_topic.distinct, source.lines,
        "lines of the source are not in the topic"
    );
    let out = sandbox.read("out.log");
    let in_sink = sequence::check("sink", input::lines(&out).into_iter());
    assert_eq!(
        in_sink.distinct, source.lines,
        "lines of the source are not in the sink's file"
    );
    let acknowledged = book.check(&topic::values(&data, &format!("{}-0", acknowledged::TOPIC)));
    format!(
        "{kills} kills, {} lines: all in the topic, in order ({} repeated); the sink's file misses nothing ({} \
         repeated); {acknowledged} records acknowledged to another producer, none lost",
        source.lines, in_topic.repeated, in_sink.repeated
    )
}

/// The growing file.
struct Source {
    file: File,
    lines: u64,
}

impl Source {
    fn new(sandbox: &Sandbox) -> Self {
        let path = sandbox.join("in.log");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("a file to grow");
        let mut source = Self { file, lines: 0 };
        source.add(1);
        source
    }

    fn add(&mut self, count: u64) {
        let mut bytes = Vec::with_capacity(count as usize * 100);
        for number in self.lines..self.lines + count {
            let width = 20 + number as usize % 90;
            writeln!(bytes, "{number:012} {:x<width$}", "").expect("a Vec takes all");
        }
        self.file.write_all(&bytes).expect("the file grows");
        self.lines += count;
    }
}
