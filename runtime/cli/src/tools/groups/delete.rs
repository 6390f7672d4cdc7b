//! Deleting groups, and what they have committed for topics.

use anyhow::bail;
use millrace_client::admin::Admin;
use serde_json::{Value, json};

use super::scope::Scope;
use crate::tools::{
    stdout::{print, print_json},
    table::{Column, Table},
};

/// Deletes every group; one that cannot be deleted does not keep the others.
pub(super) async fn groups(admin: &Admin, groups: &[String], as_json: bool) -> anyhow::Result<()> {
    let mut deleted = Vec::new();
    let mut failed = Vec::new();
    for group in groups {
        match admin.delete_group(group).await {
            Ok(()) => deleted.push(group.as_str()),
            Err(error) => failed.push(error.to_string()),
        }
    }
    if as_json {
        print_json(&json!({"deleted": deleted}))?;
    } else if !deleted.is_empty() {
        let names = deleted.join("', '");
        print(format!(
            "Deletion of requested consumer groups ('{names}') was successful.\n"
        ))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}", failed.join("\n  "))
}

/// Deletes what groups have committed for the partitions of these topics.
pub(super) async fn offsets(
    admin: &Admin,
    groups: &[String],
    scopes: &[Scope],
    as_json: bool,
) -> anyhow::Result<()> {
    let places: Vec<_> = Scope::places(admin, scopes).await?.into_iter().collect();
    let mut table = Table::new(&[
        Column("GROUP", 15),
        Column("TOPIC", 30),
        Column("PARTITION", 15),
        Column("STATUS", 0),
    ]);
    let mut documents = Vec::new();
    let mut failed = Vec::new();
    for group in groups {
        let outcome = admin.delete_group_offsets(group, &places).await;
        let status = if outcome.is_ok() {
            "Successful"
        } else {
            "Failed"
        };
        for (topic, partition) in &places {
            let cells = [group.as_str(), topic, &partition.to_string(), status];
            table.row(cells.map(str::to_owned).to_vec());
            documents.push(json!({
                "group": group,
                "topic": &**topic,
                "partition": partition,
                "deleted": outcome.is_ok(),
            }));
        }
        failed.extend(outcome.err().map(|error| error.to_string()));
    }
    if as_json {
        print_json(&Value::Array(documents))?;
    } else {
        print(format!("\n{}", table.to_text()))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}", failed.join("\n  "))
}
