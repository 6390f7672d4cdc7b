//! The task: starts the server, and gives what requests brought.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, Properties, SourceBatch, SourceContext, SourcePartition, SourceTask,
};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::batch;
use super::config::{AuthType, ListenerConfig, SignatureType};
use super::exchange::Site;
use super::gate::Gate;
use super::server::Server;
use super::tls;

/// Bytes of a batch, unless a single request has more.
const BATCH_BYTES: usize = 1 << 20;
/// How long to try for a port that is taken: a task that has just been stopped may not have let go of it.
const BIND_PATIENCE: Duration = Duration::from_secs(5);
const BIND_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct HttpListenerTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    site: Arc<Site>,
    server: Server,
    source: SourcePartition,
}

#[async_trait]
impl SourceTask for HttpListenerTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = ListenerConfig::read(properties)?;
        let tls = tls::acceptor(&config).await?;
        let listener = bind(&config).await?;
        tell(&config, &context, &listener);
        let gate = Arc::new(Gate::new(&config, context.clone()));
        let site = Arc::new(Site::new(&config, gate).map_err(ConnectError::config)?);
        self.running = Some(Running {
            source: batch::partition(&context.id().connector),
            context,
            server: Server::start(listener, &config, tls, Arc::clone(&site)),
            site,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        let Some(running) = &self.running else {
            return Err(ConnectError::connect(
                "cannot poll a task that is not started",
            ));
        };
        loop {
            if running.context.is_interrupted() {
                running.site.queue.clear();
                return Ok(None);
            }
            let taken = running.site.queue.take(BATCH_BYTES);
            if !taken.is_empty() {
                return Ok(Some(batch::batch(taken, &running.source)));
            }
            tokio::select! {
                () = running.context.interrupted() => {}
                () = running.site.queue.added() => {}
            }
        }
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.site.queue.clear();
            running.site.stopping.cancel();
            running.server.stop().await;
        }
    }
}

async fn bind(config: &ListenerConfig) -> Result<TcpListener, ConnectError> {
    let port = u16::try_from(config.port).unwrap_or(0);
    let end = Instant::now() + BIND_PATIENCE;
    loop {
        match TcpListener::bind((config.host.as_str(), port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                tokio::time::sleep(BIND_PAUSE).await;
            }
            Err(error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::AddrInUse => "; another program or connector has the port",
                    _ => "",
                };
                let (host, port) = (&config.host, config.port);
                return Err(ConnectError::connect(format!(
                    "cannot listen on host={host} port={port}{remedy}"
                ))
                .caused_by(error));
            }
        }
    }
}

/// Says where the listener is, and what about that is dangerous.
fn tell(config: &ListenerConfig, context: &SourceContext, listener: &TcpListener) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let scheme = match config.tls_certificate {
        Some(_) => "https",
        None => "http",
    };
    log::info!("{} listens on {scheme}://{address}", context.id());
    let open = config.auth_type == AuthType::None
        && config.signature_type == SignatureType::None
        && config.tls_client_ca.is_none();
    if !address.ip().is_loopback() && open {
        log::warn!(
            "{} listens beyond this host and takes records of anyone: set auth.type, signature.type or tls.client.ca",
            context.id()
        );
    }
}
