//! Topics that a source task creates before it first sends to them (KIP-158; contract connect-internals, section 3.4).

mod groups;

use std::sync::Arc;
use std::time::Duration;

use millrace_api::{ConnectError, Properties, TaskId};
use millrace_client::ClientError;
use millrace_client::admin::{Admin, NewTopic};
use millrace_wire::error_code::ErrorCode;

use super::Clients;
pub(crate) use groups::{PREFIX, TopicGroups, refusal};

/// The worker's key that lets source tasks create topics.
const ENABLE: &str = "topic.creation.enable";
/// Pause after a failure that may pass.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Creates the topics of a source task.
#[derive(Debug)]
pub(crate) struct TopicCreation {
    task: TaskId,
    admin: Admin,
    groups: TopicGroups,
}

impl TopicCreation {
    /// What a connector's configuration asks for; none if it leaves topics to the brokers, or the worker says so.
    ///
    /// # Errors
    /// When settings of topics or of the admin client cannot be used.
    pub(crate) fn new(
        clients: &Clients,
        task: &TaskId,
        connector: &Properties,
    ) -> Result<Option<Self>, ConnectError> {
        if !connector.keys().any(|key| key.starts_with(PREFIX)) {
            return Ok(None);
        }
        let enabled = clients.worker.get(ENABLE).map_or("", |text| text.trim());
        if enabled.eq_ignore_ascii_case("false") {
            log::warn!(
                "task {task}: topic.creation.* has no effect, for the worker has {ENABLE}=false; the brokers create topics if they do so by themselves"
            );
            return Ok(None);
        }
        Ok(Some(Self {
            task: task.clone(),
            admin: clients.admin(&clients.source_admin_settings(task, connector))?,
            groups: TopicGroups::parse(connector)?,
        }))
    }

    /// Sees to it that a topic is there. Where the task may not create topics, it is left to the brokers.
    ///
    /// # Errors
    /// When the topic is not there and cannot be created.
    pub(crate) async fn ensure(&self, topic: &Arc<str>) -> Result<(), ConnectError> {
        if self.exists(topic).await? {
            log::info!("task {}: topic '{topic}' is there already", self.task);
            return Ok(());
        }
        let (group, new) = self.groups.topic(topic);
        match self.admin.create_topic(&new).await {
            Ok(()) => {
                log::info!(
                    "task {} has created topic '{topic}' with {} of group {group}",
                    self.task,
                    described(&new)
                );
                Ok(())
            }
            Err(error) => match error.code() {
                Some(ErrorCode::TOPIC_ALREADY_EXISTS) => Ok(()),
                _ if is_left_to_brokers(&error) => {
                    log::warn!(
                        "task {} may not create topic '{topic}' ({error}); it is taken to be there, or to be created by the broker",
                        self.task
                    );
                    Ok(())
                }
                _ => Err(self.failed(&new, group, error)),
            },
        }
    }

    /// Whether a topic is there; asks until someone knows.
    async fn exists(&self, topic: &str) -> Result<bool, ConnectError> {
        loop {
            match self.admin.describe_topic(topic).await {
                Ok(found) => return Ok(found.is_some()),
                // A topic that the task may not look at may be there.
                Err(error) if is_left_to_brokers(&error) => return Ok(true),
                Err(error) if error.is_retriable() => {
                    log::warn!(
                        "task {} cannot find out whether topic '{topic}' is there and will ask again: {error}",
                        self.task
                    );
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => {
                    let text = format!(
                        "task {} cannot find out whether topic '{topic}' is there: {error}",
                        self.task
                    );
                    return Err(ConnectError::connect(text).caused_by(error));
                }
            }
        }
    }

    fn failed(&self, topic: &NewTopic, group: &str, error: ClientError) -> ConnectError {
        let text = format!(
            "Task {} failed to create new topic '{}' with {} of group {group}: {error}. Change the topic.creation.{group}.* settings, or create the topic, and restart the task",
            self.task,
            topic.name,
            described(topic)
        );
        ConnectError::connect(text).caused_by(error)
    }
}

/// Whether the task has no right or no means to look after topics, so that the brokers do.
fn is_left_to_brokers(error: &ClientError) -> bool {
    matches!(error, ClientError::UnsupportedVersion { .. })
        || matches!(
            error.code(),
            Some(
                ErrorCode::CLUSTER_AUTHORIZATION_FAILED
                    | ErrorCode::TOPIC_AUTHORIZATION_FAILED
                    | ErrorCode::UNSUPPORTED_VERSION
            )
        )
}

/// The settings of a topic, as messages show them.
fn described(topic: &NewTopic) -> String {
    let number = |number: Option<i64>| {
        number.map_or_else(
            || "the broker's default".to_owned(),
            |number| number.to_string(),
        )
    };
    let mut text = format!(
        "partitions={}, replication.factor={}",
        number(topic.partitions.map(i64::from)),
        number(topic.replication_factor.map(i64::from))
    );
    for (key, value) in &topic.configs {
        text.push_str(&format!(", {key}={value}"));
    }
    text
}
