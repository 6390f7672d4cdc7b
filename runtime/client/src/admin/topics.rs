//! Topics and the cluster they are in.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, DeleteTopicState,
    DeleteTopicsRequest,
};
use millrace_wire::uuid::Uuid;

use super::Admin;
use crate::cluster::{Node, Topic};
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
            configs: BTreeMap::new(),
        }
    }
}

/// The cluster as its brokers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id, where the brokers give one.
    pub cluster_id: Option<Arc<str>>,
    /// The node that takes administrative requests.
    pub controller: Option<i32>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

impl Admin {
    /// Creates a topic.
    ///
    /// # Errors
    ///
    /// As the broker says: `TOPIC_ALREADY_EXISTS` if there is one of the name.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<(), ClientError> {
        self.retried(|| self.create_once(topic)).await
    }

    async fn create_once(&self, topic: &NewTopic) -> Result<(), ClientError> {
        let connection = self.controller().await?;
        let version = connection.version::<CreateTopicsRequest>()?;
        // Brokers before 2.4 have no way to ask for their defaults; one is what a new broker has.
        let (partitions, replicas) = if version >= BROKER_DEFAULTS_FROM {
            (-1, -1)
        } else {
            (1, 1)
        };
        let config = |(name, value): (&String, &String)| CreatableTopicConfig {
            name: name.clone(),
            value: Some(value.clone()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.clone(),
                num_partitions: topic.partitions.unwrap_or(partitions),
                replication_factor: topic.replication_factor.unwrap_or(replicas),
                assignments: Vec::new(),
                configs: topic.configs.iter().map(config).collect(),
            }],
            timeout_ms: self.limit_ms(),
            validate_only: false,
        };
        let answer = connection.call_at(version, &request, self.limit).await?;
        let outcome = answer.topics.into_iter().next();
        let (code, detail) = outcome.map_or((ErrorCode::NONE, None), |topic| {
            (topic.error_code, topic.error_message)
        });
        code.ok().map_err(|code| {
            ClientError::refused(format!("cannot create topic {}", topic.name), code, detail)
        })
    }

    /// Deletes a topic.
    ///
    /// # Errors
    ///
    /// As the broker says: `UNKNOWN_TOPIC_OR_PARTITION` if there is none of the name.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        // An unknown topic stays unknown: the code is retriable only to clients that wait for one.
        let outcome = self.retried(|| async {
            match self.delete_once(name).await {
                Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                    Ok(Err(error))
                }
                outcome => outcome.map(Ok),
            }
        });
        outcome.await?
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
        let (code, detail) = outcome.map_or((ErrorCode::NONE, None), |topic| {
            (topic.error_code, topic.error_message)
        });
        code.ok().map_err(|code| {
            ClientError::refused(format!("cannot delete topic {name}"), code, detail)
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

    /// The cluster's id, controller and nodes.
    ///
    /// # Errors
    ///
    /// Where no broker answers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        let metadata = self.retried(|| self.cluster().refresh(&[])).await?;
        Ok(ClusterDescription {
            cluster_id: metadata.cluster_id.clone(),
            controller: metadata.controller,
            nodes: metadata.nodes.values().cloned().collect(),
        })
    }
}
