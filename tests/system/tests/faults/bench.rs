//! What all tests have: a worker, the neighbours that must not notice anything, and looks at what a fault has done.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use millrace_system::{
    pipeline::{Pipeline, TOPIC},
    sandbox::Sandbox,
    wait,
};
use serde_json::{Value, json};

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// What one call may take in these workers.
const CALL_MS: u64 = 6000;
/// What REST may take, in a debug build on a machine that other tests share.
const REST_WITHIN: Duration = Duration::from_secs(20);

/// What becomes of the task in whose call something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Becomes {
    /// FAILED, with this in the first line of the trace.
    Failed(&'static str),
    /// It goes on.
    Goes,
    /// It goes on, and a line of the log explains it.
    Told(&'static str),
}

/// A worker with connectors that fail on command, and a healthy pipeline.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) pipeline: Pipeline,
}

impl Bench {
    /// Starts the worker and the healthy pipeline.
    pub(crate) fn start() -> Self {
        let sandbox = Sandbox::new();
        let keys = [
            ("unsafe.connectors", "faults"),
            ("connector.call.timeout.ms", &*CALL_MS.to_string()),
        ];
        let pipeline = Pipeline::start_with(&sandbox, &keys, &[]);
        let bench = Self { sandbox, pipeline };
        bench.create(
            "neighbour-source",
            &json!({"connector.class": "DataGenerator", "topic": TOPIC, "rate": "200"}),
        );
        bench.create(
            "neighbour-sink",
            &json!({
                "connector.class": "FileStreamSink", "topics": TOPIC,
                "file": bench.sandbox.join("neighbour.out"),
            }),
        );
        bench
    }

    /// Creates a connector; REST answers soon, whatever the connector does.
    pub(crate) fn create(&self, name: &str, config: &Value) {
        let path = "/connectors";
        let answer = self
            .pipeline
            .rest
            .post(path, &json!({"name": name, "config": config}));
        assert_eq!(answer.status, 201, "{name}: {answer:?}");
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        let path = format!("/connectors/{name}/status");
        let asked = Instant::now();
        let answer = self.pipeline.rest.get(&path);
        assert!(
            asked.elapsed() < REST_WITHIN,
            "{path}: {:?}",
            asked.elapsed()
        );
        answer.body
    }

    /// Waits until the task is in a state, and returns its part of the status.
    pub(crate) fn await_task(&self, name: &str, state: &str) -> Value {
        wait::until_some(
            &format!("the task of {name} to be {state}"),
            PATIENCE,
            || {
                let task = self.status(name)["tasks"][0].clone();
                (task["state"] == state).then_some(task)
            },
        )
    }

    pub(crate) fn happened(&self, name: &str) -> u64 {
        let faults = self
            .pipeline
            .rest
            .get(&format!("/connectors/{name}/faults"));
        let all = faults.body["faults"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        all.iter()
            .map(|fault| fault["happened"].as_u64().unwrap())
            .sum()
    }

    /// How many lines the healthy pipeline has carried.
    fn carried(&self) -> usize {
        self.sandbox.lines("neighbour.out").len()
    }

    /// Waits until the healthy pipeline has carried something that it gets from now on.
    pub(crate) fn neighbours_flow(&self) {
        let before = self.carried();
        wait::until("the neighbours to go on", PATIENCE, || {
            self.carried() > before + 50
        });
        for name in ["neighbour-source", "neighbour-sink"] {
            assert_eq!(self.status(name)["tasks"][0]["state"], "RUNNING", "{name}");
        }
    }

    /// Sees that the fault happened and was shown as it should be, then has the task recover.
    pub(crate) fn judge(&self, name: &str, becomes: Becomes) {
        wait::until(&format!("{name} to happen"), PATIENCE, || {
            self.happened(name) > 0
        });
        match becomes {
            Becomes::Goes => {}
            Becomes::Told(mention) => {
                wait::until(&format!("{name} to be told"), PATIENCE, || {
                    let said = self.pipeline.millrace.stderr();
                    said.lines()
                        .any(|line| line.contains(name) && line.contains(mention))
                });
            }
            Becomes::Failed(mention) => {
                let task = self.await_task(name, "FAILED");
                let trace = task["trace"].as_str().unwrap();
                let first = trace.lines().next().unwrap();
                assert!(first.contains(mention), "{name}: {trace}");
                assert_eq!(task["worker_id"], self.worker_id(), "{name}");
                assert_eq!(self.status(name)["connector"]["state"], "RUNNING", "{name}");
                self.restart(name);
            }
        }
        self.await_task(name, "RUNNING");
    }

    pub(crate) fn restart(&self, name: &str) {
        let path = format!("/connectors/{name}/restart?includeTasks=true&onlyFailed=true");
        let answer = self.pipeline.rest.post(&path, &Value::Null);
        assert_eq!(answer.status, 202, "{name}: {answer:?}");
    }

    pub(crate) fn worker_id(&self) -> String {
        self.pipeline.rest.address().to_owned()
    }

    pub(crate) fn stop(mut self) {
        assert!(self.pipeline.millrace.stop().code().is_some());
    }
}

pub(crate) fn numbers(values: impl IntoIterator<Item = String>) -> BTreeSet<u64> {
    let values = values.into_iter();
    values.map(|value| value.trim().parse().unwrap()).collect()
}
