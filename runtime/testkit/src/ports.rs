//! Ports for what a test starts later, or lets come back at the same place.
//!
//! A port that the system picks for whoever asks for any is no such port: between the test's look at it and its use,
//! the system may give it to another process, or as its own end to a client that calls it in vain and then is connected
//! with itself. So ports are taken from below those, and each is claimed among tests for as long as the process lives.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where ports are looked for: Linux gives those from 32768 on, unless told otherwise, and services have those below.
const PORTS: Range<u16> = 12_000..32_000;

/// How far the first look of a process is from that of the one started after it.
const STRIDE: u32 = 37;

/// Names that claim ports. The system lets go of them when the process ends, however it does.
static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port that nobody has, neither of TCP nor of UDP, and that no other caller on this machine is given while this
/// process lives.
///
/// # Panics
/// If all ports are taken.
#[must_use]
pub fn free_port() -> u16 {
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let first = process::id().wrapping_mul(STRIDE);
    for _ in 0..count {
        let look = LOOKS.fetch_add(1, Ordering::Relaxed);
        let place = first.wrapping_add(look) % count;
        let port = PORTS.start + u16::try_from(place).unwrap_or(0);
        if let Some(claim) = claim(port)
            && is_free(port)
        {
            let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
            claims.push(claim);
            return port;
        }
    }
    panic!("all ports of {PORTS:?} are taken");
}

/// Nothing, where another test has claimed the port.
fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("millrace-test-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

fn is_free(port: u16) -> bool {
    let all = (Ipv4Addr::UNSPECIFIED, port);
    TcpListener::bind(all).is_ok() && UdpSocket::bind(all).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::{PORTS, claim, free_port, is_free};

    #[test]
    fn a_port_is_given_once_and_can_be_taken() {
        let ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
        for port in ports {
            assert!(PORTS.contains(&port));
            assert!(claim(port).is_none(), "{port} can be claimed again");
            let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
            assert!(!is_free(port));
            drop(taken);
        }
    }
}
