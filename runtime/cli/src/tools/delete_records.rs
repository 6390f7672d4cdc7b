//! `millrace delete-records`: deletes records from the beginning of partitions, with the options of
//! `kafka-delete-records.sh`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::bail;
use clap::Args;
use millrace_client::admin::Place;
use serde_json::{Value, json};

use super::{
    run::{self, Usage},
    server::Server,
    stdout::{print, print_json},
};
use crate::{failure::Failure, plan::read_text};

/// How long one call may take with its repetitions.
const CALL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct DeleteRecords {
    /// {"partitions": [{"topic": "t", "partition": 0, "offset": 5}]}: records before the offset are deleted, all
    /// where it is -1
    #[arg(long, value_name = "FILE")]
    offset_json_file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl DeleteRecords {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        let path = &self.offset_json_file;
        let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
        let before =
            parse(&text).map_err(|why| Usage::new(format!("{}: {why}", path.display())))?;
        let (_, admin) = self.server.admin(CALL_LIMIT).await?;
        if !self.json {
            print("Executing records delete operation\n")?;
        }
        let outcomes = admin.delete_records(&before).await;
        if self.json {
            let document = |((topic, partition), outcome): (&Place, &Result<i64, _>)| {
                let (low, error) = match outcome {
                    Ok(low) => (Some(*low), None),
                    Err(error) => (None, Some(millrace_client::ClientError::to_string(error))),
                };
                json!({"topic": &**topic, "partition": partition, "lowWatermark": low, "error": error})
            };
            print_json(&outcomes.iter().map(document).collect::<Value>())?;
        } else {
            let line = |((topic, partition), outcome): (&Place, &Result<i64, _>)| match outcome {
                Ok(low) => format!("partition: {topic}-{partition}\tlow_watermark: {low}\n"),
                Err(error) => {
                    let error: &millrace_client::ClientError = error;
                    format!("partition: {topic}-{partition}\terror: {error}\n")
                }
            };
            let lines: String = outcomes.iter().map(line).collect();
            print(format!("Records delete operation completed:\n{lines}"))?;
        }
        let failed = outcomes.values().filter(|outcome| outcome.is_err()).count();
        if failed > 0 {
            bail!(
                "records of {failed} of {} partitions were not deleted",
                outcomes.len()
            );
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<BTreeMap<Place, i64>, String> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    if let Some(version) = document
        .get("version")
        .filter(|version| **version != json!(1))
    {
        return Err(format!("version {version} is not known, 1 is"));
    }
    let partitions = document
        .get("partitions")
        .and_then(Value::as_array)
        .ok_or("no \"partitions\"")?;
    let mut before = BTreeMap::new();
    for entry in partitions {
        let wrong = || format!("expected topic, partition and offset: {entry}");
        let topic = entry
            .get("topic")
            .and_then(Value::as_str)
            .ok_or_else(wrong)?;
        let partition = entry
            .get("partition")
            .and_then(Value::as_i64)
            .ok_or_else(wrong)?;
        let partition = i32::try_from(partition).map_err(|_| wrong())?;
        let offset = entry
            .get("offset")
            .and_then(Value::as_i64)
            .ok_or_else(wrong)?;
        if before
            .insert((Arc::from(topic), partition), offset)
            .is_some()
        {
            return Err(format!("{topic}-{partition} is named twice"));
        }
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::parse;

    #[test]
    fn files_are_kafkas() {
        let text =
            r#"{"partitions": [{"topic": "t", "partition": 1, "offset": -1}], "version": 1}"#;
        assert_eq!(parse(text).unwrap()[&(Arc::from("t"), 1)], -1);
        for wrong in [
            "",
            "{}",
            r#"{"partitions": [{"topic": "t"}]}"#,
            r#"{"partitions": [], "version": 2}"#,
            r#"{"partitions": [{"topic": "t", "partition": 1, "offset": 1}, {"topic": "t", "partition": 1, "offset": 2}]}"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
