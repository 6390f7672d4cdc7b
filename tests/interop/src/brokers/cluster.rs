//! Three nodes of Apache Kafka that hold everything three times. Each can be killed, and comes back where it was.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_client::{
    Cluster as Client, ClusterConfig,
    cluster::{Metadata, Partition},
};
use millrace_system::{sandbox::Sandbox, topic, wait};
use millrace_wire::{clock, link::TcpDial};
use tokio::runtime::{Builder, Runtime};

use crate::kafka::{Kafka, Place, Setup, cluster_id, free_ports};

/// How many nodes there are, each with a replica of everything.
pub(super) const NODES: usize = 3;

/// Beside what every node has. A producer that asks for all replicas is to have two at least.
const SETTINGS: [&str; 4] = [
    "default.replication.factor=3",
    "min.insync.replicas=2",
    "offsets.topic.num.partitions=5",
    "auto.create.topics.enable=false",
];

/// The folder of a node's data.
const DATA: &str = "log";

/// How long all replicas may take to be whole again after a start, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a question may take, and the pause between two.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// The nodes, and a client's view of them.
pub(super) struct Cluster {
    nodes: Vec<Node>,
    settings: Vec<String>,
    runtime: Runtime,
}

struct Node {
    place: Place,
    sandbox: Sandbox,
    process: Kafka,
}

impl Cluster {
    /// Starts the nodes and waits until each answers.
    pub(super) fn start() -> anyhow::Result<Self> {
        let cluster = cluster_id()?;
        let clients = free_ports::<NODES>();
        let controllers = free_ports::<NODES>();
        let voters: Vec<String> = (1..)
            .zip(controllers)
            .map(|(id, port)| format!("{id}@127.0.0.1:{port}"))
            .collect();
        let settings = SETTINGS.map(str::to_owned).to_vec();
        let mut nodes = Vec::new();
        for (id, (port, controller)) in (1..).zip(clients.into_iter().zip(controllers)) {
            let place = Place {
                id,
                port,
                controller,
                voters: voters.join(","),
                cluster: cluster.clone(),
            };
            let sandbox = Sandbox::new();
            let process = launch(&sandbox, &place, &settings)?;
            nodes.push(Node {
                place,
                sandbox,
                process,
            });
        }
        for node in &mut nodes {
            node.process.await_port()?;
        }
        Ok(Self {
            nodes,
            settings,
            runtime: Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
        })
    }

    /// Where clients begin.
    pub(super) fn servers(&self) -> String {
        let all: Vec<&str> = self
            .nodes
            .iter()
            .map(|node| node.process.address())
            .collect();
        all.join(",")
    }

    /// The node that looks after a group.
    pub(super) fn coordinator(&self, group: &str) -> anyhow::Result<usize> {
        let found = self.asked(&self.servers(), async |client| {
            client.refresh(&[]).await?;
            client.lane().coordinator_of(group).await
        })?;
        self.index(found.id)
    }

    /// The node that leads the first partition of a topic.
    pub(super) fn leader(&self, topic: &str) -> anyhow::Result<usize> {
        let known = self.metadata(&self.servers())?;
        let leader = known.leader(topic, 0);
        self.index(leader.with_context(|| format!("nobody leads {topic}"))?)
    }

    fn index(&self, id: i32) -> anyhow::Result<usize> {
        let found = self.nodes.iter().position(|node| node.place.id == id);
        found.with_context(|| format!("no node has the id {id}"))
    }

    /// Kills a node as `kill -9` does.
    pub(super) fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        self.nodes[index].process.kill()
    }

    /// Starts a node that was killed, on its data and at its place, and waits until it answers.
    pub(super) fn start_again(&mut self, index: usize) -> anyhow::Result<()> {
        let node = &mut self.nodes[index];
        node.process = launch(&node.sandbox, &node.place, &self.settings)?;
        node.process.await_port()
    }

    /// Waits until a node that has come back says that every partition has all of its replicas. What it knows includes
    /// its own return; another one may not even have heard of its end.
    pub(super) fn await_whole(&self, back: usize) -> anyhow::Result<()> {
        let address = self.nodes[back].process.address();
        let mut missing = Vec::new();
        let whole = wait::until_or(Instant::now() + PATIENCE, || {
            missing = match self.metadata(address) {
                Ok(known) => incomplete(&known),
                Err(error) => vec![format!("{error:#}")],
            };
            if missing.is_empty() {
                return Some(());
            }
            thread::park_timeout(PAUSE);
            None
        });
        whole.with_context(|| format!("the replicas are not whole again: {missing:?}"))
    }

    fn metadata(&self, servers: &str) -> anyhow::Result<Arc<Metadata>> {
        self.asked(servers, async |client| client.refresh_all().await)
    }

    /// Asks as a client does that knows nothing yet.
    fn asked<T>(
        &self,
        servers: &str,
        question: impl AsyncFnOnce(&Client) -> Result<T, millrace_client::ClientError>,
    ) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            let dial = Arc::new(TcpDial::default());
            let client = Client::new(ClusterConfig::at(servers), dial, clock::system());
            let answer = tokio::time::timeout(ANSWER_WITHIN, question(&client)).await;
            Ok(answer.context("no answer")??)
        })
    }

    /// Ends all nodes, after which what they hold can be read.
    pub(super) fn end(mut self) -> anyhow::Result<Data> {
        for node in &mut self.nodes {
            node.process.kill()?;
        }
        let sandboxes = self.nodes.into_iter().map(|node| node.sandbox);
        Ok(Data(sandboxes.collect()))
    }
}

/// What the nodes had on their disks when they ended.
pub(super) struct Data(Vec<Sandbox>);

impl Data {
    /// The values of a partition, which must be the same everywhere.
    pub(super) fn values(&self, partition: &str) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut replicas = self
            .0
            .iter()
            .map(|sandbox| topic::values(&sandbox.join(DATA), partition));
        let first = replicas.next().context("there are nodes")?;
        for (number, other) in (2..).zip(replicas) {
            ensure!(
                first == other,
                "{partition} has {} records on one node and {} others on node {number}",
                first.len(),
                other.len()
            );
        }
        Ok(first)
    }
}

fn launch(sandbox: &Sandbox, place: &Place, settings: &[String]) -> anyhow::Result<Kafka> {
    let setup = Setup {
        settings,
        place: Some(place),
        ..Setup::default()
    };
    Kafka::launch(sandbox, &sandbox.join(DATA), &setup)
}

/// The partitions without all of their replicas. A node that knows no topic has not caught up.
fn incomplete(known: &Metadata) -> Vec<String> {
    if known.topics().next().is_none() {
        return vec!["no topic is known".to_owned()];
    }
    let partitions = known.topics().flat_map(|topic| {
        let named = |partition: &Partition| format!("{}-{}", topic.name, partition.index);
        let lacking = topic.partitions.iter();
        lacking
            .filter(|partition| partition.isr.len() < NODES)
            .map(named)
            .collect::<Vec<_>>()
    });
    partitions.collect()
}
