//! What the broker was told while it ran, kept in `millrace-broker-configs` of the data directory.
//!
//! The file is a properties file whose keys begin with `cluster.` for what was set for all nodes and with `node.` for
//! what was set for this one. Values that topics inherit take effect at once, the others at the next start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use millrace_config::{Properties, properties};

use crate::config::{BrokerConfig, BrokerLayers, Refused, check_dynamic};
use crate::durable_file;
use crate::topics::Topics;
use millrace_wire::error_code::ErrorCode;

const FILE_NAME: &str = "millrace-broker-configs";
const CLUSTER: &str = "cluster.";
const NODE: &str = "node.";

/// Which of the layers that can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// What counts for all nodes.
    Cluster,
    /// What counts for this node.
    Node,
}

/// The broker's configuration as it stands.
#[derive(Debug)]
pub(crate) struct BrokerConfigs {
    path: PathBuf,
    layers: RwLock<Arc<BrokerLayers>>,
    /// Held while a change is made.
    changing: tokio::sync::Mutex<()>,
}

impl BrokerConfigs {
    /// Reads what earlier runs were told, on top of the file; waits for the disk.
    pub(crate) fn load(data_dir: &Path, file: &BrokerLayers) -> io::Result<BrokerConfigs> {
        let path = data_dir.join(FILE_NAME);
        let mut layers = file.clone();
        if let Some(text) = durable_file::read(&path)? {
            let stored = properties::parse(&text).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}: {error}", path.display()),
                )
            })?;
            for (key, value) in stored {
                if let Some(name) = key.strip_prefix(CLUSTER) {
                    layers.cluster.insert(name.to_owned(), value);
                } else if let Some(name) = key.strip_prefix(NODE) {
                    layers.node.insert(name.to_owned(), value);
                }
            }
        }
        Ok(BrokerConfigs {
            path,
            layers: RwLock::new(Arc::new(layers)),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// The configuration with what earlier runs were told; that of the file alone where the two do not go together.
    pub(crate) fn in_force(&self, file: BrokerConfig) -> BrokerConfig {
        let layers = self.layers();
        if layers.cluster.is_empty() && layers.node.is_empty() {
            return file;
        }
        BrokerConfig::from_layers((*layers).clone()).unwrap_or_else(|errors| {
            log::warn!("what {} sets is left out: {errors}", self.path.display());
            *self.layers.write().unwrap_or_else(PoisonError::into_inner) =
                Arc::new(file.layers.clone());
            file
        })
    }

    /// What the broker was told, by whom.
    pub(crate) fn layers(&self) -> Arc<BrokerLayers> {
        Arc::clone(&self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes a layer: `change` gives its new contents. Nothing is changed where only the check is wanted.
    pub(crate) async fn change(
        &self,
        topics: &Arc<Topics>,
        layer: Layer,
        validate_only: bool,
        change: impl FnOnce(&Properties) -> Result<Properties, Refused>,
    ) -> Result<(), Refused> {
        let _changing = self.changing.lock().await;
        let mut layers = (*self.layers()).clone();
        let side = match layer {
            Layer::Cluster => &mut layers.cluster,
            Layer::Node => &mut layers.node,
        };
        *side = change(side)?;
        let side = side.clone();
        let config = check_dynamic(layers.clone(), &side)?;
        if validate_only {
            return Ok(());
        }
        self.save(&layers).await.map_err(storage_error)?;
        *self.layers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(layers);
        log::info!(
            "the broker is configured with {side:?} ({layer:?}); what is not for topics counts from the next start on"
        );
        topics
            .set_defaults(config.topic_defaults)
            .await
            .map_err(storage_error)
    }

    async fn save(&self, layers: &BrokerLayers) -> io::Result<()> {
        let prefixed = |prefix, side: &Properties| -> Properties {
            side.iter()
                .map(|(key, value)| (format!("{prefix}{key}"), value.clone()))
                .collect()
        };
        let mut stored = prefixed(CLUSTER, &layers.cluster);
        stored.extend(prefixed(NODE, &layers.node));
        let text = properties::write(&stored);
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || durable_file::replace(&path, &text))
            .await
            .map_err(io::Error::other)?
    }
}

fn storage_error(error: impl std::fmt::Display) -> Refused {
    log::error!("cannot keep the broker's configuration: {error}");
    (ErrorCode::KAFKA_STORAGE_ERROR, error.to_string())
}
