//! The Kafka clients of connectors: which settings they get (contract connect-internals, section 3.5).

use std::fmt;
use std::sync::Arc;

use millrace_api::{ConnectError, Properties, TaskId};
use millrace_client::admin::Admin;
use millrace_client::consumer::{Consumer, ConsumerConfig};
use millrace_client::producer::{Producer, ProducerConfig};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::Config;
use millrace_wire::clock::Clock;
use millrace_wire::link::{Dial, TcpDial, TcpOptions};

use crate::config::inherited_security;
use crate::dead_letters::{DeadLetterError, DeadLetterQueues};
use crate::validation::own_keys::{MEMORY_MAX, number};

/// `batch.size` of sources on the included broker.
const IN_MEMORY_BATCH_BYTES: usize = 512 << 10;
/// `batch.size` of sources on a cluster: what `max.request.size` and `message.max.bytes` take by default, headers and
/// all.
const REMOTE_BATCH_BYTES: usize = 1_000_000;

/// `fetch.max.bytes` of sinks, as Kafka has it, and the least that a bound of the connector's memory makes of it: below
/// that answers cost more than what is in them.
const ANSWER_BYTES: u64 = 50 << 20;
const ANSWER_BYTES_MIN: u64 = 64 << 10;
/// `max.partition.fetch.bytes` of sinks, at most.
const PARTITION_BYTES: u64 = 4 << 20;

/// Makes clients for connectors: how to reach the cluster, and the worker's settings for them.
pub struct Clients {
    /// Opens connections.
    pub dial: Arc<dyn Dial>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The worker's configuration, with its `producer.*`, `consumer.*` and `admin.*` keys.
    pub worker: Properties,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("dial", &self.dial)
            .finish_non_exhaustive()
    }
}

/// Merges settings for one kind of client, later ones winning: `defaults`, the worker's `<kind>.*`, the connector's
/// `<kind>.override.*`. `bootstrap.servers` is the worker's unless a connector names its own, and with it go the
/// worker's keys of protection, unless the worker sets `<kind>.security.protocol`: Kafka Connect wants them repeated.
pub fn connector_clients(
    kind: &str,
    defaults: &[(&str, String)],
    worker: &Properties,
    connector: &Properties,
) -> Properties {
    let mut settings: Properties = defaults
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    if let Some(servers) = worker.get("bootstrap.servers") {
        settings.insert("bootstrap.servers".to_owned(), servers.clone());
    }
    if !connector.contains_key(&format!("{kind}.override.bootstrap.servers")) {
        settings.extend(inherited_security(worker, &format!("{kind}.")));
    }
    settings.extend(with_prefix(worker, &format!("{kind}.")));
    settings.extend(with_prefix(connector, &format!("{kind}.override.")));
    settings
}

fn bad_settings(kind: &str, error: millrace_config::ConfigErrors) -> ConnectError {
    ConnectError::config(format!("cannot configure the connector's {kind}")).caused_by(error)
}

/// The properties below `prefix`, without it.
fn with_prefix<'a>(
    properties: &'a Properties,
    prefix: &'a str,
) -> impl Iterator<Item = (String, String)> + 'a {
    let below = properties
        .iter()
        .filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value)));
    below
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.clone()))
}

