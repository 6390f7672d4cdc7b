//! A change of offsets: shown, agreed to, made.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{
        apply::ask,
        client::{Workers, of},
        error::Refusal,
        settle::{Goal, reach},
        show::{plain, word},
    },
    How,
    place::{name, offset},
};
use crate::{
    banner,
    tools::{
        stdout::{print, print_json},
        table::{Column, Table},
    },
};

/// How long a connector may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// A group may count the members of a sink that has just stopped for a moment longer.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);

/// What is to be changed.
#[derive(Debug)]
pub(super) enum Change {
    Alter {
        /// Entries as the API takes them.
        wanted: Vec<Value>,
        /// What each means, where that is known.
        counts: Vec<Count>,
    },
    /// Everything is forgotten.
    Reset,
}

/// What a new offset means for a sink, in records. With compacted topics there may be fewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) again: i64,
    pub(super) left_out: i64,
}

impl Count {
    /// From an old offset to a new one, in a partition that has `low` to `high`. Without an old one a sink begins at
    /// the beginning.
    pub(super) fn of(old: Option<i64>, new: i64, low: i64, high: i64) -> Self {
        let old = old.unwrap_or(low).clamp(low, high);
        Self {
            again: (old - new).max(0),
            left_out: (new - old).max(0),
        }
    }
}

impl Change {
    /// Shows it, asks, and makes it.
    ///
    /// # Errors
    /// A worker's refusal, or that whoever was asked does not agree.
    pub(super) async fn make(
        &self,
        workers: &Workers,
        name: &str,
        now: &[Value],
        how: &How,
        as_json: bool,
    ) -> anyhow::Result<()> {
        if !as_json {
            print(preview(self, now))?;
        }
        if how.dry_run {
            return match as_json {
                true => Ok(print_json(&self.json(now, &Value::Null))?),
                false => Ok(()),
            };
        }
        if !how.yes {
            ask("change these offsets?").await?;
        }
        let answer = if how.stop {
            self.while_stopped(workers, name).await?
        } else {
            self.send(workers, name).await?
        };
        match as_json {
            true => print_json(&self.json(now, &answer["message"]))?,
            false => print(format!("{}\n", word(&answer, "message")))?,
        }
        Ok(())
    }

    /// Stops the connector for it. Whatever happens, its state comes back.
    async fn while_stopped(&self, workers: &Workers, name: &str) -> anyhow::Result<Value> {
        let status = workers.get(&of(name, "/status")?).await?;
        let state = word(&status["connector"], "state").to_owned();
        if state == "STOPPED" {
            return self.send(workers, name).await;
        }
        banner::note(&format!("{name} is stopped, and put back afterwards"));
        workers.send(Method::PUT, &of(name, "/stop")?, None).await?;
        let changed = async {
            reach(workers, name, Goal::Stopped, STOP_WITHIN).await?;
            let mut attempt = 0;
            loop {
                attempt += 1;
                match self.send(workers, name).await {
                    Err(error) if attempt < ATTEMPTS && is_early(&error) => {
                        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
                    }
                    outcome => return outcome,
                }
            }
        }
        .await;
        let back = if state == "PAUSED" {
            "/pause"
        } else {
            "/resume"
        };
        let resumed = workers.send(Method::PUT, &of(name, back)?, None).await;
        let answer = changed?;
        resumed?;
        Ok(answer)
    }

    async fn send(&self, workers: &Workers, name: &str) -> anyhow::Result<Value> {
        let path = of(name, "/offsets")?;
        let answer = match self {
            Self::Alter { wanted, .. } => {
                let body = json!({"offsets": wanted});
                workers.send(Method::PATCH, &path, Some(&body)).await?
            }
            Self::Reset => workers.send(Method::DELETE, &path, None).await?,
        };
        Ok(answer.body)
    }

    fn json(&self, now: &[Value], message: &Value) -> Value {
        let changes: Vec<Value> = self
            .entries(now)
            .into_iter()
            .map(|entry| {
                json!({
                    "partition": entry.partition, "old": entry.old, "new": entry.new,
                    "read_again": entry.count.map(|count| count.again),
                    "left_out": entry.count.map(|count| count.left_out),
                })
            })
            .collect();
        json!({"changes": changes, "message": message})
    }

