//! The names of groups, and their states and types where asked for.

use millrace_client::admin::{Admin, GroupFilter, GroupListing};
use serde_json::{Map, Value, json};

use super::consumer_groups;
use crate::tools::{
    stdout::{print, print_json},
    table::{Column, Table},
};

/// `states` and `types` show a column each; where they are not empty they restrict the list, too.
pub(super) async fn list(
    admin: &Admin,
    states: Option<&str>,
    types: Option<&str>,
    as_json: bool,
) -> anyhow::Result<()> {
    let names = |text: Option<&str>| -> Vec<String> {
        let names = text.unwrap_or_default().split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let filter = GroupFilter {
        states: names(states),
        types: names(types),
    };
    let groups = consumer_groups(admin.list_groups_of(&filter).await?);
    if as_json {
        let documents = groups.iter().map(document).collect();
        return Ok(print_json(&Value::Array(documents))?);
    }
    if states.is_none() && types.is_none() {
        let lines: String = groups
            .iter()
            .map(|group| format!("{}\n", group.group_id))
            .collect();
        return Ok(print(lines)?);
    }
    let mut columns = vec![Column("GROUP", 25)];
    columns.extend(types.map(|_| Column("TYPE", 20)));
    columns.extend(states.map(|_| Column("STATE", 20)));
    let mut table = Table::new(&columns);
    for group in &groups {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "Unknown".to_owned());
        let mut row = vec![group.group_id.clone()];
        row.extend(types.map(|_| capitalised(&shown(&group.group_type))));
        row.extend(states.map(|_| shown(&group.state)));
        table.row(row);
    }
    Ok(print(table.to_text())?)
}

/// Kafka's tools write types as `Classic` and `Consumer`.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn document(group: &GroupListing) -> Value {
    let mut object = Map::new();
    object.insert("group".to_owned(), json!(group.group_id));
    object.insert("protocolType".to_owned(), json!(group.protocol_type));
    object.insert("state".to_owned(), json!(group.state));
    object.insert("type".to_owned(), json!(group.group_type));
    Value::Object(object)
}
