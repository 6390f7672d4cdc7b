//! One of the two workers with its broker: connectors are created, settle, and are looked at.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millrace_system::{process::Millrace, rest::Rest, sandbox::Sandbox, wait};
use serde_json::{Value as Json, json};

use super::case::{Case, Record};
use super::seen::{self, Seen};
use super::topics::Topics;
use crate::{connect::Connect, install, kafka::Kafka};

/// How long all connectors together may take to come to their end.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long a connector has for what no offset tells.
const QUIET: Duration = Duration::from_secs(3);

/// Connectors of Kafka's system tests, which Kafka's own jars have no more.
const TOOLS: [(&str, &[&str]); 2] = [
    (
        "source.SourceConnector",
        &["VerifiableSource", "SchemaSource", "MockSource"],
    ),
    ("sink.SinkConnector", &["VerifiableSink", "MockSink"]),
];

/// A worker with its broker.
pub(super) struct Side {
    sandbox: Sandbox,
    process: Process,
    rest: Rest,
    topics: Topics,
}

enum Process {
    Java { connect: Connect, _kafka: Kafka },
    Millrace(Millrace),
}

impl Side {
    /// Kafka Connect on Apache Kafka.
    pub(super) fn java() -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        // Records may be of any time.
        let kept = ["log.retention.ms=-1".to_owned()];
        let kafka = Kafka::start(&sandbox, &sandbox.join("log"), &kept)?;
        let services = sandbox.join("services");
        let jar = install::jars("connect-tools", "connect-tools", None)?.join("*");
        list_tools(&services)?;
        let address = kafka.address().to_owned();
        let properties = format!("bootstrap.servers={address}\n{WORKER}");
        let connect = Connect::start(&sandbox, &properties, &[&services, &jar])?;
        Ok(Self {
            rest: Rest::new(connect.address()),
            topics: Topics::of(&address)?,
            process: Process::Java {
                connect,
                _kafka: kafka,
            },
            sandbox,
        })
    }

    /// Millrace's worker with the included broker.
    pub(super) fn millrace() -> anyhow::Result<Self> {
        let sandbox = Sandbox::new();
        let own = "broker.listeners=PLAINTEXT://127.0.0.1:0\nbroker.log.dirs=log\nbroker.log.retention.ms=-1\nlisteners=http://127.0.0.1:0\n";
        let file = sandbox.write("worker.properties", format!("{own}{WORKER}"));
        let mut millrace = Millrace::start(&sandbox, ["standalone".into(), file]);
        let broker = millrace.address("broker ");
        Ok(Self {
            rest: Rest::new(&millrace.address("rest ")),
            topics: Topics::of(&broker)?,
            process: Process::Millrace(millrace),
            sandbox,
        })
    }

    /// What becomes of all cases, in their order.
    pub(super) fn run(
        &self,
        records: &[(String, Vec<Record>)],
        cases: &[Case],
    ) -> anyhow::Result<Vec<Seen>> {
        for (topic, records) in records {
            self.topics.fill(topic, records)?;
        }
        self.sandbox.write("lines.txt", LINES);
        let mut answers = Vec::new();
        for case in cases {
            answers.push(self.create(case)?);
        }
        self.settle(cases, &answers, records)?;
        let mut all = Vec::new();
        for (case, (created, judged)) in cases.iter().zip(&answers) {
            let mut seen = Seen::of_creation(created, judged);
            if created.status == 201 {
                let status = self.rest.get(&format!("/connectors/{}/status", case.name));
                seen.add_status(&status.body);
            }
            all.push(seen);
        }
        // What no longer runs leaves the machine to those who read.
        for case in cases {
            self.rest.delete(&format!("/connectors/{}", case.name));
        }
        let names = self.topics.names()?;
        let printed = self.printed();
        for (case, seen) in cases.iter().zip(&mut all) {
            let is_own = |name: &&String| {
                name.strip_prefix(&case.name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            for name in names.iter().filter(is_own) {
                let mut records = self.topics.read(name)?;
                records.truncate(case.take.unwrap_or(usize::MAX));
                seen.add_records(name, &records);
            }
            seen.add_file(&self.sandbox.read(&format!("{}.out", case.name)));
            if case.take.is_none() {
                seen.add_printed(&case.name, &printed);
            }
        }
        Ok(all)
    }

    /// Validates and creates a connector.
    fn create(&self, case: &Case) -> anyhow::Result<seen::Answers> {
        let class = case.config.get("connector.class");
        let class = class.with_context(|| format!("{} has a class", case.name))?;
        let mut config = case.config.clone();
        config.insert("name".to_owned(), case.name.clone());
        let path = format!("/connector-plugins/{class}/config/validate");
        let judged = self.rest.put(&path, &json!(config));
        let body = json!({"name": case.name, "config": case.config});
        Ok((self.rest.post("/connectors", &body), judged))
    }

    /// Waits until every connector has done what it can: failed, or moved its offsets to the end.
    fn settle(
        &self,
        cases: &[Case],
        answers: &[seen::Answers],
        records: &[(String, Vec<Record>)],
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for (case, (answer, _)) in cases.iter().zip(answers) {
            if answer.status != 201 || case.no_end {
                continue;
            }
            let settled = wait::until_or(deadline, || {
                (self.has_failed(case) || self.is_at_end(case, records)).then_some(())
            });
            ensure!(
                settled.is_some(),
                "{} comes to no end: {} {}",
                case.name,
                self.rest
                    .get(&format!("/connectors/{}/status", case.name))
                    .body,
                self.rest
                    .get(&format!("/connectors/{}/offsets", case.name))
                    .body
            );
        }
        std::thread::sleep(QUIET);
        Ok(())
    }

    fn has_failed(&self, case: &Case) -> bool {
        let status = self.rest.get(&format!("/connectors/{}/status", case.name));
        let failed = |part: &Json| part["state"] == "FAILED";
        let mut tasks = status.body["tasks"].as_array().into_iter().flatten();
        failed(&status.body["connector"]) || tasks.any(failed)
    }

    fn is_at_end(&self, case: &Case, records: &[(String, Vec<Record>)]) -> bool {
        if let Some(count) = case.take {
            let written = self.topics.read(&case.name);
            return written.is_ok_and(|records| records.len() >= count);
        }
        let offsets = self.rest.get(&format!("/connectors/{}/offsets", case.name));
        let offsets = offsets.body["offsets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let sum = |key: &str| -> i64 {
            let numbers = offsets.iter().filter_map(|one| one["offset"][key].as_i64());
            numbers.sum()
        };
        let inputs = case.inputs();
        if !inputs.is_empty() {
            let all = records
                .iter()
                .filter(|(name, _)| inputs.contains(&name.as_str()));
            let count: usize = all.map(|(_, records)| records.len()).sum();
            return sum("kafka_offset") as usize >= count;
        }
        match case.config.get("num.messages") {
            Some(count) => sum("seqno") + 1 >= count.parse().unwrap_or(i64::MAX),
            // Java's positions count units of UTF-16.
            None => sum("position") as usize >= LINES.encode_utf16().count(),
        }
    }

    /// What connectors printed.
    fn printed(&self) -> String {
        match &self.process {
            Process::Java { connect, .. } => connect.output(),
            Process::Millrace(millrace) => String::from_utf8_lossy(&millrace.stdout()).into_owned(),
        }
    }
}

/// What file sources read.
const LINES: &str = "one\n2\n\n  three  \n2024-02-29T12:34:56.789Z\n1700000000123\ngrößer 日本 🦀\ntrue\n-0.5e3\n{\"a\": [1, null]}\n";

/// Both workers' properties.
const WORKER: &str = "key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=offsets
offset.flush.interval.ms=100
plugin.discovery=service_load
";

/// Lists the connectors for Java, whose jar says nothing of them.
fn list_tools(folder: &Path) -> anyhow::Result<()> {
    let services = folder.join("META-INF/services");
    std::fs::create_dir_all(&services)?;
    for (kind, names) in TOOLS {
        let class = |name: &&str| format!("org.apache.kafka.connect.tools.{name}Connector\n");
        let text: String = names.iter().map(class).collect();
        std::fs::write(
            services.join(format!("org.apache.kafka.connect.{kind}")),
            text,
        )?;
    }
    Ok(())
}
