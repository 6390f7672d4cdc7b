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

/// What is listed: `states` and `types` show a column each, and restrict the list where they are not empty.
#[derive(Debug)]
pub(super) struct Listing {
    filter: GroupFilter,
    with_states: bool,
    with_types: bool,
}

impl Listing {
    pub(super) fn new(states: Option<&str>, types: Option<&str>) -> Result<Self, Usage> {
        Ok(Self {
            filter: GroupFilter {
                states: known("--state", states, STATES)?,
                types: known("--type", types, TYPES)?,
            },
            with_states: states.is_some(),
            with_types: types.is_some(),
        })
    }

    pub(super) async fn print(&self, admin: &Admin, as_json: bool) -> anyhow::Result<()> {
        let groups = consumer_groups(admin.list_groups_of(&self.filter).await?);
        if as_json {
            let documents = groups.iter().map(document).collect();
            return Ok(print_json(&Value::Array(documents))?);
        }
        if self.with_states || self.with_types {
            return Ok(print(self.table(&groups))?);
        }
        let lines = groups.iter().map(|group| format!("{}\n", group.group_id));
        Ok(print(lines.collect::<String>())?)
    }

    fn table(&self, groups: &[GroupListing]) -> String {
        let mut columns = vec![Column("GROUP", 25)];
        columns.extend(self.with_types.then_some(Column("TYPE", 20)));
        columns.extend(self.with_states.then_some(Column("STATE", 20)));
        let mut table = Table::new(&columns);
        for group in groups {
            let shown =
                |text: &Option<String>| text.clone().unwrap_or_else(|| "Unknown".to_owned());
            let mut row = vec![group.group_id.clone()];
            row.extend(
                self.with_types
                    .then(|| capitalised(&shown(&group.group_type))),
            );
            row.extend(self.with_states.then(|| shown(&group.state)));
            table.row(row);
        }
        table.to_text()
    }
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
