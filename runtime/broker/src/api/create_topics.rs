//! CreateTopics (19): each topic by itself, in no transaction.

use std::collections::{BTreeSet, HashMap};

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use millrace_wire::uuid::Uuid;

use crate::call::Ctx;
use crate::config::{Refused, TopicConfig};
use crate::topics::{self, METADATA_TOPIC};

/// A partition costs files, memory and a place in every checkpoint.
pub(super) const PARTITIONS_MAX: i32 = 100_000;

/// What a topic is to be.
struct Plan {
    partitions: i32,
    config: TopicConfig,
}

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let mut named: HashMap<String, usize> = HashMap::new();
    for topic in &request.topics {
        *named.entry(topic.name.clone()).or_default() += 1;
    }
    let mut answered = BTreeSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let is_repeated = named.get(&topic.name).is_some_and(|times| *times > 1);
        if !is_repeated {
            topics.push(respond(
                topic,
                create(ctx, topic, request.validate_only).await,
            ));
        } else if answered.insert(&topic.name) {
            topics.push(respond(
                topic,
                Err(invalid_request("Duplicate topic name.")),
            ));
        }
    }
    CreateTopicsResponse {
        throttle_time_ms: 0,
        topics,
    }
}

async fn create(
    ctx: &Ctx<'_>,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<(Plan, Uuid), Refused> {
    let plan = plan(ctx, topic)?;
    if validate_only {
        return Ok((plan, Uuid::ZERO));
    }
    let created = ctx
        .core
        .topics
        .create(&topic.name, plan.partitions, plan.config.clone())
        .await;
    match created {
        Ok(created) => Ok((plan, created.id)),
        Err(error) => {
            log::warn!("cannot create topic {}: {error}", topic.name);
            Err((error.code(), error.to_string()))
        }
    }
}

fn plan(ctx: &Ctx<'_>, topic: &CreatableTopic) -> Result<Plan, Refused> {
    if topic.name == METADATA_TOPIC {
        return Err(invalid_request(format!(
            "Creation of internal topic {METADATA_TOPIC} is prohibited."
        )));
    }
    topics::check_name(&topic.name)?;
    ctx.core
        .topics
        .check_new(&topic.name)
        .map_err(|error| (error.code(), error.to_string()))?;
    let config = &ctx.core.config;
    let partitions = if topic.assignments.is_empty() {
        check_replication_factor(topic.replication_factor)?;
        partition_count(topic.num_partitions, config.partitions_default)?
    } else {
        assigned_partitions(topic, config.node_id)?
    };
    let overrides = topic
        .configs
        .iter()
        .map(|config| (config.name.as_str(), config.value.as_deref()));
    let config = ctx.core.topics.defaults().with_overrides(overrides);
    let config = config.map_err(|error| (ErrorCode::INVALID_CONFIG, error.to_string()))?;
    Ok(Plan { partitions, config })
}

fn partition_count(asked: i32, default: i32) -> Result<i32, Refused> {
    match asked {
        -1 => Ok(default),
        1..=PARTITIONS_MAX => Ok(asked),
        ..=0 => Err((
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.".to_owned(),
        )),
        _ => Err((
            ErrorCode::INVALID_PARTITIONS,
            format!(
                "{asked} partitions are more than the included broker keeps of a topic ({PARTITIONS_MAX})."
            ),
        )),
    }
}

fn check_replication_factor(asked: i16) -> Result<(), Refused> {
    let message = match asked {
        -1 | 1 => return Ok(()),
        ..=0 => {
            "Replication factor must be larger than 0, or -1 to use the default value.".to_owned()
        }
        _ => format!(
            "Unable to replicate the partition {asked} time(s): the included broker is a single node and holds one \
             replica. Use a replication factor of 1, or a Kafka cluster."
        ),
    };
    Err((ErrorCode::INVALID_REPLICATION_FACTOR, message))
}

/// The number of partitions that an explicit assignment names: from 0 without a gap, each on this node alone.
fn assigned_partitions(topic: &CreatableTopic, node_id: i32) -> Result<i32, Refused> {
    if topic.num_partitions != -1 {
        return Err(invalid_request(
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ));
    }
    if topic.replication_factor != -1 {
        return Err(invalid_request(
            "A manual partition assignment was specified, but replicationFactor was not set to -1.",
        ));
    }
    let wrong = |message: String| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
    let indexes: BTreeSet<i32> = topic
        .assignments
        .iter()
        .map(|assignment| assignment.partition_index)
        .collect();
    let count = i32::try_from(topic.assignments.len()).unwrap_or(i32::MAX);
    if !indexes.iter().copied().eq(0..count) {
        return Err(wrong(
            "partitions should be a consecutive 0-based integer sequence".to_owned(),
        ));
    }
    for assignment in &topic.assignments {
        check_replicas(node_id, &assignment.broker_ids)?;
    }
    partition_count(count, count)
}

/// Refuses a list of replicas that is not this node alone.
pub(super) fn check_replicas(node_id: i32, broker_ids: &[i32]) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    let reason = if broker_ids.is_empty() {
        "an empty replica list.".to_owned()
    } else if let Some(twice) = broker_ids.iter().find(|id| !seen.insert(**id)) {
        format!("the broker {twice} more than once.")
    } else if let Some(other) = broker_ids.iter().find(|id| **id != node_id) {
        format!("broker {other}, but no such broker is registered.")
    } else {
        return Ok(());
    };
    Err((
        ErrorCode::INVALID_REPLICA_ASSIGNMENT,
        format!("The manual partition assignment includes {reason}"),
    ))
}

fn invalid_request(message: impl Into<String>) -> Refused {
    (ErrorCode::INVALID_REQUEST, message.into())
}

fn respond(topic: &CreatableTopic, outcome: Result<(Plan, Uuid), Refused>) -> CreatableTopicResult {
    let name = topic.name.clone();
    match outcome {
        Ok((plan, topic_id)) => CreatableTopicResult {
            name,
            topic_id,
            num_partitions: plan.partitions,
            replication_factor: 1,
            configs: Some(effective(&plan.config)),
            ..Default::default()
        },
        Err((error_code, message)) => CreatableTopicResult {
            name,
            error_code,
            error_message: Some(message),
            configs: Some(Vec::new()),
            ..Default::default()
        },
    }
}

fn effective(config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    config
        .effective()
        .map(|(name, value, source)| CreatableTopicConfigs {
            name: name.to_owned(),
            value: Some(value),
            read_only: false,
            config_source: source as i8,
            is_sensitive: false,
        })
        .collect()
}
