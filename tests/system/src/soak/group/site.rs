//! A broker and three workers, each of which reaches the broker and is reached by the others on ways that can be cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::proxy::{Cut, Proxy};
use crate::{
    apart::free_port,
    exposition,
    process::Millrace,
    rest::{self, Rest},
    sandbox::Sandbox,
    wait,
};

/// How many workers there are.
pub(super) const WORKERS: usize = 3;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the group is set up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// How long lost work waits for its worker.
    pub(super) delay_ms: u32,
    /// How long a silent worker is a member.
    pub(super) session_ms: u32,
    /// How often offsets are committed.
    pub(super) flush_ms: u32,
    /// Whether the way to the broker leads past the one that can be cut, which costs processor time and moments.
    pub(super) direct: bool,
}

/// The processes and the ways between them.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) sandbox: Sandbox,
    pub(super) broker: Millrace,
    pub(super) places: Vec<Place>,
    setup: Setup,
}

/// Where a worker is, whether or not it runs.
#[derive(Debug)]
pub(super) struct Place {
    port: u16,
    /// Where the broker says that it is to be reached from here.
    broker: u16,
    /// The way from the others to its REST API.
    to_rest: Proxy,
    /// Its way to the broker.
    to_broker: Proxy,
    /// The API, past the way that can be cut.
    pub(super) rest: Rest,
    pub(super) worker: Option<Millrace>,
}

/// What a worker says of connectors and tasks (`name-0`): worker and state.
pub(super) type Placement = BTreeMap<String, (String, String)>;

impl Site {
    /// Starts the broker. No worker runs yet.
    pub(super) fn new(setup: Setup) -> Self {
        let sandbox = Sandbox::new();
        // Building it is no part of the soak.
        crate::binary::millrace();
        let inner: Vec<u16> = (0..WORKERS).map(|_| free_port()).collect();
        let places: Vec<Place> = inner
            .iter()
            .map(|inner| {
                let port = free_port();
                let to_broker = Proxy::new(format!("127.0.0.1:{inner}"));
                Place {
                    port,
                    broker: if setup.direct {
                        *inner
                    } else {
                        to_broker.port()
                    },
                    to_rest: Proxy::new(format!("127.0.0.1:{port}")),
                    to_broker,
                    rest: Rest::new(&format!("127.0.0.1:{port}")),
                    worker: None,
                }
            })
            .collect();
        let broker = start_broker(&sandbox, &inner, &places);
        Self {
            sandbox,
            broker,
            places,
            setup,
        }
    }

    /// Starts a worker, without waiting for it.
    pub(super) fn start(&mut self, index: usize) {
        let place = &self.places[index];
        let text = format!(
            "bootstrap.servers=127.0.0.1:{broker}\ngroup.id=workers\nconfig.storage.topic=configs\n\
             offset.storage.topic=offsets\nstatus.storage.topic=statuses\noffset.storage.partitions=5\n\
             status.storage.partitions=3\n\
             key.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n\
             session.timeout.ms={session}\nheartbeat.interval.ms={heartbeat}\nrebalance.timeout.ms=10000\n\
             scheduled.rebalance.max.delay.ms={delay}\noffset.flush.interval.ms={flush}\n\
             listeners=http://127.0.0.1:{port}\nrest.advertised.host.name=127.0.0.1\n\
             rest.advertised.port={advertised}\n",
            broker = place.broker,
            session = self.setup.session_ms,
            heartbeat = self.setup.session_ms / 6,
            delay = self.setup.delay_ms,
            flush = self.setup.flush_ms,
            port = place.port,
            advertised = place.to_rest.port(),
        );
        let file = self
            .sandbox
            .write(&format!("worker-{index}.properties"), text);
        let file = file.display().to_string();
        let worker = Millrace::start(&self.sandbox, ["distributed", file.as_str()]);
        self.places[index].worker = Some(worker);
    }

    /// Starts all workers and waits until they answer.
    pub(super) fn start_all(&mut self) {
        for index in 0..WORKERS {
            self.start(index);
        }
        for place in &self.places {
            place.await_healthy();
        }
    }

    /// Asks a worker to stop, which it must do cleanly.
    pub(super) fn stop(&mut self, index: usize) {
        if let Some(mut worker) = self.places[index].worker.take() {
            let status = worker.stop();
            assert!(
                status.success(),
                "a stop was not clean: {}",
                worker.stderr()
            );
        }
    }

