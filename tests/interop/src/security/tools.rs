//! The command-line tools on a way, beside a worker whose records have gone through.

use anyhow::ensure;
use millrace_system::{
    sandbox::Sandbox,
    tool::{self, Outcome},
};

use super::{
    way::Way,
    worker::{Flow, Worker},
};

/// The tools with the keys of a way in a file.
struct Tools<'a> {
    sandbox: &'a Sandbox,
}

/// Runs every kind of tool that talks to brokers.
pub(super) fn check(worker: &Worker, flow: &Flow, way: &Way) -> anyhow::Result<()> {
    let sandbox = &worker.sandbox;
    sandbox.write("client.properties", way.lines(""));
    let tools = Tools { sandbox };
    tools.look(flow)?;
    tools.write_and_read(&way.name)?;
    tools.dead_letters(flow)?;
    tools.begin_again(worker, flow)
}

impl Tools<'_> {
    fn run(&self, words: &str) -> Outcome {
        self.run_with(words, "")
    }

    fn run_with(&self, words: &str, input: &str) -> Outcome {
        let words = format!("{words} --command-config client.properties");
        tool::run_with(self.sandbox, &words, input)
    }

    /// Runs a tool whose output must hold something.
    fn says(&self, words: &str, expected: &str) -> anyhow::Result<()> {
        let outcome = self.run(words);
        ensure!(
            outcome.status.success() && outcome.stdout.contains(expected),
            "{words} does not say {expected}: {outcome:?}"
        );
        Ok(())
    }

    fn look(&self, flow: &Flow) -> anyhow::Result<()> {
        let Flow { topic, sink, .. } = flow;
        self.says("topics --list", topic)?;
        self.says(
            &format!("topics --describe --topic {topic}"),
            "ReplicationFactor: 1",
        )?;
        self.says(
            &format!("get-offsets --topic {topic}"),
            &format!("{topic}:0:3"),
        )?;
        self.says(&format!("groups --describe --group connect-{sink}"), topic)?;
        self.says(
            &format!("configs --describe --all --topic {topic}"),
            "retention.ms",
        )
    }

    fn write_and_read(&self, name: &str) -> anyhow::Result<()> {
        let topic = format!("{name}-typed");
        self.run_with(&format!("produce --topic {topic}"), "a\nb\n")
            .ok();
        let read =
            format!("consume --topic {topic} --from-beginning --max-messages 2 --timeout-ms 30000");
        self.says(&read, "a\nb\n")?;
        let perf = format!(
            "perf produce --topic {name}-perf --num-records 2000 --record-size 100 --throughput -1"
        );
        self.says(&perf, "2000 records sent")?;
        let perf =
            format!("perf consume --topic {name}-perf --messages 2000 --timeout 30000 --json");
        self.says(&perf, "2000")
    }

    /// Lists the letter, shows it and gives it to another topic.
    fn dead_letters(&self, flow: &Flow) -> anyhow::Result<()> {
        let Flow { dead, .. } = flow;
        self.says(&format!("dlq list --queue {dead}"), dead)?;
        let letters = self.run(&format!("dlq show --queue {dead} --json")).json();
        ensure!(letters.to_string().contains("no JSON"), "{letters}");
        self.says(
            &format!("topics --create --partitions 1 --topic {dead}-again"),
            "",
        )?;
        let replayed = self.run(&format!("dlq replay --queue {dead} --to {dead}-again"));
        ensure!(replayed.status.success(), "{replayed:?}");
        self.says(
            &format!("get-offsets --topic {dead}-again"),
            &format!("{dead}-again:0:1"),
        )
    }

    /// Has the sink read all of it again.
    fn begin_again(&self, worker: &Worker, flow: &Flow) -> anyhow::Result<()> {
        let (sink, rest) = (&flow.sink, worker.rest.address());
        let shown = tool::run(
            self.sandbox,
            &format!("preview --name {sink} --from beginning --worker http://{rest} --json"),
        );
        ensure!(shown.status.success(), "{shown:?}");
        let words = format!(
            "connectors offsets set {sink} --to-earliest --stop --yes --worker http://{rest}"
        );
        let set = self.run(&words);
        ensure!(set.status.success(), "{set:?}");
        worker.await_lines(flow, 4)
    }
}

/// The queue as the worker's own REST API tells of it.
pub(super) fn queue_by_rest(worker: &Worker, flow: &Flow) -> anyhow::Result<()> {
    let path = format!("/dead-letters/{}", flow.dead);
    let answer = worker.rest.get(&path);
    let letters = answer.body.as_array().map(Vec::as_slice);
    let is_it = matches!(letters, Some([letter]) if letter["value"] == "no JSON");
    ensure!(is_it, "{path}: {} {}", answer.status, answer.body);
    Ok(())
}
