//! Creating, enlarging and deleting topics.

use anyhow::bail;
use millrace_client::admin::{Admin, NewTopic};
use millrace_wire::error_code::ErrorCode;
use serde_json::{Value, json};

use super::select::Selected;
use crate::tools::{
    run::Usage,
    stdout::{print, print_json},
};

pub(super) async fn create(
    admin: &Admin,
    topic: &NewTopic,
    if_not_exists: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let created = match admin.create_topic(topic).await {
        Ok(()) => true,
        Err(error) if if_not_exists && error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            false
        }
        Err(error) => return Err(error.into()),
    };
    if as_json {
        print_json(&json!({"topic": topic.name, "created": created}))?;
    } else if created {
        print(format!("Created topic {}.\n", topic.name))?;
    }
    Ok(())
}

/// Raises the number of partitions of every topic to `total`.
pub(super) async fn raise(
    admin: &Admin,
    topics: &Selected,
    total: i32,
    replicas: Vec<Vec<i32>>,
    as_json: bool,
) -> anyhow::Result<()> {
    let mut documents = Vec::new();
    for topic in topics {
        // The assignment names all partitions, those that are there first.
        let added = replicas.get(topic.partitions.len()..).unwrap_or_default();
        admin
            .create_partitions(&topic.name, total, added, false)
            .await?;
        documents.push(json!({"topic": &*topic.name, "partitionCount": total}));
    }
    if as_json {
        print_json(&Value::Array(documents))?;
    }
    Ok(())
}

/// Deletes every topic; one that cannot be deleted does not keep the others.
pub(super) async fn delete(admin: &Admin, topics: &Selected, as_json: bool) -> anyhow::Result<()> {
    let mut deleted = Vec::new();
    let mut failed = Vec::new();
    for topic in topics {
        match admin.delete_topic(&topic.name).await {
            Ok(()) => deleted.push(&*topic.name),
            Err(error) => failed.push(error.to_string()),
        }
    }
    if as_json {
        print_json(&json!({"deleted": deleted}))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}", failed.join("\n  "))
}

/// Parses `1:2,2:3`: the nodes of each partition.
pub(super) fn assignment(text: &str) -> Result<Vec<Vec<i32>>, Usage> {
    let wrong = |why: &str| Usage::new(format!("--replica-assignment {text}: {why}"));
    let nodes = |partition: &str| -> Result<Vec<i32>, Usage> {
        let nodes: Result<Vec<i32>, _> = partition
            .split(':')
            .map(|node| node.trim().parse())
            .collect();
        let nodes = nodes.map_err(|_| wrong("expected node ids, as in 1:2,2:3"))?;
        let twice = |node: &i32| nodes.iter().filter(|other| *other == node).count() > 1;
        if nodes.iter().any(twice) {
            return Err(wrong("a partition names a node twice"));
        }
        Ok(nodes)
    };
    let partitions = text.split(',').map(nodes).collect::<Result<Vec<_>, _>>()?;
    if partitions
        .iter()
        .any(|nodes| nodes.len() != partitions[0].len())
    {
        return Err(wrong("the partitions have different numbers of replicas"));
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::assignment;

    #[test]
    fn assignments_name_nodes_by_partition() {
        assert_eq!(assignment("1:2,2:3").unwrap(), [[1, 2], [2, 3]]);
        for wrong in ["", "a", "1:1", "1:2,3", "1:,2"] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
    }
}
