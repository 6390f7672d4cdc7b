//! Connectors as they change: on a terminal a table that is drawn again, elsewhere a line a change.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    time::Duration,
};

use clap::Args;
use millrace_wire::clock;
use serde_json::{Value, json};

use super::{
    client::Workers,
    look,
    show::{self, each, plain, word},
};
use crate::{
    banner,
    tools::{
        run::NoWorker,
        stdout::{self, print, print_json},
        time,
    },
};

/// Clears a terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Debug, Args)]
pub(super) struct Watch {
    /// Connectors; all without any
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How often to look
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    interval_ms: u64,
}

/// Where connectors (`name`) and tasks (`name-0`) run: state and worker.
type Places = BTreeMap<String, (String, String)>;

impl Watch {
    /// Until a signal comes, or nobody reads any more.
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let draws = io::stdout().is_terminal() && !as_json;
        let mut before: Option<Places> = None;
        let mut is_silent = false;
        while !stdout::is_closed() {
            match look::statuses(workers).await {
                Ok(statuses) => {
                    is_silent = false;
                    let shown: Vec<&Value> = statuses
                        .iter()
                        .filter(|status| {
                            self.names.is_empty()
                                || self.names.iter().any(|name| name == word(status, "name"))
                        })
                        .collect();
                    if draws {
                        let now = time::show(clock::system().now_ms());
                        print(format!("{CLEAR}{now} UTC\n\n{}", show::details(&shown)))?;
                    } else {
                        let now = places(&shown);
                        for change in changes(before.as_ref(), &now) {
                            change.print(as_json)?;
                        }
                        before = Some(now);
                    }
                }
                // Workers come and go; whoever watches wants to see just that. The first look must succeed.
                Err(error) if error.is::<NoWorker>() && (before.is_some() || draws) => {
                    if !is_silent {
                        banner::note(&format!("{error:#}"));
                    }
                    is_silent = true;
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(self.interval_ms.max(10))).await;
        }
        Ok(())
    }
}

fn places(statuses: &[&Value]) -> Places {
    let place = |part: &Value| {
        (
            word(part, "state").to_owned(),
            word(part, "worker_id").to_owned(),
        )
    };
    let mut places = Places::new();
    for status in statuses {
        let name = word(status, "name");
        places.insert(name.to_owned(), place(&status["connector"]));
        for task in each(status, "tasks") {
            places.insert(format!("{name}-{}", task["id"]), place(task));
        }
    }
    places
}

/// One part that is elsewhere, or in another state.
#[derive(Debug, PartialEq, Eq)]
struct Changed {
    part: String,
    /// State and worker; none where it is gone.
    now: Option<(String, String)>,
    before: Option<String>,
}

/// What differs. At first that is everything.
fn changes(before: Option<&Places>, now: &Places) -> Vec<Changed> {
    let nothing = Places::new();
    let before = before.unwrap_or(&nothing);
    let there = now
        .iter()
        .filter(|(part, place)| before.get(*part) != Some(*place))
        .map(|(part, place)| Changed {
            part: part.clone(),
            now: Some(place.clone()),
            before: before.get(part).map(|(state, _)| state.clone()),
        });
    let gone = before
        .iter()
        .filter(|(part, _)| !now.contains_key(*part))
        .map(|(part, (state, _))| Changed {
            part: part.clone(),
            now: None,
            before: Some(state.clone()),
        });
    there.chain(gone).collect()
}

impl Changed {
    fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let now_ms = clock::system().now_ms();
        let state = self.now.as_ref().map(|(state, _)| state.as_str());
        let worker = self.now.as_ref().map(|(_, worker)| worker.as_str());
        if as_json {
            return Ok(print_json(&json!({
                "time_ms": now_ms, "part": self.part, "before": self.before, "state": state, "worker_id": worker,
            }))?);
        }
        let line = format!(
            "{} {} {} -> {} {}",
            time::show(now_ms),
            plain(&self.part),
            self.before.as_deref().unwrap_or("-"),
            state.unwrap_or("gone"),
            worker.unwrap_or_default()
        );
        Ok(print(format!("{}\n", line.trim_end()))?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{changes, places};

    #[test]
    fn only_what_differs_is_told() {
        let status = |state: &str, tasks: &[&str]| {
            let task = |state: &&str| json!({"id": 0, "state": state, "worker_id": "h:1"});
            let tasks: Vec<_> = tasks.iter().map(task).collect();
            json!({"name": "a", "connector": {"state": state, "worker_id": "h:1"}, "tasks": tasks})
        };
        let first = places(&[&status("RUNNING", &["RUNNING"])]);
        assert_eq!(changes(None, &first).len(), 2);
        assert!(changes(Some(&first), &first).is_empty());
        let second = places(&[&status("STOPPED", &[])]);
        let told = changes(Some(&first), &second);
        let short: Vec<_> = told
            .iter()
            .map(|changed| {
                (
                    changed.part.as_str(),
                    changed.now.as_ref().map(|now| now.0.as_str()),
                )
            })
            .collect();
        assert_eq!(short, [("a", Some("STOPPED")), ("a-0", None)]);
    }
}
