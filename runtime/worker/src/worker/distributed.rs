//! A worker of a group, put together.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use millrace_api::Properties;
use millrace_client::group::coordinator::Coordinator;
use millrace_client::group::{Membership, Settings};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, ConfigErrors};
use millrace_wire::clock::Clock;
use millrace_wire::link::TcpDial;
use tokio::runtime::Handle;

use super::{Builder, NoListener, Prepared, REST_ENDS_WITHIN, StartError};
use crate::actor::Threads;
use crate::config::{DistributedConfig, WorkerConfig};
use crate::group::member::ConnectProtocol;
use crate::groups::ClientGroups;
use crate::herder::Statuses;
use crate::herder::distributed::{DistributedHerder, Parts};
use crate::logging::Loggers;
use crate::metrics::{RebalanceMetrics, StateCollector, TaskCollector, WorkerMetrics};
use crate::preview::Previewer;
use crate::rest::{self, Api, DeadLetterService, RestServer};
use crate::store::topic::configs::ConfigTopic;
use crate::store::topic::ensure::{EnsureError, ensure};
use crate::store::topic::log::LogSettings;
use crate::store::topic::offsets::TopicOffsetStore;
use crate::store::topic::statuses::{Pending, StatusTopic};
use crate::task::{Clients, TaskContext};

/// The pause before the first heartbeat of a generation: rebalances that follow one another are heard of soon.
const FIRST_HEARTBEAT: Duration = Duration::from_millis(100);
/// How long the start waits for the first generation: the others are asked for what they do at their next heartbeat.
const JOINED_WITHIN: Duration = Duration::from_secs(10);
/// Pauses between tries to reach the group's coordinator, the first and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// A running worker of a group.
#[derive(Debug)]
pub struct DistributedWorker {
    herder: Arc<DistributedHerder>,
    rest: RestServer,
    url: String,
}

impl DistributedWorker {
    /// Where REST listens.
    pub fn rest_addresses(&self) -> &[SocketAddr] {
        self.rest.addresses()
    }

    /// Where the other workers of the group reach this one.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops connectors and tasks, sources first, leaves the group, then ends REST. Names what did not stop in time.
    pub async fn shut_down(self, deadline: Duration) -> Vec<String> {
        let abandoned = self.herder.shut_down(deadline).await;
        self.rest.shut_down(REST_ENDS_WITHIN).await;
        abandoned
    }
}

/// What the group's topics and its membership are made of.
struct Means {
    group: DistributedConfig,
    properties: Properties,
    clients: Arc<Clients>,
    data: Handle,
    clock: Arc<dyn Clock>,
}

