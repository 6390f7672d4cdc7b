//! Which cluster a tool talks to: `--bootstrap-server`, and client properties from files and flags.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use millrace_client::{
    Cluster, ClusterConfig, admin::Admin, consumer::ConsumerConfig, producer::ProducerConfig,
};
use millrace_config::{Config as _, Properties};
use millrace_wire::{
    clock,
    link::{TcpDial, TcpOptions},
};

use super::run::{Unreachable, Usage};
use crate::{
    args::key_value,
    banner,
    older::{self, Place},
    plan::{read_properties, resolved},
};

/// Where the included broker listens unless told otherwise.
const DEFAULT_SERVER: &str = "127.0.0.1:9092";

/// The options that all tools have.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Brokers to ask first, HOST:PORT,... [default: 127.0.0.1:9092, or what the properties say]
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_server: Option<String>,
    /// Client properties from a file
    #[arg(long, value_name = "FILE", aliases = ["producer.config", "consumer.config"])]
    command_config: Option<PathBuf>,
    /// Set a client property, over what the file says; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value, aliases = ["producer-property", "consumer-property"])]
    command_property: Vec<(String, String)>,
}

/// Keys of Kafka's clients that nothing stands behind here, and that look like others.
const UNUSED: [&str; 3] = [
    "bootstrap.controllers",
    "metadata.max.idle.ms",
    "socket.connection.setup.timeout.max.ms",
];

/// Notes keys that look like slips of the pen. Others that are unknown may well be meant for other clients.
fn tell_slips(place: Place, properties: &Properties) {
    let definition = match place {
        Place::Producer => ProducerConfig::definition(),
        Place::Consumer => ConsumerConfig::definition(),
        Place::Client | Place::Worker | Place::Broker => ClusterConfig::definition(),
    };
    let common = ClusterConfig::definition();
    for unknown in definition.unknown_keys(properties) {
        let key = unknown.key.as_str();
        let is_meant = common.find(key).is_some() || UNUSED.contains(&key);
        if unknown.nearest.is_some() && !is_meant && !older::is_known(place, key) {
            banner::note(&unknown.to_string());
        }
    }
}

impl Server {
    /// The client's properties: defaults of the tool, then the file, the flags, and `--bootstrap-server`.
    ///
    /// # Errors
    /// A file that cannot be read, and keys that have other names today.
    pub(crate) fn properties(
        &self,
        place: Place,
        defaults: &[(&str, &str)],
    ) -> anyhow::Result<Properties> {
        let mut properties: Properties = defaults
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        if let Some(path) = &self.command_config {
            let read = read_properties(path).map_err(|problem| Usage::new(problem.to_string()))?;
            properties.extend(read);
        }
        properties.extend(self.command_property.iter().cloned());
        let mut properties =
            resolved(&properties).map_err(|wrong| Usage::new(wrong.join("\n  ")))?;
        tell_slips(place, &properties);
        let problems = older::properties(place, &mut properties);
        if !problems.is_empty() {
            return Err(Usage::new(problems.join("\n  ")).into());
        }
        if let Some(servers) = &self.bootstrap_server {
            properties.insert("bootstrap.servers".to_owned(), servers.clone());
        }
        properties
            .entry("bootstrap.servers".to_owned())
            .or_insert_with(|| DEFAULT_SERVER.to_owned());
        Ok(properties)
    }

    /// An admin of the brokers at `servers`, where no option names others.
    ///
    /// # Errors
    /// As [`Server::admin`].
    pub(crate) async fn admin_at(&self, servers: &str, limit: Duration) -> anyhow::Result<Admin> {
        let mut properties = self.properties(Place::Client, &[("client.id", "millrace-admin")])?;
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
        let cluster = Self::cluster(&properties).await?;
        Ok(Admin::new(&cluster).with_limit(limit))
    }

    /// The cluster of these properties, after one of its brokers has answered.
    ///
    /// # Errors
    /// Properties that cannot be, and [`Unreachable`] where no broker answers.
    pub(crate) async fn cluster(properties: &Properties) -> anyhow::Result<Cluster> {
        let config =
            ClusterConfig::parse(properties).map_err(|errors| Usage::new(errors.to_string()))?;
        crate::bootstrap::answers(&config)
            .await
            .map_err(|reason| Unreachable {
                servers: config.bootstrap_servers.join(","),
                reason,
            })?;
        let dial = TcpDial::new(TcpOptions {
            connect_timeout: config.connect_timeout(),
            ..TcpOptions::default()
        });
        Ok(Cluster::new(config, Arc::new(dial), clock::system()))
    }

    /// An admin of the cluster that was named, whose calls take at most `limit`.
    ///
    /// # Errors
    /// As [`Server::properties`] and [`Server::cluster`].
    pub(crate) async fn admin(&self, limit: Duration) -> anyhow::Result<(Cluster, Admin)> {
        let properties = self.properties(Place::Client, &[("client.id", "millrace-admin")])?;
        let cluster = Self::cluster(&properties)
            .await
            .context("cannot reach the cluster")?;
        let admin = Admin::new(&cluster).with_limit(limit);
        Ok((cluster, admin))
    }
}
