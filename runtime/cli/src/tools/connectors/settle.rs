//! Waiting until a connector is where it was sent: what workers are asked, they do a moment later.

use std::{fmt, time::Duration};

use anyhow::bail;
use clap::Args;

use super::{
    client::{Workers, of},
    error::Refusal,
    show::{each, states, word},
};

const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct Patience {
    /// Wait so long until the connector and all of its tasks are in the state they were sent to
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// Where a connector should get to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Running,
    Paused,
    Stopped,
    /// In any state but those on the way, and not failed.
    Settled,
    Gone,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Settled => "in a state of rest",
            Self::Gone => "gone",
        })
    }
}

impl Goal {
    /// Whether a status is of a connector that is there.
    fn is_met(self, status: &serde_json::Value) -> bool {
        let all = |wanted: &str| states(status).all(|state| state == wanted);
        match self {
            Self::Running => all("RUNNING") && !each(status, "tasks").is_empty(),
            Self::Paused => all("PAUSED"),
            Self::Stopped => all("STOPPED"),
            Self::Settled => {
                states(status).all(|state| matches!(state, "RUNNING" | "PAUSED" | "STOPPED"))
            }
            Self::Gone => false,
        }
    }
}

impl Patience {
    /// Waits, if that was asked for.
    ///
    /// # Errors
    /// A connector that is not there in time, with the state it has then.
    pub(super) async fn wait(
        &self,
        workers: &Workers,
        name: &str,
        goal: Goal,
    ) -> anyhow::Result<()> {
        match self.wait {
            Some(seconds) => reach(workers, name, goal, Duration::from_secs(seconds)).await,
            None => Ok(()),
        }
    }
}

/// Waits until a connector has got somewhere.
///
/// # Errors
/// As [`Patience::wait`].
pub(super) async fn reach(
    workers: &Workers,
    name: &str,
    goal: Goal,
    limit: Duration,
) -> anyhow::Result<()> {
    let path = of(name, "/status")?;
    let mut last = "without a status".to_owned();
    let watch = async {
        loop {
            match workers.get(&path).await {
                Ok(status) if goal.is_met(&status) => return Ok(()),
                Ok(status) => last = sum(&status),
                Err(error) => match error.downcast_ref::<Refusal>() {
                    Some(refusal) if refusal.is_unknown_connector() => {
                        if goal == Goal::Gone {
                            return Ok(());
                        }
                    }
                    _ => return Err(error),
                },
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(limit, watch).await {
        Ok(outcome) => outcome,
        Err(_) => bail!(
            "{name} is not {goal} after {} s, but {last}",
            limit.as_secs()
        ),
    }
}

/// The states in short.
fn sum(status: &serde_json::Value) -> String {
    let mut text = word(&status["connector"], "state").to_owned();
    for task in each(status, "tasks") {
        text.push_str(&format!(", task {} {}", task["id"], word(task, "state")));
    }
    text
}

/// The end of a command that went through several things.
///
/// # Errors
/// What failed of them.
pub(super) fn all_done(failed: &[String]) -> anyhow::Result<()> {
    match failed.is_empty() {
        true => Ok(()),
        false => bail!("{}", failed.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Goal;

    #[test]
    fn goals_are_of_the_connector_and_all_tasks() {
        let status = |connector: &str, tasks: &[&str]| {
            let task = |state: &&str| json!({"id": 0, "state": state});
            let tasks: Vec<_> = tasks.iter().map(task).collect();
            json!({"connector": {"state": connector}, "tasks": tasks})
        };
        let cases = [
            (Goal::Running, status("RUNNING", &["RUNNING"]), true),
            (Goal::Running, status("RUNNING", &[]), false),
            (
                Goal::Running,
                status("RUNNING", &["RUNNING", "FAILED"]),
                false,
            ),
            (Goal::Paused, status("PAUSED", &[]), true),
            (Goal::Paused, status("PAUSED", &["RUNNING"]), false),
            (Goal::Stopped, status("STOPPED", &[]), true),
            (Goal::Stopped, status("STOPPED", &["RUNNING"]), false),
            (Goal::Settled, status("PAUSED", &["PAUSED"]), true),
            (Goal::Settled, status("RUNNING", &["UNASSIGNED"]), false),
            (Goal::Gone, status("RUNNING", &[]), false),
        ];
        for (goal, status, expected) in cases {
            assert_eq!(goal.is_met(&status), expected, "{goal} {status}");
        }
    }
}
