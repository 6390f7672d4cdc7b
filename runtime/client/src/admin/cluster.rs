//! The cluster: its id, its controller and its nodes.

use std::sync::Arc;

use millrace_wire::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::Admin;
use crate::cluster::Node;
use crate::connection::Connection;
use crate::error::ClientError;

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
    /// The cluster's id, controller and nodes.
    ///
    /// # Errors
    ///
    /// Where no broker answers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        self.retried(|| self.describe_cluster_once()).await
    }

    async fn describe_cluster_once(&self) -> Result<ClusterDescription, ClientError> {
        let connection = self.lane.any().await?;
        if connection.version::<DescribeClusterRequest>().is_ok() {
            return ask(&connection).await;
        }
        let metadata = self.cluster().refresh(&[]).await?;
        Ok(ClusterDescription {
            cluster_id: metadata.cluster_id.clone(),
            controller: metadata.controller,
            nodes: metadata.nodes.values().cloned().collect(),
        })
    }
}

async fn ask(connection: &Connection) -> Result<ClusterDescription, ClientError> {
    let answer = connection.call(&DescribeClusterRequest::default()).await?;
    let doing = || "cannot describe the cluster".to_owned();
    super::said(doing, answer.error_code, answer.error_message.clone())?;
    Ok(description(answer))
}

fn description(answer: DescribeClusterResponse) -> ClusterDescription {
    let node = |broker: millrace_wire::messages::DescribeClusterBroker| {
        Some(Node {
            id: broker.broker_id,
            host: broker.host.into(),
            port: u16::try_from(broker.port).ok()?,
            rack: broker.rack,
        })
    };
    ClusterDescription {
        cluster_id: (!answer.cluster_id.is_empty()).then(|| answer.cluster_id.into()),
        controller: (answer.controller_id >= 0).then_some(answer.controller_id),
        nodes: answer.brokers.into_iter().filter_map(node).collect(),
    }
}
