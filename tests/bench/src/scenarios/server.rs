//! The real binary as a broker or as a worker, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use millrace_system::pipeline::worker_file;
use millrace_system::process::Millrace;
use millrace_system::rest::Rest;
use millrace_system::sandbox::Sandbox;
use serde_json::{Value, json};

use super::client::Client;
use crate::case::Codec;

/// `millrace broker`.
pub(crate) struct BrokerServer {
    pub(crate) client: Client,
    _millrace: Millrace,
    _sandbox: Sandbox,
}

impl BrokerServer {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        let overrides = [
            "--override",
            "listeners=PLAINTEXT://127.0.0.1:0",
            "--override",
            "log.dirs=data",
        ];
        let mut millrace = Millrace::start(&sandbox, ["broker"].into_iter().chain(overrides));
        let address = millrace.address("broker ");
        Ok(Self {
            client: Client::connect(&address)?,
            _millrace: millrace,
            _sandbox: sandbox,
        })
    }
}

/// `millrace standalone` with the included broker.
pub(crate) struct WorkerServer {
    pub(crate) client: Client,
    pub(crate) millrace: Millrace,
    rest: Rest,
    sandbox: Sandbox,
    /// How many connectors were made; each gets a name, and its topic and file a number, of its own.
    made: usize,
}

impl WorkerServer {
    pub(crate) fn start(codec: Codec) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        let compression = match codec {
            Codec::Plain => "none",
            Codec::Lz4 => "lz4",
        };
        let keys = [
            ("producer.compression.type", compression),
            ("offset.flush.interval.ms", "1000"),
        ];
        let worker = worker_file(&sandbox, &keys);
        let mut millrace = Millrace::start(&sandbox, ["standalone".into(), worker]);
        let broker = millrace.address("broker ");
        let rest = Rest::new(&millrace.address("rest "));
        Ok(Self {
            client: Client::connect(&broker)?,
            millrace,
            rest,
            sandbox,
            made: 0,
        })
    }

    /// Fails if REST does not answer.
    pub(crate) fn check_answers(&self) -> anyhow::Result<()> {
        let answer = self.rest.get("/");
        ensure!(answer.status == 200, "REST answers {}", answer.status);
        Ok(())
    }

    /// A name that was not used before.
    pub(crate) fn fresh_name(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    /// A file in the worker's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.sandbox.join(name)
    }

    /// Creates a file source called `name`.
    pub(crate) fn create_source(&self, name: &str, file: &Path, topic: &str) -> anyhow::Result<()> {
        let file =
            fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?;
        self.create(
            name,
            &json!({"connector.class": "FileStreamSource", "file": file, "topic": topic}),
        )
    }

    /// Creates a file sink called `name`.
    pub(crate) fn create_sink(&self, name: &str, file: &Path, topic: &str) -> anyhow::Result<()> {
        self.create(
            name,
            &json!({"connector.class": "FileStreamSink", "file": file, "topics": topic}),
        )
    }

    /// Creates a connector called `name`.
    pub(crate) fn create(&self, name: &str, config: &Value) -> anyhow::Result<()> {
        let answer = self
            .rest
            .post("/connectors", &json!({"name": name, "config": config}));
        ensure!(
            answer.status == 201,
            "cannot create {name}: {} {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// Deletes a connector.
    pub(crate) fn delete(&self, name: &str) -> anyhow::Result<()> {
        let answer = self.rest.delete(&format!("/connectors/{name}"));
        ensure!(
            answer.status == 204,
            "cannot delete {name}: {} {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// Fails with the trace of a task of `name` that has failed.
    pub(crate) fn check(&self, name: &str) -> anyhow::Result<()> {
        let answer = self.rest.get(&format!("/connectors/{name}/status"));
        ensure!(
            !answer.body.to_string().contains("FAILED"),
            "{name} failed: {}",
            answer.body
        );
        Ok(())
    }
}
