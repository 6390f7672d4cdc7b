//! Files that grow, are rotated, packed, cut, renamed and deleted by many writers, under a FileTail that is paused, stopped
//! and killed, while its broker stands still or is stopped. Every line is in the topic, in order within its log whatever
//! was rotated. One that comes again was not covered by the offsets that the killed worker had committed; one that does not
//! come was written between a copy and its cut.

mod files;
mod offsets;
mod order;
mod site;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    files::{Actions, Writer},
    order::{Ending, Order},
    site::{Blow, LEDGER, Site, Worker},
};
use super::Plan;
use crate::{pipeline::TOPIC, random::Random, sandbox::Sandbox, topic::Follower, wait};

/// Length of a run in full.
const DURATION: Duration = Duration::from_secs(600);
const WRITERS: u64 = 20;
const FILES_OF_A_WRITER: u64 = 10;
/// How long a worker lives, at most.
const LIFE_MS_MAX: u64 = 6_000;
/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a life of the worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    Stop,
    /// It is paused, goes on, and everything is read before files are deleted.
    Drain,
}

/// All that a run consists of.
struct Torture<'a> {
    sandbox: &'a Sandbox,
    site: Site<'a>,
    writers: Vec<Writer>,
    topic: Follower,
    order: Order,
    lives: usize,
    /// Offsets of files, of workers that were killed, that lines were held to.
    committed: usize,
}

pub(super) fn run(plan: Plan) -> String {
    let mut random = Random::new(plan.seed);
    let sandbox = Sandbox::new();
    // Building it is no part of the soak.
    crate::binary::millrace();
    for folder in ["in", LEDGER] {
        std::fs::create_dir(sandbox.join(folder)).expect("a folder");
    }
    let mut torture = Torture::new(&sandbox, &mut random);
    let end = Instant::now() + plan.duration.unwrap_or(DURATION);
    let (mut kills, mut stops, mut drains, mut blows) = (0, 0, 0, 0);
    while Instant::now() < end {
        let how = match random.below(5) {
            0 | 1 => End::Kill,
            2 => End::Stop,
            _ => End::Drain,
        };
        let blow = match random.below(4) {
            0 => Blow::Stall,
            1 => Blow::Restart,
            _ => Blow::Nothing,
        };
        torture.live(how, blow, &mut random);
        match how {
            End::Kill => kills += 1,
            End::Stop => stops += 1,
            End::Drain => drains += 1,
        }
        blows += u32::from(!matches!(blow, Blow::Nothing));
    }
    torture.live(End::Drain, Blow::Nothing, &mut random);
    torture.verify();
    torture.site.stop();
    format!(
        "{}; {kills} kills, {stops} stops, {drains} times read to the end, {blows} times the broker stood still or was stopped",
        torture.report()
    )
}

impl<'a> Torture<'a> {
    fn new(sandbox: &'a Sandbox, random: &mut Random) -> Self {
        let (folder, ledger) = (sandbox.join("in"), sandbox.join(LEDGER));
        let writer = |number| {
            let first = number * FILES_OF_A_WRITER;
            Writer::new((&folder, &ledger), first, FILES_OF_A_WRITER, random.bits())
        };
        Self {
            sandbox,
            site: Site::start(sandbox),
            writers: (0..WRITERS).map(writer).collect(),
            topic: Follower::new(
                Path::new(&sandbox.join("data/broker")),
                &format!("{TOPIC}-0"),
            ),
            order: Order::default(),
            lives: 0,
            committed: 0,
        }
    }

