//! The task: opens the ports, and gives what came.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, Properties, SourceBatch, SourceContext, SourcePartition, SourceTask,
};
use millrace_listen::{Address, bind};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::batch::{self, Columns};
use crate::config::SyslogConfig;
use crate::receive::{Datagrams, Readers, Site, Streams};

/// Bytes of a batch, unless a single parcel has more.
const BATCH_BYTES: usize = 1 << 20;
/// How often losses are told.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct SyslogTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    site: Arc<Site>,
    readers: Readers,
    columns: Columns,
    source: SourcePartition,
    /// When losses are told next.
    tell_at: Instant,
}

#[async_trait]
impl SourceTask for SyslogTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = SyslogConfig::read(properties)?;
        let tls = match config.tls_port {
            Some(_) => config.tls.acceptor(None).await?,
            None => None,
        };
        let site = Arc::new(Site::new(&config).map_err(ConnectError::config)?);
        let readers = Readers::new();
        Ports {
            config: &config,
            context: &context,
            site: &site,
            readers: &readers,
        }
        .open(tls)
        .await?;
        self.running = Some(Running {
            source: batch::partition(&context.id().connector),
            columns: config.columns(),
            context,
            site,
            readers,
            tell_at: Instant::now() + TELL_INTERVAL,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => running.poll().await,
            None => Err(ConnectError::connect(
                "cannot poll a task that is not started",
            )),
        }
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.tell();
            let (site, id) = (Arc::clone(&running.site), running.context.id().clone());
            running.readers.stop().await;
            let left = site.queue.take(usize::MAX);
            let left: usize = left.iter().map(|left| left.parcel.entries.len()).sum();
            if left > 0 {
                log::warn!("{id} stops with {left} messages that were received and not stored");
            }
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        loop {
            if let Some(failure) = self.site.failure() {
                return Err(failure);
            }
            if Instant::now() >= self.tell_at {
                self.tell();
                self.tell_at = Instant::now() + TELL_INTERVAL;
            }
            // Before a stop, all that was received is given, for it cannot be read again.
            let is_interrupted = self.context.is_interrupted();
            let most = if is_interrupted {
                usize::MAX
            } else {
                BATCH_BYTES
            };
            let taken = self.site.queue.take(most);
            if !taken.is_empty() {
                return Ok(Some(batch::batch(taken, &self.columns, &self.source)));
            }
            if is_interrupted {
                return Ok(None);
            }
            tokio::select! {
                () = self.context.interrupted() => {}
                () = self.site.queue.added() => {}
                () = tokio::time::sleep_until(self.tell_at) => {}
            }
        }
    }

    fn tell(&self) {
        if let Some(news) = self.site.tally.news() {
            log::warn!("{}: {news}", self.context.id());
        }
    }
}

/// The ports of a task that starts.
struct Ports<'a> {
    config: &'a SyslogConfig,
    context: &'a SourceContext,
    site: &'a Arc<Site>,
    readers: &'a Readers,
}

impl Ports<'_> {
    async fn open(&self, tls: Option<TlsAcceptor>) -> Result<(), ConnectError> {
        let config = self.config;
        if let Some(port) = config.udp_port {
            self.datagrams(port).await?;
        }
        let most = usize::try_from(config.connections_max).unwrap_or(1);
        let places = Arc::new(Semaphore::new(most));
        let streams = |tls| Streams {
            site: Arc::clone(self.site),
            tls,
            places: Arc::clone(&places),
            stop: self.readers.stop.clone(),
        };
        if let Some(port) = config.tcp_port {
            self.streams("tcp", port, streams(None)).await?;
        }
        if let Some(port) = config.tls_port {
            self.streams("tls", port, streams(tls)).await?;
        }
        Ok(())
    }

    async fn datagrams(&self, port: i32) -> Result<(), ConnectError> {
        let address = self.address("udp.port", port);
        let socket = bind(address, |host, port| UdpSocket::bind((host, port))).await?;
        self.tell("udp", socket.local_addr().ok(), true);
        let buffer = usize::try_from(self.config.udp_buffer_bytes).unwrap_or(0);
        let datagrams = Datagrams::new(socket, buffer, Arc::clone(self.site));
        let stop = self.readers.stop.clone();
        self.readers.tracker.spawn(datagrams.read(stop));
        Ok(())
    }

    async fn streams(&self, kind: &str, port: i32, streams: Streams) -> Result<(), ConnectError> {
        let key = if kind == "tls" {
            "tls.port"
        } else {
            "tcp.port"
        };
        let address = self.address(key, port);
        let listener = bind(address, |host, port| TcpListener::bind((host, port))).await?;
        let is_open = streams.tls.is_none() || self.config.tls.client_ca.is_none();
        self.tell(kind, listener.local_addr().ok(), is_open);
        let tracker = self.readers.tracker.clone();
        self.readers
            .tracker
            .spawn(streams.accept(listener, tracker));
        Ok(())
    }

    fn address<'a>(&'a self, port_key: &'a str, port: i32) -> Address<'a> {
        Address {
            host_key: "host",
            host: &self.config.host,
            port_key,
            port: u16::try_from(port).unwrap_or(0),
        }
    }

    /// Says where the source listens, and what about that is dangerous.
    fn tell(&self, kind: &str, address: Option<SocketAddr>, is_open: bool) {
        let Some(address) = address else { return };
        let id = self.context.id();
        log::info!("{id} listens on {kind}://{address}");
        let is_wide = !IpAddr::is_loopback(&address.ip());
        if is_wide && is_open {
            log::warn!(
                "{id} listens on {kind}://{address}, beyond this host, and takes messages of anyone: bar strangers by a firewall, or use only tls.port with tls.client.ca"
            );
        }
    }
}