    /// Kills a worker.
    pub(super) fn kill(&mut self, index: usize) {
        if let Some(mut worker) = self.places[index].worker.take() {
            worker.kill();
        }
    }
}

/// Each worker has a listener of its own, whose address for clients is that worker's way.
fn start_broker(sandbox: &Sandbox, inner: &[u16], places: &[Place]) -> Millrace {
    let list = |text: &dyn Fn(usize) -> String| {
        let parts: Vec<String> = (0..WORKERS).map(text).collect();
        parts.join(",")
    };
    let keys = [
        format!(
            "listeners={}",
            list(&|index| format!("W{index}://127.0.0.1:{}", inner[index]))
        ),
        format!(
            "advertised.listeners={}",
            list(&|index| format!("W{index}://127.0.0.1:{}", places[index].broker))
        ),
        format!(
            "listener.security.protocol.map={}",
            list(&|index| format!("W{index}:PLAINTEXT"))
        ),
        "inter.broker.listener.name=W0".to_owned(),
        "log.dirs=data".to_owned(),
        "group.min.session.timeout.ms=500".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
    ];
    let mut arguments = vec!["broker".to_owned()];
    for key in keys {
        arguments.extend(["--override".to_owned(), key]);
    }
    let mut broker = Millrace::start(sandbox, &arguments);
    broker.address("broker");
    broker
}

impl Place {
    /// Its id among the workers.
    pub(super) fn id(&self) -> String {
        format!("127.0.0.1:{}", self.to_rest.port())
    }

    /// Waits until the worker says that it has started.
    pub(super) fn await_healthy(&self) {
        let client = rest::client()
            .timeout(Duration::from_secs(20))
            .build()
            .expect("an HTTP client");
        let url = format!("http://{}/health", self.rest.address());
        wait::until("the worker to be healthy", PATIENCE, || {
            client
                .get(&url)
                .send()
                .is_ok_and(|answer| answer.status().is_success())
        });
    }

    /// Cuts it from the broker, the others from it, or both.
    pub(super) fn cut(&self, from_broker: bool, from_others: bool, how: Cut) {
        if from_broker {
            self.to_broker.cut(how);
        }
        if from_others {
            self.to_rest.cut(how);
        }
    }

    pub(super) fn heal(&self) {
        self.to_broker.heal();
        self.to_rest.heal();
    }

    /// Sends a signal to the worker, if there is one.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(worker) = &self.worker {
            worker.signal(signal);
        }
    }

    /// Who runs what, as this worker says it.
    pub(super) fn placement(&self) -> Placement {
        let answer = self.rest.get("/connectors?expand=status").body;
        let mut placement = Placement::new();
        let place = |part: &Value| {
            let text = |field: &str| part[field].as_str().unwrap_or_default().to_owned();
            (text("worker_id"), text("state"))
        };
        for (name, shown) in answer.as_object().into_iter().flatten() {
            let status = &shown["status"];
            placement.insert(name.clone(), place(&status["connector"]));
            for task in status["tasks"].as_array().into_iter().flatten() {
                placement.insert(format!("{name}-{}", task["id"]), place(task));
            }
        }
        placement
    }

    /// The tasks that this worker itself holds: those that it has figures of.
    pub(super) fn held(&self) -> BTreeSet<String> {
        let text = self.rest.get("/metrics").body;
        let scrape = exposition::parse(text.as_str().unwrap_or_default());
        let scrape = scrape.unwrap_or_else(|why| panic!("/metrics of {}: {why}", self.id()));
        let samples = scrape
            .get("kafka_connect_connector_task_batch_size_max")
            .map_or(&[][..], |family| family.samples.as_slice());
        samples
            .iter()
            .filter_map(|sample| {
                let label = |name: &str| sample.labels.get(name);
                Some(format!("{}-{}", label("connector")?, label("task")?))
            })
            .collect()
    }
}

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) memory: u64,
    pub(super) at: Instant,
}

/// What a process has used so far.
pub(super) fn usage(process: u32) -> Usage {
    let read =
        |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    // The second field is a name in parentheses, which may hold blanks.
    let stat = read("stat");
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let ticks = |index: usize| -> u64 {
        fields
            .get(index)
            .and_then(|field| field.parse().ok())
            .unwrap_or_default()
    };
    let status = read("status");
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Usage {
        // Linux counts in hundredths of a second for programs.
        cpu: Duration::from_millis((ticks(11) + ticks(12)) * 10),
        memory: memory.unwrap_or_default() * 1024,
        at: Instant::now(),
    }
}