impl Builder {
    /// Checks the configuration of a worker of a group without starting anything.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn check_distributed(&self) -> Result<WorkerConfig, ConfigErrors> {
        let prepared = self.prepared(WorkerConfig::of_any_mode);
        let properties = match &prepared {
            Ok(prepared) => &prepared.properties,
            Err(_) => &self.properties,
        };
        let group = DistributedConfig::from_properties(properties);
        match (prepared, group) {
            (Ok(prepared), Ok(_)) => Ok(prepared.config),
            (Ok(_), Err(errors)) | (Err(errors), Ok(_)) => Err(errors),
            (Err(mut errors), Err(further)) => {
                errors.extend(further);
                Err(errors)
            }
        }
    }

    /// Starts a worker of a group: opens its ports, makes the group's topics or checks them, reads them, answers REST and
    /// joins the group. The runtime that this runs on is the control runtime.
    ///
    /// # Errors
    /// When the configuration is wrong, a port is taken, or the topics cannot be made or read.
    pub async fn start_distributed(self) -> Result<DistributedWorker, StartError> {
        let checked =
            tokio::task::spawn_blocking(move || (self.prepared(WorkerConfig::of_any_mode), self));
        let (prepared, builder) = checked.await.map_err(|error| {
            let message = format!("a config provider panicked: {error}");
            ConfigErrors::one("config.providers", message)
        })?;
        builder.start_in_group(prepared?).await
    }

    async fn start_in_group(self, prepared: Prepared) -> Result<DistributedWorker, StartError> {
        let Prepared {
            providers,
            properties,
            config,
        } = prepared;
        let group = DistributedConfig::from_properties(&properties)?;
        WorkerConfig::log_ineffective(&self.properties, DistributedConfig::known_keys());
        let bound = rest::bind(&config.rest).await?;
        let (worker_id, url) = advertised(&config, bound.address())?;
        let data = self.data.unwrap_or_else(Handle::current);
        let clients = Arc::new(Clients {
            dial: self.dial.unwrap_or_else(|| Arc::new(TcpDial::default())),
            clock: Arc::clone(&self.clock),
            worker: properties.clone(),
        });
        let means = Means {
            group: group.clone(),
            properties: properties.clone(),
            clients: Arc::clone(&clients),
            data: data.clone(),
            clock: Arc::clone(&self.clock),
        };
        let pending = Arc::new(Pending::default());
        let statuses = Statuses::shared(
            worker_id.clone(),
            Arc::clone(&pending) as Arc<dyn crate::herder::StatusJournal>,
            Arc::clone(&self.clock),
        );
        let (offsets, status_topic, configs) = means.topics(pending, Arc::clone(&statuses)).await?;
        let tasks = Arc::new(WorkerMetrics::with_budget(config.memory_max()));
        let threads = Threads::default();
        let runner = TaskContext {
            metrics: Arc::clone(&tasks),
            clients: Arc::clone(&clients),
            offsets: Arc::clone(&offsets) as Arc<dyn crate::store::OffsetStore>,
            statuses: Arc::new(NoListener),
            data: data.clone(),
            clock: Arc::clone(&self.clock),
            flush_interval: config.flush_interval(),
            flush_timeout: config.flush_timeout(),
            call_timeout: config.call_timeout(),
            // Leaves time to commit and to close the task's clients.
            stop_timeout: config.shutdown_timeout() * 3 / 5,
            connector_memory_max: config.connector_memory_max(),
            threads: threads.clone(),
        };
        let loggers = self
            .loggers
            .unwrap_or_else(|| Loggers::new(LevelFilter::Info, Arc::clone(&self.clock)));
        let protocol = Arc::new(ConnectProtocol::new(
            url.clone(),
            group.protocol.version(),
            group.max_delay(),
            configs.seen(),
            Arc::clone(&statuses) as _,
            Arc::clone(&self.clock),
        ));
        let membership = means.membership(&worker_id, &protocol)?;
        let dead_letters = DeadLetterService::new(Arc::clone(&clients), data.clone());
        let groups = ClientGroups::new(Arc::clone(&clients), data.clone());
        let cluster_id = groups.cluster_id().await;
        let rest_config = config.rest.clone();
        let collector = TaskCollector::new(tasks, threads.clone(), Arc::clone(&self.clock));
        self.metrics.add(Arc::new(collector));
        let rebalances = RebalanceMetrics::new(Arc::clone(&self.clock));
        self.metrics.add(Arc::clone(&rebalances) as _);
        let http = peers_client()?;
        let registry = Arc::new(self.registry);
        let previewer = Previewer {
            registry: Arc::clone(&registry),
            properties: properties.clone(),
            config: config.clone(),
            providers: providers.clone(),
            clients,
            offsets: Arc::clone(&offsets) as Arc<dyn crate::store::OffsetStore>,
            threads: threads.clone(),
            data: data.clone(),
            clock: Arc::clone(&self.clock),
            running: Previewer::slots(),
        };
        let herder = DistributedHerder::new(Parts {
            config,
            group,
            properties,
            registry,
            providers,
            runner: Arc::new(runner),
            configs,
            offsets,
            statuses,
            status_topic,
            groups: Arc::new(groups),
            protocol,
            rebalances,
            loggers: Arc::clone(&loggers),
            http: http.clone(),
            data,
            threads,
            worker_id,
            cluster_id,
            clock: self.clock,
        });
        let api = Api::new(herder.as_herder(), loggers, &rest_config).with_peers(http);
        self.metrics
            .add(Arc::new(StateCollector(herder.as_herder())));
        let rest = bound.serve(
            api.with_metrics(self.metrics)
                .with_faults(self.faults)
                .with_preview(previewer)
                .with_dead_letters(dead_letters),
        );
        herder.follow(membership).await;
        if tokio::time::timeout(JOINED_WITHIN, herder.joined())
            .await
            .is_err()
        {
            log::warn!("this worker is not in its group yet and goes on trying");
        }
        Ok(DistributedWorker { herder, rest, url })
    }
}

