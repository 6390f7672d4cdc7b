//! The members of a group and what they read, and its state.

use std::collections::BTreeMap;

use millrace_client::admin::{GroupDescription, GroupMember};
use serde_json::{Value, json};

use crate::tools::table::{Column, Table};

/// A table of the members; what they read is told where `verbose`.
pub(super) fn table(group: &GroupDescription, verbose: bool) -> String {
    let is_static = group
        .members
        .iter()
        .any(|member| member.instance_id.is_some());
    let mut columns = vec![Column("GROUP", 15), Column("CONSUMER-ID", 15)];
    columns.extend(is_static.then_some(Column("GROUP-INSTANCE-ID", 17)));
    columns.extend([
        Column("HOST", 15),
        Column("CLIENT-ID", 15),
        Column("#PARTITIONS", 15),
    ]);
    if verbose {
        columns.extend([
            Column("CURRENT-EPOCH", 15),
            Column("CURRENT-ASSIGNMENT", 20),
            Column("TARGET-EPOCH", 15),
            Column("TARGET-ASSIGNMENT", 20),
        ]);
    }
    let mut table = Table::new(&columns);
    for member in &group.members {
        let mut row = vec![group.group_id.clone(), member.member_id.clone()];
        row.extend(is_static.then(|| member.instance_id.clone().unwrap_or_default()));
        row.push(member.client_host.clone());
        row.push(member.client_id.clone());
        row.push(
            member
                .assigned_partitions()
                .unwrap_or_default()
                .len()
                .to_string(),
        );
        if verbose {
            // Epochs and targets are the newer protocol's.
            row.extend([
                "-".to_owned(),
                assignment(member),
                "-".to_owned(),
                "-".to_owned(),
            ]);
        }
        table.row(row);
    }
    table.to_text()
}

/// `topic:0,1;other:2`.
fn assignment(member: &GroupMember) -> String {
    let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in member.assigned_partitions().unwrap_or_default() {
        topics.entry(topic).or_default().push(partition);
    }
    if topics.is_empty() {
        return "-".to_owned();
    }
    let shown = |(topic, mut partitions): (std::sync::Arc<str>, Vec<i32>)| {
        partitions.sort_unstable();
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{topic}:{}", partitions.join(","))
    };
    topics.into_iter().map(shown).collect::<Vec<_>>().join(";")
}

/// A table of the state, one row.
pub(super) fn state(group: &GroupDescription, verbose: bool) -> String {
    let mut columns = vec![
        Column("GROUP", 15),
        Column("COORDINATOR (ID)", 25),
        Column("ASSIGNMENT-STRATEGY", 20),
        Column("STATE", 20),
    ];
    if verbose {
        columns.extend([
            Column("GROUP-EPOCH", 15),
            Column("TARGET-ASSIGNMENT-EPOCH", 25),
        ]);
    }
    columns.push(Column("#MEMBERS", 0));
    let node = &group.coordinator;
    let strategy = if group.protocol.is_empty() {
        "-"
    } else {
        &group.protocol
    };
    let mut row = vec![
        group.group_id.clone(),
        format!("{}:{}  ({})", node.host, node.port, node.id),
        strategy.to_owned(),
        group.state.clone(),
    ];
    if verbose {
        row.extend(["-".to_owned(), "-".to_owned()]);
    }
    row.push(group.members.len().to_string());
    let mut table = Table::new(&columns);
    table.row(row);
    table.to_text()
}

/// State and members for scripts.
pub(super) fn document(group: &GroupDescription) -> Value {
    let member = |member: &GroupMember| {
        let partitions = member.assigned_partitions().unwrap_or_default();
        let partition = |(topic, partition): &(std::sync::Arc<str>, i32)| json!({"topic": &**topic, "partition": partition});
        json!({
            "consumerId": member.member_id,
            "groupInstanceId": member.instance_id,
            "clientId": member.client_id,
            "host": member.client_host,
            "partitions": partitions.iter().map(partition).collect::<Vec<_>>(),
        })
    };
    json!({
        "group": group.group_id,
        "state": group.state,
        "protocolType": group.protocol_type,
        "assignmentStrategy": group.protocol,
        "coordinator": {
            "id": group.coordinator.id,
            "host": &*group.coordinator.host,
            "port": group.coordinator.port,
        },
        "members": group.members.iter().map(member).collect::<Vec<_>>(),
    })
}
