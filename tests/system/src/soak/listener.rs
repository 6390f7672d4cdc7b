//! Senders at an HttpListener whose worker and whose broker are killed, and whose broker stands still. At the end every
//! request that was answered with success is in the topic, and REST Proxy calls at the very offsets that they were told;
//! and the worker's memory stayed flat.

mod senders;

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use self::senders::{Book, Sender};
use super::Plan;
use crate::{apart, pipeline, process::Millrace, random::Random, sandbox::Sandbox, topic, wait};

/// Kills of a run in full.
const KILLS: u32 = 100;
const SENDERS: u64 = 8;
/// The topic of the listener.
const TOPIC: &str = "hooks";
/// Between two blows.
const LIFE_MS_MAX: u64 = 1_200;
/// How long the broker stands still.
const STALL_MS_MAX: u64 = 1_500;
/// What the worker may take: the bytes that may wait at the listener and in the producer, and the process itself.
const MEMORY_MAX: u64 = 200 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to the processes.
#[derive(Debug, Clone, Copy)]
enum Blow {
    KillWorker,
    KillBroker,
    StallBroker,
}

/// The two processes.
struct Site<'a> {
    sandbox: &'a Sandbox,
    broker_port: u16,
    listener_port: u16,
    broker: Millrace,
    worker: Millrace,
    memory: u64,
}

impl<'a> Site<'a> {
    fn start(sandbox: &'a Sandbox) -> Self {
        let (broker_port, listener_port) = (apart::free_port(), apart::free_port());
        let mut broker = apart::start_broker(sandbox, broker_port);
        broker.address("broker");
        Self {
            worker: start_worker(sandbox, broker_port, listener_port),
            sandbox,
            broker_port,
            listener_port,
            broker,
            memory: 0,
        }
    }

    fn strike(&mut self, blow: Blow, random: &mut Random) {
        match blow {
            // A worker that finds no broker at its start ends, so each is struck when the other is up.
            Blow::KillWorker => {
                self.broker.address("broker");
                self.look_at_memory();
                self.worker.kill();
                self.worker = start_worker(self.sandbox, self.broker_port, self.listener_port);
            }
            Blow::KillBroker => {
                self.worker.address("rest");
                self.broker.kill();
                pause(random.below(300));
                self.broker = apart::start_broker(self.sandbox, self.broker_port);
            }
            Blow::StallBroker => {
                self.worker.address("rest");
                self.broker.signal(Signal::STOP);
                pause(random.below(STALL_MS_MAX));
                self.broker.signal(Signal::CONT);
            }
        }
        self.look_at_memory();
    }

    fn look_at_memory(&mut self) {
        self.memory = self.memory.max(self.worker.peak_memory().unwrap_or(0));
        assert!(
            self.memory <= MEMORY_MAX,
            "the worker has taken {} bytes",
            self.memory
        );
    }

    fn stop(&mut self) {
        let (worker, broker) = (self.worker.stop(), self.broker.stop());
        assert!(worker.success(), "worker: {}", self.worker.stderr());
        assert!(broker.success(), "broker: {}", self.broker.stderr());
    }
}

fn pause(ms: u64) {
    thread::park_timeout(Duration::from_millis(ms));
}

fn start_worker(sandbox: &Sandbox, broker: u16, listener: u16) -> Millrace {
    let port = listener.to_string();
    let keys = [
        ("name", "hooks"),
        ("connector.class", "HttpListener"),
        ("port", port.as_str()),
        ("topic", TOPIC),
        ("rest.proxy", "true"),
        ("acknowledge.timeout.ms", "700"),
        ("retry.after.seconds", "1"),
    ];
    let hooks = pipeline::properties_file(sandbox, "hooks.properties", &keys);
    apart::start_worker(sandbox, broker, &[hooks])
}

pub(super) fn run(plan: Plan) -> String {
    let mut random = Random::new(plan.seed);
    let sandbox = Sandbox::new();
    // Building it is no part of the soak.
    crate::binary::millrace();
    let mut site = Site::start(&sandbox);
    let started = Instant::now();
    let stop = AtomicBool::new(false);
    let (mut kills, mut stalls) = (0, 0);
    let books = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let sender = Sender::new(number, site.listener_port, random.bits());
                let stop = &stop;
                scope.spawn(move || sender.work(stop))
            })
            .collect();
        // Also where something here fails: the scope waits for the senders.
        let _stop = StopOnDrop(&stop);
        while kills < KILLS && plan.duration.is_none_or(|limit| started.elapsed() < limit) {
            pause(random.below(LIFE_MS_MAX));
            let blow = match random.below(5) {
                0 | 1 => Blow::KillWorker,
                2 | 3 => Blow::KillBroker,
                _ => Blow::StallBroker,
            };
            site.strike(blow, &mut random);
            match blow {
                Blow::StallBroker => stalls += 1,
                Blow::KillWorker | Blow::KillBroker => kills += 1,
            }
        }
        recovers(&site);
        stop.store(true, Ordering::Relaxed);
        let books = senders.into_iter().map(|sender| sender.join());
        books
            .map(|book| book.expect("a sender ends"))
            .collect::<Vec<_>>()
    });
    site.look_at_memory();
    site.stop();
    let counted = count(&sandbox, &books);
    let sum = |what: fn(&Book) -> u64| books.iter().map(what).sum::<u64>();
    format!(
        "{kills} kills, {stalls} times the broker stood still; {} requests answered with success, none of their {} \
         records lost, {} offsets as told; {} refused with 429 or 503, {} without an answer; {} records in the topic; \
         at most {} MiB",
        sum(|book| book.successes),
        counted.answered,
        counted.places,
        sum(|book| book.refused),
        sum(|book| book.unanswered),
        counted.stored,
        site.memory >> 20
    )
}

/// Waits until requests are answered with success once more.
fn recovers(site: &Site<'_>) {
    let sender = Sender::new(SENDERS, site.listener_port, 0);
    wait::until("the listener to take requests again", PATIENCE, || {
        sender.is_taken()
    });
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was found in the topic.
struct Counted {
    answered: u64,
    places: u64,
    stored: u64,
}

/// Compares what senders were told with what the topic holds.
fn count(sandbox: &Sandbox, books: &[Book]) -> Counted {
    let values = topic::values(&sandbox.join("data/broker"), &format!("{TOPIC}-0"));
    let stored: HashSet<&[u8]> = values.iter().map(Vec::as_slice).collect();
    let mut counted = Counted {
        answered: 0,
        places: 0,
        stored: values.len() as u64,
    };
    for book in books {
        for value in &book.stored {
            assert!(
                stored.contains(value.as_bytes()),
                "{value} was answered with success and is gone"
            );
            counted.answered += 1;
        }
        for (offset, value) in &book.places {
            let there = values
                .get(*offset)
                .map(|value| String::from_utf8_lossy(value));
            assert_eq!(
                there.as_deref(),
                Some(value.as_str()),
                "what was said to be at offset {offset}"
            );
            counted.places += 1;
        }
    }
    assert!(counted.answered > 0, "no request was ever taken");
    counted
}
