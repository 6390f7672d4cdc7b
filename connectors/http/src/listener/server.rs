//! Accepts connections and serves HTTP/1.1 on them, on the runtime of the task.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::config::ListenerConfig;
use super::exchange::Site;

/// Headers of a request at most.
const HEADERS_MAX: usize = 128;
/// Pause after a connection could not be accepted, for example because no more files can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What connections may take to end once the listener stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// What a connection beyond the last one hears.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
                          Connection: close\r\n\r\n";

/// A running server. Dropped, it ends at once.
#[derive(Debug)]
pub(super) struct Server {
    tracker: TaskTracker,
    stop: CancellationToken,
    _abandon: DropGuard,
}

/// What all connections share.
#[derive(Clone)]
struct Connections {
    site: Arc<Site>,
    tls: Option<TlsAcceptor>,
    builder: http1::Builder,
    slow_client_timeout: Duration,
    stop: CancellationToken,
    abandon: CancellationToken,
}

impl Server {
    /// Serves the connections of `listener`.
    pub(super) fn start(
        listener: TcpListener,
        config: &ListenerConfig,
        tls: Option<TlsAcceptor>,
        site: Arc<Site>,
    ) -> Self {
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(config.slow_client_timeout())
            .max_buf_size(usize::try_from(config.header_bytes_max).unwrap_or(8192))
            .max_headers(HEADERS_MAX);
        let connections = Connections {
            site,
            tls,
            builder,
            slow_client_timeout: config.slow_client_timeout(),
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let tracker = TaskTracker::new();
        let most = usize::try_from(config.connections_max).unwrap_or(1);
        tracker.spawn(accept(listener, most, connections, tracker.clone()));
        tracker.close();
        Self {
            tracker,
            stop,
            _abandon: abandon.drop_guard(),
        }
    }

    /// Takes no more requests and waits a little for those in progress.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_TIMEOUT, self.tracker.wait())
            .await
            .is_err()
        {
            log::debug!("connections that did not end in time are cut");
        }
    }
}

async fn accept(
    listener: TcpListener,
    most: usize,
    connections: Connections,
    tracker: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(most));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = connections.stop.cancelled() => return,
            () = connections.abandon.cancelled() => return,
        };
        match accepted {
            Ok((stream, remote)) => match Arc::clone(&room).try_acquire_owned() {
                Ok(place) => {
                    tracker.spawn(connections.clone().serve(stream, remote, place));
                }
                // As far as the socket takes it at once: there is no room to wait for more.
                Err(_) => drop(stream.try_write(TOO_MANY)),
            },
            Err(error) => {
                log::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Connections {
    /// Serves one connection to its end.
    async fn serve(self, stream: TcpStream, remote: SocketAddr, _place: OwnedSemaphorePermit) {
        // Answers are small and each is waited for.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("cannot set TCP_NODELAY for {remote}: {error}");
        }
        let abandon = self.abandon.clone();
        let serving = async {
            match &self.tls {
                None => self.http(stream, remote).await,
                Some(tls) => {
                    let handshake = tls.accept(stream);
                    match tokio::time::timeout(self.slow_client_timeout, handshake).await {
                        Ok(Ok(stream)) => self.http(stream, remote).await,
                        Ok(Err(error)) => log::debug!("no TLS with {remote}: {error}"),
                        Err(_) => log::debug!("no TLS with {remote} in time"),
                    }
                }
            }
        };
        tokio::select! {
            () = serving => {}
            () = abandon.cancelled() => {}
        }
    }

    async fn http<S>(&self, stream: S, remote: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| Arc::clone(&self.site).answer(remote, request));
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            log::debug!("the connection of {remote} ended: {error}");
        }
    }
}
