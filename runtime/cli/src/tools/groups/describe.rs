//! Offsets and lag, members, or the state of groups.

use anyhow::bail;
use millrace_client::admin::{Admin, GroupDescription};
use millrace_wire::error_code::ErrorCode;
use serde_json::Value;

use super::{lag, members};
use crate::{
    banner,
    tools::{
        stdout::{print, print_json},
        table::{Column, Table},
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Offsets,
    Members,
    State,
}

#[derive(Debug)]
pub(super) struct Shown {
    pub(super) view: View,
    pub(super) verbose: bool,
    pub(super) json: bool,
}

impl Shown {
    /// Describes every group that is there; those that are not are named in the error.
    pub(super) async fn describe(&self, admin: &Admin, groups: &[String]) -> anyhow::Result<()> {
        let mut missing = Vec::new();
        let mut documents = Vec::new();
        for group in groups {
            let description = match admin.describe_group(group).await {
                Ok(description) if description.state != "Dead" => description,
                Ok(_) => {
                    missing.push(group.as_str());
                    continue;
                }
                Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                    missing.push(group);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if self.json {
                documents.extend(self.documents(admin, &description).await?);
            } else {
                self.print(admin, &description).await?;
            }
        }
        if self.json {
            print_json(&Value::Array(documents))?;
        }
        match missing.as_slice() {
            [] => Ok(()),
            [group] => bail!("the consumer group '{group}' does not exist"),
            several => bail!("these consumer groups do not exist: {}", several.join(", ")),
        }
    }

    async fn print(&self, admin: &Admin, group: &GroupDescription) -> anyhow::Result<()> {
        let id = &group.group_id;
        if group.members.is_empty() {
            banner::note(&format!("consumer group '{id}' has no active members"));
        } else if group.state.ends_with("Rebalance") {
            banner::note(&format!("consumer group '{id}' is rebalancing"));
        }
        let table = match self.view {
            View::State => members::state(group, self.verbose),
            View::Members if group.members.is_empty() => return Ok(()),
            View::Members => members::table(group, self.verbose),
            View::Offsets => {
                let rows = lag::rows(admin, id, group).await?;
                if rows.is_empty() {
                    return Ok(());
                }
                self.offsets(id, &rows)
            }
        };
        Ok(print(format!("\n{table}"))?)
    }

    fn offsets(&self, group: &str, rows: &[lag::Row]) -> String {
        let mut columns = vec![
            Column("GROUP", 15),
            Column("TOPIC", 15),
            Column("PARTITION", 10),
        ];
        columns.extend(self.verbose.then_some(Column("LEADER-EPOCH", 15)));
        columns.extend([
            Column("CURRENT-OFFSET", 15),
            Column("LOG-END-OFFSET", 15),
            Column("LAG", 15),
            Column("CONSUMER-ID", 15),
            Column("HOST", 15),
            Column("CLIENT-ID", 0),
        ]);
        let mut table = Table::new(&columns);
        for row in rows {
            let mut cells = vec![group.to_owned()];
            cells.extend(row.cells(self.verbose));
            table.row(cells);
        }
        table.to_text()
    }

    async fn documents(
        &self,
        admin: &Admin,
        group: &GroupDescription,
    ) -> anyhow::Result<Vec<Value>> {
        Ok(match self.view {
            View::State | View::Members => vec![members::document(group)],
            View::Offsets => lag::rows(admin, &group.group_id, group)
                .await?
                .iter()
                .map(|row| row.document(&group.group_id))
                .collect(),
        })
    }
}
