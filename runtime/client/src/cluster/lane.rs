//! Connections to the nodes of a cluster, opened when they are needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator};
use tokio::sync::Mutex;

use crate::backoff::Backoff;
use crate::cluster::{Cluster, Node};
use crate::config::millis;
use crate::connection::Connection;
use crate::error::ClientError;

/// From this version on a request may name several keys.
const MANY_KEYS_FROM: i16 = 4;

/// One connection a node, for one purpose.
///
/// A broker works on one request of a connection at a time, so whoever sends long polls (a
/// consumer's fetches, a member's joins) takes a lane of its own. Dropping the lane closes its
/// connections once their last request is done.
#[derive(Debug)]
pub struct Lane {
    cluster: Cluster,
    slots: StdMutex<HashMap<i32, Arc<Mutex<Slot>>>>,
}

#[derive(Debug)]
struct Slot {
    connection: Option<Arc<Connection>>,
    backoff: Backoff,
    /// No attempt before this time, on the monotonic clock.
    not_before: Duration,
}

impl Slot {
    /// The connection, if it is open at this moment.
    fn open(&self) -> Option<&Arc<Connection>> {
        let known = self.connection.as_ref();
        known.filter(|connection| !connection.is_closed())
    }
}

impl Lane {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            slots: StdMutex::default(),
        }
    }

    /// The cluster it belongs to.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The connection to a node: the open one, or a new one. After failures in a row the attempt
    /// waits first.
    ///
    /// # Errors
    ///
    /// Where the node is unknown or does not answer.
    pub async fn connection(&self, node_id: i32) -> Result<Arc<Connection>, ClientError> {
        let slot = self.slot(node_id);
        let mut slot = slot.lock().await;
        if let Some(open) = slot.open() {
            return Ok(Arc::clone(open));
        }
        // Opening takes a future many times as large as whatever the connection is wanted for.
        Box::pin(self.open(node_id, &mut slot)).await
    }

    async fn open(&self, node_id: i32, slot: &mut Slot) -> Result<Arc<Connection>, ClientError> {
        let gone = slot.connection.take();
        if gone.is_some_and(|connection| !connection.has_expired()) {
            // A connection that was open counts as a success, its loss as the first failure.
            slot.backoff.succeed();
            slot.not_before = self.now() + slot.backoff.fail();
        }
        let wait = slot.not_before.saturating_sub(self.now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        // The address is looked up late: while it waited the node may have moved.
        let node = self.cluster.metadata().nodes.get(&node_id).cloned();
        let node = node.ok_or(ClientError::UnknownNode(node_id))?;
        match self.cluster.open(&node.host, node.port).await {
            Ok(connection) => {
                slot.backoff.succeed();
                slot.connection = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                slot.not_before = self.now() + slot.backoff.fail();
                Err(error)
            }
        }
    }

    /// The connection to a node if it is open at this moment.
    #[must_use]
    pub fn open_connection(&self, node_id: i32) -> Option<Arc<Connection>> {
        let slot = Arc::clone(self.lock().get(&node_id)?);
        let slot = slot.try_lock().ok()?;
        slot.open().cloned()
    }

    /// A connection to any node that can be reached.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub async fn any(&self) -> Result<Arc<Connection>, ClientError> {
        let nodes: Vec<i32> = self.cluster.metadata().nodes.keys().copied().collect();
        if let Some(open) = nodes.iter().find_map(|&node| self.open_connection(node)) {
            return Ok(open);
        }
        for node in nodes {
            if let Ok(connection) = self.connection(node).await {
                return Ok(connection);
            }
        }
        Box::pin(self.cluster.refresh(&[])).await?;
        let metadata = self.cluster.metadata();
        let node = metadata.nodes.keys().next().copied().unwrap_or(-1);
        self.connection(node).await
    }

    /// Asks which node looks after a group.
    ///
    /// # Errors
    ///
    /// Where no broker can be reached, or none looks after the group at the moment.
    pub async fn coordinator_of(&self, group: &str) -> Result<Node, ClientError> {
        let connection = self.any().await?;
        let version = connection.version::<FindCoordinatorRequest>()?;
        let request = FindCoordinatorRequest {
            key: group.to_owned(),
            key_type: find_coordinator::GROUP_KEY_TYPE,
            coordinator_keys: if version >= MANY_KEYS_FROM {
                vec![group.to_owned()]
            } else {
                Vec::new()
            },
        };
        let wait = self.cluster.config().request_timeout();
        let answer = connection.call_at(version, &request, wait).await?;
        let node = coordinator(answer, version).map_err(|code| ClientError::Coordinator {
            group: group.to_owned(),
            code,
        })?;
        self.cluster.add_node(node.clone());
        Ok(node)
    }

    /// Closes the connection to a node; requests under way fail, and whoever comes next opens another one at once.
    #[cfg(feature = "consumer")]
    pub(crate) async fn disconnect(&self, node_id: i32) {
        let slot = self.slot(node_id);
        let connection = slot.lock().await.connection.take();
        if let Some(connection) = connection {
            connection.close();
        }
    }

    /// Closes the connections; requests under way fail.
    pub fn close(&self) {
        let slots: Vec<_> = self.lock().drain().map(|(_, slot)| slot).collect();
        for slot in slots {
            if let Some(connection) = slot
                .try_lock()
                .ok()
                .and_then(|mut slot| slot.connection.take())
            {
                connection.close();
            }
        }
    }

    fn slot(&self, node_id: i32) -> Arc<Mutex<Slot>> {
        let config = self.cluster.config();
        let (initial, max) = (
            millis(config.reconnect_backoff_ms),
            millis(config.reconnect_backoff_max_ms),
        );
        let fresh = || Slot {
            connection: None,
            backoff: Backoff::new(initial, max),
            not_before: Duration::ZERO,
        };
        Arc::clone(
            self.lock()
                .entry(node_id)
                .or_insert_with(|| Arc::new(Mutex::new(fresh()))),
        )
    }

    fn now(&self) -> Duration {
        self.cluster.clock().monotonic()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Arc<Mutex<Slot>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn coordinator(answer: FindCoordinatorResponse, version: i16) -> Result<Node, ErrorCode> {
    let (code, id, host, port) = if version >= MANY_KEYS_FROM {
        let first = answer
            .coordinators
            .into_iter()
            .next()
            .ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        (first.error_code, first.node_id, first.host, first.port)
    } else {
        (answer.error_code, answer.node_id, answer.host, answer.port)
    };
    code.ok()?;
    let port = u16::try_from(port).map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
    Ok(Node {
        id,
        host: host.into(),
        port,
        rack: None,
    })
}