impl Clients {
    /// A producer on the runtime that this is called in.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub(crate) fn producer(&self, settings: &Properties) -> Result<Producer, ConnectError> {
        let config =
            ProducerConfig::parse(settings).map_err(|error| bad_settings("producer", error))?;
        let cluster = self.cluster(config.cluster.clone());
        Ok(Producer::new(config, cluster))
    }

    /// A consumer that reads nothing yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub(crate) fn consumer(&self, settings: &Properties) -> Result<Consumer, ConnectError> {
        let config =
            ConsumerConfig::parse(settings).map_err(|error| bad_settings("consumer", error))?;
        let cluster =
            ClusterConfig::parse(settings).map_err(|error| bad_settings("consumer", error))?;
        Ok(Consumer::new(config, self.cluster(cluster)))
    }

    /// An admin client.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn admin(&self, settings: &Properties) -> Result<Admin, ConnectError> {
        let cluster =
            ClusterConfig::parse(settings).map_err(|error| bad_settings("admin", error))?;
        Ok(Admin::new(&self.cluster(cluster)))
    }

    /// The dead letter queues of the cluster, with the worker's settings for clients.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub(crate) fn dead_letter_queues(&self) -> Result<DeadLetterQueues, DeadLetterError> {
        let mut settings = Properties::new();
        for kind in ["admin", "consumer", "producer"] {
            settings.extend(connector_clients(
                kind,
                &[],
                &self.worker,
                &Properties::new(),
            ));
        }
        settings.insert("client.id".to_owned(), "connect-dead-letters".to_owned());
        settings.insert("acks".to_owned(), "all".to_owned());
        let cluster = ClusterConfig::parse(&settings).map_err(DeadLetterError::Settings)?;
        DeadLetterQueues::new(self.cluster(cluster), &settings)
    }

    /// Over a socket a batch costs wake-ups and a sync, so few large ones; in memory one is encoded, checked and
    /// written by one core, so that it is to stay in that core's cache.
    fn batch_size(&self) -> usize {
        if self.dial.is_in_memory() {
            IN_MEMORY_BATCH_BYTES
        } else {
            REMOTE_BATCH_BYTES
        }
    }

    fn cluster(&self, config: ClusterConfig) -> Cluster {
        let dial = self.dial_for(&config);
        Cluster::new(config, dial, Arc::clone(&self.clock))
    }

    /// The link in memory leads to the included broker, whatever address is dialled; who names other servers means them.
    fn dial_for(&self, config: &ClusterConfig) -> Arc<dyn Dial> {
        let own = self.worker.get("bootstrap.servers");
        let own = own.map(|servers| servers.split(',').map(str::trim).collect::<Vec<_>>());
        if !self.dial.is_in_memory() || own.is_none_or(|own| config.bootstrap_servers == own) {
            return Arc::clone(&self.dial);
        }
        Arc::new(TcpDial::new(TcpOptions {
            connect_timeout: config.connect_timeout(),
            ..TcpOptions::default()
        }))
    }

    /// Settings of a source task's producer: Connect's, but the producer's own defaults (idempotent, several requests
    /// in flight, where the cluster allows it) and large batches, which is faster and keeps order all the same.
    pub(crate) fn producer_settings(&self, id: &TaskId, connector: &Properties) -> Properties {
        let defaults = [
            ("client.id", format!("connector-producer-{id}")),
            ("acks", "all".to_owned()),
            ("batch.size", self.batch_size().to_string()),
            ("linger.ms", "0".to_owned()),
            ("delivery.timeout.ms", i32::MAX.to_string()),
            ("max.block.ms", i64::MAX.to_string()),
        ];
        connector_clients("producer", &defaults, &self.worker, connector)
    }

    /// Settings of the admin client that creates a source task's topics.
    pub(crate) fn source_admin_settings(&self, id: &TaskId, connector: &Properties) -> Properties {
        let defaults = [("client.id", format!("connector-adminclient-{id}"))];
        connector_clients("admin", &defaults, &self.worker, connector)
    }

    /// Settings of the producer of a sink task's dead letters.
    pub(crate) fn dead_letter_producer_settings(
        &self,
        id: &TaskId,
        connector: &Properties,
    ) -> Properties {
        let defaults = [
            ("client.id", format!("connector-dlq-producer-{id}")),
            ("acks", "all".to_owned()),
            ("delivery.timeout.ms", i32::MAX.to_string()),
            ("max.block.ms", i64::MAX.to_string()),
        ];
        connector_clients("producer", &defaults, &self.worker, connector)
    }

    /// Settings of the admin client that creates a sink's topic for dead letters.
    pub(crate) fn dead_letter_admin_settings(&self, connector: &Properties) -> Properties {
        let defaults = [("client.id", "connector-dlq-adminclient-".to_owned())];
        connector_clients("admin", &defaults, &self.worker, connector)
    }

    /// Settings of a sink task's consumer.
    pub(crate) fn consumer_settings(&self, id: &TaskId, connector: &Properties) -> Properties {
        let answer = self.answer_bytes(connector);
        let partition = answer.min(PARTITION_BYTES);
        let defaults = [
            ("client.id", format!("connector-consumer-{id}")),
            ("group.id", format!("connect-{}", id.connector)),
            ("enable.auto.commit", "false".to_owned()),
            ("auto.offset.reset", "earliest".to_owned()),
            ("max.partition.fetch.bytes", partition.to_string()),
            ("fetch.max.bytes", answer.to_string()),
        ];
        connector_clients("consumer", &defaults, &self.worker, connector)
    }

    /// What one answer to a sink's consumer may have: where the memory of its connector is bounded, a quarter of a task's
    /// part, for an answer is taken whole, and two of each broker may be there.
    fn answer_bytes(&self, connector: &Properties) -> u64 {
        let own = number(connector, MEMORY_MAX);
        let max = own.or_else(|| number(&self.worker, "connector.memory.max.bytes"));
        let tasks = number(connector, "tasks.max").unwrap_or(1).max(1);
        max.map_or(ANSWER_BYTES, |max| {
            (max / tasks / 4).clamp(ANSWER_BYTES_MIN, ANSWER_BYTES)
        })
    }

    /// Settings of the admin client for a connector's sink offsets.
    pub fn admin_settings(&self, connector_name: &str, connector: &Properties) -> Properties {
        let defaults = [(
            "client.id",
            format!("connector-worker-adminclient-{connector_name}"),
        )];
        connector_clients("admin", &defaults, &self.worker, connector)
    }
}

