//! A group of workers: a broker of their own, and workers that come, go and are killed.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{cluster::Cluster, process::Millrace, rest::Rest, wait};

const PATIENCE: Duration = Duration::from_secs(120);

/// The keys that the workers of a group have in common; the delay before lost work moves is given.
fn common(server: &str, delay_ms: u32) -> String {
    format!(
        "bootstrap.servers={server}\ngroup.id=workers\nconfig.storage.topic=configs\noffset.storage.topic=offsets\n\
         status.storage.topic=statuses\nkey.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\nsession.timeout.ms=6000\n\
         heartbeat.interval.ms=1000\nscheduled.rebalance.max.delay.ms={delay_ms}\n"
    )
}

/// A broker, and the workers of a group.
#[derive(Debug)]
pub struct Group {
    /// The broker and the folder.
    pub cluster: Cluster,
    delay_ms: u32,
    further: String,
}

/// A worker, and a client of it.
#[derive(Debug)]
pub struct Worker {
    /// Its process.
    pub millrace: Millrace,
    /// Its REST API.
    pub rest: Rest,
    /// Its id: `host:port`.
    pub id: String,
}

/// Who runs what: the worker and the state of each connector (`name`) and task (`name-0`).
pub type Placement = BTreeMap<String, (String, String)>;

impl Group {
    /// Starts the broker; the work of a lost worker waits for `delay_ms`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn new(delay_ms: u32) -> Self {
        Self {
            cluster: Cluster::new(),
            delay_ms,
            further: String::new(),
        }
    }

    /// The same, whose workers have further lines in their files.
    #[must_use]
    pub fn with(self, further: &str) -> Self {
        Self {
            further: further.to_owned(),
            ..self
        }
    }

    /// The keys that its workers have in common.
    pub fn properties(&self) -> String {
        common(&self.cluster.server, self.delay_ms) + &self.further
    }

    /// Starts a worker on a free port, or on the one of an earlier worker.
    ///
    /// # Panics
    /// If it does not start.
    pub fn worker(&self, port: u16) -> Worker {
        Self::joined(self.launch(port))
    }

    /// The same without waiting for it.
    ///
    /// # Panics
    /// As [`Millrace::start`].
    pub fn launch(&self, port: u16) -> Millrace {
        let mut text = self.properties();
        text.push_str(&format!("listeners=http://127.0.0.1:{port}\n"));
        let file = self
            .cluster
            .sandbox
            .write(&format!("worker-{port}.properties"), text);
        let file = file.display().to_string();
        Millrace::start(&self.cluster.sandbox, ["distributed", file.as_str()])
    }

    /// Waits until a worker that was launched takes part.
    ///
    /// # Panics
    /// If it does not come to that in time.
    pub fn joined(mut millrace: Millrace) -> Worker {
        let id = millrace.address("rest");
        let rest = Rest::new(&id);
        wait::until("the worker to be healthy", PATIENCE, || {
            rest.get("/health").status == 200
        });
        Worker { millrace, rest, id }
    }

    /// Creates a source of a file of its own and waits for the answer.
    ///
    /// # Panics
    /// If it is refused.
    pub fn create_source(&self, rest: &Rest, name: &str) {
        let file = self.cluster.sandbox.write(&format!("{name}.in"), "");
        let config = json!({
            "connector.class": "FileStreamSource",
            "file": file,
            "topic": format!("of-{name}"),
        });
        let answer = rest.post("/connectors", &json!({"name": name, "config": config}));
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
}

/// Who runs what, as a worker says it.
pub fn placement(rest: &Rest) -> Placement {
    let answer = rest.get("/connectors?expand=status").body;
    let mut placement = Placement::new();
    let place = |part: &Value| {
        let text = |field: &str| part[field].as_str().unwrap_or_default().to_owned();
        (text("worker_id"), text("state"))
    };
    for (name, shown) in answer.as_object().into_iter().flatten() {
        let status = &shown["status"];
        placement.insert(name.clone(), place(&status["connector"]));
        for task in status["tasks"].as_array().into_iter().flatten() {
            placement.insert(format!("{name}-{}", task["id"]), place(task));
        }
    }
    placement
}

/// Waits until a worker says that this many connectors and tasks run, and no other; gives who runs what.
///
/// # Panics
/// If it does not come to that in time.
#[track_caller]
pub fn await_running(rest: &Rest, count: usize) -> Placement {
    wait::until_some(
        &format!("{count} connectors and tasks to run"),
        PATIENCE,
        || {
            let placement = placement(rest);
            let all_run = placement.values().all(|(_, state)| state == "RUNNING");
            (placement.len() == count && all_run).then_some(placement)
        },
    )
}
