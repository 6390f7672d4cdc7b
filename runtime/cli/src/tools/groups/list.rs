//! The names of groups, and their states and types where asked for.

use millrace_client::admin::{Admin, GroupFilter, GroupListing};
use serde_json::{Map, Value, json};

use super::consumer_groups;
use crate::tools::{
    run::Usage,
    stdout::{print, print_json},
    table::{Column, Table},
};

/// What groups can be in, and be.
const STATES: &[&str] = &[
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Empty",
    "Dead",
    "Assigning",
    "Reconciling",
];
const TYPES: &[&str] = &["classic", "consumer"];

/// `states` and `types` show a column each; where they are not empty they restrict the list, too.
pub(super) async fn list(
    admin: &Admin,
    states: Option<&str>,
    types: Option<&str>,
    as_json: bool,
) -> anyhow::Result<()> {
    let filter = GroupFilter {
        states: known("--state", states, STATES)?,
        types: known("--type", types, TYPES)?,
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

/// The names that were typed, in Kafka's spelling.
fn known(
    option: &str,
    typed: Option<&str>,
    known: &'static [&'static str],
) -> Result<Vec<String>, Usage> {
    let names = typed.unwrap_or_default().split(',').map(str::trim);
    let spelled = |name: &str| {
        known
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .map(|known| (*known).to_owned())
            .ok_or_else(|| {
                Usage::new(format!(
                    "{option} {name} is not known: there are {}",
                    known.join(", ")
                ))
            })
    };
    names.filter(|name| !name.is_empty()).map(spelled).collect()
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

#[cfg(test)]
mod tests {
    use super::{STATES, known};

    #[test]
    fn names_take_kafkas_spelling() {
        let states = known("--state", Some("stable, EMPTY"), STATES).unwrap();
        assert_eq!(states, ["Stable", "Empty"]);
        assert!(known("--state", Some(""), STATES).unwrap().is_empty());
        assert!(known("--state", Some("stable,foo"), STATES).is_err());
    }
}
