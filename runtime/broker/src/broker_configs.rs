//! What the broker was told while it ran, kept in `millrace-broker-configs` of the data directory.
//!
//! The file is a properties file whose keys begin with `cluster.` for what was set for all nodes and with `node.` for
//! what was set for this one. Values that topics inherit take effect at once, the others at the next start.
//!
//! Where the directory is Apache Kafka's and the file not there yet, what Kafka's broker was told counts: a retention
//! that somebody set there must not be forgotten here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use millrace_config::{Properties, properties};
use millrace_storage::KafkaMetadata;

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

impl BrokerLayers {
    fn side(&mut self, layer: Layer) -> &mut Properties {
        match layer {
            Layer::Cluster => &mut self.cluster,
            Layer::Node => &mut self.node,
        }
    }
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
    pub(crate) fn load(
        data_dir: &Path,
        node_id: i32,
        file: &BrokerLayers,
    ) -> io::Result<BrokerConfigs> {
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
        } else {
            layers = adopted(data_dir, node_id, layers)?;
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
        let side = layers.side(layer);
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

/// The layers with what Apache Kafka's broker was told, less what this broker does not take.
fn adopted(data_dir: &Path, node_id: i32, mut layers: BrokerLayers) -> io::Result<BrokerLayers> {
    let kafka = KafkaMetadata::read(data_dir).map_err(io::Error::other)?;
    for (layer, name) in [
        (Layer::Cluster, String::new()),
        (Layer::Node, node_id.to_string()),
    ] {
        for (key, value) in kafka.broker_configs.get(&name).into_iter().flatten() {
            let mut with_key = layers.clone();
            let side = with_key.side(layer);
            side.insert(key.clone(), value.clone());
            let side = side.clone();
            match check_dynamic(with_key.clone(), &side) {
                Ok(_) => layers = with_key,
                Err((_, why)) => {
                    log::warn!("what Apache Kafka's broker was told of {key} is left out: {why}")
                }
            }
        }
    }
    if !layers.cluster.is_empty() || !layers.node.is_empty() {
        let (cluster, node) = (names(&layers.cluster), names(&layers.node));
        log::info!(
            "what Apache Kafka's broker was told while it ran counts: [{cluster}] for all nodes, [{node}] for this one"
        );
    }
    Ok(layers)
}

fn names(side: &Properties) -> String {
    let names: Vec<&str> = side.keys().map(String::as_str).collect();
    names.join(", ")
}

fn storage_error(error: impl std::fmt::Display) -> Refused {
    log::error!("cannot keep the broker's configuration: {error}");
    (ErrorCode::KAFKA_STORAGE_ERROR, error.to_string())
}

#[cfg(test)]
mod tests {
    use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
    use millrace_wire::compression::Compression;
    use millrace_wire::pool::Pool;

    use super::*;

    /// A metadata log of Apache Kafka's whose broker was told these: node, key, value.
    fn write_metadata(data_dir: &Path, told: &[(&str, &str, &str)]) {
        let string = |text: &str| [&[text.len() as u8 + 1], text.as_bytes()].concat();
        let mut builder = BatchBuilder::new(Pool::global(), 1 << 16);
        for (node, key, value) in told {
            let record = [
                vec![1, 4, 0, 4],
                string(node),
                string(key),
                string(value),
                vec![0],
            ];
            builder.append(0, None, Some(&record.concat()), Headers::NONE);
        }
        let closed = builder.close(ProducerIdentity::NONE, Compression::None, None);
        let dir = data_dir.join("__cluster_metadata-0");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(
            dir.join("00000000000000000000.log"),
            closed.unwrap().bytes(),
        )
        .unwrap();
    }

    #[test]
    fn what_a_broker_of_apache_kafka_was_told_counts_until_something_is_set_here() {
        let temp = tempfile::tempdir().unwrap();
        let told = [
            ("", "log.retention.ms", "-1"),
            ("", "log.dirs", "/elsewhere"),
            ("3", "message.max.bytes", "70000"),
            ("4", "log.segment.bytes", "2000000"),
        ];
        write_metadata(temp.path(), &told);
        let file = BrokerLayers::default();
        let configs = BrokerConfigs::load(temp.path(), 3, &file).unwrap();
        let only = |key: &str, value: &str| Properties::from([(key.to_owned(), value.to_owned())]);
        let layers = configs.layers();
        assert_eq!(layers.cluster, only("log.retention.ms", "-1"));
        assert_eq!(layers.node, only("message.max.bytes", "70000"));

        std::fs::write(temp.path().join(FILE_NAME), "node.log.retention.ms=5").unwrap();
        let configs = BrokerConfigs::load(temp.path(), 3, &file).unwrap();
        let layers = configs.layers();
        assert!(layers.cluster.is_empty());
        assert_eq!(layers.node, only("log.retention.ms", "5"));
    }
}
