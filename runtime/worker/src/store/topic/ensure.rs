//! The topics of a group: made with the settings that they must have, or found to have them.

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_client::ClientError;
use millrace_client::admin::{Admin, ConfigResource, DescribeConfigs, NewTopic};
use millrace_wire::error_code::ErrorCode;
use tokio::runtime::Handle;

/// How long making a topic is tried while brokers are missing.
const MADE_WITHIN: Duration = Duration::from_secs(60);
/// The pause between two tries.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// The setting that all of them need.
const POLICY: &str = "cleanup.policy";

/// What a topic of the group must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) topic: String,
    /// The key that names it.
    pub(crate) key: &'static str,
    /// What it holds, as in "connector configurations".
    pub(crate) purpose: &'static str,
    /// How many partitions; none for the broker's default.
    pub(crate) partitions: Option<i32>,
    pub(crate) replication: Replication,
    /// Further settings of the topic.
    pub(crate) settings: BTreeMap<String, String>,
}

/// How many replicas a topic is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replication {
    /// What was asked for; none for the broker's default.
    Set(Option<i16>),
    /// This many, or as many as there are nodes.
    AtMost(i16),
}

/// Why a topic is not there, or not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// It could not be made.
    #[error("cannot make topic {topic}, which is to hold {purpose} ({key}): {source}")]
    Create {
        /// The topic.
        topic: String,
        /// The key that names it.
        key: &'static str,
        /// What it is to hold.
        purpose: &'static str,
        /// Why.
        source: ClientError,
    },
    /// Records would be deleted from it.
    #[error(
        "topic {topic} holds {purpose} ({key}) and must have cleanup.policy=compact, not {found}, or what it holds is lost; \
         change it: millrace configs --alter --topic {topic} --add-config cleanup.policy=compact"
    )]
    Policy {
        /// The topic.
        topic: String,
        /// The key that names it.
        key: &'static str,
        /// What it holds.
        purpose: &'static str,
        /// What it has.
        found: String,
    },
    /// Its records would have no order.
    #[error(
        "topic {topic}, named by {key}, has {found} partitions and is required to have a single partition, for its records \
         need an order; delete it if it holds nothing of worth, or name another one"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// The key that names it.
        key: &'static str,
        /// How many it has.
        found: usize,
    },
    /// Making it was cut short.
    #[error("making topic {topic} was interrupted")]
    Interrupted {
        /// The topic.
        topic: String,
    },
}

/// Makes a topic that is not there; checks one that is. Runs on the data runtime.
///
/// # Errors
/// When it cannot be made, or would lose records.
pub(crate) async fn ensure(wanted: Wanted, admin: Admin, data: &Handle) -> Result<(), EnsureError> {
    let topic = wanted.topic.clone();
    let done = data.spawn(async move { ensure_here(&wanted, &admin).await });
    done.await
        .unwrap_or(Err(EnsureError::Interrupted { topic }))
}

async fn ensure_here(wanted: &Wanted, admin: &Admin) -> Result<(), EnsureError> {
    let tries = MADE_WITHIN.as_millis() / TRY_EVERY.as_millis();
    for left in (0..tries).rev() {
        let replication_factor = replication(wanted, admin).await;
        let mut topic = NewTopic {
            partitions: wanted.partitions,
            replication_factor,
            configs: wanted.settings.clone(),
            ..NewTopic::new(&wanted.topic)
        };
        topic
            .configs
            .insert(POLICY.to_owned(), "compact".to_owned());
        match admin.create_topic(&topic).await {
            Ok(()) => {
                log::info!(
                    "made topic {} for {} ({} replicas)",
                    wanted.topic,
                    wanted.purpose,
                    replication_factor
                        .map_or_else(|| "default".to_owned(), |number| number.to_string())
                );
                return Ok(());
            }
            Err(error) => match error.code() {
                Some(ErrorCode::TOPIC_ALREADY_EXISTS) => return check(wanted, admin).await,
                Some(
                    ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
                ) => {
                    log::debug!(
                        "cannot make topic {}, so it is to be there: {error}",
                        wanted.topic
                    );
                    return Ok(());
                }
                _ if matches!(error, ClientError::UnsupportedVersion { .. }) => return Ok(()),
                code => {
                    let may_pass =
                        error.is_retriable() || code == Some(ErrorCode::INVALID_REPLICATION_FACTOR);
                    if !may_pass || left == 0 {
                        return Err(EnsureError::Create {
                            topic: wanted.topic.clone(),
                            key: wanted.key,
                            purpose: wanted.purpose,
                            source: error,
                        });
                    }
                    log::warn!("cannot make topic {} yet: {error}", wanted.topic);
                }
            },
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    Ok(())
}

/// The replicas to ask for: what was set, or no more than there are nodes.
async fn replication(wanted: &Wanted, admin: &Admin) -> Option<i16> {
    let most = match wanted.replication {
        Replication::Set(number) => return number,
        Replication::AtMost(most) => most,
    };
    let nodes = match admin.describe_cluster().await {
        Ok(cluster) => i16::try_from(cluster.nodes.len()).unwrap_or(i16::MAX),
        Err(_) => most,
    };
    if nodes >= most || nodes == 0 {
        return Some(most);
    }
    log::info!(
        "topic {} gets {nodes} in place of {most} replicas, for the cluster has no more nodes",
        wanted.topic
    );
    Some(nodes)
}

/// Whether a topic that is there keeps the last record of each key. One that cannot be described is trusted.
async fn check(wanted: &Wanted, admin: &Admin) -> Result<(), EnsureError> {
    let resource = ConfigResource::Topic(wanted.topic.clone());
    let what = DescribeConfigs {
        keys: Some(vec![POLICY.to_owned()]),
        ..DescribeConfigs::default()
    };
    let found = match admin.describe_configs(&resource, &what).await {
        Ok(found) => found,
        Err(error) => {
            log::info!("cannot see the settings of topic {}: {error}", wanted.topic);
            return Ok(());
        }
    };
    let policy = found.get(POLICY).and_then(|entry| entry.value.as_deref());
    match policy {
        Some(policy) if !is_compact(policy) => Err(EnsureError::Policy {
            topic: wanted.topic.clone(),
            key: wanted.key,
            purpose: wanted.purpose,
            found: policy.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn is_compact(policy: &str) -> bool {
    policy
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .all(|part| part.eq_ignore_ascii_case("compact"))
}

#[cfg(test)]
mod tests {
    use super::is_compact;

    #[test]
    fn only_compaction_keeps_the_last_of_each_key() {
        assert!(is_compact("compact") && is_compact(" Compact "));
        for policy in ["delete", "compact,delete", "delete, compact"] {
            assert!(!is_compact(policy), "{policy}");
        }
    }
}
