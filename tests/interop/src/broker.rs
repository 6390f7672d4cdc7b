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
    sandbox: Sandbox,
}

enum Process {
    Millrace(Millrace),
    Kafka(Kafka),
}

impl Broker {
    pub(crate) fn start(kind: Kind) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        let (process, address) = match kind {
            Kind::Millrace => {
                let mut millrace = Millrace::start(
                    &sandbox,
                    [
                        "broker",
                        "--override",
                        "listeners=PLAINTEXT://127.0.0.1:0",
                        "--override",
                        "log.dirs=log",
                        "--override",
                        "group.initial.rebalance.delay.ms=0",
                    ],
                );
                let address = millrace.address("broker ");
                (Process::Millrace(millrace), address)
            }
            Kind::Kafka => {
                let kafka = Kafka::start(&sandbox, &sandbox.join("log"))?;
                let address = kafka.address().to_owned();
                (Process::Kafka(kafka), address)
            }
        };
        Ok(Self {
            kind,
            address,
            process,
            sandbox,
        })
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