impl Means {
    /// Makes or checks the three topics, and reads them.
    async fn topics(
        &self,
        pending: Arc<Pending>,
        statuses: Arc<Statuses>,
    ) -> Result<(Arc<TopicOffsetStore>, StatusTopic, Arc<ConfigTopic>), StartError> {
        for wanted in self.group.topics(&self.properties) {
            let settings = self.log_settings("shared-admin").worker;
            let admin = self
                .clients
                .admin(&settings)
                .map_err(|error| ConfigErrors::one("bootstrap.servers", error.to_string()))?;
            ensure(wanted, admin, &self.data).await?;
        }
        let (clients, data) = (&*self.clients, &self.data);
        let settings = self.log_settings("offsets");
        let offsets =
            TopicOffsetStore::open(&self.group.offset_topic, &settings, clients, data).await?;
        let settings = self.log_settings("statuses");
        let topic = &self.group.status_topic;
        let statuses =
            StatusTopic::open(topic, &settings, clients, data, pending, statuses).await?;
        let settings = self.log_settings("configs");
        let topic = &self.group.config_topic;
        let configs = ConfigTopic::open(topic, &settings, clients, data).await?;
        if configs.partition_count() != 1 {
            return Err(EnsureError::Partitions {
                topic: topic.clone(),
                key: "config.storage.topic",
                found: configs.partition_count(),
            }
            .into());
        }
        Ok((offsets, statuses, Arc::new(configs)))
    }

    /// The worker's own keys, without those of connectors' clients.
    fn log_settings(&self, purpose: &str) -> LogSettings {
        let is_own = |key: &str| {
            !["producer.", "consumer.", "admin."]
                .iter()
                .any(|prefix| key.starts_with(prefix))
        };
        let own = self.properties.iter().filter(|(key, _)| is_own(key));
        let mut worker: Properties = own
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let group = &self.group.group_id;
        let client_id = match worker.get("client.id").filter(|id| !id.is_empty()) {
            Some(id) => format!("{group}-{id}-{purpose}"),
            None => format!("{group}-{purpose}"),
        };
        worker.insert("client.id".to_owned(), client_id.clone());
        LogSettings { worker, client_id }
    }

    /// The worker's place in its group, not joined yet. It lives on the data runtime, as all calls of brokers do.
    fn membership(
        &self,
        worker_id: &str,
        protocol: &Arc<ConnectProtocol>,
    ) -> Result<Membership, StartError> {
        let mut properties = self.log_settings("").worker;
        let own = self.properties.get("client.id").filter(|id| !id.is_empty());
        let client_id = own
            .cloned()
            .unwrap_or_else(|| format!("connect-{worker_id}"));
        properties.insert("client.id".to_owned(), client_id);
        let config = ClusterConfig::parse(&properties)?;
        let dial = Arc::clone(&self.clients.dial);
        let cluster = Cluster::new(config, dial, Arc::clone(&self.clock));
        let millis = |number: i32| Duration::from_millis(number.unsigned_abs().into());
        let settings = Settings {
            group_id: self.group.group_id.clone(),
            instance_id: None,
            protocol_type: "connect",
            session_timeout: millis(self.group.session_timeout_ms),
            rebalance_timeout: millis(self.group.rebalance_timeout_ms),
            heartbeat_interval: millis(self.group.heartbeat_interval_ms),
            first_heartbeat: FIRST_HEARTBEAT,
            retry_backoff: RETRY,
        };
        let coordinator = Arc::new(Coordinator::new(&cluster, &self.group.group_id));
        let _on_data = self.data.enter();
        let protocol = Arc::clone(protocol) as Arc<dyn millrace_client::group::GroupProtocol>;
        let clock = Arc::clone(&self.clock);
        Ok(Membership::start(settings, protocol, coordinator, clock))
    }
}

