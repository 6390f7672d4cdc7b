//! A worker of a group, by whoever made it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use millrace_interop::connect::{Connect, Mode, Start};
use millrace_system::process::Millrace;
use millrace_system::rest::Rest;
use millrace_system::sandbox::Sandbox;

/// How long a worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(1);

/// Whose worker it is, and on whose broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// Kafka Connect on Apache Kafka.
    Connect,
    /// Millrace on Apache Kafka.
    OnKafka,
    /// Millrace on its own broker.
    Included,
}

enum Process {
    Connect(Connect),
    Millrace(Millrace),
}

/// A running worker; it is killed when dropped.
pub(crate) struct Worker {
    process: Process,
    pub(crate) rest: Rest,
    /// From the start of the process until REST answered.
    pub(crate) took: Duration,
    /// The broker's address.
    pub(crate) broker: String,
    _sandbox: Sandbox,
}

impl Worker {
    /// The first worker of a group of that make. `kafka` is the address of Apache Kafka, where it takes part.
    pub(crate) fn first(make: Make, kafka: &str) -> anyhow::Result<Self> {
        let (group, broker) = match make {
            Make::Connect => ("theirs", format!("bootstrap.servers={kafka}\n")),
            Make::OnKafka => ("ours", format!("bootstrap.servers={kafka}\n")),
            Make::Included => (
                "ours",
                "broker.listeners=PLAINTEXT://127.0.0.1:0\nbroker.log.dirs=data\n".to_owned(),
            ),
        };
        Self::start(make, kafka, &(broker + &properties(group)))
    }

    /// A further worker of the group of `first`.
    pub(crate) fn further(make: Make, first: &Self) -> anyhow::Result<Self> {
        let group = match make {
            Make::Connect => "theirs",
            Make::OnKafka | Make::Included => "ours",
        };
        let broker = format!("bootstrap.servers={}\n", first.broker);
        Self::start(make, &first.broker, &(broker + &properties(group)))
    }

    fn start(make: Make, broker: &str, properties: &str) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        let started = Instant::now();
        let (process, address, broker) = if make == Make::Connect {
            let connect = Connect::start_as(Start {
                mode: Mode::Distributed,
                sandbox: &sandbox,
                properties,
                more: &[],
                // What its scripts give it.
                options: &["-Xms256M", "-Xmx2G", "-XX:+UseG1GC"],
            })?;
            let address = connect.address().to_owned();
            (Process::Connect(connect), address, broker.to_owned())
        } else {
            let text = format!("{properties}listeners=http://127.0.0.1:0\n");
            let file = sandbox.write("worker.properties", text);
            let mut millrace = Millrace::start(&sandbox, ["distributed".into(), file]);
            let address = millrace.address("rest ");
            let broker = match broker {
                "" => millrace.address("broker "),
                known => known.to_owned(),
            };
            (Process::Millrace(millrace), address, broker)
        };
        let rest = Rest::new(&address);
        while rest.get("/connectors").status != 200 {
            ensure!(started.elapsed() < PATIENCE, "{address} does not answer");
            thread::sleep(LOOK);
        }
        Ok(Self {
            process,
            rest,
            took: started.elapsed(),
            broker,
            _sandbox: sandbox,
        })
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        match &self.process {
            Process::Connect(connect) => connect.id(),
            Process::Millrace(millrace) => millrace.id(),
        }
    }
}

/// What workers of both makes are told.
fn properties(group: &str) -> String {
    let string = "org.apache.kafka.connect.storage.StringConverter";
    let mut text = format!(
        "group.id={group}\nkey.converter={string}\nvalue.converter={string}\nscheduled.rebalance.max.delay.ms=0\n"
    );
    for topic in ["config", "offset", "status"] {
        text += &format!(
            "{topic}.storage.topic={group}-{topic}\n{topic}.storage.replication.factor=1\n"
        );
    }
    text
}
