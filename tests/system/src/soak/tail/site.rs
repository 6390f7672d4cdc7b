//! The broker and the worker, each a process of its own, so that either may be stopped while the other goes on.

use std::{fs, process::Command, thread, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    apart, binary,
    pipeline::{self, TOPIC},
    process::Millrace,
    random::Random,
    rest::Rest,
    sandbox::Sandbox,
    tool,
};

/// The folder with all that was written, a file a log.
pub(super) const LEDGER: &str = "ledger";
/// How long `millrace verify` may take over some million lines.
const VERIFY_MAX: Duration = Duration::from_secs(600);
/// How long the broker stands still, at most.
const STALL_MS_MAX: u64 = 2_000;

/// What happens to the broker during a life of the worker.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blow {
    Nothing,
    /// It answers nobody for a while.
    Stall,
    /// It is stopped, and another one takes its place.
    Restart,
}

/// The broker, and where its workers find it.
pub(super) struct Site<'a> {
    sandbox: &'a Sandbox,
    port: u16,
    broker: Millrace,
}

/// A running worker.
pub(super) struct Worker {
    pub(super) millrace: Millrace,
    pub(super) rest: Rest,
}

impl<'a> Site<'a> {
    pub(super) fn start(sandbox: &'a Sandbox) -> Self {
        let port = apart::free_port();
        let mut broker = apart::start_broker(sandbox, port);
        broker.address("broker");
        Self {
            sandbox,
            port,
            broker,
        }
    }

    /// Starts the worker whose records have its number as key, and waits until it reads.
    pub(super) fn worker(&self, life: usize) -> Worker {
        let source = source_file(self.sandbox, life);
        let mut millrace = apart::start_worker(self.sandbox, self.port, &[source]);
        let rest = Rest::new(&millrace.address("rest "));
        rest.await_state("tail", "RUNNING");
        Worker { millrace, rest }
    }

    pub(super) fn strike(&mut self, blow: Blow, random: &mut Random) {
        let pause = Duration::from_millis(random.below(STALL_MS_MAX));
        match blow {
            Blow::Nothing => {}
            Blow::Stall => {
                self.broker.signal(Signal::STOP);
                thread::park_timeout(pause);
                self.broker.signal(Signal::CONT);
            }
            Blow::Restart => {
                self.stop();
                thread::park_timeout(pause / 4);
                self.broker = apart::start_broker(self.sandbox, self.port);
                self.broker.address("broker");
            }
        }
    }

    /// The verdict of `millrace verify` on all that was written, as it prints it.
    pub(super) fn verify(&self) -> Value {
        let server = format!("127.0.0.1:{}", self.port);
        let options = "verify --at-least-once --json --max-findings 10 --bootstrap-server";
        let mut files: Vec<String> = fs::read_dir(self.sandbox.join(LEDGER))
            .expect("the folder")
            .flatten()
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let mut command = Command::new(binary::millrace());
        command.args(options.split(' ')).arg(server);
        command.args(files).arg(TOPIC);
        let outcome = tool::run_within(self.sandbox, command, "", VERIFY_MAX);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
    }

    pub(super) fn stop(&mut self) {
        let status = self.broker.stop();
        assert!(status.success(), "broker: {}", self.broker.stderr());
    }
}

fn source_file(sandbox: &Sandbox, life: usize) -> std::path::PathBuf {
    let key = life.to_string();
    let keys = [
        ("name", "tail"),
        ("connector.class", "FileTail"),
        ("include", "in/*.log*"),
        ("exclude", "*.copy.*"),
        ("topic", TOPIC),
        ("key", &key),
        ("headers", "path,offset,inode"),
        ("open.files.max", "150"),
        ("rotated.wait.ms", "1000"),
        ("deleted.wait.ms", "500"),
    ];
    pipeline::properties_file(sandbox, "tail.properties", &keys)
}
