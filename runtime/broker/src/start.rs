//! Starting a broker: open the data directory, load the topics, bind, accept.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use millrace_storage::{DataDir, DataDirConfig};
use millrace_wire::clock::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker_configs::BrokerConfigs;
use crate::config::BrokerConfig;
use crate::coordinator::GroupCoordinator;
use crate::core::Core;
use crate::fetch_session::FetchSessions;
use crate::listener::{self, BoundListener, ConnectionLimits};
use crate::metrics::BrokerMetrics;
use crate::producer_ids::ProducerIds;
use crate::topics::Topics;
use crate::{Broker, Listening, Running};

/// Why a broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("cannot open the data directory {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A listener cannot be bound.
    #[error("cannot listen on {address} (listener {name}): {source}")]
    Bind {
        /// The listener's name.
        name: String,
        /// Its host and port.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl Broker {
    /// Starts a broker: on return it listens, and its logs are recovered.
    ///
    /// # Errors
    /// A data directory that is in use, damaged beyond recovery or not writable, or an address that cannot be bound.
    pub async fn start(config: BrokerConfig, clock: Arc<dyn Clock>) -> Result<Broker, StartError> {
        // Ports first: a port in use is told at once, and no second broker touches the data.
        let mut bound = Vec::new();
        for listener in &config.listeners {
            bound.push(
                listener::bind(listener, config.listen_backlog)
                    .await
                    .map_err(|source| StartError::Bind {
                        name: listener.name.clone(),
                        address: format!("{}:{}", listener.bind.host, listener.bind.port),
                        source,
                    })?,
            );
        }
        let path = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || open(config, clock)).await;
        let (core, data_dir) = opened
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(|source| StartError::DataDir { path, source })?;
        Ok(run(core, data_dir, bound))
    }
}

type Opened = (Core, Arc<DataDir>);

/// Opens and recovers the data directory; waits for the disk.
fn open(
    config: BrokerConfig,
    clock: Arc<dyn Clock>,
) -> Result<Opened, Box<dyn std::error::Error + Send + Sync>> {
    let broker_configs = BrokerConfigs::load(&config.data_dir, config.node_id, &config.layers)?;
    let config = broker_configs.in_force(config);
    let settings = DataDirConfig {
        durability: config.durability,
        node_id: config.node_id,
        recovery_threads: config.recovery_threads,
        retention_check_interval: config.retention_check_interval,
        producer_id_expiration_ms: config.producer_id_expiration_ms,
        cleaner: config.cleaner.clone(),
        ..DataDirConfig::default()
    };
    let (data_dir, _recovery) = DataDir::open(&config.data_dir, settings, Arc::clone(&clock))?;
    let data_dir = Arc::new(data_dir);
    let topics = Topics::load(Arc::clone(&data_dir), &config.topic_defaults)?;
    let logs = data_dir.logs();
    let largest_producer_id = logs
        .iter()
        .filter_map(|log| log.largest_producer_id())
        .max();
    let core = Core {
        cluster_id: data_dir.meta().cluster_id.clone(),
        topics: Arc::new(topics),
        fetch_sessions: FetchSessions::new(config.fetch_session_slots),
        producer_ids: Arc::new(ProducerIds::load(&config.data_dir, largest_producer_id)?),
        groups: Arc::new(GroupCoordinator::new(
            config.groups.clone(),
            Arc::clone(&clock),
        )),
        metrics: Arc::new(BrokerMetrics::new(clock.monotonic())),
        stopping: CancellationToken::new(),
        clock,
        broker_configs,
        config,
    };
    Ok((core, data_dir))
}

fn run(core: Core, data_dir: Arc<DataDir>, bound: Vec<BoundListener>) -> Broker {
    let limits = ConnectionLimits::new(
        core.config.connections_max,
        core.config.connections_per_address_max,
    );
    let limits = Arc::new(limits);
    let listeners = bound
        .iter()
        .map(|bound| Listening {
            name: bound.name.clone(),
            local: bound.local,
            advertised: bound.advertised.clone(),
        })
        .collect();
    let running = Running {
        data_dir,
        tasks: TaskTracker::new(),
        listeners,
    };
    let broker = Broker {
        core: Arc::new(core),
        running: Arc::new(running),
    };
    broker.spawn(coordinate_groups(Arc::clone(&broker.core)));
    for bound in bound {
        broker.spawn(listener::accept(broker.clone(), bound, Arc::clone(&limits)));
    }
    broker
}

/// Makes the topic of groups and offsets, or reads back what an earlier run kept there, ahead of the first member: fifty
/// partitions take longer to make than a consumer should wait. Then keeps the groups' time.
async fn coordinate_groups(core: Arc<Core>) {
    // A failure is logged there, and the next request tries again.
    GroupCoordinator::open(Arc::clone(&core)).await.ok();
    core.groups.run(&core.stopping).await;
}
