//! The workers that the clients talk to.

use std::time::Duration;

use anyhow::ensure;
use millrace_system::{
    pipeline::{Pipeline, properties_file},
    process::Millrace,
    rest::Rest,
    sandbox::Sandbox,
    wait,
};

use crate::{
    connect::{Connect, Mode},
    kafka::Kafka,
};

/// How long a worker may take to be part of its group.
const PATIENCE: Duration = Duration::from_secs(60);

const STRINGS: &str = "org.apache.kafka.connect.storage.StringConverter";

/// Whose workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Millrace,
    Java,
}

/// The running processes, of which the last worker is the one that is asked.
pub(super) struct Workers {
    url: String,
    millrace: Vec<Millrace>,
    java: Option<(Connect, Kafka)>,
}

impl Workers {
    pub(super) fn start(kind: Kind, mode: Mode, sandbox: &Sandbox) -> anyhow::Result<Self> {
        match (kind, mode) {
            (Kind::Java, _) => Self::java(mode, sandbox),
            (Kind::Millrace, Mode::Standalone) => {
                let Pipeline { millrace, rest, .. } = Pipeline::start(sandbox, &[]);
                Ok(Self {
                    url: format!("http://{}", rest.address()),
                    millrace: vec![millrace],
                    java: None,
                })
            }
            (Kind::Millrace, Mode::Distributed) => Ok(Self::group(sandbox)),
        }
    }

    /// Where the API is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A worker with the included broker, which leads, and one that comes to it.
    fn group(sandbox: &Sandbox) -> Self {
        let broker = [
            ("broker.listeners", "PLAINTEXT://127.0.0.1:0"),
            ("broker.log.dirs", "data/broker"),
        ];
        let mut leader = member(sandbox, "leader", &broker);
        let servers = leader.address("broker");
        await_health(&mut leader);
        let mut follower = member(sandbox, "follower", &[("bootstrap.servers", &servers)]);
        let url = format!("http://{}", await_health(&mut follower));
        Self {
            url,
            millrace: vec![leader, follower],
            java: None,
        }
    }

    fn java(mode: Mode, sandbox: &Sandbox) -> anyhow::Result<Self> {
        let kafka = Kafka::start(sandbox, &sandbox.join("log"), &[])?;
        let mut properties = format!(
            "bootstrap.servers={}
key.converter={STRINGS}
value.converter={STRINGS}
offset.flush.interval.ms=100
plugin.discovery=service_load
",
            kafka.address()
        );
        properties += match mode {
            Mode::Standalone => "offset.storage.file.filename=offsets\n",
            Mode::Distributed => {
                "group.id=walk
config.storage.topic=configs
config.storage.replication.factor=1
offset.storage.topic=offsets
offset.storage.replication.factor=1
status.storage.topic=statuses
status.storage.replication.factor=1
"
            }
        };
        let connect = Connect::start_in(mode, sandbox, &properties, &[])?;
        Ok(Self {
            url: format!("http://{}", connect.address()),
            millrace: Vec::new(),
            java: Some((connect, kafka)),
        })
    }

    /// Stops them, the one that came last first; what they said.
    pub(super) fn stop(&mut self) -> anyhow::Result<String> {
        let mut said = String::new();
        for worker in self.millrace.iter_mut().rev() {
            let status = worker.stop();
            said += &worker.stderr();
            ensure!(status.success(), "a worker ended with {status}\n{said}");
        }
        if let Some((connect, kafka)) = &mut self.java {
            connect.stop()?;
            said += &connect.output();
            kafka.stop()?;
        }
        Ok(said)
    }
}

fn member(sandbox: &Sandbox, name: &str, own: &[(&str, &str)]) -> Millrace {
    let common = [
        ("group.id", "walk"),
        ("config.storage.topic", "configs"),
        ("offset.storage.topic", "offsets"),
        ("status.storage.topic", "statuses"),
        ("key.converter", STRINGS),
        ("value.converter", STRINGS),
        ("offset.flush.interval.ms", "100"),
        ("listeners", "http://127.0.0.1:0"),
    ];
    let keys = common.iter().chain(own);
    let file = properties_file(sandbox, &format!("{name}.properties"), keys);
    Millrace::start(sandbox, ["distributed".into(), file])
}

/// Waits until a worker is part of its group; where it answers.
fn await_health(worker: &mut Millrace) -> String {
    let rest = Rest::new(&worker.address("rest"));
    wait::until("the worker to be healthy", PATIENCE, || {
        rest.get("/health").status == 200
    });
    rest.address().to_owned()
}
