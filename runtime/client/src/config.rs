//! Configuration that all clients share, by Kafka's keys.

use std::time::Duration;

use millrace_config::{Config, ConfigEnum, Value};

pub use crate::security::{Protection, Security, SecurityError};

/// What a client does when no broker that it knows can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ConfigEnum)]
#[config(ignore_case)]
pub enum MetadataRecovery {
    /// Goes on trying the brokers known last.
    None,
    /// Begins anew with the bootstrap servers.
    Rebootstrap,
}

/// Where the cluster is and how patient a client is with it. Clients with equal settings can share
/// a [`crate::Cluster`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Config)]
pub struct ClusterConfig {
    /// Host and port of some brokers of the cluster, separated by commas; the others are found
    /// through them.
    #[config(name = "bootstrap.servers", importance = high, validator = servers)]
    pub bootstrap_servers: Vec<String>,
    /// The name that brokers see in requests, for their logs and quotas.
    #[config(name = "client.id", default = "")]
    pub client_id: String,
    /// How long a request may wait for its answer, in milliseconds.
    #[config(name = "request.timeout.ms", default = 30_000, range(1..))]
    pub request_timeout_ms: i32,
    /// How long to wait before a lost connection is opened again, in milliseconds; doubles from
    /// failure to failure.
    #[config(name = "reconnect.backoff.ms", default = 50, range(0..), importance = low)]
    pub reconnect_backoff_ms: i64,
    /// The longest wait before a lost connection is opened again, in milliseconds.
    #[config(name = "reconnect.backoff.max.ms", default = 1_000, range(0..), importance = low)]
    pub reconnect_backoff_max_ms: i64,
    /// How long to wait before a failed request is tried again, in milliseconds; doubles from
    /// failure to failure.
    #[config(name = "retry.backoff.ms", default = 100, range(0..), importance = low)]
    pub retry_backoff_ms: i64,
    /// The longest wait before a failed request is tried again, in milliseconds.
    #[config(name = "retry.backoff.max.ms", default = 1_000, range(0..), importance = low)]
    pub retry_backoff_max_ms: i64,
    /// After how many milliseconds metadata is asked for again although no error called for it.
    #[config(name = "metadata.max.age.ms", default = 300_000, range(0..), importance = low)]
    pub metadata_max_age_ms: i64,
    /// How long opening a connection may take, in milliseconds.
    #[config(name = "socket.connection.setup.timeout.ms", default = 10_000, range(1..))]
    pub socket_connection_setup_timeout_ms: i64,
    /// After how many milliseconds without a request a connection is closed; negative for never.
    #[config(name = "connections.max.idle.ms", default = 540_000)]
    pub connections_max_idle_ms: i64,
    /// What to do when no known broker can be reached any more: rebootstrap begins anew with
    /// `bootstrap.servers`, none goes on trying the brokers known last.
    #[config(name = "metadata.recovery.strategy", default = "rebootstrap", importance = low)]
    pub metadata_recovery_strategy: MetadataRecovery,
    /// After how many milliseconds without metadata to begin anew with `bootstrap.servers`.
    #[config(
        name = "metadata.recovery.rebootstrap.trigger.ms",
        default = 300_000,
        range(0..),
        importance = low
    )]
    pub metadata_recovery_rebootstrap_trigger_ms: i64,
    /// How connections are protected.
    #[config(flatten)]
    pub security: Security,
}

impl ClusterConfig {
    /// The configuration of a client whose only setting is where the brokers are.
    #[must_use]
    pub fn at(bootstrap_servers: &str) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers
                .split(',')
                .map(|server| server.trim().to_owned())
                .collect(),
            client_id: String::new(),
            request_timeout_ms: 30_000,
            reconnect_backoff_ms: 50,
            reconnect_backoff_max_ms: 1_000,
            retry_backoff_ms: 100,
            retry_backoff_max_ms: 1_000,
            metadata_max_age_ms: 300_000,
            socket_connection_setup_timeout_ms: 10_000,
            connections_max_idle_ms: 540_000,
            metadata_recovery_strategy: MetadataRecovery::Rebootstrap,
            metadata_recovery_rebootstrap_trigger_ms: 300_000,
            security: Security::default(),
        }
    }

    /// How long a request may wait for its answer.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.request_timeout_ms.unsigned_abs()))
    }

    /// How long opening a connection may take; for the [`millrace_wire::link::TcpDial`] that is
    /// handed to the cluster.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        millis(self.socket_connection_setup_timeout_ms)
    }

    /// How long a connection may be idle; none for ever.
    #[must_use]
    pub fn max_idle(&self) -> Option<Duration> {
        let idle = u64::try_from(self.connections_max_idle_ms).ok()?;
        Some(Duration::from_millis(idle))
    }

    /// The configured servers as host and port.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<(String, u16)> {
        self.bootstrap_servers
            .iter()
            .filter_map(|server| split_server(server))
            .collect()
    }
}

/// A duration from a number of milliseconds that the definition keeps from being negative.
pub(crate) fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0).unsigned_abs())
}

/// Splits `host:port`, `[::1]:port` or `PROTOCOL://host:port`.
fn split_server(server: &str) -> Option<(String, u16)> {
    let address = server
        .split_once("://")
        .map_or(server, |(_, address)| address);
    let (host, port) = address.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let port = port.parse().ok()?;
    (!host.is_empty() && port > 0).then(|| (host.to_owned(), port))
}

/// Refuses `interceptor.classes`, of producers and consumers alike.
pub(crate) fn interceptors(_: &str, value: &Value) -> Result<(), String> {
    match value.as_list() {
        Some([_, ..]) => {
            Err("interceptors are given in code, Java classes cannot be loaded".to_owned())
        }
        _ => Ok(()),
    }
}

fn servers(key: &str, value: &Value) -> Result<(), String> {
    let Some(list) = value.as_list() else {
        return Ok(());
    };
    if list.is_empty() {
        return Err(format!("No resolvable bootstrap urls given in {key}"));
    }
    match list.iter().find(|server| split_server(server).is_none()) {
        Some(bad) => Err(format!("Invalid url in {key}: {bad}; write host:port")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_config::Properties;

    #[test]
    fn defaults_are_kafkas() {
        let given = Properties::from([("bootstrap.servers".to_owned(), "a:1, b:2".to_owned())]);
        assert_eq!(
            ClusterConfig::parse(&given).unwrap(),
            ClusterConfig::at("a:1,b:2")
        );
    }

    #[test]
    fn servers_are_split_and_checked() {
        let config = ClusterConfig::at("kafka-1:9092,[::1]:9093,PLAINTEXT://b:1");
        let expected = [
            ("kafka-1".to_owned(), 9092),
            ("::1".to_owned(), 9093),
            ("b".to_owned(), 1),
        ];
        assert_eq!(config.bootstrap(), expected);
        for bad in [
            "",
            "host",
            "host:",
            ":9092",
            "host:70000",
            "host:0",
            "host:x",
        ] {
            let given = Properties::from([("bootstrap.servers".to_owned(), bad.to_owned())]);
            assert!(ClusterConfig::parse(&given).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn idle_connections_may_be_kept_for_ever() {
        let mut config = ClusterConfig::at("a:1");
        assert_eq!(config.max_idle(), Some(Duration::from_secs(540)));
        config.connections_max_idle_ms = -1;
        assert_eq!(config.max_idle(), None);
    }
}
