//! A launcher of Apache Kafka: one node that is broker and controller, from the jars of the registry.

use std::{
    fs::{self, File},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::{TcpListener, TcpStream},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use millrace_system::{sandbox::Sandbox, wait};
use rustix::process::{Pid, Signal, kill_process};

use crate::{install, output};

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a node has beside its own.
#[derive(Debug, Default)]
pub struct Setup<'a> {
    /// Settings, each `KEY=VALUE`.
    pub settings: &'a [String],
    /// Listeners beside the plain one.
    pub listeners: &'a [Listener],
    /// Arguments of the formatting of its data.
    pub format: &'a [String],
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
        let [port, controller] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let own = properties(data, &address, controller, setup.listeners);
        let properties = sandbox.write("kafka.properties", own + &setup.settings.join("\n"));
        if !data.join("meta.properties").exists() {
            let id = output::of(java()?.args(["kafka.tools.StorageTool", "random-uuid"]))?;
            output::of(
                java()?
                    .args(["kafka.tools.StorageTool", "format", "-t", id.trim(), "-c"])
                    .arg(&properties)
                    .args(setup.format),
            )?;
        }
        let log = sandbox.join("kafka.out");
        let file = File::create(&log)?;
        let child = java()?
            .args(["kafka.Kafka"])
            .arg(&properties)
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()
            .context("cannot run java")?;
        let mut kafka = Self {
            child,
            address,
            log,
        };
        kafka.await_port()?;
        Ok(kafka)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it logged so far.
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

    fn await_port(&mut self) -> anyhow::Result<()> {
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

fn properties(data: &Path, address: &str, controller: u16, further: &[Listener]) -> String {
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
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://{address},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://{address}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
log.dirs={}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
",
        data.display()
    )
}

/// Where ports are looked for: below those that systems give to whoever asks for any, since it takes Java a while to
/// listen.
const PORTS: Range<u16> = 10_240..30_000;

/// Ports that nobody listens on.
pub fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let listeners = (0..N)
        .map(|_| listener())
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Listens on a random port.
fn listener() -> anyhow::Result<TcpListener> {
    for _ in 0..PORTS.len() {
        let random = RandomState::new().build_hasher().finish();
        let port = PORTS.start + (random % PORTS.len() as u64) as u16;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener);
        }
    }
    bail!("all ports of {PORTS:?} are taken")
}
