//! The suite that every connector passes, as far as it fits a source without offsets and answers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use async_trait::async_trait;
use common::properties;
use millrace_api::Properties;
use millrace_syslog::Syslog;
use millrace_testkit::conformance::{self, Refused, SourceFixture};
use millrace_testkit::free_port;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A sender that waits for its server.
struct Sender {
    port: u16,
    sending: JoinSet<()>,
}

impl Sender {
    fn properties(&self, pairs: &[(&str, &str)]) -> Properties {
        let port = self.port.to_string();
        let base = [("tcp.port", port.as_str()), ("value.form", "message")];
        let all: Vec<_> = base.iter().chain(pairs).copied().collect();
        properties(&all)
    }
}

async fn connected(port: u16) -> TcpStream {
    loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(2)).await,
        }
    }
}

#[async_trait]
impl SourceFixture for Sender {
    type Connector = Syslog;

    fn connector(&self) -> Syslog {
        Syslog::default()
    }

    async fn reset(&mut self) -> Properties {
        self.sending = JoinSet::new();
        self.port = free_port();
        self.properties(&[])
    }

    async fn produce(&mut self, values: &[String]) {
        let lines: String = values
            .iter()
            .map(|value| format!("<13>1 - - - - - - {value}\n"))
            .collect();
        let port = self.port;
        self.sending.spawn(async move {
            let mut stream = connected(port).await;
            // A source that stops takes no more.
            drop(stream.write_all(lines.as_bytes()).await);
        });
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let taken = common::take_port();
        let port = taken.local_addr().unwrap().port().to_string();
        // It stays taken as long as the test runs.
        std::mem::forget(taken);
        let case =
            |pairs: &[(&str, &str)], mention: &str| (self.properties(pairs), mention.to_owned());
        vec![
            case(&[("tcp.port", "x")], "tcp.port"),
            case(&[("topic", "")], "topic"),
            case(&[("topic", "${app}")], "topics.allowed"),
            case(&[("tcp.port", &port)], "another program"),
            case(&[("host", "256.0.0.1")], "256.0.0.1"),
            case(&[("tls.port", "0")], "tls.certificate"),
            case(
                &[
                    ("tls.port", "0"),
                    ("tls.certificate", "/gone.pem"),
                    ("tls.key", "/gone.pem"),
                ],
                "/gone.pem",
            ),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let mut sender = Sender {
        port: 0,
        sending: JoinSet::new(),
    };
    conformance::forgetful_source(&mut sender).await;
}
