//! Connections, with and without TLS (RFC 6587, RFC 5425). One is read as long as there is room for what it brings: then
//! its sender is made to wait, which is all that TCP offers to tell it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_keepalive;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::frames::Frames;
use super::{Site, address};
use crate::maker::Maker;
use crate::tally::count;

/// Bytes read at a time.
const READ_BYTES: usize = 16 * 1024;
/// Pause after a connection could not be accepted, for example because no more files can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts the connections of one port, and reads them.
#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) site: Arc<Site>,
    pub(crate) tls: Option<TlsAcceptor>,
    /// A place for each connection that there may be, of all ports.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Streams {
    /// Accepts until told to stop.
    pub(crate) async fn accept(self, listener: TcpListener, tracker: TaskTracker) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => drop(tracker.spawn(self.clone().serve(stream, from, place))),
                    Err(_) => count(&self.site.tally.refused),
                },
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Reads one connection to its end.
    async fn serve(self, stream: TcpStream, from: SocketAddr, _place: OwnedSemaphorePermit) {
        if let Err(error) = set_socket_keepalive(&stream, true) {
            log::debug!("cannot have TCP probe {from}: {error}");
        }
        let ended = match &self.tls {
            None => self.read(stream, from).await,
            Some(tls) => {
                let handshake = tokio::select! {
                    handshake = tokio::time::timeout(self.site.handshake_timeout, tls.accept(stream)) => handshake,
                    () = self.stop.cancelled() => return,
                };
                match handshake {
                    Ok(Ok(stream)) => self.read(stream, from).await,
                    Ok(Err(error)) => {
                        return log::warn!("no TLS with {from}: {error}");
                    }
                    Err(_) => return log::warn!("no TLS with {from} in time"),
                }
            }
        };
        if let Err(error) = ended {
            log::debug!("the connection of {from} ended: {error}");
        }
    }

    async fn read(&self, stream: impl AsyncRead + Unpin, from: SocketAddr) -> io::Result<()> {
        let ip = address(from.ip());
        let mut connection = Connection {
            site: &self.site,
            frames: Frames::new(self.site.message_max),
            maker: self.site.maker(),
            peer: ip.to_string(),
            ip,
        };
        tokio::select! {
            ended = connection.read(stream) => ended,
            () = self.stop.cancelled() => Ok(()),
        }
    }
}

/// One connection.
struct Connection<'a> {
    site: &'a Site,
    frames: Frames,
    maker: Maker,
    peer: String,
    ip: IpAddr,
}

impl Connection<'_> {
    /// Reads to the end; what is left there is a message too.
    async fn read(&mut self, mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
        loop {
            let read = self.read_some(&mut stream).await;
            let is_last = !matches!(read, Ok(bytes) if bytes > 0);
            let (maker, peer) = (&mut self.maker, &self.peer);
            self.frames
                .cut(is_last, |frame| maker.add(frame.bytes, frame.is_cut, peer));
            self.deliver().await;
            if is_last {
                return read.map(drop);
            }
        }
    }

    async fn read_some(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        let buffer = self.frames.buffer();
        buffer.reserve(READ_BYTES);
        let mut bounded = stream.take(READ_BYTES as u64);
        let reading = bounded.read_buf(buffer);
        match self.site.idle_timeout {
            None => reading.await,
            Some(timeout) => tokio::time::timeout(timeout, reading).await.map_err(|_| {
                io::Error::new(io::ErrorKind::TimedOut, "nothing came for idle.timeout.ms")
            })?,
        }
    }

    /// Hands over what was read, as soon as there is room for it.
    async fn deliver(&mut self) {
        match self.maker.take() {
            Ok(parcel) if parcel.entries.is_empty() => {}
            Ok(parcel) => self.site.queue.add(parcel).await,
            Err(fault) => self.site.fail(fault, self.ip),
        }
    }
}
