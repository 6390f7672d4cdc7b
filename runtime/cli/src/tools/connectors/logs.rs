//! The last log lines of a connector and its tasks, of whichever workers have them, and those that follow.
//!
//! A worker keeps the lines of the connector itself and of each task apart, so each is asked for by itself: the group passes
//! the request on to the worker that has it. No line has a number. Those that follow are known by their time, and where
//! several have the last one, by how many these were.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, ValueEnum};
use millrace_wire::clock;
use serde_json::{Value, json};

use super::{
    client::{Workers, of},
    error::Refusal,
    show::{each, plain, word},
};
use crate::{
    banner,
    tools::{
        stdout::{self, print, print_json},
        time,
    },
};

/// The most lines that a worker shows at once.
const ALL: u32 = 10_000;

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The connector
    name: String,
    /// Only the lines of one task
    #[arg(long, value_name = "N")]
    task: Option<u32>,
    /// Only the last lines; all that are kept without
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    /// Only lines since 2026-03-02T09:00:00, or since a duration like PT5M ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only lines that are at least as severe
    #[arg(long, ignore_case = true)]
    level: Option<Severity>,
    /// Go on with lines as they come
    #[arg(short, long)]
    follow: bool,
    /// How often to look for more
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    interval_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Severity {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The lines of the connector itself (without a task), or of a task.
#[derive(Debug)]
struct Found {
    task: Option<u64>,
    lines: Vec<Value>,
    /// Whether there were lines before these.
    is_cut: bool,
}

/// Which lines are shown.
struct Chosen<'a> {
    of: &'a Logs,
    since_ms: i64,
}

