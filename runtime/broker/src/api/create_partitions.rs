//! CreatePartitions (37): gives topics more partitions, each topic by itself.

use std::collections::HashMap;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsResponse,
    CreatePartitionsTopic, CreatePartitionsTopicResult,
};

use super::create_topics::{PARTITIONS_MAX, check_replicas};
use crate::call::Ctx;
use crate::config::Refused;
use crate::topics;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut named: HashMap<String, usize> = HashMap::new();
    for topic in &request.topics {
        *named.entry(topic.name.clone()).or_default() += 1;
    }
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        // Of a topic that is listed twice one row tells so.
        let outcome = match named.remove(&topic.name) {
            None => continue,
            Some(1) => create(ctx, &topic, request.validate_only).await,
            Some(_) => Err((
                ErrorCode::INVALID_REQUEST,
                "Duplicate topic name.".to_owned(),
            )),
        };
        results.push(respond(topic.name, outcome));
    }
    CreatePartitionsResponse {
        throttle_time_ms: 0,
        results,
    }
}

async fn create(
    ctx: &Ctx<'_>,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refused> {
    let name = &asked.name;
    // Two requests at once must not both find the same number.
    let _configuring = ctx.core.topics.configuring.lock().await;
    let topic = ctx.core.topics.get(name).ok_or_else(|| {
        (
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "This server does not host this topic-partition.".to_owned(),
        )
    })?;
    if topics::is_internal(name) {
        // Which group lives in which partition follows from their number.
        return Err((
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            format!("The number of partitions of {name} cannot change."),
        ));
    }
    let added = added(name, topic.partition_count(), asked.count)?;
    if let Some(assignments) = &asked.assignments {
        check_assignments(ctx.core.config.node_id, added, assignments)?;
    }
    if validate_only {
        return Ok(());
    }
    let outcome = ctx.core.topics.add_partitions(name, asked.count).await;
    outcome.map_err(|error| {
        log::warn!("cannot add partitions to topic {name}: {error}");
        (error.code(), error.to_string())
    })
}

/// How many partitions are to be added.
fn added(name: &str, now: i32, asked: i32) -> Result<usize, Refused> {
    let message = if asked == now {
        format!("Topic already has {now} partition(s).")
    } else if asked < now {
        format!(
            "The topic {name} currently has {now} partition(s); {asked} would not be an increase."
        )
    } else if asked > PARTITIONS_MAX {
        format!(
            "{asked} partitions are more than the included broker keeps of a topic ({PARTITIONS_MAX})."
        )
    } else {
        return Ok(usize::try_from(asked - now).unwrap_or(0));
    };
    Err((ErrorCode::INVALID_PARTITIONS, message))
}

fn check_assignments(
    node_id: i32,
    added: usize,
    assignments: &[CreatePartitionsAssignment],
) -> Result<(), Refused> {
    if assignments.len() != added {
        return Err((
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            ),
        ));
    }
    assignments
        .iter()
        .try_for_each(|assignment| check_replicas(node_id, &assignment.broker_ids))
}

fn respond(name: String, outcome: Result<(), Refused>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((error_code, message)) => (error_code, Some(message)),
    };
    CreatePartitionsTopicResult {
        name,
        error_code,
        error_message,
    }
}
