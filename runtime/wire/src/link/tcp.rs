//! Dialling over TCP, plain or with TLS on top.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::link::stream::StreamLink;
use crate::link::tls::{self, Tls};
use crate::link::{Dial, Link, LinkError};

/// What a [`TcpDial`] allows.
#[derive(Debug, Clone)]
pub struct TcpOptions {
    /// How long a connection may take to open, and its TLS handshake.
    pub connect_timeout: Duration,
    /// The largest answer that is read.
    pub max_answer_bytes: usize,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            max_answer_bytes: 128 << 20,
        }
    }
}

/// Dials TCP.
#[derive(Debug, Clone, Default)]
pub struct TcpDial {
    options: TcpOptions,
}

impl TcpDial {
    /// A dial with these limits.
    #[must_use]
    pub fn new(options: TcpOptions) -> Self {
        Self { options }
    }

    async fn within<T>(
        &self,
        address: &str,
        opening: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        let limit = self.options.connect_timeout;
        timeout(limit, opening).await.unwrap_or_else(|_| {
            Err(LinkError::ConnectTimeout {
                address: address.to_owned(),
                timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            })
        })
    }
}

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self, host: &str, port: u16) -> Result<Arc<dyn Link>, LinkError> {
        let address = address(host, port);
        let stream = self.within(&address, connect(host, port)).await?;
        let (read, write) = stream.into_split();
        let limit = self.options.max_answer_bytes;
        Ok(Arc::new(StreamLink::start(read, write, address, limit)))
    }

    async fn dial_tls(&self, host: &str, port: u16, tls: &Tls) -> Result<Arc<dyn Link>, LinkError> {
        let address = address(host, port);
        let opening = async {
            let stream = connect(host, port).await?;
            tls::handshake(stream, bare(host), &address, tls).await
        };
        let stream = self.within(&address, opening).await?;
        let (read, write) = tokio::io::split(stream);
        let limit = self.options.max_answer_bytes;
        Ok(Arc::new(StreamLink::start(read, write, address, limit)))
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, LinkError> {
    let opened = async {
        let stream = TcpStream::connect((bare(host), port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    opened
        .await
        .map_err(|error: std::io::Error| LinkError::Connect {
            address: address(host, port),
            reason: error.to_string(),
        })
}

/// The host without the brackets of an address of IPv6.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
