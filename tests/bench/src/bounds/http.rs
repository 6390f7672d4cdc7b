//! Lines to an HTTP server by a plain loop around reqwest, and the server: it reads each request's body, counts what is in
//! it, and answers at once.
//!
//! The loop has its lines in memory, a string each, and joins those of a request before it posts them. It has threads of
//! its own, as a program has that posts to a server which is not a part of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use memchr::{memchr_iter, memmem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::case::Sample;
use crate::input::Input;

/// Requests under way at once.
pub(crate) const PARALLEL: usize = 8;

/// A server that takes everything.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Bytes of lines received, without their ends.
    received: Arc<AtomicU64>,
    /// It serves as long as this lives.
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = two_threads()?;
        let received = Arc::new(AtomicU64::new(0));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let counter = Arc::clone(&received);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move { drop(serve(stream, &counter).await) });
            }
        });
        Ok(Self {
            address,
            received,
            _runtime: runtime,
        })
    }

    /// Bytes of lines received so far, without their ends.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }
}

fn two_threads() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

async fn serve(mut stream: TcpStream, received: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(super::BLOCK);
    loop {
        let head = loop {
            if let Some(end) = memmem::find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let body = content_length(&buffer[..head]);
        while buffer.len() < head + body {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let ends = memchr_iter(b'\n', &buffer[head..head + body]).count();
        received.fetch_add((body - ends) as u64, Ordering::AcqRel);
        buffer.drain(..head + body);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}

fn content_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = text.split_once("content-length:").map(|(_, rest)| rest);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    length.unwrap_or(0)
}

/// Sends the lines of `input`, `batch` of them a request.
pub(crate) fn run(server: &Server, input: &Input, batch: usize) -> anyhow::Result<Sample> {
    // Another client of this process may have chosen the provider before.
    let _chosen = rustls::crypto::ring::default_provider()
        .install_default()
        .is_ok();
    let lines = std::fs::read_to_string(&input.path)?;
    let lines: Arc<Vec<String>> = Arc::new(lines.lines().map(str::to_owned).collect());
    let next = Arc::new(AtomicU64::new(0));
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()?;
    let url = format!("http://{}/", server.address);
    let before = server.received();
    let runtime = two_threads()?;
    let started = Instant::now();
    let elapsed: anyhow::Result<Duration> = runtime.block_on(async {
        let mut senders = JoinSet::new();
        for _ in 0..PARALLEL {
            let (client, url) = (client.clone(), url.clone());
            let (lines, next) = (Arc::clone(&lines), Arc::clone(&next));
            senders.spawn(async move {
                loop {
                    let from = batch * next.fetch_add(1, Ordering::AcqRel) as usize;
                    let to = lines.len().min(from + batch);
                    let Some(records) = lines.get(from..to).filter(|some| !some.is_empty()) else {
                        break;
                    };
                    let body = records.join("\n");
                    let answer = client.post(&url).body(body).send().await?;
                    answer.error_for_status()?.bytes().await?;
                }
                Ok::<(), reqwest::Error>(())
            });
        }
        while let Some(sender) = senders.join_next().await {
            sender??;
        }
        Ok(started.elapsed())
    });
    ensure!(
        server.received() - before == input.bytes() - input.lines,
        "the server has not received all lines"
    );
    Ok(Sample {
        bytes: input.bytes(),
        records: input.lines,
        elapsed: elapsed?,
    })
}
