//! What will keep a socket from listening, whoever else may have the port: for telling so before it is tried. Ports that
//! anyone may take are not touched, since the one who asks may have them.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, UdpSocket, lookup_host};

/// How long to wait for names to be resolved.
const PATIENCE: Duration = Duration::from_secs(2);
/// Ports from here on are anyone's.
const UNPRIVILEGED: u16 = 1024;
/// What to do about a port that is not anyone's.
pub(crate) const PRIVILEGE: &str =
    "ports below 1024 need the capability CAP_NET_BIND_SERVICE, so give it or take a higher one";

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Why nothing can listen on a host; none where something can, or where names are not resolved soon.
pub async fn host_fault(host: &str) -> Option<&'static str> {
    if !can_be_host(host) {
        return Some(
            "it is no address and no name; write one such as 127.0.0.1, ::1 or localhost, without port and brackets",
        );
    }
    let resolving = tokio::time::timeout(PATIENCE, lookup_host((host, 0)));
    let Ok(addresses) = resolving.await.ok()? else {
        return Some(
            "it is no name that this machine can resolve; name an address of this machine, or 0.0.0.0 for all",
        );
    };
    for address in addresses {
        match UdpSocket::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {}
            _ => return None,
        }
    }
    Some("this machine has no such address; name one that it has, or 0.0.0.0 for all")
}

/// Why nobody with this process's rights can listen on a port of a host; none where it can be, or is not known.
pub async fn port_fault(host: &str, port: u16, transport: Transport) -> Option<&'static str> {
    if !(1..UNPRIVILEGED).contains(&port) {
        return None;
    }
    let resolving = tokio::time::timeout(PATIENCE, lookup_host((host, port)));
    for address in resolving.await.ok()?.ok()? {
        let bound = bind(address, transport).await;
        if bound.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            return Some(PRIVILEGE);
        }
    }
    None
}

/// Takes a port and lets go of it, without listening.
async fn bind(address: SocketAddr, transport: Transport) -> io::Result<()> {
    match transport {
        Transport::Udp => UdpSocket::bind(address).await.map(drop),
        Transport::Tcp => {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            };
            socket?.bind(address)
        }
    }
}

/// Whether a text can be an address or a name, of which a number at the end makes an address.
fn can_be_host(host: &str) -> bool {
    // An address of one interface, such as fe80::1%eth0.
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    if address.parse::<IpAddr>().is_ok() {
        return true;
    }
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len()) && label.bytes().all(is_legal)
    };
    let last = labels.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    labels.split('.').all(is_label) && !is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_can_be_and_others() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("::", true),
            ("fe80::1%eth0", true),
            ("localhost", true),
            ("log-1.example.com.", true),
            ("", false),
            ("256.0.0.1", false),
            ("127.0.0.1:514", false),
            ("[::1]", false),
            ("a b", false),
            ("tcp://0.0.0.0", false),
            ("a..b", false),
        ] {
            assert_eq!(can_be_host(host), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn addresses_of_others_are_told() {
        for host in ["127.0.0.1", "0.0.0.0", "localhost"] {
            assert_eq!(host_fault(host).await, None, "{host}");
        }
        // RFC 5737: nobody has it.
        let fault = host_fault("192.0.2.1").await.unwrap();
        assert!(fault.contains("no such address"), "{fault}");
        assert!(
            host_fault("256.0.0.1")
                .await
                .unwrap()
                .contains("no address")
        );
    }

    #[tokio::test]
    async fn ports_that_are_taken_are_no_fault() {
        let holder = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = holder.local_addr().unwrap().port();
        for port in [0, port] {
            let fault = port_fault("127.0.0.1", port, Transport::Tcp).await;
            assert_eq!(fault, None);
        }
        for transport in [Transport::Tcp, Transport::Udp] {
            // Whether this process may is the system's to say; that it does not wait is what counts.
            let fault = port_fault("127.0.0.1", 1, transport).await;
            assert!(fault.is_none_or(|fault| fault == PRIVILEGE));
        }
    }
}
