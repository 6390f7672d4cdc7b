//! Commands that send connectors somewhere: `pause`, `resume`, `stop`, `delete`, `restart`.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{Workers, of},
    settle::{self, Goal, Patience},
};
use crate::tools::{
    run::{NoWorker, Usage},
    stdout::{print, print_json},
};

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Connectors
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, Args)]
pub(super) struct Restart {
    #[command(flatten)]
    named: Named,
    /// Restart the tasks, too
    #[arg(long)]
    tasks: bool,
    /// Restart only what has failed; with --tasks the connector and its tasks
    #[arg(long)]
    failed: bool,
    /// Restart this task only
    #[arg(long, value_name = "N", conflicts_with_all = ["tasks", "failed"])]
    task: Option<u32>,
}

/// Where to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Pause,
    Resume,
    Stop,
    Delete,
}

impl Change {
    fn request(self) -> (Method, &'static str, Goal, &'static str) {
        match self {
            Self::Pause => (Method::PUT, "/pause", Goal::Paused, "paused"),
            Self::Resume => (Method::PUT, "/resume", Goal::Running, "resumed"),
            Self::Stop => (Method::PUT, "/stop", Goal::Stopped, "stopped"),
            Self::Delete => (Method::DELETE, "", Goal::Gone, "deleted"),
        }
    }
}

impl Named {
    pub(super) async fn change(
        &self,
        workers: &Workers,
        change: Change,
        as_json: bool,
    ) -> anyhow::Result<()> {
        let (method, rest, goal, done) = change.request();
        self.each(workers, &method, rest, goal, done, as_json).await
    }

    /// The same request of each; one that fails does not keep the others from theirs.
    async fn each(
        &self,
        workers: &Workers,
        method: &Method,
        rest: &str,
        goal: Goal,
        done: &str,
        as_json: bool,
    ) -> anyhow::Result<()> {
        let mut failed = Vec::new();
        for name in &self.names {
            let path = of(name, rest)?;
            let outcome = async {
                workers.send(method.clone(), &path, None).await?;
                self.patience.wait(workers, name, goal).await
            };
            match outcome.await {
                Ok(()) if as_json => print_json(&json!({"connector": name, "done": done}))?,
                Ok(()) => print(format!("{name} {done}\n"))?,
                Err(error) if error.is::<NoWorker>() => return Err(error),
                Err(error) => failed.push(format!("{name}: {error:#}")),
            }
        }
        settle::all_done(&failed)
    }
}

impl Restart {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let rest = match self.task {
            Some(_) if self.named.names.len() > 1 => {
                return Err(Usage::new("--task is of one connector").into());
            }
            Some(task) => format!("/tasks/{task}/restart"),
            None => format!(
                "/restart?includeTasks={}&onlyFailed={}",
                self.tasks, self.failed
            ),
        };
        if self.tasks || self.failed {
            return self.planned(workers, &rest, as_json).await;
        }
        let named = &self.named;
        named
            .each(
                workers,
                &Method::POST,
                &rest,
                Goal::Settled,
                "restarted",
                as_json,
            )
            .await
    }

    /// A restart of several parts, of which the worker says which it restarts.
    async fn planned(&self, workers: &Workers, rest: &str, as_json: bool) -> anyhow::Result<()> {
        let mut failed = Vec::new();
        for name in &self.named.names {
            let path = of(name, rest)?;
            let outcome = async {
                let answer = workers.send(Method::POST, &path, None).await?;
                self.named
                    .patience
                    .wait(workers, name, Goal::Settled)
                    .await?;
                anyhow::Ok(answer.body)
            };
            match outcome.await {
                Ok(plan) if as_json => print_json(&plan)?,
                Ok(plan) => print(format!("{name}: {}\n", restarted(&plan)))?,
                Err(error) if error.is::<NoWorker>() => return Err(error),
                Err(error) => failed.push(format!("{name}: {error:#}")),
            }
        }
        settle::all_done(&failed)
    }
}

/// Which parts a plan restarts.
fn restarted(plan: &Value) -> String {
    let is_restarted = |part: &Value| part["state"] == "RESTARTING";
    let mut parts = Vec::new();
    if is_restarted(&plan["connector"]) {
        parts.push("the connector".to_owned());
    }
    let tasks = plan["tasks"].as_array().into_iter().flatten();
    parts.extend(
        tasks
            .filter(|task| is_restarted(task))
            .map(|task| format!("task {}", task["id"])),
    );
    match parts.is_empty() {
        true => "nothing of it had to be restarted".to_owned(),
        false => format!("restarted {}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::restarted;

    #[test]
    fn the_parts_that_restart_are_named() {
        let part = |state: &str| json!({"id": 3, "state": state});
        let plan = json!({"connector": part("RUNNING"), "tasks": [part("RESTARTING")]});
        assert_eq!(restarted(&plan), "restarted task 3");
        let plan = json!({"connector": part("RUNNING"), "tasks": [part("RUNNING")]});
        assert_eq!(restarted(&plan), "nothing of it had to be restarted");
    }
}
