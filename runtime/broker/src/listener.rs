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
use crate::metrics::{ConnectionCounts, OpenConnection};

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

    /// Counts a connection of an address; `None` where it has as many as it may.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<AddressPlace> {
        let mut counts = self
            .per_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&address).copied().unwrap_or(0);
        if count >= self.per_address_max {
            return None;
        }
        counts.insert(address, count + 1);
        Some(AddressPlace {
            limits: Arc::clone(self),
            address,
        })
    }
}

/// A connection's place among those allowed; dropping it makes room.
struct Place {
    _open: OpenConnection,
    _address: AddressPlace,
    _permit: OwnedSemaphorePermit,
}

/// A connection's place among those of its address.
struct AddressPlace {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl Drop for AddressPlace {
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

/// Accepts until the broker stops. Where the limit of connections is reached, the next one waits unread for a place
/// and those behind it in the backlog.
pub(crate) async fn accept(broker: Broker, bound: BoundListener, limits: Arc<ConnectionLimits>) {
    let stopping = broker.stopping().clone();
    let counts = broker.core.metrics.connections.of(&bound.name);
    let mut backoff = BACKOFF_MIN;
    loop {
        let turn = async {
            let (stream, peer) = bound.listener.accept().await?;
            admit(&broker, &bound, &limits, &counts, stream, peer).await
        };
        let outcome = tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            outcome = turn => outcome,
        };
        let Err(error) = outcome else {
            backoff = BACKOFF_MIN;
            continue;
        };
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

/// Serves a new connection as soon as there is a place for it, or closes it.
async fn admit(
    broker: &Broker,
    bound: &BoundListener,
    limits: &Arc<ConnectionLimits>,
    counts: &Arc<ConnectionCounts>,
    stream: TcpStream,
    peer: SocketAddr,
) -> io::Result<()> {
    let Some(address) = limits.enter(peer.ip()) else {
        counts.refused.increment();
        log::warn!("refusing {peer}: max.connections.per.ip is reached");
        return Ok(());
    };
    let permit = Arc::clone(&limits.all).acquire_owned().await;
    let place = Place {
        _open: counts.open(),
        _address: address,
        _permit: permit.map_err(io::Error::other)?,
    };
    start(broker, bound, stream, peer, place);
    Ok(())
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
