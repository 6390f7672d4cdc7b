//! Offsets of connectors: listing them in any state, changing them while the connector is stopped
//! (contract connect-internals, section 5).

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_api::{ConnectError, OffsetMap, Properties, TopicPartition};
use serde_json::{Value, json};

use super::error::HerderError;
use super::instance::OffsetChanges;
use super::running::{Connector, Live, flatten};
use super::tasks::{GroupOffsets, GroupOffsetsError, Sink};
use super::views::PartitionOffset;
use crate::causes::chain;
use crate::store::OffsetStore;
use crate::task::TargetState;

const TOPIC: &str = "kafka_topic";
const PARTITION: &str = "kafka_partition";
const OFFSET: &str = "kafka_offset";

/// Where offsets are: of sources, and of the groups of sinks.
#[derive(Debug)]
pub(super) struct OffsetAccess {
    pub(super) offsets: Arc<dyn OffsetStore>,
    pub(super) groups: Arc<dyn GroupOffsets>,
}

impl OffsetAccess {
    /// All offsets of a connector.
    pub(super) async fn list(
        &self,
        connector: &Connector,
    ) -> Result<Vec<PartitionOffset>, HerderError> {
        let name = &connector.name;
        if connector.kind() != "sink" {
            let listed = self
                .offsets
                .list(name)
                .await
                .map_err(|error| HerderError::internal(chain(&error)))?;
            let shown = |(partition, offset)| PartitionOffset {
                partition: Some(partition),
                offset: Some(offset),
            };
            return Ok(listed.into_iter().map(shown).collect());
        }
        let config = resolved(connector).await?;
        let committed = self
            .groups
            .list(&Sink {
                name,
                config: &config,
            })
            .await
            .map_err(|error| {
                HerderError::internal(format!(
                    "Failed to retrieve consumer group offsets for sink connector {name}: {error}"
                ))
            })?;
        Ok(committed
            .into_iter()
            .map(|(partition, offset)| shown(&partition, offset))
            .collect())
    }

    /// Changes offsets, or forgets all of them.
    pub(super) async fn change(
        &self,
        connector: &Connector,
        changes: Option<Vec<PartitionOffset>>,
    ) -> Result<String, HerderError> {
        let name = &connector.name;
        let live = connector.lock().await?;
        let is_stopped = connector
            .wanted(|wanted| wanted.target == TargetState::Stopped && wanted.tasks.is_empty());
        if !is_stopped {
            return Err(HerderError::bad_request(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. \
                 This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            )));
        }
        let verb = if changes.is_some() {
            "altered"
        } else {
            "reset"
        };
        let is_external = match connector.kind() {
            "sink" => self.change_sink(connector, &live, changes).await?,
            _ => self.change_source(connector, &live, changes).await?,
        };
        Ok(done(verb, is_external))
    }

    async fn change_source(
        &self,
        connector: &Connector,
        live: &Live,
        changes: Option<Vec<PartitionOffset>>,
    ) -> Result<bool, HerderError> {
        let changes: Vec<(Option<OffsetMap>, Option<OffsetMap>)> = match changes {
            Some(changes) => changes
                .into_iter()
                .map(|change| (change.partition, change.offset))
                .collect(),
            None => {
                let known = self.offsets.list(&connector.name).await;
                let known = known.map_err(|error| HerderError::internal(chain(&error)))?;
                known
                    .into_iter()
                    .map(|(partition, _)| (Some(partition), None))
                    .collect()
            }
        };
        for (partition, offset) in &changes {
            partition
                .iter()
                .chain(offset)
                .try_for_each(only_primitives)?;
        }
        let is_external = ask(connector, live, OffsetChanges::Source(changes.clone())).await?;
        let changes: Option<Vec<_>> = changes
            .into_iter()
            .map(|(partition, offset)| Some((partition?, offset)))
            .collect();
        let changes =
            changes.ok_or_else(|| HerderError::internal("a source partition may not be null"))?;
        let stored = self.offsets.put(&connector.name, changes).await;
        stored.map_err(|error| HerderError::internal(chain(&error)))?;
        Ok(is_external)
    }

    async fn change_sink(
        &self,
        connector: &Connector,
        live: &Live,
        changes: Option<Vec<PartitionOffset>>,
    ) -> Result<bool, HerderError> {
        let config = resolved(connector).await?;
        let sink = Sink {
            name: &connector.name,
            config: &config,
        };
        let failed = |error: GroupOffsetsError| sink_failure(&connector.name, &error);
        let is_reset = changes.is_none();
        let changes: BTreeMap<TopicPartition, Option<i64>> = match changes {
            Some(changes) => changes
                .into_iter()
                .map(|change| sink_change(&change))
                .collect::<Result<_, _>>()?,
            None => self
                .groups
                .list(&sink)
                .await
                .map_err(failed)?
                .into_keys()
                .map(|key| (key, None))
                .collect(),
        };
        if changes.values().flatten().any(|offset| *offset < 0) {
            return Err(HerderError::internal(format!(
                "Failed to modify offsets for sink connector {}",
                connector.name
            )));
        }
        let is_external = ask(connector, live, OffsetChanges::Sink(changes.clone())).await?;
        let outcome = if is_reset {
            self.groups.reset(&sink).await
        } else {
            self.groups.alter(&sink, &changes).await
        };
        outcome.map_err(failed)?;
        Ok(is_external)
    }
}

