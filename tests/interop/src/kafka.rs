//! A launcher of Apache Kafka: nodes that are broker and controller, alone or several together, from the jars of the
//! registry.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{apart, sandbox::Sandbox, wait};
use rustix::process::{Pid, Signal, kill_process};

use crate::{install, output};

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many replicas the nodes' own topics have, where there are as many nodes.
const REPLICAS_MAX: usize = 3;

/// What a node has beside its own.
#[derive(Debug, Default)]
pub struct Setup<'a> {
    /// Settings, each `KEY=VALUE`.
    pub settings: &'a [String],
    /// Listeners beside the plain one.
    pub listeners: &'a [Listener],
    /// Arguments of the formatting of its data.
    pub format: &'a [String],
    /// Its place among others; without one it is alone, on ports of its own choice.
    pub place: Option<&'a Place>,
}

/// The place of a node in a cluster of several. It has it again when it is started anew.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its id.
    pub id: i32,
    /// Where clients find it.
    pub port: u16,
    /// Where the other nodes find it.
    pub controller: u16,
    /// All nodes, as `controller.quorum.voters` names them.
    pub voters: String,
    /// The cluster's id, as [`cluster_id`] makes one.
    pub cluster: String,
}

impl Place {
    /// The only node of a cluster.
    fn alone() -> anyhow::Result<Self> {
        let [port, controller] = free_ports();
        Ok(Self {
            id: 1,
            port,
            controller,
            voters: format!("1@127.0.0.1:{controller}"),
            cluster: cluster_id()?,
        })
    }
}

/// An id for a new cluster.
pub fn cluster_id() -> anyhow::Result<String> {
    let id = output::of(java()?.args(["kafka.tools.StorageTool", "random-uuid"]))?;
    Ok(id.trim().to_owned())
}

/// A listener on the loopback address, of which clients are told as `localhost`.
#[derive(Debug)]
pub struct Listener {
    /// Its name.
    pub name: &'static str,
    /// As `security.protocol` names it.
    pub protocol: &'static str,
    /// Its port.
    pub port: u16,
}

/// A running Apache Kafka. It is killed when dropped.
#[derive(Debug)]
pub struct Kafka {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Kafka {
    /// Formats `data` where it is new, starts a node on it with these settings (each `KEY=VALUE`) beside its own, and
    /// waits until its port is open.
    pub fn start(sandbox: &Sandbox, data: &Path, settings: &[String]) -> anyhow::Result<Self> {
        let setup = Setup {
            settings,
            ..Setup::default()
        };
        Self::start_with(sandbox, data, &setup)
    }

    /// The same with more than settings.
    pub fn start_with(sandbox: &Sandbox, data: &Path, setup: &Setup<'_>) -> anyhow::Result<Self> {
        let mut kafka = Self::launch(sandbox, data, setup)?;
        kafka.await_port()?;
        Ok(kafka)
    }

    /// The same without the wait: a node among several opens its port only when enough of them are there.
    pub fn launch(sandbox: &Sandbox, data: &Path, setup: &Setup<'_>) -> anyhow::Result<Self> {
        let alone;
        let place = match setup.place {
            Some(place) => place,
            None => {
                alone = Place::alone()?;
                &alone
            }
        };
        let own = properties(data, place, setup.listeners);
        let properties = sandbox.write("kafka.properties", own + &setup.settings.join("\n"));
        if !data.join("meta.properties").exists() {
            output::of(
                java()?
                    .args(["kafka.tools.StorageTool", "format", "-t", &place.cluster])
                    .arg("-c")
                    .arg(&properties)
                    .args(setup.format),
            )?;
        }
        let log = sandbox.join("kafka.out");
        let file = File::options().create(true).append(true).open(&log)?;
        let child = java()?
            .args(["kafka.Kafka"])
            .arg(&properties)
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()
            .context("cannot run java")?;
        Ok(Self {
            child,
            address: format!("127.0.0.1:{}", place.port),
            log,
        })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it logged so far, and those before it in the same folder.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        wait::until_or(Instant::now() + PATIENCE, || {
            self.child.try_wait().ok().flatten()
        })
        .context("Apache Kafka did not stop in time")?;
        Ok(())
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until its port is open.
    pub fn await_port(&mut self) -> anyhow::Result<()> {
        let open = wait::until_or(Instant::now() + PATIENCE, || {
            let ended = self.child.try_wait().ok().flatten().is_some();
            let open = TcpStream::connect(&self.address).is_ok();
            (ended || open).then_some(open)
        });
        ensure!(
            open == Some(true),
            "Apache Kafka did not start\n{}",
            self.output()
        );
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Already ended is what a check wants; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Java with the jars of Apache Kafka: broker, storage and command-line tools.
pub fn java() -> anyhow::Result<Command> {
    let mut command = Command::new("java");
    command
        .args([
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
        ])
        .arg(jars()?.join("*"));
    Ok(command)
}

/// The folder of the jars, which are fetched once.
fn jars() -> anyhow::Result<PathBuf> {
    install::jars("kafka", "kafka", None)
}

fn properties(data: &Path, place: &Place, further: &[Listener]) -> String {
    let Place {
        id,
        port,
        controller,
        voters,
        ..
    } = place;
    let replicas = voters.split(',').count().min(REPLICAS_MAX);
    let min_isr = replicas.div_ceil(2);
    let (mut listeners, mut advertised, mut protocols) =
        (String::new(), String::new(), String::new());
    for Listener {
        name,
        protocol,
        port,
    } in further
    {
        listeners += &format!(",{name}://127.0.0.1:{port}");
        advertised += &format!(",{name}://localhost:{port}");
        protocols += &format!(",{name}:{protocol}");
    }
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
log.dirs={}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={min_isr}
group.initial.rebalance.delay.ms=0
",
        data.display()
    )
}

/// Ports that nobody listens on, and nobody but the caller is given.
pub fn free_ports<const N: usize>() -> [u16; N] {
    [(); N].map(|()| apart::free_port())
}
