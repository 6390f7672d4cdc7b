//! Takes a port, which a task that has just been stopped may not have let go of.

use std::future::Future;
use std::io;
use std::time::Duration;

use millrace_api::ConnectError;
use tokio::time::Instant;

use crate::reach::PRIVILEGE;

/// How long to try for a port that is taken.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Where to listen, and by which keys the user said so.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The key of the host.
    pub host_key: &'a str,
    /// An address, or a name that has one.
    pub host: &'a str,
    /// The key of the port.
    pub port_key: &'a str,
    /// The port; 0 lets the system pick one.
    pub port: u16,
}

/// Binds a socket of any kind by `bind`, with patience where the port is taken.
///
/// # Errors
/// When it cannot be bound: with host, port and, where it is known, the remedy.
pub async fn bind<T, F>(
    address: Address<'_>,
    bind: impl Fn(String, u16) -> F,
) -> Result<T, ConnectError>
where
    F: Future<Output = io::Result<T>>,
{
    bind_within(PATIENCE, address, bind).await
}

async fn bind_within<T, F>(
    patience: Duration,
    address: Address<'_>,
    bind: impl Fn(String, u16) -> F,
) -> Result<T, ConnectError>
where
    F: Future<Output = io::Result<T>>,
{
    let Address {
        host_key,
        host,
        port_key,
        port,
    } = address;
    let end = Instant::now() + patience;
    loop {
        match bind(host.to_owned(), port).await {
            Ok(bound) => return Ok(bound),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                let (mark, remedy) = match error.kind() {
                    io::ErrorKind::AddrInUse => ("; ", "another program or connector has the port"),
                    io::ErrorKind::PermissionDenied => ("; ", PRIVILEGE),
                    _ => ("", ""),
                };
                return Err(ConnectError::connect(format!(
                    "cannot listen on {host_key}={host} {port_key}={port}{mark}{remedy}"
                ))
                .caused_by(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn address(host: &str, port: u16) -> Address<'_> {
        Address {
            host_key: "host",
            host,
            port_key: "tcp.port",
            port,
        }
    }

    #[tokio::test]
    async fn a_port_that_stays_taken_is_named() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = holder.local_addr().unwrap().port();
        let patience = Duration::from_millis(150);
        let taken = bind_within(patience, address("127.0.0.1", port), |host, port| {
            TcpListener::bind((host, port))
        });
        let error = taken.await.unwrap_err().to_string();
        let expected = format!("host=127.0.0.1 tcp.port={port}; another program");
        assert!(error.contains(&expected), "{error}");
    }

    #[tokio::test]
    async fn a_port_that_becomes_free_is_taken() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = holder.local_addr().unwrap().port();
        let letting_go = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(holder);
        };
        let binding = bind(address("127.0.0.1", port), |host, port| {
            TcpListener::bind((host, port))
        });
        let (bound, ()) = tokio::join!(binding, letting_go);
        assert_eq!(bound.unwrap().local_addr().unwrap().port(), port);
    }
}