/// Calls other workers over plain HTTP.
fn peers_client() -> Result<reqwest::Client, StartError> {
    // The process has one provider of cryptography; whoever came first has chosen it.
    let _chosen = rustls::crypto::ring::default_provider()
        .install_default()
        .is_ok();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| {
            ConfigErrors::one("listeners", format!("cannot call other workers: {error}")).into()
        })
}

/// The worker's id, `host:port`, and its URL: what it advertises, else where it listens.
fn advertised(
    config: &WorkerConfig,
    address: Option<SocketAddr>,
) -> Result<(String, String), ConfigErrors> {
    let elsewhere = config
        .bootstrap_servers
        .iter()
        .find(|server| !is_loopback(host_of(server)));
    let set = config.rest.advertised_host.as_deref().map(str::trim);
    let host = match (set.filter(|host| !host.is_empty()), address) {
        (Some(host), _) => host.to_owned(),
        (None, Some(address)) if address.ip().is_unspecified() => match elsewhere {
            Some(_) => rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            None => "127.0.0.1".to_owned(),
        },
        (None, Some(address)) => bracketed(address.ip()),
        (None, None) => String::new(),
    };
    if let Some(server) = elsewhere.filter(|_| is_loopback(&host)) {
        return Err(ConfigErrors::one(
            "rest.advertised.host.name",
            format!(
                "this worker would tell the others of its group to reach it at {host}, which is each one's own machine, while \
                 its broker is elsewhere (bootstrap.servers={server}): set listeners to an address that they reach, such as \
                 http://0.0.0.0:8083, or rest.advertised.host.name to this machine's name"
            ),
        ));
    }
    let port = config.rest.advertised_port.map(i64::from);
    let port = port.or_else(|| address.map(|address| i64::from(address.port())));
    let worker_id = format!("{host}:{}", port.unwrap_or_default());
    let url = format!("http://{worker_id}/");
    Ok((worker_id, url))
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The host of `host:port`.
fn host_of(server: &str) -> &str {
    server
        .rsplit_once(':')
        .map_or(server, |(host, _)| host)
        .trim()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::advertised;
    use crate::config::WorkerConfig;

    fn config(pairs: &[(&str, &str)]) -> WorkerConfig {
        let common = [("key.converter", "K"), ("value.converter", "V")];
        let properties = properties(common.iter().chain(pairs));
        WorkerConfig::of_any_mode(&properties).unwrap()
    }

    #[test]
    fn loopback_is_advertised_only_beside_a_broker_of_this_machine() {
        let loopback = "127.0.0.1:8083".parse().ok();
        for server in ["localhost:9092", "127.0.0.1:9092", "[::1]:9092"] {
            let config = config(&[("bootstrap.servers", server)]);
            let (id, url) = advertised(&config, loopback).unwrap();
            assert_eq!((&*id, &*url), ("127.0.0.1:8083", "http://127.0.0.1:8083/"));
        }
        let far = config(&[("bootstrap.servers", "kafka-1:9092,kafka-2:9092")]);
        let refusal = advertised(&far, loopback).unwrap_err().to_string();
        for part in ["listeners", "rest.advertised.host.name", "kafka-1:9092"] {
            assert!(refusal.contains(part), "{refusal}");
        }
        let named = config(&[
            ("bootstrap.servers", "kafka-1:9092"),
            ("rest.advertised.host.name", "w1"),
            ("rest.advertised.port", "80"),
        ]);
        assert_eq!(advertised(&named, loopback).unwrap().0, "w1:80");
        let wide = advertised(&far, "0.0.0.0:8083".parse().ok()).unwrap().0;
        assert!(
            wide.ends_with(":8083") && !wide.starts_with("0.0.0.0"),
            "{wide}"
        );
    }
}
