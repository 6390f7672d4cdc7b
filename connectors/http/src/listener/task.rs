//! The task: starts the server, and gives what requests brought.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, Properties, SourceBatch, SourceContext, SourcePartition, SourceTask,
};
use millrace_listen::{Address, bind};
use tokio::net::TcpListener;

use super::batch;
use super::config::{AuthType, ListenerConfig, SignatureType};
use super::exchange::Site;
use super::gate::Gate;
use super::server::Server;

/// Bytes of a batch, unless a single request has more.
const BATCH_BYTES: usize = 1 << 20;
/// What clients that ask by name (ALPN) are told is spoken.
const PROTOCOL: &str = "http/1.1";

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
        let tls = config.tls.acceptor(Some(PROTOCOL)).await?;
        let address = Address {
            host_key: "host",
            host: &config.host,
            port_key: "port",
            port: u16::try_from(config.port).unwrap_or(0),
        };
        let listener = bind(address, |host, port| TcpListener::bind((host, port))).await?;
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

/// Says where the listener is, and what about that is dangerous.
fn tell(config: &ListenerConfig, context: &SourceContext, listener: &TcpListener) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let scheme = match config.tls.certificate {
        Some(_) => "https",
        None => "http",
    };
    log::info!("{} listens on {scheme}://{address}", context.id());
    let open = config.auth_type == AuthType::None
        && config.signature_type == SignatureType::None
        && config.tls.client_ca.is_none();
    if !address.ip().is_loopback() && open {
        log::warn!(
            "{} listens beyond this host and takes records of anyone: set auth.type, signature.type or tls.client.ca",
            context.id()
        );
    }
}
