//! Listens for clients: binds, accepts, bounds how many there are, and never gives up on an accept error.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Broker;
use crate::call::Connection;
use crate::config::{Endpoint, ListenerConfig};
use crate::connection;

const BACKOFF_MIN: Duration = Duration::from_millis(5);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A place where the broker listens, before it accepts.
#[derive(Debug)]
pub(crate) struct BoundListener {
    pub(crate) name: String,
    pub(crate) local: SocketAddr,
    pub(crate) advertised: Endpoint,
    listener: TcpListener,
}

/// Binds a listener of the configuration.
///
/// A listener without an advertised endpoint advertises its bound host and port; one bound to all addresses
/// advertises the machine's name, as Apache Kafka does.
pub(crate) async fn bind(config: &ListenerConfig, backlog: u32) -> io::Result<BoundListener> {
    let host = if config.bind.host.is_empty() {
        "0.0.0.0"
    } else {
        config.bind.host.as_str()
    };
    let listener = bind_first(host, config.bind.port, backlog).await?;
    let local = listener.local_addr()?;
    let advertised = match &config.advertised {
        Some(endpoint) => endpoint.clone(),
        None => Endpoint {
            host: advertised_host(host, local),
            port: local.port(),
        },
    };
    if !local.ip().is_loopback() {
        log::warn!(
            "listener {} on {local} is open to other machines, and whoever reaches it may do anything",
            config.name
        );
    }
    Ok(BoundListener {
        name: config.name.clone(),
        local,
        advertised,
        listener,
    })
}

fn advertised_host(host: &str, local: SocketAddr) -> String {
    if local.ip().is_unspecified() {
        return rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
    }
    host.to_owned()
}

async fn bind_first(host: &str, port: u16, backlog: u32) -> io::Result<TcpListener> {
    let mut last_error = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match bind_address(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

fn bind_address(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// How many connections there may be, on all listeners together and from one address.
#[derive(Debug)]
pub(crate) struct ConnectionLimits {
    all: Arc<Semaphore>,
    per_address: Mutex<HashMap<IpAddr, usize>>,
    per_address_max: usize,
}

impl ConnectionLimits {
    pub(crate) fn new(max: usize, per_address_max: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            per_address: Mutex::default(),
            per_address_max,
        }
    }

    fn enter(self: &Arc<Self>, address: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let mut counts = self
            .per_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Place {
            limits: Arc::clone(self),
            address,
            _permit: permit,
        })
    }
}

/// A connection's place among those allowed; dropping it makes room.
struct Place {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .limits
            .per_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Accepts until the broker stops. Where the limit of connections is reached, new ones wait in the backlog.
pub(crate) async fn accept(broker: Broker, bound: BoundListener, limits: Arc<ConnectionLimits>) {
    let stopping = broker.stopping().clone();
    let mut backoff = BACKOFF_MIN;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            accepted = accept_one(&bound.listener, &limits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                backoff = BACKOFF_MIN;
                match limits.enter(peer.ip(), permit) {
                    Some(place) => start(&broker, &bound, stream, peer, place),
                    None => log::warn!("refusing {peer}: max.connections.per.ip is reached"),
                }
            }
            Err(error) => {
                log::warn!(
                    "cannot accept on {}: {error}, trying again in {backoff:?}",
                    bound.local
                );
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(backoff) => {}
                }
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

async fn accept_one(
    listener: &TcpListener,
    limits: &ConnectionLimits,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(&limits.all)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

fn start(
    broker: &Broker,
    bound: &BoundListener,
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
) {
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("cannot set TCP_NODELAY for {peer}: {error}");
    }
    let connection = Connection {
        advertised: bound.advertised.clone(),
        client_host: format!("/{}", peer.ip()),
    };
    let broker_of_task = broker.clone();
    broker.spawn(async move {
        connection::serve(broker_of_task, connection, stream).await;
        drop(place);
    });
}
