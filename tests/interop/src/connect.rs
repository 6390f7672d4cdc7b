//! A launcher of Kafka Connect's workers, from the jars of the registry.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{conformance, sandbox::Sandbox, wait};
use rustix::process::{Pid, Signal, kill_process};

use crate::{install, kafka::free_ports};

/// What its scripts give it, too.
const LOGGING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/clients/connect/log4j2.properties"
);

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a worker runs, by its main class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One worker alone.
    Standalone,
    /// A worker of a group.
    Distributed,
}

impl Mode {
    fn class(self) -> &'static str {
        match self {
            Self::Standalone => "org.apache.kafka.connect.cli.ConnectStandalone",
            Self::Distributed => "org.apache.kafka.connect.cli.ConnectDistributed",
        }
    }
}

/// How a worker is started.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Alone or in a group.
    pub mode: Mode,
    /// Where its files go.
    pub sandbox: &'a Sandbox,
    /// Its properties, without its address.
    pub properties: &'a str,
    /// Jars and folders of classes behind its own.
    pub more: &'a [&'a Path],
    /// Options of Java's own.
    pub options: &'a [&'a str],
}

/// A running worker of Kafka Connect. It is killed when dropped.
#[derive(Debug)]
pub struct Connect {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Connect {
    /// Starts a worker that stands alone with these properties in the sandbox's folder and waits until it answers. More
    /// jars and folders of classes stand behind its own.
    pub fn start(sandbox: &Sandbox, properties: &str, more: &[&Path]) -> anyhow::Result<Self> {
        Self::start_in(Mode::Standalone, sandbox, properties, more)
    }

    /// The same in either mode.
    pub fn start_in(
        mode: Mode,
        sandbox: &Sandbox,
        properties: &str,
        more: &[&Path],
    ) -> anyhow::Result<Self> {
        Self::start_as(Start {
            mode,
            sandbox,
            properties,
            more,
            options: &["-Xmx512m", "-XX:TieredStopAtLevel=1"],
        })
    }

    /// The same with options of Java's own.
    pub fn start_as(start: Start<'_>) -> anyhow::Result<Self> {
        let Start {
            mode,
            sandbox,
            properties,
            more,
            options,
        } = start;
        let [port, _] = free_ports();
        let address = format!("127.0.0.1:{port}");
        let text = format!("{properties}\nlisteners=http://{address}\n");
        let file = sandbox.write("worker.properties", text);
        let log = sandbox.join("connect.out");
        let output = File::create(&log)?;
        let own = install::jars("connect", "connect", None)?.join("*");
        let mut classes = OsString::from(own);
        for path in more {
            classes.push(":");
            classes.push(path);
        }
        let child = Command::new("java")
            .args(options)
            .arg(format!("-Dlog4j2.configurationFile={LOGGING}"))
            .arg("-cp")
            .arg(classes)
            .arg(mode.class())
            .arg(file)
            .current_dir(sandbox.path())
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()
            .context("cannot run java")?;
        let mut worker = Self {
            child,
            address,
            log,
        };
        worker.await_start()?;
        Ok(worker)
    }

    /// Where its REST API answers.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logged and printed so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let ended = wait::until_or(Instant::now() + PATIENCE, || {
            self.child.try_wait().ok().flatten()
        });
        ensure!(
            ended.is_some(),
            "Kafka Connect did not stop\n{}",
            self.output()
        );
        Ok(())
    }

    fn await_start(&mut self) -> anyhow::Result<()> {
        let answers = wait::until_or(Instant::now() + PATIENCE, || {
            let ended = self.child.try_wait().ok().flatten().is_some();
            let answers = conformance::is_healthy(&self.address);
            (ended || answers).then_some(answers)
        });
        ensure!(
            answers == Some(true),
            "Kafka Connect did not start\n{}",
            self.output()
        );
        Ok(())
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        // Already ended is what is wanted; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