/// The configuration with values in the place of references.
async fn resolved(connector: &Connector) -> Result<Properties, HerderError> {
    let resolved = connector.resolved().await;
    let resolved = resolved.map_err(|error| HerderError::internal(error.to_string()))?;
    Ok(resolved.properties)
}

/// Asks the connector's code whether it accepts the changes and takes care of some of them itself.
async fn ask(
    connector: &Connector,
    live: &Live,
    changes: OffsetChanges,
) -> Result<bool, HerderError> {
    let Some(host) = &live.host else {
        return Ok(false);
    };
    let config = resolved(connector).await?;
    let limit = connector.shared.config.connector_call_timeout();
    let call = host.call("check the offsets", limit, move |instance| {
        Box::pin(async move { instance.alter_offsets(&config, &changes).await })
    });
    flatten(call.await).map_err(|error: ConnectError| HerderError::internal(chain(&error)))
}

/// Source partitions and offsets hold nothing that is made of parts.
fn only_primitives(map: &OffsetMap) -> Result<(), HerderError> {
    let compound = map.iter().find_map(|(field, value)| match value {
        Value::Array(_) => Some((field, "ARRAY")),
        Value::Object(_) => Some((field, "MAP")),
        _ => None,
    });
    match compound {
        None => Ok(()),
        Some((field, kind)) => Err(HerderError::internal(format!(
            "Offsets may only contain primitive types as values, but field {field} contains {kind}"
        ))),
    }
}

fn done(verb: &str, is_external: bool) -> String {
    if is_external {
        return format!("The offsets for this connector have been {verb} successfully");
    }
    format!(
        "The Connect framework-managed offsets for this connector have been {verb} successfully. \
         However, if this connector manages offsets externally, they will need to be manually {verb} in the system that the connector uses."
    )
}

fn sink_failure(name: &str, error: &GroupOffsetsError) -> HerderError {
    HerderError::internal(match error {
        GroupOffsetsError::InUse(why) => format!(
            "Failed to modify offsets for sink connector {name}: its consumer group still has members ({why}). \
             This may be due to zombie sink tasks; the request can be safely retried"
        ),
        GroupOffsetsError::Other(why) => {
            format!("Failed to modify offsets for sink connector {name}: {why}")
        }
    })
}

fn shown(partition: &TopicPartition, offset: i64) -> PartitionOffset {
    let map = |value: Value| value.as_object().cloned();
    PartitionOffset {
        partition: map(json!({TOPIC: &*partition.topic, PARTITION: partition.partition})),
        offset: map(json!({OFFSET: offset})),
    }
}

fn sink_change(change: &PartitionOffset) -> Result<(TopicPartition, Option<i64>), HerderError> {
    let bad = |text: String| HerderError::bad_request(text);
    let shape = "a sink's partition must be of the form {\"kafka_topic\":\"<topic>\",\"kafka_partition\":<partition>}";
    let partition = change
        .partition
        .as_ref()
        .ok_or_else(|| bad(format!("The partition may not be null: {shape}")))?;
    let topic = partition.get(TOPIC).and_then(Value::as_str);
    let topic = topic.ok_or_else(|| bad(format!("The partition has no {TOPIC}: {shape}")))?;
    let number = partition
        .get(PARTITION)
        .and_then(integer)
        .and_then(|number| i32::try_from(number).ok());
    let number = number.filter(|number| *number >= 0);
    let number = number.ok_or_else(|| {
        bad(format!(
            "The partition has no {PARTITION} that is a number: {shape}"
        ))
    })?;
    let offset = match &change.offset {
        None => None,
        Some(offset) => Some(offset.get(OFFSET).and_then(integer).ok_or_else(|| {
            bad(format!(
                "The offset of a sink must be of the form {{\"{OFFSET}\":<offset>}} with a number"
            ))
        })?),
    };
    Ok((
        TopicPartition {
            topic: Arc::from(topic),
            partition: number,
        },
        offset,
    ))
}

/// A number, or a text that is one.
fn integer(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}