    fn entries<'a>(&'a self, now: &'a [Value]) -> Vec<Entry<'a>> {
        let old = |partition: &Value| {
            let known = now.iter().find(|entry| {
                super::place::name(&entry["partition"]) == super::place::name(partition)
            });
            known.map_or(&Value::Null, |entry| &entry["offset"])
        };
        match self {
            Self::Alter { wanted, counts } => wanted
                .iter()
                .enumerate()
                .map(|(index, entry)| Entry {
                    partition: &entry["partition"],
                    old: old(&entry["partition"]),
                    new: &entry["offset"],
                    count: counts.get(index).copied(),
                })
                .collect(),
            Self::Reset => now
                .iter()
                .map(|entry| Entry {
                    partition: &entry["partition"],
                    old: &entry["offset"],
                    new: &Value::Null,
                    count: None,
                })
                .collect(),
        }
    }
}

/// One partition's change.
struct Entry<'a> {
    partition: &'a Value,
    old: &'a Value,
    new: &'a Value,
    count: Option<Count>,
}

/// Whether the worker may take it once what was stopped is gone.
fn is_early(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| {
        refusal.message.contains("STOPPED state") || refusal.message.contains("zombie")
    })
}

/// The change for people: each partition, and what it comes to.
pub(super) fn preview(change: &Change, now: &[Value]) -> String {
    let entries = change.entries(now);
    let mut table = Table::new(&[
        Column("PARTITION", 0),
        Column("NOW", 0),
        Column("NEW", 0),
        Column("READ AGAIN", 0),
        Column("LEFT OUT", 0),
    ]);
    let mut sum = Count::default();
    for entry in &entries {
        let count = |of: fn(Count) -> i64| {
            entry
                .count
                .map_or_else(|| "-".to_owned(), |count| of(count).to_string())
        };
        table.row(vec![
            plain(&name(entry.partition)),
            plain(&offset(entry.old)),
            plain(&offset(entry.new)),
            count(|count| count.again),
            count(|count| count.left_out),
        ]);
        let counted = entry.count.unwrap_or_default();
        sum.again += counted.again;
        sum.left_out += counted.left_out;
    }
    let said = match change {
        Change::Reset if entries.is_empty() => "there is nothing to forget",
        Change::Reset => {
            "all of it is forgotten: a sink begins where auto.offset.reset says, a source at its beginning"
        }
        Change::Alter { counts, .. } if counts.is_empty() => {
            "what this means only the connector knows"
        }
        Change::Alter { .. } => {
            return format!(
                "{}{} records would be read again, {} left out\n",
                table.to_text(),
                sum.again,
                sum.left_out
            );
        }
    };
    format!("{}{said}\n", table.to_text())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{super::place::sink_entry, Change, Count, preview};

    #[test]
    fn records_are_counted_both_ways() {
        let count = |again, left_out| Count { again, left_out };
        assert_eq!(Count::of(Some(10), 4, 0, 20), count(6, 0));
        assert_eq!(Count::of(Some(10), 14, 0, 20), count(0, 4));
        // What retention has taken cannot be read again.
        assert_eq!(Count::of(Some(3), 8, 8, 20), count(0, 0));
        assert_eq!(Count::of(None, 12, 8, 20), count(0, 4));
    }

    #[test]
    fn a_preview_says_what_would_be_read_again() {
        let now = [sink_entry(&(Arc::from("t"), 0), 10)];
        let change = Change::Alter {
            wanted: vec![
                sink_entry(&(Arc::from("t"), 0), 4),
                sink_entry(&(Arc::from("t"), 1), 0),
            ],
            counts: vec![Count::of(Some(10), 4, 0, 20), Count::of(None, 0, 0, 5)],
        };
        assert_eq!(
            preview(&change, &now),
            "PARTITION NOW NEW READ AGAIN LEFT OUT\n\
             t-0       10  4   6          0\n\
             t-1       -   0   0          0\n\
             6 records would be read again, 0 left out\n"
        );
        let source = [json!({"partition": {"f": "x"}, "offset": {"p": 1}})];
        assert!(preview(&Change::Reset, &source).contains("{\"f\":\"x\"} {\"p\":1} -"));
        assert!(preview(&Change::Reset, &[]).contains("nothing to forget"));
    }
}
