//! The broker under test: the real binary, or Apache Kafka as reference; on free ports, in a folder of its own.

use std::path::PathBuf;

use anyhow::ensure;
use millrace_system::{process::Millrace, sandbox::Sandbox};

use crate::kafka::Kafka;

/// The last part of what a broker said that is shown with a failure.
const TAIL_BYTES: usize = 4096;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Millrace,
    Kafka,
}

/// A running broker.
pub(crate) struct Broker {
    kind: Kind,
    address: String,
    process: Process,
    settings: Vec<String>,
    sandbox: Sandbox,
}

enum Process {
    Millrace(Millrace),
    Kafka(Kafka),
}

impl Process {
    /// Starts a broker on the data of a sandbox; its address, too.
    fn start(kind: Kind, sandbox: &Sandbox, settings: &[String]) -> anyhow::Result<(Self, String)> {
        Ok(match kind {
            Kind::Millrace => {
                let own = [
                    "listeners=PLAINTEXT://127.0.0.1:0",
                    "log.dirs=log",
                    "group.initial.rebalance.delay.ms=0",
                ];
                let all = own.into_iter().chain(settings.iter().map(String::as_str));
                let overrides = all.flat_map(|setting| ["--override", setting]);
                let mut millrace =
                    Millrace::start(sandbox, ["broker"].into_iter().chain(overrides));
                let address = millrace.address("broker ");
                (Self::Millrace(millrace), address)
            }
            Kind::Kafka => {
                let kafka = Kafka::start(sandbox, &sandbox.join("log"), settings)?;
                let address = kafka.address().to_owned();
                (Self::Kafka(kafka), address)
            }
        })
    }
}

impl Broker {
    /// Starts one as it is made.
    pub(crate) fn start(kind: Kind) -> anyhow::Result<Self> {
        Self::start_with(kind, &[])
    }

    /// Starts one with these settings, each `KEY=VALUE`.
    pub(crate) fn start_with(kind: Kind, settings: &[&str]) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        let settings: Vec<_> = settings.iter().map(|&one| one.to_owned()).collect();
        let (process, address) = Process::start(kind, &sandbox, &settings)?;
        Ok(Self {
            kind,
            address,
            process,
            settings,
            sandbox,
        })
    }

    /// Kills it as `kill -9` does and starts it again on the same data, on another port.
    pub(crate) fn crash(&mut self) -> anyhow::Result<()> {
        self.kill()?;
        self.start_again_as(self.kind)
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        match &mut self.process {
            Process::Millrace(millrace) => millrace.kill(),
            Process::Kafka(kafka) => kafka.kill()?,
        }
        Ok(())
    }

    /// Starts this kind on the data of the one that has ended, on another port.
    pub(crate) fn start_again_as(&mut self, kind: Kind) -> anyhow::Result<()> {
        self.kind = kind;
        (self.process, self.address) = Process::start(self.kind, &self.sandbox, &self.settings)?;
        Ok(())
    }

    /// Which broker it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The folder of its logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.sandbox.join("log")
    }

    /// The end of what it logged.
    pub(crate) fn said(&self) -> String {
        let said = match &self.process {
            Process::Millrace(millrace) => millrace.stderr(),
            Process::Kafka(kafka) => kafka.output(),
        };
        let start = said.ceil_char_boundary(said.len().saturating_sub(TAIL_BYTES));
        said[start..].to_owned()
    }

    /// Asks it to stop; anything but a clean stop is an error.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        match &mut self.process {
            Process::Millrace(millrace) => {
                let status = millrace.stop();
                ensure!(
                    status.success(),
                    "the broker stopped with {status}\n{}",
                    millrace.stderr()
                );
            }
            Process::Kafka(kafka) => kafka.stop()?,
        }
        Ok(())
    }
}
