//! Topics and the cluster they are in.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
    DeleteTopicState, DeleteTopicsRequest,
};
use millrace_wire::uuid::Uuid;

use super::{Admin, said};
use crate::cluster::Topic;
use crate::error::ClientError;

/// From this version on -1 stands for the broker's default.
const BROKER_DEFAULTS_FROM: i16 = 4;
/// From this version on topics may be named by id, in a list of another shape.
const DELETE_BY_ID_FROM: i16 = 6;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; none for the broker's default.
    pub partitions: Option<i32>,
    /// How many replicas; none for the broker's default.
    pub replication_factor: Option<i16>,
    /// The nodes of each partition, in place of both numbers; empty lets the brokers choose.
    pub replicas: Vec<Vec<i32>>,
    /// Its configuration, by Kafka's keys.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's defaults.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            replicas: Vec::new(),
            configs: BTreeMap::new(),
        }
    }
}

impl Admin {
    /// Creates a topic.
    ///
    /// # Errors
    ///
    /// As the broker says: `TOPIC_ALREADY_EXISTS` if there is one of the name.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<(), ClientError> {
        self.retried(|| self.create_once(topic, false)).await
    }

    /// Asks whether a topic could be created.
    ///
    /// # Errors
    ///
    /// As [`Admin::create_topic`].
    pub async fn validate_topic(&self, topic: &NewTopic) -> Result<(), ClientError> {
        self.retried(|| self.create_once(topic, true)).await
    }

    async fn create_once(&self, topic: &NewTopic, validate_only: bool) -> Result<(), ClientError> {
        let connection = self.controller().await?;
        let version = connection.version::<CreateTopicsRequest>()?;
        // Brokers before 2.4 have no way to ask for their defaults; one is what a new broker has.
        let default = if version >= BROKER_DEFAULTS_FROM || !topic.replicas.is_empty() {
            -1
        } else {
            1
        };
        let request = CreateTopicsRequest {
            topics: vec![creatable(topic, default)],
            timeout_ms: self.limit_ms(),
            validate_only,
        };
        let answer = connection.call_at(version, &request, self.limit).await?;
        let outcome = answer.topics.into_iter().next();
        outcome.map_or(Ok(()), |outcome| {
            let doing = || format!("cannot create topic {}", topic.name);
            said(doing, outcome.error_code, outcome.error_message)
        })
    }

    /// Deletes a topic.
    ///
    /// # Errors
    ///
    /// As the broker says: `UNKNOWN_TOPIC_OR_PARTITION` if there is none of the name.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        self.retried_if_known(|| self.delete_once(name)).await
    }

    async fn delete_once(&self, name: &str) -> Result<(), ClientError> {
        let connection = self.controller().await?;
        let version = connection.version::<DeleteTopicsRequest>()?;
        let mut request = DeleteTopicsRequest {
            timeout_ms: self.limit_ms(),
            ..DeleteTopicsRequest::default()
        };
        if version >= DELETE_BY_ID_FROM {
            request.topics = vec![DeleteTopicState {
                name: Some(name.to_owned()),
                topic_id: Uuid::ZERO,
            }];
        } else {
            request.topic_names = vec![name.to_owned()];
        }
        let answer = connection.call_at(version, &request, self.limit).await?;
        let outcome = answer.responses.into_iter().next();
        outcome.map_or(Ok(()), |outcome| {
            let doing = || format!("cannot delete topic {name}");
            said(doing, outcome.error_code, outcome.error_message)
        })
    }

    /// All topics, by name.
    ///
    /// # Errors
    ///
    /// Where no broker answers.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, ClientError> {
        let metadata = self.retried(|| self.cluster().refresh_all()).await?;
        let mut topics: Vec<Arc<Topic>> = metadata.topics().cloned().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// A topic, or none if there is none of the name. It is not created.
    ///
    /// # Errors
    ///
    /// Where no broker answers, or the broker refuses to tell.
    pub async fn describe_topic(&self, name: &str) -> Result<Option<Arc<Topic>>, ClientError> {
        let topics = [Arc::from(name)];
        let metadata = self.retried(|| self.cluster().refresh(&topics)).await?;
        match (metadata.topic(name), metadata.topic_error(name)) {
            (Some(topic), _) => Ok(Some(Arc::clone(topic))),
            (None, None | Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)) => Ok(None),
            (None, Some(code)) => Err(ClientError::refused(
                format!("cannot describe topic {name}"),
                code,
                None,
            )),
        }
    }
}

fn creatable(topic: &NewTopic, default: i16) -> CreatableTopic {
    let config = |(name, value): (&String, &String)| CreatableTopicConfig {
        name: name.clone(),
        value: Some(value.clone()),
    };
    let assignment = |(partition_index, nodes): (i32, &Vec<i32>)| CreatableReplicaAssignment {
        partition_index,
        broker_ids: nodes.clone(),
    };
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions.unwrap_or(default.into()),
        replication_factor: topic.replication_factor.unwrap_or(default),
        assignments: (0..).zip(&topic.replicas).map(assignment).collect(),
        configs: topic.configs.iter().map(config).collect(),
    }
}