impl Logs {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let since_ms = match &self.since {
            Some(text) => time::instant_ms(text, clock::system().now_ms())?,
            None => i64::MIN,
        };
        let chosen = Chosen { of: self, since_ms };
        let mut seen = Seen::default();
        let mut lines = Vec::new();
        let mut is_cut = false;
        for found in self.find(workers).await? {
            is_cut |= found.is_cut;
            lines.append(&mut seen.fresh(found).0);
        }
        if is_cut && self.tail.is_none() && self.since.is_none() {
            banner::note("earlier lines are not kept any more");
        }
        let mut lines = chosen.in_order(lines);
        if let Some(most) = self.tail {
            lines.drain(..lines.len().saturating_sub(most));
        }
        self.print(&lines, as_json)?;
        match self.follow {
            true => self.follow(workers, &chosen, seen, as_json).await,
            false => Ok(()),
        }
    }

    /// Until a signal comes, nobody reads any more, or the connector is gone.
    async fn follow(
        &self,
        workers: &Workers,
        chosen: &Chosen<'_>,
        mut seen: Seen,
        as_json: bool,
    ) -> anyhow::Result<()> {
        let mut is_silent = false;
        while !stdout::is_closed() {
            tokio::time::sleep(Duration::from_millis(self.interval_ms.max(10))).await;
            match self.find(workers).await {
                Ok(all) => {
                    is_silent = false;
                    let mut lines = Vec::new();
                    for found in all {
                        let place = self.place(found.task);
                        let (mut fresh, has_gap) = seen.fresh(found);
                        if has_gap {
                            banner::note(&format!(
                                "{place} logs more than is kept from look to look; lines are missing"
                            ));
                        }
                        lines.append(&mut fresh);
                    }
                    self.print(&chosen.in_order(lines), as_json)?;
                }
                Err(error) if is_unknown(&error) => {
                    banner::note(&format!("{error:#}"));
                    return Ok(());
                }
                // Workers come and go; what they say afterwards is what whoever follows waits for.
                Err(error) => {
                    if !is_silent {
                        banner::note(&format!("{error:#}"));
                    }
                    is_silent = true;
                }
            }
        }
        Ok(())
    }

    /// All lines that are kept now.
    async fn find(&self, workers: &Workers) -> anyhow::Result<Vec<Found>> {
        if let Some(task) = self.task {
            return Ok(vec![self.find_of_task(workers, task.into()).await?]);
        }
        let answer = workers
            .get(&of(&self.name, &format!("/logs?lines={ALL}"))?)
            .await?;
        let own = each(&answer, "lines").iter();
        let mut all = vec![Found {
            task: None,
            lines: own.filter(|line| line["task"].is_null()).cloned().collect(),
            is_cut: answer["earlier"] != 0,
        }];
        for task in self.tasks(workers).await? {
            match self.find_of_task(workers, task).await {
                Ok(found) => all.push(found),
                // It has ended since.
                Err(error) if is_unknown(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn find_of_task(&self, workers: &Workers, task: u64) -> anyhow::Result<Found> {
        let path = of(&self.name, &format!("/tasks/{task}/logs?lines={ALL}"))?;
        let answer = workers.get(&path).await?;
        Ok(Found {
            task: Some(task),
            lines: each(&answer, "lines").to_vec(),
            is_cut: answer["earlier"] != 0,
        })
    }

    /// The numbers of its tasks; none where it has no state yet.
    async fn tasks(&self, workers: &Workers) -> anyhow::Result<Vec<u64>> {
        match workers.get(&of(&self.name, "/status")?).await {
            Ok(status) => Ok(each(&status, "tasks")
                .iter()
                .filter_map(|task| task["id"].as_u64())
                .collect()),
            Err(error) if is_unknown(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The connector, or a task of it.
    fn place(&self, task: Option<u64>) -> String {
        match task {
            Some(task) => format!("{}-{task}", self.name),
            None => self.name.clone(),
        }
    }

    fn print(&self, lines: &[Value], as_json: bool) -> anyhow::Result<()> {
        for line in lines {
            if as_json {
                let mut line = line.clone();
                line["connector"] = json!(self.name);
                print_json(&line)?;
            } else {
                print(text(&self.place(line["task"].as_u64()), line))?;
            }
        }
        Ok(())
    }
}

/// Whether it is the connector or the task that is not there.
fn is_unknown(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refusal>()
        .is_some_and(Refusal::is_unknown_connector)
}

/// A line for people; what follows a line break in it is indented.
fn text(place: &str, line: &Value) -> String {
    let message: Vec<String> = word(line, "message").lines().map(plain).collect();
    format!(
        "{} {:<5} {} {}: {}\n",
        time::show(line["time"].as_i64().unwrap_or_default()),
        plain(word(line, "level")),
        plain(place),
        plain(word(line, "logger")),
        message.join("\n    ")
    )
}

impl Chosen<'_> {
    /// Those that are wanted, by their time.
    fn in_order(&self, mut lines: Vec<Value>) -> Vec<Value> {
        lines.retain(|line| self.wants(line));
        lines.sort_by_key(|line| line["time"].as_i64());
        lines
    }

    fn wants(&self, line: &Value) -> bool {
        let severity = Severity::from_str(word(line, "level"), true);
        let is_severe = match (self.of.level, severity) {
            (Some(wanted), Ok(severity)) => severity <= wanted,
            _ => true,
        };
        is_severe && line["time"].as_i64() >= Some(self.since_ms)
    }
}

/// How far the lines of each part are shown: the time of the last one, and how many have it.
#[derive(Debug, Default)]
struct Seen(BTreeMap<Option<u64>, (i64, usize)>);

impl Seen {
    /// Those that were not there before; and whether some between were never seen.
    fn fresh(&mut self, found: Found) -> (Vec<Value>, bool) {
        let at = |line: &Value| line["time"].as_i64().unwrap_or_default();
        let Some(last) = found.lines.iter().map(at).max() else {
            return (Vec::new(), false);
        };
        let before = self.0.get(&found.task).copied();
        let of_last = found.lines.iter().filter(|line| at(line) == last).count();
        let (shown_to, mut known) = before.unwrap_or((i64::MIN, 0));
        let has_gap =
            before.is_some() && found.is_cut && found.lines.iter().all(|line| at(line) > shown_to);
        let now = (last, of_last).max((shown_to, known));
        self.0.insert(found.task, now);
        let mut lines = found.lines;
        lines.retain(|line| {
            if at(line) == shown_to && known > 0 {
                known -= 1;
                return false;
            }
            at(line) >= shown_to
        });
        (lines, has_gap)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Found, Seen, text};

    fn lines(times: &[i64]) -> Vec<Value> {
        let line = |(at, time): (usize, &i64)| json!({"time": time, "message": at.to_string()});
        times.iter().enumerate().map(line).collect()
    }

    fn found(task: Option<u64>, times: &[i64], is_cut: bool) -> Found {
        Found {
            task,
            lines: lines(times),
            is_cut,
        }
    }

    #[test]
    fn each_line_is_shown_once_though_several_have_one_time() {
        let mut seen = Seen::default();
        let mut fresh = |times: &[i64], is_cut| {
            let (lines, has_gap) = seen.fresh(found(Some(0), times, is_cut));
            let times: Vec<_> = lines
                .iter()
                .filter_map(|line| line["time"].as_i64())
                .collect();
            (times, has_gap)
        };
        assert_eq!(fresh(&[], false), (vec![], false));
        assert_eq!(fresh(&[1, 2, 2], false), (vec![1, 2, 2], false));
        assert_eq!(fresh(&[1, 2, 2], false), (vec![], false));
        assert_eq!(fresh(&[1, 2, 2, 2, 3], false), (vec![2, 3], false));
        assert_eq!(
            fresh(&[3, 4], true),
            (vec![4], false),
            "the last one is there"
        );
        assert_eq!(fresh(&[6, 7], true), (vec![6, 7], true), "it is not");
        assert_eq!(fresh(&[8], false), (vec![8], false), "another process");
        assert_eq!(
            fresh(&[5, 6], false),
            (vec![], false),
            "another worker, from before"
        );
        assert_eq!(fresh(&[5, 6, 9], false), (vec![9], false));
        assert_eq!(
            seen.fresh(found(None, &[1], false)).0.len(),
            1,
            "each part by itself"
        );
    }

    #[test]
    fn a_line_cannot_play_with_the_terminal() {
        let line = json!({
            "time": 1_772_442_000_123_i64, "level": "WARN", "task": 0, "logger": "a::b",
            "message": "first\n\u{1b}[2Jsecond",
        });
        assert_eq!(
            text("c-0", &line),
            "2026-03-02 09:00:00:123 WARN  c-0 a::b: first\n    \u{fffd}[2Jsecond\n"
        );
    }
}
