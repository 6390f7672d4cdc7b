//! Datagrams (RFC 5426): a message each. They are read as fast as they come, and dropped where there is no room for
//! them, for a sender cannot be made to wait; each that is dropped is counted.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::drops::Drops;
use super::{Site, address, without_end};
use crate::maker::Maker;

/// The longest datagram.
const DATAGRAM_MAX: usize = 65_536;
/// Datagrams, and bytes of them, that make one parcel at most.
const PARCEL_DATAGRAMS: usize = 256;
const PARCEL_BYTES: usize = 256 * 1024;
/// Senders whose address is kept as text.
const PEERS_MAX: usize = 1_000;
/// How often the system is asked what it has dropped.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after a failure of the socket.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads one socket.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    site: Arc<Site>,
    maker: Maker,
    buffer: Vec<u8>,
    peers: HashMap<IpAddr, Arc<str>>,
    /// The last sender.
    peer: Option<IpAddr>,
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket, buffer_bytes: usize, site: Arc<Site>) -> Self {
        if buffer_bytes > 0
            && let Err(error) = set_socket_recv_buffer_size(&socket, buffer_bytes)
        {
            log::warn!("cannot set udp.buffer.bytes={buffer_bytes}: {error}");
        }
        Self {
            socket,
            maker: site.maker(),
            site,
            buffer: vec![0; DATAGRAM_MAX],
            peers: HashMap::new(),
            peer: None,
        }
    }

    /// Reads until told to stop.
    pub(crate) async fn read(mut self, stop: CancellationToken) {
        let mut drops = Drops::of(&self.socket);
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                readable = self.socket.readable() => {
                    let read = readable.and_then(|()| self.read_some());
                    self.deliver();
                    if let Err(error) = read {
                        log::warn!("cannot read datagrams: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                _ = look.tick() => {
                    let dropped = drops.new_ones().await;
                    self.site.tally.system.fetch_add(dropped, Ordering::Relaxed);
                }
            }
            // One that is always readable would leave no other a turn.
            tokio::task::yield_now().await;
        }
    }

    /// Reads what is there, as much as one parcel may hold.
    fn read_some(&mut self) -> io::Result<()> {
        for _ in 0..PARCEL_DATAGRAMS {
            let (len, from) = match self.socket.try_recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            self.datagram(len, from);
            if self.maker.bytes() >= PARCEL_BYTES {
                break;
            }
        }
        Ok(())
    }

    fn datagram(&mut self, len: usize, from: SocketAddr) {
        let ip = address(from.ip());
        self.peer = Some(ip);
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&ip) {
            self.peers.clear();
        }
        let peer = self
            .peers
            .entry(ip)
            .or_insert_with(|| ip.to_string().into());
        let message = without_end(&self.buffer[..len]);
        let kept = message.len().min(self.site.message_max);
        let is_cut = kept < message.len();
        if !message.is_empty() {
            self.maker.add(&message[..kept], is_cut, peer);
        }
    }

    fn deliver(&mut self) {
        let parcel = match self.maker.take() {
            Ok(parcel) => parcel,
            Err(fault) => {
                let peer = self.peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
                return self.site.fail(fault, peer);
            }
        };
        if parcel.entries.is_empty() {
            return;
        }
        if let Err(parcel) = self.site.queue.try_add(parcel) {
            let tally = &self.site.tally;
            let count = parcel.entries.len() as u64;
            tally.no_room.fetch_add(count, Ordering::Relaxed);
            tally.received.fetch_sub(count, Ordering::Relaxed);
        }
    }
}
