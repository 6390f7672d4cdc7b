//! The committed offsets of sinks' consumer groups, by the admin client.
//!
//! The calls run on the data runtime: with the included broker its code runs in the caller's task.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{Properties, TopicPartition};
use millrace_client::ClientError;
use millrace_client::admin::Admin;
use millrace_wire::error_code::ErrorCode;
use tokio::runtime::Handle;

use crate::herder::{GroupOffsets, GroupOffsetsError, Sink};
use crate::task::Clients;

/// How long one call may take, tries included.
const CALL_WITHIN: Duration = Duration::from_secs(60);
/// How long the start waits for the id of the cluster.
const CLUSTER_ID_WITHIN: Duration = Duration::from_secs(2);

/// Reaches groups through the clients of a worker.
#[derive(Debug)]
pub(crate) struct ClientGroups {
    clients: Arc<Clients>,
    data: Handle,
}

impl ClientGroups {
    pub(crate) fn new(clients: Arc<Clients>, data: Handle) -> Self {
        Self { clients, data }
    }

    /// The id of the cluster, if a broker says one in time.
    pub(crate) async fn cluster_id(&self) -> Option<String> {
        let settings = self.clients.admin_settings("", &Properties::new());
        let admin = self
            .clients
            .admin(&settings)
            .ok()?
            .with_limit(CLUSTER_ID_WITHIN);
        let asked = self
            .data
            .spawn(async move { admin.describe_cluster().await });
        match tokio::time::timeout(CLUSTER_ID_WITHIN, asked).await {
            Ok(Ok(Ok(description))) => description.cluster_id.map(|id| id.to_string()),
            Ok(Ok(Err(error))) => {
                log::warn!("the id of the cluster is not known: {error}");
                None
            }
            _ => None,
        }
    }

    /// Calls the admin of a sink's group on the data runtime.
    async fn call<T, F>(
        &self,
        sink: &Sink<'_>,
        call: impl FnOnce(Admin, String) -> F,
    ) -> Result<T, GroupOffsetsError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let settings = self.clients.admin_settings(sink.name, sink.config);
        let admin = self
            .clients
            .admin(&settings)
            .map_err(|error| GroupOffsetsError::Other(error.to_string()))?;
        let work = call(admin.with_limit(CALL_WITHIN), sink.group());
        match self.data.spawn(work).await {
            Ok(outcome) => outcome.map_err(|error| said(&error)),
            Err(error) => Err(GroupOffsetsError::Other(error.to_string())),
        }
    }
}

fn said(error: &ClientError) -> GroupOffsetsError {
    let in_use = [
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::NON_EMPTY_GROUP,
        ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
    ];
    match error.code() {
        Some(code) if in_use.contains(&code) => GroupOffsetsError::InUse(error.to_string()),
        _ => GroupOffsetsError::Other(error.to_string()),
    }
}

#[async_trait]
impl GroupOffsets for ClientGroups {
    async fn list(
        &self,
        sink: &Sink<'_>,
    ) -> Result<BTreeMap<TopicPartition, i64>, GroupOffsetsError> {
        let committed = self
            .call(sink, |admin, group| async move {
                admin.group_offsets(&group).await
            })
            .await?;
        let pair =
            |((topic, partition), committed): (_, millrace_client::admin::CommittedOffset)| {
                (TopicPartition { topic, partition }, committed.offset)
            };
        Ok(committed.into_iter().map(pair).collect())
    }

    async fn alter(
        &self,
        sink: &Sink<'_>,
        changes: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<(), GroupOffsetsError> {
        let place =
            |partition: &TopicPartition| (Arc::clone(&partition.topic), partition.partition);
        let set: BTreeMap<_, _> = changes
            .iter()
            .filter_map(|(key, offset)| Some((place(key), (*offset)?)))
            .collect();
        let deleted: Vec<_> = changes
            .iter()
            .filter(|(_, offset)| offset.is_none())
            .map(|(key, _)| place(key))
            .collect();
        self.call(sink, |admin, group| async move {
            if !set.is_empty() {
                admin.alter_group_offsets(&group, &set).await?;
            }
            if deleted.is_empty() {
                Ok(())
            } else {
                admin.delete_group_offsets(&group, &deleted).await
            }
        })
        .await
    }

    async fn reset(&self, sink: &Sink<'_>) -> Result<(), GroupOffsetsError> {
        self.call(sink, |admin, group| async move {
            match admin.delete_group(&group).await {
                Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => Ok(()),
                outcome => outcome,
            }
        })
        .await
    }
}
