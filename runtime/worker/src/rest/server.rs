//! Listeners of the REST API: bound first, served when the worker can answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::dispatch::{Entrance, answer};
use super::{Api, Surface};
use crate::config::{Listener, RestConfig};

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listener} for REST (key {key})")]
pub struct BindError {
    listener: String,
    key: &'static str,
    #[source]
    source: io::Error,
}

/// Bound listeners.
#[derive(Debug)]
pub struct Bound {
    listeners: Vec<(TcpListener, SocketAddr, Surface)>,
}

/// Opens all listeners of a configuration; nothing is answered yet.
///
/// # Errors
/// When one of them cannot be opened: the port is in use, the host is not this one's.
pub async fn bind(config: &RestConfig) -> Result<Bound, BindError> {
    let public = if config.admin_listeners.is_some() {
        Surface::Public
    } else {
        Surface::All
    };
    let admin = config
        .admin_listeners
        .iter()
        .flatten()
        .map(|text| (text, "admin.listeners", Surface::Admin));
    let all = config
        .listeners
        .iter()
        .map(|text| (text, "listeners", public))
        .chain(admin);
    let mut listeners = Vec::new();
    for (text, key, surface) in all {
        let failed = |source| BindError {
            listener: text.clone(),
            key,
            source,
        };
        let parsed = Listener::parse(text)
            .map_err(|why| failed(io::Error::new(io::ErrorKind::InvalidInput, why)))?;
        let listener = TcpListener::bind((parsed.host.as_str(), parsed.port))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listeners.push((listener, address, surface));
    }
    Ok(Bound { listeners })
}

impl Bound {
    /// The address of the first listener of the API.
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses().first().copied()
    }

    /// All addresses.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .map(|(_, address, _)| *address)
            .collect()
    }

    /// Answers requests from now on, on the current runtime.
    pub(crate) fn serve(self, api: Api) -> RestServer {
        let addresses = self.addresses();
        let api = Arc::new(api);
        let stop = CancellationToken::new();
        let serve = |(listener, address, surface): (TcpListener, SocketAddr, Surface)| {
            if !address.ip().is_loopback() {
                log::warn!("REST listens on {address}, beyond this host, without authentication");
            }
            let entrance = Entrance {
                surface,
                is_loopback: address.ip().is_loopback(),
            };
            tokio::spawn(serve_one(
                listener,
                entrance,
                Arc::clone(&api),
                stop.clone(),
            ))
        };
        let tasks = self.listeners.into_iter().map(serve).collect();
        RestServer {
            addresses,
            stop,
            tasks,
        }
    }
}

async fn serve_one(
    listener: TcpListener,
    entrance: Entrance,
    api: Arc<Api>,
    stop: CancellationToken,
) {
    let router = Router::new().fallback(move |request: Request| {
        let api = Arc::clone(&api);
        async move { answer(&api, entrance, request).await }
    });
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        log::error!("REST ended: {error}");
    }
}

/// The running REST API.
#[derive(Debug)]
pub struct RestServer {
    addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl RestServer {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more requests and waits for those in progress, at most `deadline`.
    pub async fn shut_down(self, deadline: Duration) {
        self.stop.cancel();
        for mut task in self.tasks {
            if tokio::time::timeout(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}