#[cfg(test)]
mod tests {
    use millrace_wire::link::{Link, LinkError};

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Properties {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[derive(Debug)]
    struct Memory;

    #[async_trait::async_trait]
    impl Dial for Memory {
        async fn dial(&self, host: &str, port: u16) -> Result<Arc<dyn Link>, LinkError> {
            let address = format!("{host}:{port}");
            Err(LinkError::Closed { address })
        }

        fn is_in_memory(&self) -> bool {
            true
        }
    }

    #[test]
    fn who_names_other_servers_does_not_get_the_included_broker() {
        let clients = Clients {
            dial: Arc::new(Memory),
            clock: millrace_wire::clock::system(),
            worker: map(&[("bootstrap.servers", "a:1, b:2")]),
        };
        for (servers, in_memory) in [("a:1,b:2", true), ("c:3", false), ("a:1", false)] {
            let given = map(&[("bootstrap.servers", servers)]);
            let config = ClusterConfig::parse(&given).unwrap();
            assert_eq!(clients.dial_for(&config).is_in_memory(), in_memory);
        }
    }

    #[test]
    fn protection_goes_with_the_workers_cluster_only() {
        let worker = map(&[
            ("bootstrap.servers", "b:9092"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.jaas.config", "worker"),
            ("consumer.security.protocol", "PLAINTEXT"),
        ]);
        let of = |kind: &str, connector: &[(&str, &str)], key: &str| {
            let mut settings = connector_clients(kind, &[], &worker, &map(connector));
            settings.remove(key)
        };
        let jaas = "sasl.jaas.config";
        assert_eq!(of("producer", &[], jaas).as_deref(), Some("worker"));
        let own = [("producer.override.sasl.jaas.config", "own")];
        assert_eq!(of("producer", &own, jaas).as_deref(), Some("own"));
        assert_eq!(of("consumer", &[], jaas), None);
        let elsewhere = [("producer.override.bootstrap.servers", "x:1")];
        assert_eq!(of("producer", &elsewhere, jaas), None);
        assert_eq!(of("producer", &elsewhere, "security.protocol"), None);
    }

    #[test]
    fn connector_settings_win_over_worker_settings_over_defaults() {
        let worker = map(&[
            ("bootstrap.servers", "b:9092"),
            ("producer.acks", "1"),
            ("producer.linger.ms", "7"),
        ]);
        let connector = map(&[
            ("producer.override.acks", "0"),
            ("producer.acks", "ignored"),
            ("name", "c"),
        ]);
        let settings = connector_clients(
            "producer",
            &[("acks", "all".into()), ("x", "1".into())],
            &worker,
            &connector,
        );
        let expected = map(&[
            ("acks", "0"),
            ("bootstrap.servers", "b:9092"),
            ("linger.ms", "7"),
            ("x", "1"),
        ]);
        assert_eq!(settings, expected);
    }
}