    /// One life of the worker, with writers at work before, during and after it.
    fn live(&mut self, how: End, blow: Blow, random: &mut Random) {
        if matches!(blow, Blow::Restart) {
            self.order.broker_restarted(self.lives);
        }
        let life = Duration::from_millis(random.below(LIFE_MS_MAX));
        let stop = AtomicBool::new(false);
        let (site, number) = (&mut self.site, self.lives);
        let mut worker = thread::scope(|scope| {
            for writer in &mut self.writers {
                scope.spawn(|| writer.work(&stop));
            }
            // Also where something here fails: the scope waits for the writers.
            let _stop = StopWhenDropped(&stop);
            let mut worker = site.worker(number);
            thread::park_timeout(life / 2);
            site.strike(blow, random);
            if how == End::Drain {
                worker.rest.put("/connectors/tail/pause", &Value::Null);
                worker.rest.await_state("tail", "PAUSED");
                thread::park_timeout(life / 8);
                worker.rest.put("/connectors/tail/resume", &Value::Null);
            }
            thread::park_timeout(life / 2);
            if how == End::Kill {
                worker.millrace.kill();
                thread::park_timeout(life / 8);
            }
            worker
        });
        if how == End::Drain {
            self.drain();
        }
        if how != End::Kill {
            stop_worker(&mut worker);
        }
        let committed = offsets::committed(self.sandbox);
        self.committed += if how == End::Kill { committed.len() } else { 0 };
        self.order.ended(Ending {
            clean: how != End::Kill,
            committed,
        });
        self.lives += 1;
    }

    /// Waits until everything is in the topic. What was read may be deleted then.
    fn drain(&mut self) {
        let end = Instant::now() + PATIENCE;
        let done = wait::until_or(end, || {
            self.read();
            self.order.missing(&self.writers).is_none().then_some(())
        });
        if let Some((file, line)) = self.order.missing(&self.writers).filter(|_| done.is_none()) {
            panic!(
                "line {line} of file {file} has not come in life {}: {}",
                self.lives,
                order::history(&self.writers, file)
            );
        }
        for writer in &mut self.writers {
            writer.all_is_read();
        }
    }

    /// Takes in what has come to the topic.
    fn read(&mut self) {
        let (order, writers) = (&mut self.order, &self.writers);
        self.topic.read(|key, value| {
            let text = String::from_utf8_lossy(value);
            let Some((file, line)) = files::parse(value) else {
                panic!("a line is damaged: {text}")
            };
            let life = std::str::from_utf8(key)
                .ok()
                .and_then(|key| key.parse().ok());
            let life = life.unwrap_or_else(|| panic!("a line has no life as its key: {text}"));
            order.take(life, file, line, writers);
        });
    }

    /// Has `millrace verify` compare the topic with all that was written: it finds what was found here.
    fn verify(&self) {
        let verdict = self.site.verify();
        let expected = json!({
            "lines": self.writers.iter().map(Writer::lines).sum::<u64>(),
            "missingLines": self.order.left_out(&self.writers),
            "doubledLines": self.order.repeated + self.order.resent,
            "linesOutOfOrder": 0,
            "unknownRecords": 0,
        });
        for (count, expected) in expected.as_object().into_iter().flatten() {
            assert_eq!(&verdict[count], expected, "{count}: {verdict:#}");
        }
    }

    fn report(&self) -> String {
        let sum = |what: fn(&Writer) -> u64| self.writers.iter().map(what).sum::<u64>();
        let actions = Actions::sum(self.writers.iter().map(|writer| writer.actions));
        format!(
            "{} lines in {} logs, each there and in order as verify finds too, but {} of the {} that were written between a copy and its cut; {} came \
             again, each behind the offsets committed at a kill ({} were looked at), {} of them to a restarted broker; {actions}",
            sum(Writer::lines),
            WRITERS * FILES_OF_A_WRITER,
            self.order.lost,
            sum(Writer::exposed),
            self.order.repeated,
            self.committed,
            self.order.resent,
        )
    }
}

fn stop_worker(worker: &mut Worker) {
    let status = worker.millrace.stop();
    assert!(
        status.success(),
        "the stop was not clean: {}",
        worker.millrace.stderr()
    );
}

/// Tells the writers to stop.
struct StopWhenDropped<'a>(&'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
